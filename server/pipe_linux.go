package server

import "golang.org/x/sys/unix"

// keeps tells that a pipe which all readers have closed, but not all writers, holds what was
// written to it. POSIX does not say so.
const keeps = true

// holds tells whether there is something in a pipe.
func holds(fd int) bool {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	return err == nil && n > 0
}
