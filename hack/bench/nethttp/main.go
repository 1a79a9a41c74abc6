// Nethttp is the plain fan-out that a Go programmer writes: requests at once, all answers in
// one object.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/fanout-operator/fanout/hack/bench/mallocs"
)

func main() {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}
	backends := os.Args[2:]
	log.Fatal(http.ListenAndServe(os.Args[1], mallocs.Beside(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		all := make(map[string]json.RawMessage, len(answers))
		for i, answer := range answers {
			all[fmt.Sprintf("b%d", i)] = answer
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(all)
	}))))
}
