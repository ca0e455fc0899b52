package batch

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// A group is what is executed in one transaction and acknowledged together. Its
// bounds keep other processes, and those who read the output, from waiting long.
const (
	groupCommands = 1024
	groupInput    = 64 << 10 // bytes
	groupOutput   = 64 << 10 // bytes
)

// maxDiagnostics bounds the lines on stderr about commands that failed; the rest
// is counted.
const maxDiagnostics = 100

// run is a run of all inputs in one session.
type run struct {
	Config
	stop     *stopper
	out      output
	err      output
	route    routing
	progress progress
	sources  []*source
	current  *source
	passed   int64 // bytes of the sources before current
	begun    []turn
	issued   int // commands
	answered int // those that have a reply

	db     *command.Database
	ended  bool      // QUIT, or an error that ends the run
	broken bool      // a write or sync has failed: nothing more is acknowledged
	began  time.Time // the run

	mode      bool // something else than commands is run: passed is how much of it is done
	status    int
	counts    counts
	diagnosed int        // lines about commands that failed, also those beyond maxDiagnostics
	last      wire.Reply // Kind and Int of the last reply, Int being the length of an array
	at        place      // of the last command
	synced    place      // of the last command that is on stable storage
	multi     place      // of the MULTI that a lint has found open
	writes    bool       // a lint has found a command that may write
}

// counts are what --summary tells.
type counts struct {
	commands, errors, nils int64
}

// newRun opens the inputs. It returns a run also with an error, which is then to
// be finished.
func newRun(cfg Config) (*run, error) {
	r := &run{Config: cfg, began: time.Now()}
	r.stop = newStopper(cfg.Timeout, r.sayStopped)
	r.out.w = newDescriptor(cfg.Stdout, r.stop)
	r.err.w = newDescriptor(cfg.Stderr, r.stop)
	same, terminal := sameOutput(cfg.Stdout, cfg.Stderr)
	r.route = route(cfg.Errors, cfg.Format, cfg.Quiet, same, terminal)
	r.Engine.Log = func(line string) { r.say("%s", line) }
	r.openDatabase()
	return r, r.openInputs()
}

// openInputs opens all inputs before anything runs, so that one that is missing
// is found while nothing has been done.
func (r *run) openInputs() error {
	total := int64(0)
	for _, in := range r.Inputs {
		src, err := in.open(in.name, r.Stdin, r.stop)
		if err != nil {
			return err
		}
		r.sources = append(r.sources, src)
		if d, ok := src.bytes.(*descriptor); ok {
			d.before, d.due, d.idle = r.acknowledge, r.due, r.idle
		}
		if src.size < 0 || total < 0 {
			total = -1
		} else {
			total += src.size
		}
	}
	r.progress = newProgress(r.err.w, r.Progress, r.Stdout, r.Stderr, total, r.began)
	return nil
}

func (r *run) close() {
	for _, src := range r.sources {
		src.close()
	}
	r.stop.close()
}

// plain runs the inputs one after the other.
func (r *run) plain() error {
	for _, src := range r.sources {
		r.begin(src)
		if err := r.play(src); err != nil {
			return err
		}
	}
	return nil
}

// begin makes src the source that messages and progress are about.
func (r *run) begin(src *source) {
	if r.current != nil {
		r.passed += r.current.Offset()
	}
	r.current = src
	r.begun = append(r.begun, turn{src.name, r.issued})
}

// turn is the part of a run that is one input, from a number of commands on.
type turn struct {
	name string
	from int
}

// answering is the name of the input of which a command is answered next. That may not be
// the current one: a server answers an atomic run at its end.
func (r *run) answering() string {
	for len(r.begun) > 1 && r.begun[1].from <= r.answered {
		r.begun = r.begun[1:]
	}
	return r.begun[0].name
}

