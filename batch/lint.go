package batch

import (
	"errors"
	"io"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/wire"
)

// Check looks for faults in all inputs without opening the database, reports
// each on stderr as "file:line:column: message", and returns the exit status.
func Check(cfg Config) int {
	check := command.Check
	if cfg.Atomic {
		cfg.Atomic, check = false, command.CheckAtomic
	}
	r, err := newRun(cfg)
	defer r.close()
	for i := 0; err == nil && i < len(r.sources); i++ {
		err = r.lint(r.sources[i], check)
	}
	r.lintEnd()
	return r.finish(err)
}

// lint reads an input as far as a run would, without running it, and reports
// each fault.
func (r *run) lint(src *source, check func(args [][]byte) *wire.Reply) error {
	r.begin(src)
	var fault *wire.SyntaxError // once for all: it is on the heap
	for n := 0; !r.ended; n++ {
		if n%groupCommands == 0 || !src.Ready() {
			r.flushErr()
			if err := r.housekeep(); err != nil {
				return err
			}
		}
		cmd, err := src.Next()
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &fault):
			r.counts.commands++
			r.fault(place{src.name, fault.Line, fault.Column}, []byte("ERR "+fault.Message))
			r.ended = fault.Fatal
		case err != nil:
			return err
		default:
			r.lintCommand(place{src.name, cmd.Line, cmd.Column}, cmd, check)
		}
	}
	return nil
}

func (r *run) lintCommand(p place, cmd *wire.Command, check func(args [][]byte) *wire.Reply) {
	r.counts.commands++
	if reply := check(cmd.Args); reply != nil {
		r.fault(p, reply.Str)
		return
	}
	spec := command.Find(cmd.Args)
	if oneShot := p.file == ""; spec.Has(command.NoBatch) && !(oneShot && spec.Has(command.Stream)) {
		r.fault(p, spec.NotInBatch().Str)
		return
	}
	r.writes = r.writes || spec.Has(command.Write)
	switch spec.Name {
	case "MULTI":
		r.multi = p
	case "EXEC", "DISCARD", "RESET":
		r.multi = place{}
	case "QUIT":
		r.ended = true
	}
}

// lintEnd reports a MULTI that is open at the end of all inputs.
func (r *run) lintEnd() {
	if r.multi != (place{}) {
		r.fault(r.multi, []byte("ERR the input ends inside the transaction that begins here"))
	}
	r.flushErr()
}

// fault reports a fault that was found without running anything.
func (r *run) fault(p place, message []byte) {
	r.counts.errors++
	r.note(StatusError)
	if p.file == "" {
		r.err.buf = append(r.err.buf, "nubdb: "...)
	}
	r.err.buf = p.append(r.err.buf)
	r.err.buf = append(wire.AppendOneLine(r.err.buf, message), '\n')
}
