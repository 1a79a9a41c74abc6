// Fasthttp is the plain fan-out over fasthttp's server and client: requests at once, all
// answers in one object.
package main

import (
	"fmt"
	"log"
	"os"
	"sync"

	"github.com/valyala/fasthttp"

	"github.com/fanout-operator/fanout/hack/bench/mallocs"
)

func main() {
	client := &fasthttp.Client{MaxConnsPerHost: 1024}
	backends := os.Args[2:]
	log.Fatal(fasthttp.ListenAndServe(os.Args[1], func(c *fasthttp.RequestCtx) {
		if string(c.Path()) == mallocs.Path {
			c.SetBodyString(mallocs.Count())
			return
		}
		answers := make([]*fasthttp.Response, len(backends))
		ask := func(i int) {
			request := fasthttp.AcquireRequest()
			defer fasthttp.ReleaseRequest(request)
			answers[i] = fasthttp.AcquireResponse()
			request.SetRequestURI(backends[i])
			request.Header.SetMethod(fasthttp.MethodPost)
			request.Header.SetContentType("application/json")
			request.SetBodyRaw(c.PostBody())
			if err := client.Do(request, answers[i]); err != nil {
				answers[i].SetBodyString("null")
			}
		}
		var wait sync.WaitGroup
		for i := 1; i < len(backends); i++ {
			wait.Go(func() { ask(i) })
		}
		ask(0)
		wait.Wait()
		c.SetContentType("application/json")
		for i, answer := range answers {
			fmt.Fprintf(c, `%c"b%d":`, separator(i), i)
			_, _ = c.Write(answer.Body())
			fasthttp.ReleaseResponse(answer)
		}
		_, _ = c.WriteString("}")
	}))
}

func separator(i int) byte {
	if i == 0 {
		return '{'
	}
	return ','
}
