package fanout

// depth is what an exchange takes of its goroutine's stack, in bytes.
const depth = 5 << 10

// stretch makes the stack as deep as it is going to be. Later, with the frames of an exchange
// on it, that is done in two steps and takes ten times as long.
//
//go:noinline
func stretch(at int) byte {
	var room [depth]byte
	return room[at%depth]
}
