package repl

import (
	"path/filepath"
	"strings"
)

// defaultDB is the database that needs no mention in the prompt.
const defaultDB = "nubdb.db"

// maxName is how many columns of the prompt the database may take. readline
// needs a prompt that is narrower than the window.
const maxName = 20

// prompts are what the shell shows when it waits for a line.
type prompts struct {
	command string // for a command
	multi   string // for a command between MULTI and EXEC
}

// newPrompts makes the prompts for the database in the directory path:
//
//	nubdb>                  nubdb.db, wherever it is
//	nubdb cache.db>         another one
//	nubdb cache.db(tx)>     the same between MULTI and EXEC
func newPrompts(path string) prompts {
	name := "nubdb"
	if base := filepath.Base(path); base != defaultDB {
		name += " " + shorten(string(appendVisible(nil, []byte(base))), maxName)
	}
	return prompts{command: name + "> ", multi: name + "(tx)> "}
}

// heredoc is the prompt for the lines of a heredoc, which go on up to its tag.
func heredoc(tag string) string {
	return "<<" + shorten(string(appendVisible(nil, []byte(tag))), maxName) + "> "
}

// shorten cuts text to so many columns.
func shorten(text string, columns int) string {
	const more = ".."
	width := 0
	for i, r := range text {
		width += runeWidth(r)
		if width > columns-len(more) && textWidth(text[i:]) > len(more) {
			return text[:i] + more
		}
	}
	return text
}

// displayPath is a path as messages show it: one that is relative begins with a
// dot, so that it is seen to be one.
func displayPath(path string) string {
	if filepath.IsAbs(path) || strings.HasPrefix(path, ".") {
		return path
	}
	return "." + string(filepath.Separator) + path
}
