package repl

import (
	"fmt"
	"strings"

	"github.com/nubdb/nubdb/command"
)

// confirmed asks before a command that destroys every key, unless it cannot run,
// there is none, or \confirm is off. What was typed before the question is no answer.
func (s *shell) confirmed(args [][]byte) bool {
	spec := command.Find(args)
	if !s.confirm || spec == nil || !spec.Has(command.Confirm) || command.Check(args) != nil {
		return true
	}
	keys, err := s.db.size()
	if err != nil || keys == 0 { // the command itself will say what is wrong
		return true
	}
	s.keys.discard()
	answer, err := s.ask(fmt.Sprintf("delete %s? [y/N] ", plural(keys, "key")), false)
	if err != nil {
		return false
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	if strings.EqualFold(string(args[0]), "CLEAR") && answer != "" {
		s.note("nothing was deleted; Ctrl-L clears the screen")
	}
	return false
}

// plural is a number of things: "1 key", "2 keys".
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
