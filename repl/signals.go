package repl

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// caught are the signals that the shell reacts to. SIGTSTP is not among them: Go
// cannot return to its default action, which is what stops the process.
var caught = [...]os.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGCONT}

// listen reacts to signals until stopListening.
func (s *shell) listen() {
	// Go kills a process that writes to a closed stdout, with the terminal as it
	// is. When somebody wants the signal the write fails with EPIPE instead. (Were it
	// ignored, so it would be by the programs that the shell starts.)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	for _, sig := range caught {
		if !signal.Ignored(sig) { // nohup
			signal.Notify(s.signals, sig)
		}
	}
	s.ready.Store(true)
	go func() {
		for sig := range s.signals {
			s.react(sig.(syscall.Signal))
		}
	}()
}

// stopListening leaves the goroutine of listen with nothing to do. It is not
// waited for: a signal that it works on may end the process.
func (s *shell) stopListening() { signal.Stop(s.signals) }

func (s *shell) react(sig syscall.Signal) {
	switch sig {
	case syscall.SIGINT:
		s.interrupt()
	case syscall.SIGCONT:
		s.resume()
	default:
		if s.status.Load() != 0 { // again: whoever sends it cannot wait
			s.term.restore()
			os.Exit(128 + int(sig))
		}
		s.stop(128 + int(sig))
	}
}

// interrupt is Ctrl-C: it ends the command under way, or cancels the line.
func (s *shell) interrupt() {
	if s.term.busy.Load() {
		s.cut.Store(true)
		s.db.interrupt()
		s.wake()
	} else {
		s.keys.interrupt()
	}
}

// stop ends the shell with an exit status; later calls change nothing. The command
// under way is ended or finished first. While the shell waits for the database there
// is nothing to lose.
func (s *shell) stop(status int) {
	if !s.status.CompareAndSwap(0, int32(status)) {
		return
	}
	if !s.ready.Load() {
		os.Exit(s.ended())
	}
	s.cut.Store(true)
	s.db.interrupt()
	s.wake()
	s.keys.Close()
}

// wake ends the pause of \watch, the one under way or the next.
func (s *shell) wake() {
	select {
	case s.interrupted <- struct{}{}:
	default:
	}
}

// clearInterrupted forgets a token of wake.
func (s *shell) clearInterrupted() {
	select {
	case <-s.interrupted:
	default:
	}
}

// suspend is Ctrl-Z at the prompt: it stops the process group, as the terminal
// does while a command runs, and returns when the shell goes on.
func (s *shell) suspend() {
	s.lines.leave()
	s.db.suspend() // a process that is stopped must keep nobody waiting
	s.term.restore()
	syscall.Kill(0, syscall.SIGTSTP)
	time.Sleep(stopTime)
	s.resume()
}

// stopTime is enough for a signal to stop the process. It goes on after that time
// if the kernel ignores the signal because nobody could continue the process, such
// as in a window of its own.
const stopTime = 100 * time.Millisecond

// resume takes the terminal again after the process was stopped.
func (s *shell) resume() {
	s.term.reenter()
	if !s.term.busy.Load() {
		s.lines.redraw()
	}
}
