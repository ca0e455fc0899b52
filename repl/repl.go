// Package repl is the interactive shell: a person types commands on a terminal
// and sees typed replies, as redis-cli shows them.
//
// Guarantees: with command.SyncAlways a command is on stable storage before
// its reply is shown. An error never ends the shell. However it ends (Ctrl-D, QUIT,
// a signal, a panic in the shell) the terminal is left in the mode it was found in.
// What is typed ahead is taken as if it had been typed later, except as the answer
// to a question. Passwords do not get into the history.
//
// Caveats: SIGKILL leaves the terminal as it is. Without a terminal that can move its
// cursor (TERM=dumb), lines are edited by the terminal itself and there is no
// history to go back to.
//
// Usage: fill a Config, call Run when stdin is a terminal, exit with what it returns.
//
// What is where: signals, terminal and keyboard are the way in, screen is the way
// out, editor puts chzyer/readline between them. The shell in this file asks for
// lines, has them parsed, and shows what the database answers.
package repl

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// Config is what a shell does. The zero value of a field means no more than its
// absence.
type Config struct {
	DB      string         // directory of the database, or ":memory:"
	Engine  engine.Options // Log is set by Run
	Sync    command.SyncPolicy
	Timeout time.Duration // of the whole run, 0 for none
}

// The exit statuses of a shell. That of a signal is 128 plus its number.
const (
	statusBusy    = 5   // another process kept the database for the whole wait
	statusFailed  = 6   // the database or the terminal cannot be used, or writes are not durable
	statusTimeout = 124 // Config.Timeout ran out
	statusHangup  = 128 + int(syscall.SIGHUP)
	statusPipe    = 128 + int(syscall.SIGPIPE)
)

// Run is the shell, on the terminal that stdin is. It returns the status to exit with.
func Run(cfg Config) int {
	s := newShell(cfg)
	if cfg.Timeout > 0 {
		timer := time.AfterFunc(cfg.Timeout, func() { s.stop(statusTimeout) })
		defer timer.Stop()
	}
	err := s.run()
	if e := s.db.close(); err == nil {
		err = e
	}
	switch {
	case err == nil:
		return s.ended()
	case errors.Is(err, engine.ErrBusy):
		say(err.Error())
		return statusBusy
	}
	say(err.Error())
	return statusFailed
}

// shell is a running shell.
type shell struct {
	cfg     Config
	db      *database
	prompts prompts
	term    *terminal
	keys    *keyboard
	lines   lineReader
	display *os.File // where prompts and lines are shown
	history *history
	reader  *wire.Reader // of what lines yields
	typed   []string     // the lines of the command under way
	rest    string       // of the last of them: what reader has not taken
	out     []byte       // the reply that is being shown

	signals chan os.Signal
	ready   atomic.Bool  // the database is open: there can be something to lose
	cut     atomic.Bool  // Ctrl-C since the line was entered: no more of the reply is shown
	status  atomic.Int32 // why the shell must end, as an exit status; 0 while it may go on
}

// ended returns the exit status of a shell that nothing but stop has ended early,
// and says why if nobody knows.
func (s *shell) ended() int {
	status := int(s.status.Load())
	if status == statusTimeout {
		say(fmt.Sprintf("stopped after %v (--timeout)", s.cfg.Timeout))
	}
	return status
}

func newShell(cfg Config) *shell {
	cfg.Engine.Log = say
	return &shell{
		cfg:     cfg,
		db:      newDatabase(cfg),
		prompts: newPrompts(cfg.DB),
		history: openHistory(historyPath()),
		signals: make(chan os.Signal, 4),
	}
}

// run opens the database, which may wait for another process, takes the terminal,
// runs what is typed on it, and gives it back.
func (s *shell) run() error {
	if err := s.openTerminal(); err != nil {
		return err
	}
	if err := s.db.open(); err != nil {
		return err
	}
	s.listen()
	defer s.stopListening()
	defer s.term.restore()
	if err := s.term.runMode(); err != nil {
		return err
	}
	s.keys.takeOver()
	s.welcome()
	return s.loop()
}

// openTerminal chooses how lines are read: the editor draws on stdout, or on
// stderr if only replies are to go to stdout. It comes before the database, whose
// files can take all the small descriptors, which are all that select knows.
func (s *shell) openTerminal() (err error) {
	s.display = os.Stdout
	if !isatty.IsTerminal(os.Stdout.Fd()) {
		s.display = os.Stderr
	}
	visible := isatty.IsTerminal(s.display.Fd())
	plain := !visible || os.Getenv("TERM") == "dumb"
	if s.term, err = openTerminal(os.Stdin, plain); err != nil {
		return err
	}
	if s.keys, err = newKeyboard(os.Stdin); err != nil {
		return err
	}
	if plain {
		s.lines = &plainReader{keys: s.keys, term: s.term, out: s.display, silent: !visible}
		return nil
	}
	s.lines, err = newEditor(s.keys, s.term, s.display, s.history, s.suspend)
	return err
}

