package repl

import "github.com/nubdb/nubdb/wire"

// follow runs a command that goes on answering, such as SUBSCRIBE, until Ctrl-C.
func (s *shell) follow(args [][]byte) (err error) {
	s.quiet = true // no pager between the messages
	defer func() { s.quiet = false }()
	said := false
	gone := s.db.follow(args, func(message *wire.Reply) {
		if e := s.show(message); err == nil {
			err = e
		}
		if err != nil || s.status.Load() != 0 {
			s.db.interrupt()
		}
		if !said && !message.IsError() {
			said = true
			s.note("Ctrl-C ends this")
		}
	})
	if gone != nil {
		s.note(gone.Error())
	}
	return err
}
