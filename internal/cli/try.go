package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanout-operator/fanout/internal/desired"
)

// maxTried bounds the response that try reads, in bytes.
const maxTried = 64 << 20

// tryOptions are the flags of fanoutctl try.
type tryOptions struct {
	access

	url, path, method, data, ca, output string
	headers                             []string
	insecure                            bool
	timeout                             time.Duration
}

func newTry() *cobra.Command {
	o := &tryOptions{}
	cmd := &cobra.Command{
		Use:   "try [NAME | NAMESPACE/NAME]",
		Short: "Make one call, and show what each backend did",
		Long: "Makes one real call to a route and draws a line for each backend: its outcome, and how long it took of the whole. In a cluster it opens a port of one " +
			"ready proxy, as kubectl port-forward does; with --url it calls whom you name, such as a route of fanoutctl run. The body of the response follows the drawing. " +
			"It ends with 1 where the call did not succeed.",
		Args: oneRouteOrAll,
	}
	o.bind(cmd)
	o.complete(cmd)
	o.instead = ", or what to call by --url"
	flags := cmd.Flags()
	flags.StringVar(&o.url, "url", "", "URL to call instead of a route of a cluster, with its path or with that of --path")
	flags.StringVar(&o.path, "path", "/", "path and query of the call")
	flags.StringVarP(&o.method, "request", "X", "", "method (default GET, with --data POST)")
	flags.StringVarP(&o.data, "data", "d", "", "body of the call; @FILE reads it from a file, @- from standard input")
	flags.StringArrayVarP(&o.headers, "header", "H", nil, "NAME: VALUE of a field, such as the caller's key; repeatable")
	flags.StringVar(&o.ca, "cacert", "", "file with the authorities to believe, of a route with TLS")
	flags.BoolVarP(&o.insecure, "insecure", "k", false, "believe any certificate")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "how long the call may take")
	flags.StringVarP(&o.output, "output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.run(cmd, strings.Join(args, "")) }
	return cmd
}

func (o *tryOptions) run(cmd *cobra.Command, name string) error {
	if err := textOrJSON(o.output); err != nil {
		return err
	}
	if (o.url == "") == (name == "") {
		return errors.New("name either a route of a cluster, or what to call by --url")
	}
	if err := o.address(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), o.timeout)
	defer cancel()
	request, err := o.request(ctx, cmd.InOrStdin())
	if err != nil {
		return err
	}
	secure, err := o.settings()
	if err != nil {
		return err
	}
	transport := &http.Transport{TLSClientConfig: secure, DisableCompression: true}
	defer transport.CloseIdleConnections()
	if name != "" {
		if err := o.aim(ctx, name, request, transport); err != nil {
			return err
		}
	}
	seen, err := call(transport, request)
	if err != nil {
		return err
	}
	if o.output == "json" {
		err = writeJSON(cmd.OutOrStdout(), seen)
	} else {
		err = seen.draw(cmd.OutOrStdout())
	}
	if err == nil && seen.failed() {
		return ErrReported
	}
	return err
}

// address makes --url whole: of fanoutctl run one copies what it prints, which has no path, or
// host:port.
func (o *tryOptions) address() error {
	if !strings.HasPrefix(o.path, "/") && !strings.HasPrefix(o.path, "?") {
		return fmt.Errorf("--path %q does not begin with / or ?", o.path)
	}
	if o.url == "" {
		o.url = "http://route" + o.path
		return nil
	}
	whole, to := readURL(o.url)
	o.url = whole
	switch {
	case to == nil:
		return fmt.Errorf("--url %q is neither a URL nor host:port, as http://127.0.0.1:8080/ and 127.0.0.1:8080 are", o.url)
	case o.path == "/":
	case to.RequestURI() != "/":
		return fmt.Errorf("--url %s has a path or a query already: leave it out there, or leave out --path", o.url)
	default:
		o.url = strings.TrimSuffix(o.url, "/") + o.path
	}
	return nil
}

// request is the call without whom it is to.
func (o *tryOptions) request(ctx context.Context, stdin io.Reader) (*http.Request, error) {
	body, method := []byte(o.data), o.method
	var err error
	switch file, ok := strings.CutPrefix(o.data, "@"); {
	case ok && file == "-":
		body, err = io.ReadAll(io.LimitReader(stdin, maxTried))
	case ok:
		body, err = os.ReadFile(filepath.Clean(file))
	}
	if err != nil {
		return nil, fmt.Errorf("read --data: %w", err)
	}
	if method == "" {
		method = http.MethodGet
		if o.data != "" {
			method = http.MethodPost
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, o.url, strings.NewReader(string(body)))
	if err != nil {
		return nil, fmt.Errorf("make the call: %w", err)
	}
	if o.data != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, o.addFields(request)
}

// addFields adds the fields that are named: each as often as it is, and in place of our own.
func (o *tryOptions) addFields(request *http.Request) error {
	named := http.Header{}
	for _, field := range o.headers {
		name, value, ok := strings.Cut(field, ":")
		if !ok {
			return fmt.Errorf("--header %q is not NAME: VALUE", field)
		}
		named.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	request.Host = cmp.Or(named.Get("Host"), request.Host) // net/http takes it from nowhere else
	named.Del("Host")
	maps.Copy(request.Header, named)
	return nil
}

// settings are those of a call with TLS.
func (o *tryOptions) settings() (*tls.Config, error) {
	secure := &tls.Config{InsecureSkipVerify: o.insecure, MinVersion: tls.VersionTLS12} //nolint:gosec // asked for by its flag
	if o.ca == "" {
		return secure, nil
	}
	text, err := os.ReadFile(filepath.Clean(o.ca))
	if err != nil {
		return nil, fmt.Errorf("read --cacert: %w", err)
	}
	secure.RootCAs = x509.NewCertPool()
	if !secure.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--cacert %s has no certificate in PEM", o.ca)
	}
	return secure, nil
}

// aim has a call go to a ready proxy of a route, whose Host and certificate are those of its
// Service.
func (o *tryOptions) aim(ctx context.Context, name string, request *http.Request, transport *http.Transport) error {
	c, w, err := o.open(name)
	if err != nil {
		return err
	}
	routes, err := c.List(ctx, w)
	if err != nil {
		return err
	}
	address, err := c.forward(ctx, w)
	if err != nil {
		return err
	}
	to, err := url.Parse(desired.URL(&routes[0]))
	if err != nil {
		return fmt.Errorf("call route %s: %w", name, err)
	}
	if request.Host == request.URL.Host { // and none is named
		request.Host = to.Host
	}
	request.URL.Scheme, request.URL.Host = to.Scheme, to.Host
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	return nil
}