// welcome says what a person would want to know who mistyped the path.
func (s *shell) welcome() {
	if s.cfg.DB != engine.Memory && !s.db.exists() {
		fmt.Fprintf(s.display, "new database %s\n", appendVisible(nil, []byte(displayPath(s.cfg.DB))))
	}
}

// loop runs commands until the end of the input, QUIT or stop. An error means that
// replies cannot be shown.
func (s *shell) loop() error {
	s.reader = wire.NewReader(s, wire.ShellGrammar)
	for !s.db.quit() && s.status.Load() == 0 {
		cmd, err := s.reader.Next()
		fault := (*wire.SyntaxError)(nil)
		switch {
		case err == nil:
			s.history.addCommand(s.typed, cmd.Args)
			err = s.execute(cmd.Args)
		case errors.As(err, &fault):
			s.history.addFaulty(s.typed[0])
			err = s.show(wire.Error(fmt.Sprintf("ERR column %d: %s", fault.Column, fault.Message)))
		case err == errInterrupted: // the lines so far are no command any more
			s.reader = wire.NewReader(s, wire.ShellGrammar)
			continue
		case err == errEnd:
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errEnd is the end of the input to the reader of commands: to it io.EOF in the
// midst of a command would be a fault.
var errEnd = errors.New("end of input")

// Read asks for a line. It is what the reader of commands reads from, which asks
// for more only in the midst of a command.
func (s *shell) Read(p []byte) (int, error) {
	if s.rest == "" {
		tag := s.reader.Heredoc()
		if tag == "" {
			s.typed = s.typed[:0]
		}
		line, err := s.ask(s.prompt(tag), tag == "")
		if err != nil {
			return 0, err
		}
		s.typed = append(s.typed, line)
		s.rest = line + "\n"
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// ask reads a line, which may be a command: errInterrupted and errEnd are the other
// results.
func (s *shell) ask(prompt string, command bool) (string, error) {
	s.cut.Store(false)
	s.db.clearInterrupt()
	line, err := s.lines.readLine(prompt, command)
	if err == errGone {
		s.stop(statusHangup) // the signal may still be on its way
	}
	if err == io.EOF || s.status.Load() != 0 { // when readline is torn from a line, it enters that
		s.lines.leave()
		return "", errEnd
	}
	return line, err
}

// prompt is that for a line of the heredoc with a tag, or for a command if that is "".
func (s *shell) prompt(tag string) string {
	switch {
	case tag != "":
		return heredoc(tag)
	case s.db.inMulti():
		return s.prompts.multi
	}
	return s.prompts.command
}

// execute runs a command and shows its reply.
func (s *shell) execute(args [][]byte) error {
	if !s.confirmed(args) {
		return nil
	}
	reply := s.db.do(args)
	if s.cut.Load() {
		s.keys.discard() // as the terminal does with what it still holds
	}
	if s.db.quit() {
		return nil
	}
	if err := s.show(reply); err != nil || command.Lookup(args[0]) != nil {
		return err
	}
	return s.hint(args[0])
}

// hint says which command was meant instead of one that does not exist.
func (s *shell) hint(name []byte) error {
	if meant := suggest(name); meant != "" {
		return s.write([]byte("did you mean " + meant + "?\n"))
	}
	return nil
}

// maxKept is how much memory in bytes is kept for the next reply.
const maxKept = 1 << 20

func (s *shell) show(reply wire.Reply) error {
	s.out = appendReply(s.out[:0], &reply)
	err := s.write(s.out)
	if cap(s.out) > maxKept {
		s.out = nil
	}
	return err
}

// piece is how much is written between two looks for Ctrl-C.
const piece = 16 << 10

// write writes to stdout until Ctrl-C. When nobody reads it the shell ends.
func (s *shell) write(b []byte) error {
	for len(b) > 0 {
		if s.cut.Load() && len(b) > piece {
			b = []byte("\n")
		}
		n, err := os.Stdout.Write(b[:min(len(b), piece)])
		switch {
		case errors.Is(err, syscall.EPIPE):
			s.stop(statusPipe)
			return nil
		case errors.Is(err, syscall.EIO): // of a terminal
			s.stop(statusHangup)
			return nil
		case err != nil:
			return err
		}
		b = b[n:]
	}
	return nil
}

// say tells something that is no reply.
func say(text string) {
	os.Stderr.Write(append(appendVisible([]byte("nubdb: "), []byte(text)), '\n'))
}
