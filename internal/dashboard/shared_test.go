package dashboard_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// However many questions are asked at once, no more are put to the source than there is room for.
func TestQuestionsAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &scripted{may: make(chan struct{})}
		h := serve(source)
		ctx, leave := context.WithCancel(t.Context())
		var reading sync.WaitGroup
		codes := make([]int, 600)
		for i := range codes {
			reading.Go(func() {
				codes[i] = get(t, h, fmt.Sprintf("/api/routes/shop/orders/calls?cursor=%d", i), func(r *http.Request) { *r = *r.WithContext(ctx) }).Code
			})
		}
		synctest.Wait()
		leave() // and what they have asked goes on
		reading.Wait()
		busy := 0
		for _, code := range codes {
			if code == 503 {
				busy++
			}
		}
		if n := source.asked.Load(); n != 256 || busy != 600-256 {
			t.Errorf("the source was asked %d questions at once, %d readers were sent away", n, busy)
		}
		if w := get(t, h, "/api/routes"); w.Code != 503 || !strings.Contains(w.Body.String(), "ask again") {
			t.Errorf("one more: %d %s", w.Code, w.Body)
		}
		close(source.may)
		synctest.Wait()
		if w := get(t, h, "/api/routes"); w.Code != 200 {
			t.Errorf("when all are answered: %d %s", w.Code, w.Body)
		}
	})
}
