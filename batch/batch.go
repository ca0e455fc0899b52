// Package batch runs commands without a person: from a pipe, from files, or one
// from the command line.
//
// Guarantees: replies come in the order of the commands. They are written before the
// run waits for input, so that a co-process can ask and read in turn, and in large
// pieces otherwise. A reply is written only after what it acknowledges has reached the
// kernel (with command.SyncAlways, and at the end of the run: stable storage). Exit
// status 0 means that every command succeeded and that all of it is on stable
// storage. A signal or the end of the time finishes or undoes the command under
// way, syncs what was acknowledged, and exits.
//
// Caveats: with command.SyncNo exit status 0 means handed to the kernel. The output of an
// atomic run is void unless its status is 0.
//
// Usage: fill a Config, call Run, exit with what it returns.
package batch

import (
	"os"
	"time"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
)

// Format is how replies are written.
type Format int

const (
	Plain Format = iota // one line for each command
	JSON                // one object for each command, on a line of its own
	Raw                 // the exact bytes of each string, each with Config.End behind it
	RESP                // RESP2, for the reply parser of any Redis client
)

// Config is what a run does. The zero value of a field means no more than its
// absence.
type Config struct {
	DB     string         // directory of the database, or ":memory:"
	Engine engine.Options // Log is set by Run
	Inputs []Input        // in this order, in one session
	// Connect reaches the process that has the database (remote.Connect); nil: it is waited for.
	Connect func(command.PeerOptions) command.Peer
	Stdin   *os.File
	Stdout  *os.File
	Stderr  *os.File

	Format   Format
	End      string // what ends each value in raw format
	Errors   ErrorsAt
	Echo     bool // "> command" before each reply
	Quiet    bool // nothing on stdout
	Summary  bool // a line of JSON on stderr at the end
	Progress ProgressMode

	StopOnError bool
	Atomic      bool // all of the input happens or none of it
	ExitNil     bool // StatusTest when the last reply is nil
	Test        bool // the same, also when it is 0 or an empty array
	Sync        command.SyncPolicy
	Timeout     time.Duration // of the whole run, 0 for none
}

// Run runs the commands of all inputs and returns the status to exit with.
func Run(cfg Config) int {
	r, err := newRun(cfg)
	defer r.close()
	switch {
	case err != nil:
	case cfg.Atomic:
		err = r.atomic()
	default:
		err = r.plain()
	}
	return r.finish(err)
}
