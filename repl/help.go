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

// appendPair writes a line of two columns, the second of which begins at a column and
// goes on below itself, or on rows of its own where the window is too narrow for both.
func appendPair(b *strings.Builder, left, right string, at, columns int) {
	b.WriteString(left)
	column := len(left)
	if columns < at+20 {
		at = min(4, columns/4)
		column = columns
	}
	for word := range strings.FieldsSeq(right) {
		if column > at && column+1+len(word) >= columns {
			b.WriteString("\n" + strings.Repeat(" ", at) + word)
			column = at + len(word)
			continue
		}
		pad := max(1, at-column)
		b.WriteString(strings.Repeat(" ", pad) + word)
		column += pad + len(word)
	}
	b.WriteByte('\n')
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
