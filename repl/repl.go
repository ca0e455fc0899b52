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
// out, editor puts chzyer/readline between them. What a line means while it is typed is
// in words and syntax, what is made of that in hint, highlight, completion and menu. The
// shell in this file asks for lines, has them parsed, and has output show what the
// database answers. Commands of its own begin in meta.
package repl

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
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
	DB      string                                 // directory of the database, or ":memory:"
	Engine  engine.Options                         // Log is set by Run
	Connect func(command.PeerOptions) command.Peer // as in batch.Config
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
	s.closeFile()
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
	pasted  []string     // lines that were entered together and come next
	rest    string       // of the line under way: what reader has not taken
	out     []byte       // the reply that is being shown

	settings
	quiet    bool     // replies come one after the other without being asked for: no pager
	left     bool     // \q
	told     bool     // the semicolon has been explained
	last     []byte   // the reply before, for \|
	lastArgs [][]byte // the command before, for \watch

	signals chan os.Signal
	ready   atomic.Bool  // the database is open: there can be something to lose
	cut     atomic.Bool  // Ctrl-C since the line was entered: no more of the reply is shown
	status  atomic.Int32 // why the shell must end, as an exit status; 0 while it may go on

	interrupted chan struct{} // holds a token after Ctrl-C
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

		interrupted: make(chan struct{}, 1),

		settings: settings{format: formats[0], confirm: true, paging: true, colour: &palette{}},
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
	s.display = os.Stderr
	if isatty.IsTerminal(os.Stdout.Fd()) {
		s.display, s.colour = os.Stdout, choosePalette()
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
	e, err := newEditor(s.keys, s.term, s.display, s.history, s.suspend)
	if err != nil {
		return err
	}
	e.completer.keys = s.db.keys
	s.lines = e
	return nil
}

// welcome says how to go on, and what a person would want to know who mistyped the path.
func (s *shell) welcome() {
	if isatty.IsTerminal(s.display.Fd()) {
		s.note(tip)
	}
	if s.cfg.DB != engine.Memory && !s.db.exists() {
		fmt.Fprintf(s.display, "new database %s\n", appendVisible(nil, []byte(displayPath(s.cfg.DB))))
	}
}

// loop runs commands until the end of the input, QUIT or stop. An error means that
// replies cannot be shown.
func (s *shell) loop() error {
	s.reader = wire.NewReader(s, wire.ShellGrammar)
	for !s.ending() {
		cmd, err := s.reader.Next()
		fault := (*wire.SyntaxError)(nil)
		switch {
		case err == nil:
			s.history.addCommand(s.typed, cmd.Args)
			err = s.execute(cmd.Args)
		case errors.As(err, &fault):
			s.history.addFaulty(s.typed[0])
			reply := wire.Error(fmt.Sprintf("ERR column %d: %s", fault.Column, fault.Message))
			err = s.show(&reply)
		case err == errMeta:
			line := s.typed[0]
			s.history.addFaulty(line)
			s.reader = wire.NewReader(s, wire.ShellGrammar)
			err = s.meta(line)
		case err == errInterrupted: // the lines so far are no command any more
			s.reader = wire.NewReader(s, wire.ShellGrammar)
			continue
		case err == errEnd:
			return nil
		}
		if err != nil {
			return err
		}
		if s.cut.Load() {
			s.pasted = nil // Ctrl-C was for all that was entered together
		}
	}
	return nil
}

// ending tells whether there is to be no further command.
func (s *shell) ending() bool { return s.left || s.db.quit() || s.status.Load() != 0 }

// errEnd is the end of the input to the reader of commands: to it io.EOF in the
// midst of a command would be a fault.
var errEnd = errors.New("end of input")

// errMeta says to the reader's caller that the line is a command of the shell itself.
var errMeta = errors.New("a command of the shell")

// Read asks for a line. It is what the reader of commands reads from, which asks
// for more only in the midst of a command. Lines that were pasted together and entered
// as one are handed on one by one.
func (s *shell) Read(p []byte) (int, error) {
	if s.rest == "" {
		tag := s.reader.Heredoc()
		if tag == "" {
			s.typed = s.typed[:0]
		}
		line, err := s.nextLine(tag)
		if err != nil {
			return 0, err
		}
		s.typed = append(s.typed, line)
		if tag == "" && isMeta(line) {
			return 0, errMeta
		}
		s.rest = line + "\n"
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// nextLine is a line that was pasted, or asks for one.
func (s *shell) nextLine(tag string) (string, error) {
	if len(s.pasted) == 0 {
		entered, err := s.ask(s.prompt(tag), tag == "")
		if err != nil {
			return "", err
		}
		s.pasted = strings.Split(entered, "\n")
	}
	line := s.pasted[0]
	s.pasted = s.pasted[1:]
	return line, nil
}

// ask reads a line, which may be a command: errInterrupted and errEnd are the other
// results.
func (s *shell) ask(prompt string, command bool) (string, error) {
	s.cut.Store(false)
	s.db.clearInterrupt()
	s.clearInterrupted()
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

// execute runs a command and shows its reply, and what may help to understand it.
func (s *shell) execute(args [][]byte) error {
	args[0] = []byte(commandName(string(args[0])))
	if len(args) == 1 && strings.EqualFold(string(args[0]), "HELP") {
		width, _ := windowSize(s.display)
		return s.showText(overview(width))
	}
	if !s.confirmed(args) {
		return nil
	}
	if spec := command.Find(args); spec != nil && spec.Has(command.Stream) {
		return s.follow(args)
	}
	s.lastArgs = cloneArgs(args, maxKept)
	start := time.Now()
	reply := s.db.do(args)
	took := time.Since(start)
	if s.cut.Load() {
		s.keys.discard() // as the terminal does with what it still holds
	}
	if s.db.quit() {
		return nil
	}
	if err := s.show(&reply); err != nil {
		return err
	}
	s.showTime(took)
	s.advise(args, &reply)
	return nil
}

// advise tells after a reply what it does not say itself.
func (s *shell) advise(args [][]byte, reply *wire.Reply) {
	if text := advise(args, reply); text != "" {
		s.note(text)
		return
	}
	if !s.told && len(s.typed) == 1 && endsInSemicolon(s.typed[0], args) {
		s.told = true
		s.note(semicolon)
	}
}

// say tells something that is no reply.
func say(text string) {
	os.Stderr.Write(append(appendVisible([]byte("nubdb: "), []byte(text)), '\n'))
}
