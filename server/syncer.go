package server

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
)

// syncer makes what was acknowledged durable within a second.
type syncer struct {
	db      *engine.DB
	server  *Server
	off     bool
	pending atomic.Bool
	kick    chan struct{}
	quit    chan struct{}
	done    chan struct{}
}

// syncEvery is the longest time that an acknowledged write is not on stable storage.
const syncEvery = time.Second

func (y *syncer) start(s *Server) {
	*y = syncer{db: s.db, server: s, off: s.cfg.Sync != command.SyncEnd,
		kick: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go y.run()
}

// soon makes the next sync happen within a second.
func (y *syncer) soon() {
	if !y.off && !y.pending.Load() && !y.pending.Swap(true) {
		y.kick <- struct{}{}
	}
}

func (y *syncer) run() {
	defer close(y.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-y.kick:
		case <-y.quit:
			return
		}
		timer.Reset(syncEvery)
		select {
		case <-timer.C:
		case <-y.quit:
			return
		}
		y.pending.Store(false)
		if err := y.db.Sync(); err != nil {
			y.server.fail(fmt.Errorf("syncing: %w", err))
		}
	}
}

func (y *syncer) stop() {
	close(y.quit)
	<-y.done
}
