package batch

import (
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// Verify checks every checksum and index entry of the database, reports each
// fault on stderr, and returns the exit status. It changes nothing.
func Verify(cfg Config) int {
	cfg.Engine.ReadOnly = true
	return runMode(cfg, (*run).verify)
}

func (r *run) verify() error {
	if forwarded, err := r.forwarded("VERIFY"); forwarded || err != nil {
		return err
	}
	faults, err := engine.Verify(r.DB, r.Engine, func(fault string) { r.say("%s", fault) })
	switch {
	case err != nil:
		return r.unusable(err)
	case faults > 0:
		r.note(StatusFailed)
		r.say("%s is damaged: %d faults (--repair saves what is intact)", r.DB, faults)
	default:
		r.done()
	}
	return nil
}

// done answers that a mode has done its work.
func (r *run) done() {
	if !r.Quiet {
		r.out.buf = r.appendReply(r.out.buf, &wire.OK)
	}
}
