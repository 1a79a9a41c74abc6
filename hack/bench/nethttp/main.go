// Nethttp is the plain fan-out that a Go programmer writes: two requests at once,
// both answers in one object.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"sync"
)

func main() {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	backends := os.Args[2:]
	log.Fatal(http.ListenAndServe(os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answers := make([]json.RawMessage, len(backends))
		var wait sync.WaitGroup
		for i, url := range backends {
			wait.Go(func() {
				response, err := client.Post(url, "application/json", bytes.NewReader(body))
				if err != nil {
					return
				}
				defer response.Body.Close()
				answers[i], _ = io.ReadAll(response.Body)
			})
		}
		wait.Wait()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"one": answers[0], "two": answers[1]})
	})))
}
