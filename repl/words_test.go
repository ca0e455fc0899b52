package repl

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nubdb/nubdb/wire"
)

func TestSuggest(t *testing.T) {
	for typed, want := range map[string]string{
		"GTE":                 "GET",
		"ge":                  "GET",
		"SETT":                "SET",
		"exprie":              "EXPIRE",
		"DELETTE":             "DELETE",
		"SIZ":                 "SIZE",
		"":                    "",
		"FOOBAR":              "",
		"日本":                  "",
		"SELECT * FROM table": "",
	} {
		if got := suggest([]byte(typed)); got != want {
			t.Errorf("%q: suggested %q, want %q", typed, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"GET", "GET", 0},
		{"GET", "GETS", 1}, {"GET", "ET", 1}, {"GET", "SET", 1}, {"GTE", "GET", 1},
		{"kitten", "sitting", 3}, {"ab", "ba", 1}, {"abcd", "badc", 2},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestPrompts(t *testing.T) {
	for path, want := range map[string]prompts{
		"nubdb.db":                  {"nubdb> ", "nubdb(tx)> "},
		"/srv/nubdb.db":             {"nubdb> ", "nubdb(tx)> "},
		"data/cache.db/":            {"nubdb cache.db> ", "nubdb cache.db(tx)> "},
		":memory:":                  {"nubdb :memory:> ", "nubdb :memory:(tx)> "},
		"a\x1b[2Jb":                 {`nubdb a\x1b[2Jb> `, `nubdb a\x1b[2Jb(tx)> `},
		"quite-a-long-name-of-a.db": {"nubdb quite-a-long-name-..> ", "nubdb quite-a-long-name-..(tx)> "},
		"twenty-characters.db":      {"nubdb twenty-characters.db> ", "nubdb twenty-characters.db(tx)> "},
		"日本日本日本日本日本日本":              {"nubdb 日本日本日本日本日..> ", "nubdb 日本日本日本日本日..(tx)> "},
	} {
		if got := newPrompts(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
		if width := textWidth(newPrompts(path).multi); width >= minColumns {
			t.Errorf("%q: a prompt of %d columns", path, width)
		}
	}
	if got, want := heredoc("EOF"), "<<EOF> "; got != want {
		t.Errorf("heredoc: %q, want %q", got, want)
	}
}

func TestDisplayPath(t *testing.T) {
	for path, want := range map[string]string{
		"nubdb.db": "./nubdb.db", "a/b": "./a/b", "/a/b": "/a/b", "./a": "./a", "../a": "../a", ".": ".",
	} {
		if got := displayPath(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

// A line that is a command has the same words while it is typed.
func TestSplitLineAgreesWithTheReader(t *testing.T) {
	pieces := []string{"SET", " ", " ", "\t", "k", `"`, `"`, `'`, `\`, `\n`, `\x41`, `\xZ`, `\"`, `\'`, "日", "é", "it's", "<<E", "{}", "a"}
	rapid.Check(t, func(t *rapid.T) {
		line := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 15).Draw(t, "line"), "")
		cmd, err := wire.NewReader(strings.NewReader(line+"\n"), 0).Next()
		if err != nil {
			return
		}
		words := splitLine([]rune(line))
		if len(words) != len(cmd.Args) {
			t.Fatalf("%q: %d words, want %d", line, len(words), len(cmd.Args))
		}
		for i, w := range words {
			if w.text != string(cmd.Args[i]) || w.open {
				t.Fatalf("%q: word %d is %q (open: %v), want %q", line, i, w.text, w.open, cmd.Args[i])
			}
		}
	})
}

func TestSplitUnfinishedLine(t *testing.T) {
	for _, test := range []struct {
		line, want string
		open       bool
	}{
		{`SET "a b`, "SET|a b", true},
		{`SET 'a "b`, `SET|a "b`, true},
		{`SET "a\`, `SET|a\`, true},
		{`SET "a\x4`, "SET|ax4", true},
		{`SET "a"b c`, "SET|a|b|c", false},
		{"", "", false},
	} {
		words := splitLine([]rune(test.line))
		if got := strings.Join(texts(words), "|"); got != test.want || len(words) > 0 && words[len(words)-1].open != test.open {
			t.Errorf("%q: %q, want %q", test.line, got, test.want)
		}
	}
}
