// Package fanout is the core: it asks the backends of a route at once, decides a
// call as its success policy says, and keeps every answer. It owns the vocabulary
// (Call, Answer, Outcome) that the packages around it import, and itself imports
// nothing but the standard library and the accounts of memory: no server, no logging, no
// document.
//
// A Dispatcher is made once for each plan. A call has two phases: Reserve asks every backend
// and shadow for the right to send, and Flight.Run asks those that gave it and has the call
// responded to. Both run in the caller's goroutine, which alone touches the call's answers;
// each backend runs in one of its own and hands over one answer. Answers stand by the index
// of their backend, so that the order of arrival cannot show. What becomes of a backend, and
// who is told, stands in life.go.
//
// Where Call.Record is set, what happens to the call is kept in it, step by step: see Record.
package fanout
