package main

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// apis are the receivers, as other teams would run them: one that believes tokens
// of its own identity provider, one that wants an API key.
type apis struct {
	one, two, idp net.Listener
	servers       []*http.Server
	token         atomic.Pointer[string]
	asked, tokens atomic.Int64
	second        atomic.Int64
}

// ports are where the APIs listen: api-one, api-two and the identity provider.
type ports [3]string

func freePorts() ports { return ports{"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"} }

// podPorts are those of cluster/apis.yaml.
func podPorts() ports { return ports{":8081", ":8082", ":8083"} }

func startAPIs(addresses ports) (*apis, error) {
	a := &apis{}
	for i, s := range []struct {
		listener *net.Listener
		handler  http.HandlerFunc
	}{{&a.one, a.apiOne}, {&a.two, a.apiTwo}, {&a.idp, a.issue}} {
		l, err := net.Listen("tcp", addresses[i])
		if err != nil {
			return nil, fmt.Errorf("start API: %w", err)
		}
		*s.listener = l
		server := &http.Server{Handler: s.handler, ReadHeaderTimeout: time.Second}
		a.servers = append(a.servers, server)
		go func() { _ = server.Serve(l) }()
	}
	return a, nil
}

func (a *apis) close() {
	for _, s := range a.servers {
		_ = s.Close()
	}
}

// issue is the token endpoint: the client credentials grant of RFC 6749.
func (a *apis) issue(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok || id != "fanout" || secret != "demo-client-secret" || r.FormValue("grant_type") != "client_credentials" {
		http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
		return
	}
	token := rand.Text()
	a.token.Store(&token)
	a.tokens.Add(1)
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, token)
}

func (a *apis) apiOne(w http.ResponseWriter, r *http.Request) {
	token := a.token.Load()
	if token == nil || r.Header.Get("Authorization") != "Bearer "+*token {
		http.Error(w, `{"error":"no valid token"}`, http.StatusUnauthorized)
		return
	}
	time.Sleep(20 * time.Millisecond)
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"order":%d,"stored":true}`, a.asked.Add(1))
}

func (a *apis) apiTwo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.Header.Get("X-Api-Key") != "demo-api-two-key" {
		http.Error(w, `{"error":"no valid key"}`, http.StatusForbidden)
		return
	}
	if a.second.Add(1)%10 == 0 {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprint(w, `{"error":"out of luck"}`)
		return
	}
	_, _ = fmt.Fprint(w, `{"shipment":"2026-11-30","items":1}`)
}
