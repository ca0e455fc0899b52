package batch

import "github.com/nubdb/nubdb/engine"

// Repair makes a new database in the directory to of all that is intact in the database,
// which stays as it is. What is lost is reported on stderr. It returns the exit status:
// StatusError if something was lost.
func Repair(cfg Config, to string) int {
	return runMode(cfg, func(r *run) error {
		stats, err := engine.Repair(r.DB, to, r.Engine, func(line string) { r.say("%s", line) })
		if err != nil {
			return r.targetError(err)
		}
		if !stats.Whole() {
			r.note(StatusError)
			r.say("%d keys are in %s; lost: %d bytes of log in %d places, %d values in files of their own", stats.Keys, to,
				stats.LostBytes, stats.Damages, stats.LostValues)
			return nil
		}
		r.say("%d keys are in %s; nothing was lost", stats.Keys, to)
		r.done()
		return nil
	})
}
