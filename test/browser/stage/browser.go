// Package stage is what the tests of the page and its screenshots have in common: a headless
// browser, and figures that are the same each time.
package stage

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long something on the screen may take to be as it should: CI runs on two cores
// beside other work.
const patience = 45 * time.Second

// Start begins a headless browser with a profile of its own. It talks to nobody but the page.
func Start(width, height int) (browser context.Context, stop func(), err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:len(chromedp.DefaultExecAllocatorOptions):len(chromedp.DefaultExecAllocatorOptions)],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.WindowSize(width, height),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("hide-scrollbars", true))
	allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
	browser, leave := chromedp.NewContext(allocated)
	if err := chromedp.Do(browser, chromedp.Navigate("about:blank")); err != nil {
		leave()
		end()
		return nil, nil, fmt.Errorf("start chromium (apt-get install chromium): %w", err)
	}
	return browser, func() {
		leave()
		end()
	}, nil
}

// Tab is a tab of the browser.
type Tab struct{ ctx context.Context }

// Open opens an address in a tab of its own; scheme is light or dark. Close ends it.
func Open(browser context.Context, url, scheme string) (tab *Tab, faults <-chan string, stop func(), err error) {
	ctx, stop := chromedp.NewContext(browser)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		stop()
		return nil, nil, nil, fmt.Errorf("open a tab: %w", err)
	}
	told := make(chan string, 100)
	messages := chromedp.Console(ctx) // exceptions, and what the policy of the page stops
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			select {
			case told <- m.Text:
			default: // a hundred are enough to be told of
			}
		}
	}()
	tab = &Tab{ctx}
	_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err == nil {
		err = chromedp.Do(ctx, chromedp.Navigate(url))
	}
	if err != nil {
		stop()
		return nil, nil, nil, fmt.Errorf("open %s: %w", url, err)
	}
	return tab, told, stop, nil
}

func (t *Tab) do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// Go leads the tab to another part of the page.
func (t *Tab) Go(fragment string) error {
	_, err := t.Text(fmt.Sprintf("location.hash = %q", fragment))
	return err
}

// Text is what an expression of the page yields, as text.
func (t *Tab) Text(expression string) (string, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		return "", fmt.Errorf("evaluate %s: %w", expression, err)
	}
	return text, nil
}

// Await waits until an expression of the page is true.
func (t *Tab) Await(expression string) error {
	deadline := time.Now().Add(patience)
	for {
		text, err := t.Text("!!(" + expression + ")")
		if err == nil && text == "true" {
			return nil
		}
		if time.Now().After(deadline) && err != nil {
			return fmt.Errorf("wait for %s: %w", expression, err)
		}
		if time.Now().After(deadline) {
			screen, _ := t.Text("document.body.innerText")
			return fmt.Errorf("it never came to %s; the screen says:\n%s", expression, screen)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Hurry has the time of the page run so many times as fast as ours, from now on; 1 is as fast.
func (t *Tab) Hurry(factor int) error {
	_, err := t.Text(fmt.Sprintf(hurry, factor))
	return err
}

// hurry has the clock go on where it stands, and timers that are set from now on end earlier.
const hurry = `(() => {
  window.ours ??= { now: Date.now.bind(Date), later: setTimeout.bind(window) };
  const [factor, began, from] = [%d, ours.now(), Date.now()];
  Date.now = () => from + factor * (ours.now() - began);
  window.setTimeout = (run, after) => ours.later(run, after / factor);
})()`

// Click clicks what a selector finds.
func (t *Tab) Click(selector string) error { return t.do(chromedp.Click(selector)) }

// Type types into what a selector finds.
func (t *Tab) Type(selector, text string) error { return t.do(chromedp.SendKeys(selector, text)) }

// Press presses keys, wherever the focus is.
func (t *Tab) Press(keys string) error { return t.do(chromedp.KeyEvent(keys)) }

// Resize changes what is visible of the page.
func (t *Tab) Resize(width, height int64) error {
	return t.do(chromedp.EmulateViewport(width, height))
}

// Shot is the screen as a PNG.
func (t *Tab) Shot() ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.CaptureScreenshot())
}
