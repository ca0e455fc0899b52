//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package repl

import "golang.org/x/sys/unix"

const (
	ioctlGetTermios = unix.TIOCGETA
	ioctlSetTermios = unix.TIOCSETA
)

// flushInput drops what a terminal has received and nobody has read.
func flushInput(fd int) error {
	const fread = 1 // FREAD of <sys/fcntl.h>: the input queue
	return unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, fread)
}
