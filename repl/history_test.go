package repl

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/wire"
)

// enter adds what is typed to a history as the shell does.
func enter(h *history, lines ...string) {
	cmd, err := wire.NewReader(strings.NewReader(strings.Join(lines, "\n")+"\n"), wire.ShellGrammar).Next()
	if err != nil {
		h.addFaulty(lines[0])
		return
	}
	h.addCommand(lines, cmd.Args)
}

func TestHistoryKeepsEachLineOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "nubdb", "history")
	h := openHistory(path)
	for _, line := range []string{"GET a", "SET a 1", "", "   ", " GET a ", "GET a", "SIZE"} {
		h.add(line)
	}
	want := []string{"SET a 1", "GET a", "SIZE"}
	if !slices.Equal(h.entries, want) {
		t.Errorf("entries %q, want %q", h.entries, want)
	}
	if again := openHistory(path); !slices.Equal(again.entries, want) {
		t.Errorf("read back %q, want %q", again.entries, want)
	}
	for path, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: mode %v, %v; want %v", path, info.Mode(), err, mode)
		}
	}
}

func TestHistoryIsPrivateAfterItWasNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(path, []byte("GET a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	openHistory(path).add("GET b")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestHistoryOfTwoShells(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	one, two := openHistory(path), openHistory(path)
	one.add("GET 1")
	two.add("GET 2")
	one.add("GET 3")
	if got, want := openHistory(path).entries, []string{"GET 1", "GET 2", "GET 3"}; !slices.Equal(got, want) {
		t.Errorf("file %q, want %q", got, want)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	var lines []string
	for i := range maxEntries {
		lines = append(lines, fmt.Sprintf("GET %d", i))
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := openHistory(path)
	h.add("SIZE")
	h.add("SET k " + strings.Repeat("x", maxLine))
	for name, got := range map[string][]string{"memory": h.entries, "file": openHistory(path).entries} {
		if len(got) != maxEntries || got[0] != "GET 1" || got[maxEntries-1] != "SIZE" {
			t.Errorf("%s: %d lines from %q to %q", name, len(got), got[0], got[len(got)-1])
		}
	}
}

// Who links the history to /dev/null wants none.
func TestHistoryLeavesLinksAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.Symlink(os.DevNull, path); err != nil {
		t.Fatal(err)
	}
	openHistory(path).add("GET a")
	if target, err := os.Readlink(path); err != nil || target != os.DevNull {
		t.Errorf("link to %q, %v; want %s", target, err, os.DevNull)
	}
}

func TestHistoryHasNoSecrets(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  string // "" is nothing
	}{
		{"a command", []string{`SET a  "1"`}, `SET a  "1"`},
		{"AUTH", []string{`AUTH secret`}, ""},
		{"in small letters", []string{`auth user secret`}, ""},
		{"quoted", []string{`"\x41UTH" secret`}, ""},
		{"as JSON", []string{`["auth","secret"]`}, ""},
		{"behind blanks", []string{`   AUTH secret`}, ""},
		{"as a heredoc", []string{`AUTH <<E`, `secret`, `E`}, ""},
		{"HELLO with AUTH", []string{`HELLO 3 AUTH user secret`}, ""},
		{"HELLO", []string{`HELLO 3`}, `HELLO 3`},
		{"CONFIG SET of a password", []string{`CONFIG SET requirepass secret`}, ""},
		{"among others", []string{`config set maxmemory 1gb masterauth secret`}, ""},
		{"CONFIG SET", []string{`CONFIG SET maxmemory 1gb`}, `CONFIG SET maxmemory 1gb`},
		{"CONFIG GET", []string{`CONFIG GET requirepass`}, `CONFIG GET requirepass`},
		{"a fault", []string{`SET a "1`}, `SET a "1`},
		{"a fault in AUTH", []string{`AUTH "secret`}, ""},
		{"a fault in CONFIG SET", []string{`CONFIG SET requirePass "secret`}, ""},
		{"a heredoc becomes a line", []string{`SET k <<E`, `one`, `"two"`, `E`}, `SET k "one\n\"two\""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := openHistory("")
			enter(h, test.lines...)
			if got := strings.Join(h.entries, "|"); got != test.want {
				t.Errorf("kept %q, want %q", got, test.want)
			}
		})
	}
}

func TestHistoryPath(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	for state, want := range map[string]string{
		"/state":   "/state/nubdb/history",
		"":         "/home/me/.local/state/nubdb/history",
		"relative": "/home/me/.local/state/nubdb/history",
	} {
		t.Setenv("XDG_STATE_HOME", state)
		if got := historyPath(); got != want {
			t.Errorf("XDG_STATE_HOME=%q: %s, want %s", state, got, want)
		}
	}
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "")
	if got := historyPath(); got != "" {
		t.Errorf("without a home: %s, want none", got)
	}
}
