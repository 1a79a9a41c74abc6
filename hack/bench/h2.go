package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// streams is how many of the clients share a connection of HTTP/2.
const streams = 8

// streamed calls over HTTP/2. It costs more than the client of HTTP/1.1, which is no matter where
// the processor time of the proxy is looked at.
type streamed struct {
	transport *http.Transport
	url       string
}

// overH2 are clients that call over HTTP/2.
func overH2(port, connections int) (list []caller) {
	var transport *http.Transport
	for i := range connections {
		if i%streams == 0 {
			protocols := &http.Protocols{}
			protocols.SetHTTP2(true)
			transport = &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		}
		list = append(list, &streamed{transport, fmt.Sprintf("https://%s/", local(port))})
	}
	return list
}

func (c *streamed) call() error {
	request, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(hello))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-API-Key", callerKey)
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
		return fmt.Errorf("the response is %s in %s", response.Status, response.Proto)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

func (c *streamed) close() { c.transport.CloseIdleConnections() }
