package batch

import (
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// Verify checks every checksum and index entry of the database, reports each
// fault on stderr, and returns the exit status. It changes nothing.
func Verify(cfg Config) int {
	cfg.Engine.ReadOnly, cfg.Atomic = true, false
	r, err := newRun(cfg)
	defer r.close()
	if err == nil {
		err = r.verify()
	}
	return r.finish(err)
}

func (r *run) verify() error {
	var db *engine.DB
	err := errStopped
	r.stop.abandonable("the database", func() { db, err = engine.Open(r.DB, r.Engine) })
	if err != nil {
		return err
	}
	defer db.Close()
	faults, err := 0, errStopped
	r.stop.abandonable("the end of the verification", func() {
		faults, err = db.Verify(func(fault string) { r.say("%s", fault) })
	})
	switch {
	case err != nil:
		return err
	case faults > 0:
		r.note(StatusFailed)
		r.say("%s is damaged: %d faults", r.DB, faults)
	case !r.Quiet:
		r.out.buf = r.appendReply(r.out.buf, &wire.OK)
	}
	return nil
}
