package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/wire"
)

// fifo serves programs that can do no more than open a file. A client opens the pipe In,
// writes commands as lines, closes it, opens the pipe Out and reads the replies, one plain
// line for each command:
//
//	client       open In  write  close ............ open Out  read  end
//	server       ................ run commands, flush .. write  close
//
// What is written to In until all writers have closed it is one session, and its replies go
// out in one open of Out, which is opened and closed as well if there are none. Clients take
// turns: they lock something, such as a file beside the pipes.
//
// No client can hold up the others by dying: replies that nobody reads for 5 s are dropped.
type fifo struct {
	in  requestPipe
	out replyPipe

	made [2]os.FileInfo // the pipes that are to be removed, nil for one that was there
	most int            // bytes of replies that a session may have

	newSession func() *command.Session
	harden     func() error // makes what was committed as safe as it has to be before a reply
	log        *slog.Logger
}

const (
	// maxReplies is how many bytes of replies a session may have. They are all kept until
	// its end, since most clients begin to read when they have written everything.
	maxReplies = 256 << 20
	// lastPatience is how long a session may go on when the server is to stop.
	lastPatience = 100 * time.Millisecond
	// groupCommands bounds how long other clients of the database wait for a session.
	groupCommands = 1024
)

// startFIFO serves the named pipes of the configuration, if there are any, in a goroutine
// that stopFIFO ends. Whoever may open them may use them: no password is asked for.
func (s *Server) startFIFO() error {
	if s.cfg.In == "" {
		return nil
	}
	newSession := func() *command.Session {
		return s.instance.NewSession(command.Options{
			ReadOnly: s.cfg.Engine.ReadOnly, Local: true, Addr: s.cfg.In,
			Report: func(fault string) { s.log.Error("damage found", "fault", fault) },
		})
	}
	f, err := newFIFO(s.cfg.In, s.cfg.Out, newSession, func() error { return s.harden(false) }, s.log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer f.close()
		if err := f.serve(ctx); err != nil {
			s.fail(err)
		}
	}()
	s.stopFIFO = func() {
		cancel()
		<-done
	}
	return nil
}

// newFIFO makes the pipes that do not exist yet, for this user alone. An error says which of
// the names is something else.
func newFIFO(in, out string, newSession func() *command.Session, harden func() error, log *slog.Logger) (*fifo, error) {
	f := &fifo{
		in:         requestPipe{path: in, fd: -1, kept: -1},
		out:        replyPipe{path: out, now: time.Now},
		most:       maxReplies,
		newSession: newSession, harden: harden, log: log,
	}
	var err error
	if f.made[0], err = makePipe(in); err != nil {
		return nil, err
	}
	if f.made[1], err = makePipe(out); err == nil {
		err = differ(in, out)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// differ refuses one pipe for both directions, where the server would read its own replies.
func differ(in, out string) error {
	a, errA := os.Stat(in)
	b, errB := os.Stat(out)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return fmt.Errorf("%w: %s and %s are the same pipe", ErrUsage, in, out)
	}
	return errors.Join(errA, errB)
}

// close removes the pipes that newFIFO has made, and lets those go on who wait for one to be
// opened, which nobody would do any more: they read an end, or get EPIPE when they write.
func (f *fifo) close() {
	in, errIn := openPipe(f.in.path, unix.O_RDONLY)
	out, errOut := openPipe(f.out.path, unix.O_RDWR)
	removePipe(f.in.path, f.made[0])
	removePipe(f.out.path, f.made[1])
	if errIn == nil {
		unix.Close(in)
	}
	if errOut == nil {
		unix.Close(out)
	}
	f.in.forget()
}

// serve serves one session after the other until ctx ends, which is no error. A session that
// goes on then has lastPatience to end and to read its replies, and what was run is committed
// in any case.
func (f *fifo) serve(ctx context.Context) error {
	last, end := context.WithCancel(context.Background())
	defer end()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastPatience, end) })()
	soon, err := newAlarm(ctx)
	if err != nil {
		return err
	}
	defer soon.close()
	late, err := newAlarm(last)
	if err != nil {
		return err
	}
	defer late.close()
	f.in.soon, f.in.late, f.out.late = soon, late, late
	for {
		replies, err := f.session(ctx)
		if err == nil {
			err = f.deliver(replies)
		}
		if err == errStopped {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// session runs the commands of the next session and returns its replies.
func (f *fifo) session(ctx context.Context) ([]byte, error) {
	if err := f.in.open(); err != nil {
		return nil, err
	}
	defer f.in.close()
	s := &fifoSession{Session: f.newSession(), fifo: f, in: wire.NewReader(&f.in, wire.BatchGrammar)}
	defer s.Session.Close()
	defer context.AfterFunc(ctx, s.Interrupt)()
	for !s.Quit() {
		if err := s.group(); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
	}
	_, err := io.Copy(io.Discard, &f.in) // what follows QUIT
	return s.replies, err
}

// deliver hands the replies of a session to its client. If they cannot be delivered that is
// the client's business: the next one is served in any case.
func (f *fifo) deliver(replies []byte) error {
	err := f.out.deliver(replies)
	if err != nil && err != errStopped {
		f.log.Warn("replies were dropped", "pipe", f.out.path, "bytes", len(replies), "error", err)
		return nil
	}
	return err
}

// fifoSession is what one or several clients write to the pipe until all have closed it.
type fifoSession struct {
	*command.Session
	*fifo
	in      *wire.Reader
	replies []byte
	full    bool // there are too many of them: no more are kept
}

// group runs the commands that have arrived, after waiting for one. They are one transaction
// of the engine, committed and as safe as they have to be when it returns. io.EOF is the end
// of the session.
func (s *fifoSession) group() error {
	s.Begin()
	err := s.next()
	for n := 1; n < groupCommands && err == nil && !s.Quit() && s.in.Ready(); n++ {
		err = s.next()
	}
	if e := s.End(); e != nil {
		return e
	}
	if e := s.harden(); e != nil {
		return e
	}
	return err
}

// next runs the next command. A place of the input that is none is an error in its reply.
func (s *fifoSession) next() error {
	cmd, err := s.in.Next()
	var fault *wire.SyntaxError
	var reply wire.Reply
	switch {
	case errors.As(err, &fault):
		reply = wire.Error(fmt.Sprintf("ERR line %d, column %d: %s", fault.Line, fault.Column, fault.Message))
	case err != nil:
		return err
	default:
		if reply = s.Do(cmd.Args); s.Quit() {
			return nil
		}
	}
	s.reply(&reply)
	return nil
}

// reply adds a line to the replies.
func (s *fifoSession) reply(r *wire.Reply) {
	if s.full {
		return
	}
	size := len(s.replies)
	if s.replies = wire.AppendPlain(s.replies, r); len(s.replies) > s.most {
		s.full = true
		tooMuch := wire.Error(fmt.Sprintf("ERR more than %d bytes of replies: the rest is dropped", s.most))
		s.replies = wire.AppendPlain(s.replies[:size], &tooMuch)
	}
}
