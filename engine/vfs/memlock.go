package vfs

import (
	"io/fs"
	"slices"
	"sync"
)

// memLock is the advisory lock of a file in memory, granted in the order of
// arrival.
type memLock struct {
	mu      sync.Mutex // guards the rest
	shared  int        // holders that share it
	held    bool       // exclusively
	waiters []*lockWaiter
}

type lockWaiter struct {
	shared  bool
	granted chan error // receives nil when the lock is the waiter's
}

// lockNode locks the file that open finds or makes.
func lockNode(name string, open func() (*node, error), shared bool, p *patience) (Lock, error) {
	for {
		n, err := open()
		if err == nil && !n.lock.acquire(shared, p) {
			err = &fs.PathError{Op: "lock", Path: name, Err: ErrLocked}
		}
		if err != nil {
			return nil, err
		}
		// As on a real file system: the lock of a file that was removed or
		// replaced while we waited is worth nothing.
		if again, err := open(); err == nil && again == n {
			return &heldLock{lock: &n.lock, shared: shared}, nil
		}
		n.lock.release(shared)
	}
}

// acquire waits for the lock and tells whether it got it.
func (l *memLock) acquire(shared bool, p *patience) bool {
	l.mu.Lock()
	w := &lockWaiter{shared: shared, granted: make(chan error, 1)}
	l.waiters = append(l.waiters, w)
	l.grant()
	l.mu.Unlock()

	select {
	case <-w.granted:
		return true
	default:
	}
	if p.exhausted() == nil && p.await(w.granted) == nil {
		return true
	}
	return !l.withdraw(w)
}

// withdraw takes a waiter out of the queue; false if it has been granted the lock.
func (l *memLock) withdraw(w *lockWaiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiters, w)
	if i < 0 {
		return false
	}
	l.waiters = slices.Delete(l.waiters, i, i+1)
	l.grant() // those behind an exclusive waiter may go now
	return true
}

// grant serves the waiters from the front. It wants l.mu.
func (l *memLock) grant() {
	for len(l.waiters) > 0 {
		w := l.waiters[0]
		if l.held || !w.shared && l.shared > 0 {
			return
		}
		if w.shared {
			l.shared++
		} else {
			l.held = true
		}
		l.waiters = l.waiters[1:]
		w.granted <- nil
	}
}

func (l *memLock) release(shared bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if shared {
		l.shared--
	} else {
		l.held = false
	}
	l.grant()
}

// heldLock is what FS.Lock returns.
type heldLock struct {
	lock   *memLock
	shared bool
	once   sync.Once
}

func (h *heldLock) Wanted() bool {
	h.lock.mu.Lock()
	defer h.lock.mu.Unlock()
	return len(h.lock.waiters) > 0
}

func (h *heldLock) Close() error {
	h.once.Do(func() { h.lock.release(h.shared) })
	return nil
}
