package batch

import (
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stopper ends a run early: at SIGHUP, SIGINT, SIGTERM, or when its time is up.
// The run asks for the status between two groups of commands; where it sleeps in
// the kernel it polls wake as well, and a long command is interrupted. So the
// command under way is finished or undone, and what was acknowledged is synced
// before the process exits.
//
// To listen to signals takes 0.3 ms, a tenth of a short run, because the runtime has a
// thread for each to be told. So a run listens from where it may wait, has acknowledged
// something, or takes long. Until then a signal ends the process as it ends any other:
// nothing was promised, and the engine is used to that.
type stopper struct {
	status    atomic.Int32   // why the run must end, as an exit status; 0 while it may go on
	wake      int            // read end of a pipe, becomes readable, for good, when the run must end
	wakeWrite int            // guarded by mu
	signals   chan os.Signal // nil until listen
	closing   chan struct{}  // closed when nobody has to listen any more
	ended     chan struct{}  // closed when nobody does
	timer     *time.Timer

	mu        sync.Mutex
	interrupt func() // ends the command under way; guarded by mu
	waiting   string // what the run waits for with nothing to lose, else ""; guarded by mu

	// lastWords are for a run that ends while it waits for something.
	lastWords func(status int, waiting string)
}

// newStopper starts the time, if timeout is not 0.
func newStopper(timeout time.Duration, lastWords func(status int, waiting string)) *stopper {
	pipe := [2]int{-1, -1} // poll ignores negative descriptors, should there be none to spare
	if unix.Pipe(pipe[:]) == nil {
		unix.CloseOnExec(pipe[0])
		unix.CloseOnExec(pipe[1])
	}
	s := &stopper{wake: pipe[0], wakeWrite: pipe[1], lastWords: lastWords}
	if timeout > 0 {
		s.timer = time.AfterFunc(timeout, func() { s.stop(StatusTimeout) })
	}
	return s
}

// listen makes signals stop the run, from its first call on.
func (s *stopper) listen() {
	if s.signals != nil {
		return
	}
	s.signals, s.closing, s.ended = make(chan os.Signal, 4), make(chan struct{}), make(chan struct{})
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		if !signal.Ignored(sig) { // nohup, or a shell's "nubdb < f &"
			signal.Notify(s.signals, sig)
		}
	}
	go s.obey()
}

// obey stops the run at the first signal; at a second SIGINT nothing is waited for.
func (s *stopper) obey() {
	defer close(s.ended)
	interrupts := 0
	for {
		select {
		case sig := <-s.signals:
			status := 128 + int(sig.(syscall.Signal))
			if sig == syscall.SIGINT {
				if interrupts++; interrupts > 1 {
					os.Exit(status)
				}
			}
			s.stop(status)
		case <-s.closing:
			return
		}
	}
}

// stop ends the run with a status; later calls change nothing.
func (s *stopper) stop(status int) {
	if !s.status.CompareAndSwap(0, int32(status)) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting != "" {
		s.lastWords(status, s.waiting)
		os.Exit(status)
	}
	if s.interrupt != nil {
		s.interrupt()
	}
	unix.Write(s.wakeWrite, []byte{0})
}

// stopped is the exit status of a run that must end, else 0.
func (s *stopper) stopped() int { return int(s.status.Load()) }

// onStop sets what ends the command under way.
func (s *stopper) onStop(interrupt func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interrupt = interrupt
	if s.stopped() != 0 && interrupt != nil {
		interrupt()
	}
}

// abandonable calls wait, which may wait long for something and cannot be called
// back. The run has nothing to lose there, so a stop ends the process at once. wait
// is not called when the run has been stopped already.
func (s *stopper) abandonable(something string, wait func()) {
	s.setWaiting(something)
	if s.stopped() == 0 {
		wait()
	}
	s.setWaiting("")
}

func (s *stopper) setWaiting(something string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = something
}

// close stops listening and waits for the goroutine that does.
func (s *stopper) close() {
	if s.signals != nil {
		// It waits for another thread, 0.1 ms, which nobody needs before the exit. Signals may
		// come until then, so their channel must not be closed.
		go signal.Stop(s.signals)
		close(s.closing)
		<-s.ended
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Lock() // the timer may just be firing
	defer s.mu.Unlock()
	unix.Close(s.wake)
	unix.Close(s.wakeWrite)
	s.wake, s.wakeWrite = -1, -1
}
