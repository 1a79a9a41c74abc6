package tether

import "context"

// Observer is told of the connection that a request takes.
type Observer interface {
	// GotConn is called before anything is written. reused says that the connection was used
	// before, or is shared with others.
	GotConn(reused bool)
}

// ObserverKey is that of an Observer among the values of a request's context.
type ObserverKey struct{}

// Observe tells the observer of a request, where it has one.
func Observe(request context.Context, reused bool) {
	if o, ok := request.Value(ObserverKey{}).(Observer); ok {
		o.GotConn(reused)
	}
}