// play runs the commands of one input to its end.
func (r *run) play(src *source) error {
	for !r.ended {
		if err := r.housekeep(); err != nil {
			return err
		}
		if err := r.group(src); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// group runs the commands that wait in the input's buffer, up to the bounds of a
// group. If none waits it reads first, which may take for ever.
func (r *run) group(src *source) (err error) {
	defer func() {
		if fault := engine.Fault(recover()); fault != nil {
			r.db.Abandon()
			err = r.lost(fault)
		}
	}()
	from := src.Offset()
	ahead := 0 // commands that have been announced to the session
	for n := 1; !r.ended; n++ {
		cmd, err := src.Next()
		if n == 1 && r.issued > 0 {
			r.stop.listen() // a long run
		}
		if err == nil {
			err = r.execute(src, cmd)
		} else {
			err = r.syntaxError(src, err)
		}
		if err != nil {
			return err
		}
		full := n >= groupCommands || len(r.out.buf) >= groupOutput || src.Offset()-from >= groupInput
		if full || !src.Ready() || r.stop.stopped() != 0 {
			break
		}
		if ahead--; ahead <= 0 {
			ahead = src.Ahead()
			r.db.Prefetch(ahead, src.Peek)
		}
	}
	if len(r.out.buf) >= groupOutput {
		return r.acknowledge()
	}
	if err := r.db.End(); err != nil {
		return r.unusable(err)
	}
	return nil
}

// execute runs one command. What runs outside of transactions may take its time, so the
// replies before it are not kept waiting.
func (r *run) execute(src *source, cmd *wire.Command) error {
	spec := r.db.Find(cmd.Args)
	if spec != nil && spec.Flags&(command.OutsideTx|command.Long) != 0 {
		r.stop.listen()
	}
	if spec != nil && spec.Has(command.OutsideTx) {
		if err := r.acknowledge(); err != nil {
			return err
		}
	}
	r.issued++
	if spec != nil && spec.Has(command.Stream) && cmd.Line == 0 {
		return r.stream(cmd)
	}
	if err := r.db.Do(spec, cmd); err != nil {
		return r.unusable(err)
	}
	r.ended = r.ended || r.db.Quit()
	return nil
}

// replied renders the reply of a command, and counts it.
func (r *run) replied(cmd *wire.Command, reply *wire.Reply) {
	r.at = place{file: r.answering(), line: cmd.Line}
	r.answered++
	if r.db.Quit() {
		return
	}
	r.counts.commands++
	r.last.Kind, r.last.Int = reply.Kind, reply.Int
	r.render(cmd, reply)
	switch reply.Kind {
	case wire.KindError:
		r.failed(r.at, reply.Str, cmd.Args)
	case wire.KindNil, wire.KindNilArray:
		r.counts.nils++
	case wire.KindArray, wire.KindMap, wire.KindSet:
		r.last.Int = int64(len(reply.Elems))
		for i := range reply.Elems { // EXEC answers the errors of its commands
			if e := &reply.Elems[i]; e.IsError() {
				r.failed(r.at, e.Str, cmd.Args)
			}
		}
	}
}

// syntaxError shows a place of the input that is not a command; any other error
// is returned. A broken RESP request leaves no way to tell where the next one begins.
func (r *run) syntaxError(src *source, err error) error {
	var fault *wire.SyntaxError
	if !errors.As(err, &fault) {
		return err
	}
	if err := r.db.End(); err != nil { // replies come in order
		return r.unusable(err)
	}
	r.at = place{file: src.name, line: fault.Line}
	r.counts.commands++
	reply := wire.Error(fmt.Sprintf("ERR line %d, column %d: %s", fault.Line, fault.Column, fault.Message))
	r.last = wire.Reply{Kind: wire.KindError}
	r.render(nil, &reply)
	r.failed(place{src.name, fault.Line, fault.Column}, []byte("ERR "+fault.Message), nil)
	if fault.Fatal {
		r.ended = true
		r.note(StatusStopped)
	}
	return nil
}

// failed counts a command that failed, says so where the user wants it, and ends
// the run if one error is enough for that.
func (r *run) failed(p place, message []byte, args [][]byte) {
	r.counts.errors++
	r.note(statusOfReply(message))
	if r.StopOnError || r.Atomic {
		r.ended = true
		r.note(StatusStopped)
	}
	if !r.route.diagnostic {
		return
	}
	if r.diagnosed++; r.diagnosed > maxDiagnostics {
		return
	}
	o := &r.err
	if r.route.together {
		o = &r.out
	}
	o.buf = appendDiagnostic(o.buf, p, message, args)
}

// acknowledge makes the effects of the commands as safe as the policy wants,
// then writes their replies. The run goes on: what was acknowledged has to be synced.
func (r *run) acknowledge() error {
	r.stop.listen()
	if err := r.db.Acknowledge(); err != nil {
		return r.unusable(err)
	}
	return r.answer()
}

// conclude is acknowledge at the end of the run, when the replies are as safe as they have to
// be then: nothing is left to be done for them, whatever happens.
func (r *run) conclude() error {
	if err := r.db.Conclude(); err != nil {
		return r.unusable(err)
	}
	return r.answer()
}

// answer writes the replies.
func (r *run) answer() error {
	err := r.out.flush()
	r.flushErr()
	if errors.Is(err, unix.EPIPE) {
		r.stop.stop(StatusPipe)
		return errStopped
	}
	return err
}

// note makes the exit status at least as bad.
func (r *run) note(status int) { r.status = Worse(r.status, status) }

// say tells the user something about the run as a whole.
func (r *run) say(format string, args ...any) {
	r.err.buf = append(r.err.buf, "nubdb: "...)
	r.err.buf = append(wire.AppendOneLine(r.err.buf, fmt.Appendf(nil, format, args...)), '\n')
	r.flushErr()
}

// flushErr writes what stderr is to say, in the place of the progress. If that
// fails nobody is left to be told.
func (r *run) flushErr() {
	if len(r.err.buf) > 0 {
		r.progress.clear()
		r.err.flush()
	}
}
