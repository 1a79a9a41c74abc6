// Package fanout is the core: it asks the backends of a route at once, decides a
// call as its success policy says, and keeps every answer. It owns the vocabulary
// (Call, Answer, Outcome) that the packages around it import, and itself imports
// nothing but the standard library and the accounts of memory: no server, no logging, no
// document.
//
// A Dispatcher is made once for each plan. Dispatch runs in the caller's
// goroutine, which alone touches the call's answers; each backend runs in one of
// its own and hands over one answer. Answers stand by the index of their backend,
// so that the order of arrival cannot show.
package fanout
