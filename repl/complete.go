package repl

import (
	"slices"
	"strings"

	"github.com/nubdb/nubdb/command"
)

// completer completes the names of commands, at the beginning of a line and
// behind HELP. It is the place for options and keys, too.
type completer struct {
	off  bool        // TAB is a TAB: the line is no command
	room func() bool // whether there is room on the screen for a list of names
}

// Do returns what can follow the cursor, and how much of that is there already,
// as readline.AutoCompleter has it.
func (c *completer) Do(line []rune, cursor int) (rest [][]rune, shared int) {
	if c.off {
		return [][]rune{{'\t'}}, 0
	}
	words := strings.Fields(string(line[:cursor]))
	if len(words) == 0 || len(words) > 2 || strings.HasSuffix(string(line[:cursor]), " ") {
		return nil, 0
	}
	if len(words) == 2 && !strings.EqualFold(words[0], "HELP") {
		return nil, 0
	}
	word := words[len(words)-1]
	found := completions(word)
	if len(found) > 1 && !c.room() {
		return nil, 0
	}
	for _, name := range found {
		rest = append(rest, []rune(name[len(word):]+" "))
	}
	return rest, len([]rune(word))
}

// completions are the names that begin with a word, in the letters that it is typed in.
func completions(word string) []string {
	upper := strings.ToUpper(word)
	var found []string
	for spec := range command.All {
		for _, name := range names(spec) {
			if !strings.HasPrefix(name, upper) {
				continue
			}
			if word != upper {
				name = strings.ToLower(name)
			}
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}
