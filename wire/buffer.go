package wire

import (
	"errors"
	"io"
)

// The buffer starts with firstBuffer bytes (tests set less) and becomes four
// times as large when a command does not fit: doubling leaves more garbage
// behind (1.5 GB instead of 0.9 GB resident for a value of 512 MiB), and what is
// not touched of a large buffer costs nothing but addresses. One that grew beyond
// keepBuffer is dropped once it is used up, so that a single huge value does not
// cost memory for the rest of a long input.
const (
	firstBuffer = 64 << 10
	minBuffer   = 512 // of what Compact leaves
	keepBuffer  = 16 << 20
)

// maxEmptyReads is how often in a row a source may return (0, nil), as in bufio.
const maxEmptyReads = 100

// Returned by Next when a source breaks the contract of io.Reader.
var errBadCount = errors.New("read commands: the source returned an impossible count")

// fill reads once from the source, and remembers its error.
func (r *Reader) fill() {
	r.makeRoom()
	for range maxEmptyReads {
		free := r.buf[len(r.buf):cap(r.buf)]
		n, err := r.src.Read(free)
		if n < 0 || n > len(free) {
			n, err = 0, errBadCount
		}
		r.buf = r.buf[:len(r.buf)+n]
		if n > 0 || err != nil {
			r.srcErr = err
			return
		}
	}
	r.srcErr = io.ErrNoProgress
}

// makeRoom makes sure that the buffer has free space, by moving its rest to the
// front or into a larger buffer. Either happens only when the buffer is full,
// and moving only when it frees at least half of it, so that each byte of the
// input is copied a bounded number of times.
func (r *Reader) makeRoom() {
	rest := r.buf[r.pos:]
	switch {
	case len(rest) == 0 && cap(r.buf) > 0 && cap(r.buf) <= keepBuffer:
		r.buf = r.buf[:0]
	case len(rest) == 0:
		r.buf = make([]byte, 0, r.firstBuffer)
	case len(r.buf) < cap(r.buf):
		return
	case len(rest) <= cap(r.buf)/2:
		r.buf = r.buf[:copy(r.buf[:cap(r.buf)], rest)]
	default:
		r.buf = append(make([]byte, 0, 4*cap(r.buf)), rest...)
	}
	r.base += int64(r.pos)
	r.pos = 0
}
