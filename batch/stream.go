package batch

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nubdb/nubdb/wire"
)

// stream runs a command of the command line that goes on answering, such as SUBSCRIBE, and
// writes each message at once, as a line, until the run is stopped or nobody reads on.
func (r *run) stream(cmd *wire.Command) error {
	defer r.watchReader()()
	var failed error // to write
	err := r.db.Follow(cmd.Args, func(message *wire.Reply) {
		switch {
		case message.IsError():
			r.replied(cmd, message)
		case r.Quiet:
		case r.Format == Plain:
			r.out.buf = wire.AppendPlain(r.out.buf, message)
		default:
			r.out.buf = r.appendReply(r.out.buf, message)
		}
		if err := r.acknowledge(); err != nil && failed == nil {
			failed = err
			r.db.Interrupt()
		}
	})
	switch {
	case failed != nil:
		return failed
	case err != nil:
		return r.unusable(err)
	}
	return nil
}

// watchReader stops the run when stdout is a pipe and its reader has gone, which a write
// would find out only when the next message comes. It returns what ends the watch.
func (r *run) watchReader() (end func()) {
	const look = 100 * time.Millisecond
	var ended atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		fds := []unix.PollFd{{Fd: int32(r.Stdout.Fd())}}
		for !ended.Load() && r.stop.stopped() == 0 {
			if n, err := unix.Poll(fds, int(look.Milliseconds())); n > 0 && err == nil {
				r.stop.stop(StatusPipe)
			}
		}
	}()
	return func() {
		ended.Store(true)
		<-done
	}
}
