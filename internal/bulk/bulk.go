// Package bulk keeps what takes long from delaying what is short. Computations it runs on
// threads of low priority; what has to stay in its goroutine, since it reads or writes, it
// interrupts.
//
// Both answer one trait of Go's scheduler: it asks the network what has come only where no
// goroutine is left to run, or every 10 ms. Whoever yields to the others yields to those
// that were there already.
package bulk

// Least is the size from which work is interrupted, or done on a thread, in bytes: below it
// takes less than 0.1 ms.
const Least = 64 << 10
