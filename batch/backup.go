package batch

import (
	"errors"

	"github.com/nubdb/nubdb/engine"
)

// Backup copies the database to the directory to, which must be empty or not there, and
// returns the exit status. Other processes go on with the database meanwhile. When the
// run is stopped nothing is left of the copy.
func Backup(cfg Config, to string) int {
	cfg.Engine.ReadOnly = true
	return runMode(cfg, func(r *run) error {
		if forwarded, err := r.forwarded("BACKUP", to); forwarded || err != nil {
			return err
		}
		if err := engine.Backup(r.DB, to, r.Engine); err != nil {
			return r.targetError(err)
		}
		r.done()
		return nil
	})
}

// targetError makes wrong usage of a target that is there already.
func (r *run) targetError(err error) error {
	if errors.Is(err, engine.ErrExists) {
		return usageError{err}
	}
	return r.unusable(err)
}
