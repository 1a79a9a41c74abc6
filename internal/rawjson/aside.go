package rawjson

// page is how many values a page of an aside has.
const page = 1024

// aside keeps values until it is known how many belong together, the last ones on top. What
// is kept stays where it is, since of a list that grows as a whole all that is copied is
// garbage: of hundreds of thousands of values as much again as they take.
type aside[T any] struct {
	pages [][]T // the first grows, all others have a page at once
	len   int
}

func (a *aside[T]) push(value T) {
	at, i := a.len/page, a.len%page
	switch {
	case at == len(a.pages):
		size := page
		if at == 0 {
			size = 4
		}
		a.pages = append(a.pages, make([]T, size))
	case i == len(a.pages[at]):
		a.pages[at] = append(a.pages[at], make([]T, i)...)
	}
	a.pages[at][i] = value
	a.len++
}

// from returns the value at i.
func (a *aside[T]) from(i int) T { return a.pages[i/page][i%page] }

// copy copies what is kept from base on to a list of that length.
func (a *aside[T]) copy(list []T, base int) {
	for len(list) > 0 {
		n := copy(list, a.pages[base/page][base%page:])
		list, base = list[n:], base+n
	}
}

// drop forgets what is kept from base on.
func (a *aside[T]) drop(base int) { a.len = base }
