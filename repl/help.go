package repl

import (
	"strings"

	"github.com/nubdb/nubdb/command"
)

// tip is the one line that a shell begins with.
const tip = "TAB completes, HELP explains, Ctrl-D leaves"

// primer is what HELP alone says first.
var primer = [...]struct{ what, why string }{
	{`SET name "Alice" EX 60`, "set a key to a value, here for 60 seconds"},
	{"GET name", "return the value"},
	{"KEYS *", "list all keys; KEYS user:* those that begin with user:"},
	{"DEL name", "delete a key"},
	{"HELP SET", "all about a command; HELP @keys: a group of them"},
	{`\?`, "commands of the shell itself: files, formats, timing"},
	{"EXIT or Ctrl-D", "leave"},
}

// overview is HELP alone: what one needs first, and the names of all commands.
func overview(columns int) string {
	var b strings.Builder
	for i := range primer {
		appendPair(&b, primer[i].what, primer[i].why, 25, columns)
	}
	b.WriteByte('\n')
	for _, group := range command.Groups {
		var all []string
		for spec := range command.All {
			if spec.Group == group {
				all = append(all, names(spec)...)
			}
		}
		if len(all) > 0 {
			appendPair(&b, "@"+string(group), strings.Join(all, " "), 15, columns)
		}
	}
	return b.String()
}
