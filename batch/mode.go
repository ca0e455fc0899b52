package batch

import (
	"bytes"
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
	r.stop.listen()
	if err == nil {
		err = do(r)
	}
	if errors.Is(err, engine.ErrCanceled) {
		err = errStopped
	}
	return r.finish(err)
}

// forwarded lets a server that has the database, if there is one, do the work of a mode,
// which is that of a command with a path as its last word, or none.
func (r *run) forwarded(name string, path ...string) (bool, error) {
	if r.DB == engine.Memory {
		return false, nil
	}
	if err := r.db.Open(); err != nil {
		return false, r.unusable(err)
	}
	if !r.db.Forwarded() {
		return false, r.db.LetGo()
	}
	args := [][]byte{[]byte(name)}
	for _, p := range path {
		args = append(args, []byte(p))
	}
	reply := r.db.Run(args)
	switch {
	case !reply.IsError():
		r.done()
		return true, nil
	case bytes.HasPrefix(reply.Str, []byte("ERR "+engine.ErrExists.Error())):
		r.note(StatusUsage) // as if it had been found here
	default:
		r.note(statusOfReply(reply.Str))
	}
	r.say("%s", reply.Str)
	return true, nil
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
