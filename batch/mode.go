package batch

import (
	"errors"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/nubdb/nubdb/engine"
)

// runMode does, in place of the commands of a run, what do says, with the run's signals,
// timeout, progress and exit status. What takes long in the engine ends early when the
// run is to stop.
func runMode(cfg Config, do func(r *run) error) int {
	cfg.Atomic = false
	r, err := newRun(cfg)
	defer r.close()
	r.engineMode()
	if err == nil {
		err = do(r)
	}
	if errors.Is(err, engine.ErrCanceled) {
		err = errStopped
	}
	return r.finish(err)
}

// engineMode connects what the engine tells and asks during a long operation.
func (r *run) engineMode() {
	r.mode = true
	stopped := func() bool { return r.stop.stopped() != 0 }
	r.Engine.Canceled, r.Engine.GiveUp = stopped, stopped
	r.Engine.Progress = func(done, total int64) {
		r.passed, r.progress.total = done, total
		r.showProgress(time.Now())
	}
	// Nothing is printed meanwhile, so that stdout may be the same terminal.
	if r.Progress == ProgressAuto && isatty.IsTerminal(r.Stderr.Fd()) {
		r.progress.next = r.began.Add(progressAfter)
	}
}
