package browser

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/fanout-operator/fanout/test/browser/stage"
)

// Two hundred routes are shown, those with a fault first; the filter finds one; and what does not
// change is not drawn anew.
func TestTwoHundredRoutes(t *testing.T) {
	b := open(t, serve(t, &stage.Source{Routes: 200, Moves: true}), "light")
	b.shows("200 routes, 2 with a fault", "operator alive", "live: figures a few seconds old", "cluster prod-eu.example.com")
	if first := b.text("document.querySelector('tbody tr').innerText"); !strings.Contains(first, "payments/invoices") || !strings.Contains(first, "! ready") || !strings.Contains(first, "erp is Failing (status 503)") {
		t.Errorf("first stands %q", first)
	}
	b.text(`window.moved = 0, window.made = 0, new MutationObserver((list) => list.forEach((m) => { window.moved++; window.made += [...m.addedNodes].filter((n) => n.nodeName == 'TR').length })).observe(document.querySelector('tbody'), {childList: true, subtree: true, characterData: true})`)
	b.must(b.Await("window.moved > 0")) // the rate of one route moves with each reading
	if moved, made := b.text("window.moved"), b.text("window.made"); made != "0" || len(moved) > 1 {
		t.Errorf("a new figure changed %s things, and made %s rows", moved, made)
	}
	b.must(b.Press("/"))
	b.must(b.Await("document.activeElement.id == 'filter'"))
	b.text("document.getElementById('filter').value = ''") // pressed by a protocol, the key is typed all the same
	b.must(b.Press("secretmissing"))
	b.shows("1 shown", "search/catalog", `lacks the key "token"`)
	if n := b.text("document.querySelectorAll('tbody tr').length"); n != "1" {
		t.Errorf("%s rows are like that", n)
	}
	b.must(b.Press("none"))
	b.shows("No route is like that")
	b.text("document.getElementById('filter').value = '', document.getElementById('filter').dispatchEvent(new Event('input'))")
	b.must(b.Click("#faulty"))
	b.must(b.Await("document.querySelectorAll('tbody tr').length == 2"))
	b.must(b.Resize(390, 800))
	b.must(b.Await("document.documentElement.scrollWidth <= 390"))
	b.must(b.Resize(1280, 900))
}

// A newcomer sees which backend fails, why, and what to do; one lane a backend, with success rate,
// latencies, reasons, limits and what shadows differ in; conditions, events and proxies.
func TestARouteAsLanes(t *testing.T) {
	b := open(t, serve(t, &stage.Source{Routes: 3}), "light", "404") // of a route that is none
	b.shows("3 routes")
	b.must(b.Click("a[href='#/routes/shop/orders']"))
	b.shows("What to do next", "Backend billing is kept from calls by its circuit breaker", "BackendsFailing", "billing is Open (status 503)", "orders-7c9f8d-abk4q")
	b.must(b.Await("document.querySelectorAll('.lanes tbody tr').length == 4"))
	for row, words := range map[string][]string{
		"1": {"inventory", "Healthy", "99.9%", "timeout 9", "12 ms · 31 ms · 55 ms", "3 of 64 slots", "0 of 128 waiting"},
		"2": {"billing", "Open", "86.1%", "status 1,440", "circuit open 1,725", "✕ circuit open", "status 503, 2s ago"},
		"3": {"search-eu", "rate limited 88", "canceled 265", "131 of 200 tokens"},
		"4": {"candidate", "shadow", "≠ other body 52", "✓ same 1,180"},
	} {
		for _, w := range words {
			b.must(b.Await("document.querySelector('.lanes tbody tr:nth-child(" + row + ")').innerText.includes('" + w + "')"))
		}
	}
	if n := b.text("new Set([...document.querySelectorAll('.band')].map((s) => Math.round(s.getBoundingClientRect().left))).size"); n != "1" {
		t.Errorf("the bands of latency begin at %s places", n)
	}
	b.must(b.Click("label[for='window-1h']"))
	b.shows("197 ms") // p99 of an hour
	b.must(b.Go("#/routes/shop/none"))
	b.shows("there is no such route")
}

