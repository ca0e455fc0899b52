package repl

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// errNoProgram says that sh could not find or run a program.
var errNoProgram = errors.New("no such program")

// The exit statuses of sh for a program that it cannot find or run.
const (
	shellNotRun   = 126
	shellNotFound = 127
)

// runProgram runs a program with sh, on the terminal as the shell found it. It has the
// terminal's keys and signals for itself, and the database is free for it unless the
// session is in MULTI or watches keys. stdin is the terminal if it is nil.
func (s *shell) runProgram(line string, stdin io.Reader) error {
	s.db.yield()
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, os.Stdout, os.Stderr
	if stdin == nil {
		cmd.Stdin = os.Stdin
	}
	if os.Getenv("LESS") == "" {
		cmd.Env = append(os.Environ(), lessOptions)
	}
	s.clearInterrupted()
	s.term.lend()
	err := cmd.Run()
	if wasInterrupted(cmd.ProcessState) { // the signal was sent to the shell, too
		select {
		case <-s.interrupted:
		case <-time.After(stopTime):
		}
	}
	s.term.takeBack()
	s.cut.Store(false) // Ctrl-C was for the program
	s.freshRow()
	exit := (*exec.ExitError)(nil)
	switch {
	case errors.As(err, &exit) && (exit.ExitCode() == shellNotFound || exit.ExitCode() == shellNotRun):
		return errNoProgram
	case errors.As(err, &exit), err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist): // no sh
		return errNoProgram
	}
	return nil // the program did not read all: its own business
}

// wasInterrupted tells whether a program of sh was ended by Ctrl-C.
func wasInterrupted(state *os.ProcessState) bool {
	if state == nil {
		return false
	}
	status, _ := state.Sys().(syscall.WaitStatus)
	return status.Signaled() && status.Signal() == syscall.SIGINT || status.ExitStatus() == 128+int(syscall.SIGINT)
}

// freshRow makes the cursor go to a row of its own if the last program has left it behind
// some text: so many blanks stay on an empty row and go on to the next from any other.
func (s *shell) freshRow() {
	if _, plain := s.lines.(*plainReader); !plain {
		columns, _ := windowSize(s.display)
		s.display.WriteString(strings.Repeat(" ", max(0, columns-1)) + "\r")
	}
}

// pipe is \|: it hands the last reply to a program.
func (s *shell) pipe(program string) {
	switch {
	case program == "":
		s.note(`usage: \| PROGRAM, as in \| jq .`)
	case s.last == nil:
		s.note("there is no reply yet, or it was too long to be kept")
	default:
		s.runProgram(program, bytes.NewReader(s.last))
	}
}

// escape is \!: it runs a program, or sh.
func (s *shell) escape(program string) {
	if program == "" {
		program = "exec ${SHELL:-sh}"
	}
	s.runProgram(program, nil)
}
