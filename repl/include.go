package repl

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/nubdb/nubdb/wire"
)

// include is \i: it runs the commands in a file, all that a batch understands, in this
// session. It goes on after errors, which are shown with the line that they come from, and
// asks nothing. Ctrl-C ends it after the command under way.
func (s *shell) include(path string) error {
	if path == "" {
		s.note(`usage: \i FILE`)
		return nil
	}
	path = unquotePath(path)
	file, err := os.Open(path)
	if err != nil {
		s.note(err.Error())
		return nil
	}
	defer file.Close()
	s.quiet = true // no pager between the commands
	defer func() { s.quiet = false }()
	reader := wire.NewReader(file, wire.BatchGrammar)
	for !s.ending() && !s.cut.Load() {
		cmd, err := reader.Next()
		fault := (*wire.SyntaxError)(nil)
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &fault):
			s.note(fmt.Sprintf("%s:%d:%d: %s", path, fault.Line, fault.Column, fault.Message))
		case err != nil:
			s.note(err.Error())
			return nil
		default:
			if err := s.runFrom(path, cmd); err != nil {
				return err
			}
		}
	}
	return nil
}

// runFrom runs a command of a file.
func (s *shell) runFrom(path string, cmd *wire.Command) error {
	reply := s.db.do(cmd.Args)
	if s.db.quit() {
		return nil
	}
	if reply.IsError() {
		s.note(fmt.Sprintf("%s:%d:", path, cmd.Line))
	}
	return s.show(&reply)
}
