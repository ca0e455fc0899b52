package repl

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/wire"
)

// completions are the words that the one before the cursor can become.
type completions struct {
	from  int      // where that word begins in the line
	words []string // as they are typed, in order
	end   string   // what follows the word when it is the only one: usually a blank
	more  bool     // there are others
}

// completer finds completions: of the names of commands, subcommands, options and
// groups from the command table, and of keys and files.
type completer struct {
	// keys returns some keys, not too many, none if that takes long, and whether these
	// are all.
	keys func(prefix string) (found []string, all bool)
}

// find completes the word at the end of a line.
func (c *completer) find(line []rune) completions {
	words := splitLine(line)
	last := word{from: len(line), to: len(line)}
	if n := len(words); n > 0 && (words[n-1].to == len(line) && (words[n-1].quote == 0 || words[n-1].open)) {
		last, words = words[n-1], words[:n-1]
	} else if n > 0 && words[n-1].to == len(line) {
		return completions{} // behind a closing quote
	}
	found := completions{from: last.from, end: " "}
	before := texts(words)
	switch {
	case len(before) > 0 && strings.HasPrefix(before[0], `\`):
		c.completeMeta(&found, before, last)
	case len(before) == 0 && strings.HasPrefix(last.text, `\`):
		found.words = metaNames(last.text)
	case len(before) == 0 && last.quote == 0:
		found.words = matching(commandNames(), last.text)
	case len(before) > 0:
		c.completeArgument(&found, before, last)
	}
	return found
}

// completeArgument completes an argument of a command.
func (c *completer) completeArgument(found *completions, before []string, last word) {
	if strings.EqualFold(commandName(before[0]), "HELP") {
		found.words = helpTopics(before[1:], last.text)
		return
	}
	if names := subcommandNames(before); names != nil {
		found.words = matching(names, last.text)
		return
	}
	s := analyse(before)
	if s == nil || s.lost {
		return
	}
	for i := range s.next {
		if isKey(&s.next[i]) && c.keys != nil {
			keys, all := c.keys(last.text)
			found.more = !all
			for _, key := range keys {
				found.words = append(found.words, quoteKey(key, last.quote))
			}
		}
		if last.quote == 0 {
			found.words = append(found.words, matching(tokens(&s.next[i]), last.text)...)
		}
		if !s.next[i].Optional {
			break
		}
	}
}

// helpTopics is what can be behind HELP.
func helpTopics(before []string, typed string) []string {
	if len(before) > 0 {
		return matching(subcommandNames(before), typed)
	}
	if strings.HasPrefix(typed, "@") {
		return matching(groupNames(), typed)
	}
	return matching(commandNames(), typed)
}

func groupNames() []string {
	var names []string
	for _, group := range command.Groups {
		names = append(names, "@"+string(group))
	}
	return names
}

// commandNames are the names and aliases of all commands, in order.
func commandNames() []string {
	var all []string
	for spec := range command.All {
		all = append(all, names(spec)...)
	}
	slices.Sort(all)
	return all
}

// subcommandNames are the second words of the command that is all of before; nil if
// it has none.
func subcommandNames(before []string) []string {
	spec := command.Lookup([]byte(before[0]))
	if spec == nil || len(before) > 1 {
		return nil
	}
	var all []string
	for i := range spec.Sub {
		all = append(all, subName(&spec.Sub[i]))
	}
	return all
}

// matching are the names that begin with what was typed, in the letters that it is
// typed in.
func matching(names []string, typed string) []string {
	var found []string
	lower := typed != "" && typed == strings.ToLower(typed) && typed != strings.ToUpper(typed)
	for _, name := range names {
		if len(name) < len(typed) || !strings.EqualFold(name[:len(typed)], typed) {
			continue
		}
		if lower {
			name = strings.ToLower(name)
		}
		found = append(found, name)
	}
	return found
}

// quoteKey is a key as a word of a command, in quotes if it must be or the word was
// begun with one.
func quoteKey(key string, quote rune) string {
	bare := string(wire.AppendQuoted(nil, []byte(key)))
	if quote == 0 && bare == key && string(appendVisible(nil, []byte(key))) == key {
		return bare
	}
	return string(appendString(nil, []byte(key)))
}

// maxFiles bounds how many names of a directory are looked at.
const maxFiles = 1000

// completeFile completes the name of a file.
func completeFile(found *completions, last word) {
	dir, base := filepath.Split(last.text)
	open, err := os.Open(filepath.Join(".", dir))
	if filepath.IsAbs(dir) {
		open, err = os.Open(dir)
	}
	if err != nil {
		return
	}
	defer open.Close()
	entries, _ := open.ReadDir(maxFiles)
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, base) || base == "" && strings.HasPrefix(name, ".") {
			continue
		}
		if entry.IsDir() {
			name += string(filepath.Separator)
		}
		found.words = append(found.words, quoteKey(dir+name, last.quote))
	}
	slices.Sort(found.words)
	if len(found.words) == 1 && strings.HasSuffix(found.words[0], string(filepath.Separator)) {
		found.end = ""
	}
}