// The longest names that there are wrap, and push nothing out of sight.
func TestLongNamesLeaveRoomForTheRest(t *testing.T) {
	b := open(t, serve(t, &stage.Source{Routes: 3, Long: true}), "light")
	const outside = "[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth).length"
	b.shows("3 routes", strings.Repeat("r", 50))
	if n := b.text(outside); n != "0" {
		t.Error("the list of routes has to be scrolled sideways")
	}
	b.must(b.Go("#/routes/shop/orders"))
	b.shows(strings.Repeat("b", 63), "lowest 99.9%", "decided by")
	if n := b.text(outside); n != "0" {
		t.Error("backends have to be scrolled sideways")
	}
}

// A lane has the course of the last ten minutes: where its success rate fell, how high its p95
// rose, and a gap where nobody looked. However long somebody looks, no more is kept.
func TestTheCourseOfTheLastMinutes(t *testing.T) {
	source := &stage.Source{Routes: 1}
	b := open(t, serve(t, source)+"#/routes/shop/orders", "light", "502")
	lane := func(row, words string) {
		b.must(b.Await("document.querySelector('.lanes tbody tr:nth-child(" + row + ")').innerText.includes('" + words + "')"))
	}
	b.shows("Last 10 minutes, seen here")
	lane("1", "lowest 99.9%")
	lane("1", "p95 to 31 ms")
	b.must(b.Hurry(20))
	const line = "document.querySelector('.course.rate .line').getAttribute('d')"
	b.must(b.Await(line + ".split('L').length > 4"))
	source.Sicken()
	lane("1", "lowest 50%")
	lane("1", "p95 to 210 ms")
	lane("2", "lowest 86.1%")
	b.must(b.Await(fmt.Sprintf("(([, first], last) => first < 3 && last > 8)(%[1]s.match(/[0-9.]+/g), %[1]s.match(/[0-9.]+/g).at(-1))", line))) // of 18
	pieces := b.text(line + ".split('M').length")
	source.Hush(errors.New("list routes: the API server is away"))
	b.must(b.Await("/figures are ([4-9]0 s|[0-9]+ min) old/.test(document.getElementById('fresh').innerText)"))
	source.Hush(nil)
	b.must(b.Await(line + ".split('M').length > " + pieces))
	source.Heal()
	b.must(b.Hurry(100))
	lane("1", "lowest 99.9%") // when what was bad is too long ago
	if n := b.text(line + ".split(/[ML]/).length <= 61"); n != "true" {
		t.Errorf("more than 60 points are kept: %s", b.text(line))
	}
}

// A call is drawn whole, and said in words: who was asked, retried, hedged, lost and canceled, and
// who decided. The list is used by keys alone.
func TestACallAsATimeline(t *testing.T) {
	b := open(t, serve(t, &stage.Source{Routes: 1})+"#/routes/shop/orders", "light")
	b.shows("POST /orders: complete 200 after 97 ms, by orders-7c9f8d-abk4q", "decided by search-eu · 96 ms", "retry ✓ 200", "hedge ✓ 200", "✕ 503", "– lost")
	said := b.text("document.querySelector('.picture svg').getAttribute('aria-label')")
	for _, w := range []string{"Decided by search-eu after 96 ms", "billing succeeded after 71 ms in 2 attempts"} {
		if !strings.Contains(said, w) {
			t.Errorf("it says %q, without %q", said, w)
		}
	}
	if n := b.text("document.querySelectorAll('.calls [aria-selected=true]').length"); n != "1" {
		t.Errorf("%s calls are chosen", n)
	}
	b.text("document.querySelector('.calls').focus()")
	b.must(b.Press(kb.ArrowDown))
	b.shows("other body") // of the second call's shadow
	if followed := b.text("document.querySelector('[aria-pressed=true]') === null"); followed != "true" {
		t.Error("who chooses a call still follows the newest")
	}
	b.must(b.Press(kb.ArrowDown))
	b.must(b.Await("document.querySelector('.picture .queued')"))
	b.must(b.Press(kb.ArrowDown))
	b.shows("⊘ rejected", "circuit open", "partial 207")
	b.must(b.Press(kb.ArrowDown))
	b.shows("– canceled", "decided by billing")
	b.must(b.Press(kb.Home))
	b.shows("decided by search-eu · 96 ms")
	b.must(b.Click("details summary"))
	b.shows("first attempt", "The same as a table")
	if rows := b.text("document.querySelector('details table').innerText"); !strings.Contains(rows, "retry") || !strings.Contains(rows, "failed 503 status") {
		t.Errorf("the table says %q", rows)
	}
	b.text("document.getElementById('which').value = 'waited', document.getElementById('which').dispatchEvent(new Event('change'))")
	b.must(b.Await("document.querySelectorAll('.calls li').length == 4"))
}

