package tether

import (
	"sync"
	"time"
)

// Alarms end contexts when their time is up. The zero value is ready for use. It is safe for
// concurrent use.
type Alarms struct{ idle sync.Pool }

// Alarm ends one context.
type Alarm struct {
	of    *Alarms
	timer *time.Timer
	ender Ender
	cause error
}

// Set has an Ender told after a while, unless the Alarm is stopped before. It is to be stopped.
func (a *Alarms) Set(after time.Duration, e Ender, cause error) *Alarm {
	alarm, ok := a.idle.Get().(*Alarm)
	if !ok {
		alarm = &Alarm{of: a, ender: e, cause: cause}
		alarm.timer = time.AfterFunc(after, alarm.ring)
		return alarm
	}
	alarm.ender, alarm.cause = e, cause
	alarm.timer.Reset(after)
	return alarm
}

func (a *Alarm) ring() { a.ender.End(a.cause) }

// Stop ends the Alarm, which is not used again.
func (a *Alarm) Stop() {
	if !a.timer.Stop() {
		return // it rings, or has rung
	}
	a.ender, a.cause = nil, nil
	a.of.idle.Put(a)
}
