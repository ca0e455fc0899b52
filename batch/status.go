package batch

import (
	"bytes"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/nubdb/nubdb/engine"
)

// The exit statuses of a run. That of a signal is 128 plus its number.
const (
	StatusOK      = 0   // every command succeeded, and all of it is on stable storage
	StatusError   = 1   // some command failed (the others are durable), or a check found faults
	StatusUsage   = 2   // wrong usage; nothing was done
	StatusStopped = 3   // stopped at an error, or rolled back
	StatusTest    = 4   // --exit-nil or --test
	StatusBusy    = 5   // another process kept the database for the whole wait
	StatusFailed  = 6   // the database or the output cannot be used, or writes are not durable
	StatusTimeout = 124 // --timeout ran out
	StatusHangup  = 128 + int(unix.SIGHUP)
	StatusPipe    = 128 + int(unix.SIGPIPE) // whoever read stdout has closed it
)

// Worse returns the status that a run exits with when both apply.
func Worse(a, b int) int {
	if rank(a) >= rank(b) {
		return a
	}
	return b
}

// rank orders the statuses: 2, 6, 5, signals, 124, 3, 1, 4, 0.
func rank(status int) int {
	switch status {
	case StatusUsage:
		return 8
	case StatusFailed:
		return 7
	case StatusBusy:
		return 6
	case StatusTimeout:
		return 4
	case StatusStopped:
		return 3
	case StatusError:
		return 2
	case StatusTest:
		return 1
	case StatusOK:
		return 0
	}
	return 5 // a signal
}

// usageError is wrong usage that only shows when the run begins, such as a file
// that cannot be opened. Nothing was done.
type usageError struct{ error }

// errStopped ends a run whose stopper says why.
var errStopped = errors.New("stopped")

// statusOf is the exit status for an error that ends a run.
func statusOf(err error) int {
	switch {
	case errors.As(err, &usageError{}):
		return StatusUsage
	case errors.Is(err, engine.ErrBusy):
		return StatusBusy
	}
	return StatusFailed
}

// statusOfReply is the exit status for an error that a command answered.
func statusOfReply(message []byte) int {
	switch code, _, _ := bytes.Cut(message, []byte(" ")); string(code) {
	case "BUSY":
		return StatusBusy
	case "CORRUPT":
		return StatusFailed
	}
	return StatusError
}
