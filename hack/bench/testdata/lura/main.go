// Lura merges the answers of backends by github.com/luraproject/lura. It is built within a checkout of
// that, which is no module of ours, and so stands where the go command overlooks it.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/luraproject/lura/v2/config"
	"github.com/luraproject/lura/v2/logging"
	"github.com/luraproject/lura/v2/proxy"
	"github.com/luraproject/lura/v2/router/mux"
	"github.com/luraproject/lura/v2/transport/http/server"
)

func main() {
	host, port, err := net.SplitHostPort(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		log.Fatal(err)
	}
	var backends []*config.Backend
	for i, text := range os.Args[2:] {
		u, err := url.Parse(text)
		if err != nil {
			log.Fatal(err)
		}
		backends = append(backends, &config.Backend{
			Method: http.MethodPost, Host: []string{"http://" + u.Host}, URLPattern: u.Path, Group: fmt.Sprintf("b%d", i),
		})
	}
	service := config.ServiceConfig{
		Version: config.ConfigVersion, Address: host, Port: number, Timeout: 5 * time.Second, MaxIdleConnsPerHost: 512,
		Endpoints: []*config.EndpointConfig{{Endpoint: "/", Method: http.MethodPost, Backend: backends}},
	}
	if err := service.Init(); err != nil {
		log.Fatal(err)
	}
	logger, err := logging.NewLogger("ERROR", io.Discard, "")
	if err != nil {
		log.Fatal(err)
	}
	mux.NewFactory(mux.Config{
		Engine: mux.DefaultEngine(), HandlerFactory: mux.EndpointHandler, ProxyFactory: proxy.DefaultFactory(logger), Logger: logger,
		RunServer: func(ctx context.Context, c config.ServiceConfig, handler http.Handler) error {
			return server.RunServer(ctx, c, beside(handler))
		},
	}).NewWithContext(context.Background()).Run(service)
}

// beside is that of package mallocs, which cannot be imported here.
func beside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/mallocs" {
			next.ServeHTTP(w, r)
			return
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintf(w, "go_memstats_mallocs_total %d\n", m.Mallocs)
	})
}
