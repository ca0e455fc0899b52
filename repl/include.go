package repl

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/wire"
)

// A group is the commands of a file that are made durable and shown together.
const (
	groupCommands = 1024
	groupOutput   = 64 << 10 // bytes
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
			if more, err := s.runGroup(path, reader, cmd); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// runGroup runs a command of a file, and those that have been read with it, and shows their
// replies. It returns false if the database cannot be used; an error is one of showing replies.
func (s *shell) runGroup(path string, reader *wire.Reader, cmd *wire.Command) (more bool, err error) {
	var shown []byte
	first, last := cmd.Line, 0
	next := func(n int) *wire.Command {
		if n > 0 {
			if n >= groupCommands || len(shown) >= groupOutput || s.cut.Load() || !belongs(reader) {
				return nil
			}
			cmd, _ = reader.Next()
		}
		last = cmd.Line
		return cmd
	}
	err = s.db.group(next, func(c *wire.Command, reply *wire.Reply) {
		if reply.IsError() {
			shown = s.noteAmong(shown, fmt.Sprintf("%s:%d:", path, c.Line))
		}
		s.render(reply)
		shown = append(shown, s.out...)
	})
	if err != nil { // the replies are void
		s.note(fmt.Sprintf("%s:%d-%d: %v", path, first, last, err))
		return false, nil
	}
	return true, s.write(shown)
}

// belongs tells whether there is a command that has been read already, and does not take its
// time: the replies before such a one are not kept waiting.
func belongs(reader *wire.Reader) bool {
	if reader.Ahead() == 0 || reader.Peek(0) == nil {
		return false
	}
	spec := command.Find(reader.Peek(0).Args)
	return spec == nil || !spec.Has(command.OutsideTx)
}
