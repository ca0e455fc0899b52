package repl

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/wire"
)

const (
	maxEntries = 1000     // lines that are kept
	maxLine    = 16 << 10 // bytes of a line that is kept
)

// history is the lines that were entered, oldest first, each once. They are kept
// in a file that only its owner can read, a line each. Shells that run at the same
// time add to the same file.
//
// The shell works as well without the file: that it cannot be read or written is
// not worth a message at every command.
type history struct {
	path    string // "" keeps nothing
	entries []string
}

// historyPath is where the XDG Base Directory Specification puts it, "" if there
// is no home directory.
func historyPath() string {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // the specification: others are to be ignored
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "nubdb", "history")
}

func openHistory(path string) *history {
	h := &history{path: path}
	h.entries = h.read()
	return h
}

// add keeps a line, unless it is blank or very long, and forgets an equal one.
func (h *history) add(line string) {
	line = strings.TrimSpace(line)
	if line == "" || len(line) > maxLine || strings.ContainsAny(line, "\r\n") {
		return
	}
	h.entries = appendOnce(h.entries, line)
	if h.path != "" {
		h.write(appendOnce(h.read(), line)) // what other shells have added stays
	}
}

// appendOnce moves a line to the end of the lines, or adds it.
func appendOnce(lines []string, line string) []string {
	lines = slices.DeleteFunc(lines, func(other string) bool { return other == line })
	lines = append(lines, line)
	return lines[max(0, len(lines)-maxEntries):]
}

func (h *history) read() []string {
	if h.path == "" {
		return nil
	}
	data, err := os.ReadFile(h.path)
	if err != nil {
		return nil
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// write replaces the file in one step, so that nobody ever reads half of it. A
// path that is no regular file, such as a link to /dev/null, is left alone.
func (h *history) write(lines []string) {
	if info, err := os.Lstat(h.path); err == nil && !info.Mode().IsRegular() ||
		err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
	dir := filepath.Dir(h.path)
	if os.MkdirAll(dir, 0o700) != nil {
		return
	}
	file, err := os.CreateTemp(dir, "history-*") // with mode 0600
	if err != nil {
		return
	}
	_, err = file.WriteString(strings.Join(lines, "\n") + "\n")
	if e := file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(file.Name(), h.path)
	}
	if err != nil {
		os.Remove(file.Name())
	}
}

// addCommand keeps a command that was entered as these lines, unless it holds a
// secret. One of several lines becomes one with the same words.
func (h *history) addCommand(lines []string, args [][]byte) {
	if command.Visible(args) < len(args) {
		return
	}
	if len(lines) == 1 && !strings.Contains(lines[0], "\n") {
		h.add(lines[0])
		return
	}
	var line []byte
	for i, arg := range args {
		if i > 0 {
			line = append(line, ' ')
		}
		if line = wire.AppendQuoted(line, arg); len(line) > maxLine {
			return
		}
	}
	h.add(string(line))
}

// addFaulty keeps a line that is no command of the database, or none yet.
func (h *history) addFaulty(line string) {
	if !mentionsSecret([]byte(line)) {
		h.add(line)
	}
}

// mentionsSecret tells whether a text has the name of a secret in it: AUTH,
// requirepass, masterauth, tls-key-file-pass.
func mentionsSecret(text []byte) bool {
	lower := bytes.ToLower(text)
	return bytes.Contains(lower, []byte("auth")) || bytes.Contains(lower, []byte("pass"))
}