// Figures that are old say so, and so does the page when the operator is gone, or nobody answers;
// what was seen last stays.
func TestOldFiguresSayThatTheyAreOld(t *testing.T) {
	source := &stage.Source{Routes: 2}
	b := open(t, serve(t, source), "light", "502")
	b.shows("operator alive")
	source.Lose()
	b.shows("✕ operator gone for 5 min: what the status says is old")
	source.Hush(errors.New("list routes: the API server is away"))
	b.shows("figures are", "old: list routes: the API server is away", "shop/orders")
	source.Hush(nil)
	b.shows("live: figures a few seconds old")
}

// Dark and light are what the system says; the text can be read in both; whoever hears the page
// has a name for each control, a head for each column and a text for each picture.
func TestThePageCanBeReadByEverybody(t *testing.T) {
	for scheme, dark := range map[string]string{"light": "false", "dark": "true"} {
		b := open(t, serve(t, &stage.Source{Routes: 1})+"#/routes/shop/orders", scheme)
		b.shows("decided by", "Conditions")
		if got := b.text("Number(getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0]) < 60"); got != dark {
			t.Errorf("%s: is dark: %s", scheme, got)
		}
		if faint := b.text(contrasts); faint != "" {
			t.Errorf("%s: too little contrast of %s", scheme, faint)
		}
		if nameless := b.text(unnamed); nameless != "" {
			t.Errorf("%s: no name have %s", scheme, nameless)
		}
		for what, wrong := range map[string]string{
			"tables without heads":      "[...document.querySelectorAll('table')].filter((t) => !t.querySelector('thead th[scope=col]')).length",
			"pictures without words":    "[...document.querySelectorAll('svg')].filter((s) => !s.closest('[aria-hidden=true]') && !s.getAttribute('aria-label')).length",
			"first headings but one":    "document.querySelectorAll('h1').length - 1",
			"regions without landmarks": "1 - document.querySelectorAll('main').length",
			"things before their turn":  "[...document.querySelectorAll('[tabindex]')].filter((e) => e.tabIndex > 0).length",
		} {
			if n := b.text(wrong); n != "0" {
				t.Errorf("%s: %s %s", scheme, n, what)
			}
		}
		b.must(b.Resize(390, 800))
		b.must(b.Await("document.documentElement.scrollWidth <= 390"))
		if broken := b.text(brokenWords); broken != "" {
			t.Errorf("%s: on a narrow screen words are broken in pieces: %s", scheme, broken)
		}
		b.must(b.Resize(1280, 900))
		b.must(b.Press(kb.Tab))
		b.must(b.Await("document.activeElement.className == 'skip'"))
		b.must(b.Press(kb.Enter))
		b.must(b.Await("document.activeElement.id == 'main'"))
	}
}

// contrasts names texts that stand out from their ground by less than 4.5 (WCAG 2.2, 1.4.3).
const contrasts = `(() => {
  const parse = (c) => { const m = c.match(/[0-9.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
  const light = ([r, g, b]) => { const f = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0.99) return c; } return [255, 255, 255, 1]; };
  const bad = new Set();
  for (const e of document.querySelectorAll('main *, header *')) {
    if (e.closest('svg') || ![...e.childNodes].some((n) => n.nodeType == 3 && n.data.trim())) continue;
    if (e.closest('.hidden') || e.getClientRects().length == 0) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.add(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2));
  }
  return [...bad].join(', ');
})()`

// brokenWords are cells of the status, but for messages, that have more lines than words.
const brokenWords = `[...document.querySelectorAll('.pair th, .pair td:not(:last-child)')].filter((e) => {
  const range = document.createRange();
  range.selectNodeContents(e);
  return new Set([...range.getClientRects()].map((r) => Math.round(r.top / 8))).size > e.innerText.trim().split(/[-\s]+/).length;
}).map((e) => e.innerText).join()`

// unnamed names controls that nobody can call by a name.
const unnamed = `[...document.querySelectorAll('input, select, button, a, [role=listbox], [role=region]')].filter((e) => !(e.innerText || '').trim() && !e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby') && !(e.labels && e.labels.length)).map((e) => e.outerHTML.slice(0, 80)).join('; ')`
