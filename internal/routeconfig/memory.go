package routeconfig

// MaxHead bounds the head of a request, in bytes.
const MaxHead = 64 << 10

// fewConnections are granted however small a budget is.
const fewConnections = 16

// Memory is how a proxy divides its memory budget. The operator reckons by it, too, when
// it says of a limit that it cannot hold a route's own bounds.
type Memory struct {
	// Connections is how many clients may have at once. Each has MaxHead of the budget, all
	// together half of it at the most: a head is in memory before anybody of ours sees it.
	Connections int
	// Bodies is what is left for the bodies of calls, in bytes. Shadows have as much as an
	// eighth of the budget on top of it.
	Bodies, Shadows int64
}

// Divide divides a budget in bytes. Where connections is 0, there are as many as have heads
// in a quarter of it, and at least 16.
func Divide(budget int64, connections int) Memory {
	if connections == 0 {
		connections = max(int(budget/4/MaxHead), fewConnections)
	}
	return Memory{connections, budget - min(int64(connections)*MaxHead, budget/2), budget / 8}
}
