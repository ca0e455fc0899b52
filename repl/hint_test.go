package repl

import (
	"slices"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/command"
	"pgregory.net/rapid"
)

// What is typed is taken for arguments in the way that the command does, options in any order.
func TestHint(t *testing.T) {
	const exOptions = "[EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]"
	for _, test := range []struct{ line, want string }{
		{"", ""},
		{"GE", ""},
		{"GET", " key"},
		{"get ", "key"},
		{"GET k", ""},
		{"GET k ", ""},
		{"GET k more", ""},
		{"NOSUCH ", ""},
		{"GETEX k ", exOptions},
		{"GETEX k E", "X seconds"},
		{"GETEX k ex", " seconds"},
		{"GETEX k EX ", "seconds"},
		{"GETEX k EX 60", ""},
		{"GETEX k PERSIST ", ""},
		{"GETEX k WHAT ", ""},
		{"SET k v EX 60 ", "[NX | XX | IFEQ comparison-value] [GET]"},
		{"SET k v GET EX 60 N", "X"},
		{"SET k v EX", " seconds [NX | XX | IFEQ comparison-value] [GET]"},
		{"SET k v 60 ", "[NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]"},
		{"SET k E", " [ttl] [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]"},
		{"MGET ", "key [key ...]"},
		{"MGET a ", "[key ...]"},
		{"MGET a b", " [key ...]"},
		{"MSET a 1 ", "[key value ...]"},
		{"MSET a 1 b ", "value"},
		{`SET "open `, ""},
		{`SET "a b" `, "value [ttl] [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]"},
		{`["GET" `, ""},
		{"# GET ", ""},
		{"PUBSUB", " CHANNELS | NUMSUB | NUMPAT"},
		{"PUBSUB ", "CHANNELS | NUMSUB | NUMPAT"},
		{"pubsub c", "HANNELS [pattern]"},
		{"PUBSUB CHANNELS", " [pattern]"},
		{"PUBSUB CHANNELS ", "[pattern]"},
		{"PUBSUB WHAT ", ""},
		{"HELP ", "[command | @group]"},
		{`\format`, " [typed | plain | json | raw | resp]"},
		{`\q `, ""},
	} {
		if got := hint([]rune(test.line)); got != test.want {
			t.Errorf("%q: %q, want %q", test.line, got, test.want)
		}
	}
}

// The example of every command is a beginning of it, whatever the table says.
func TestEveryExampleIsUnderstood(t *testing.T) {
	for spec := range command.All {
		words := texts(splitLine([]rune(spec.Example)))
		s := analyse(words)
		if s == nil {
			t.Errorf("%s: no such command in %q", spec.Name, spec.Example)
			continue
		}
		if s.lost || slices.Contains(s.roles, roleNone) {
			t.Errorf("%q: the words are %v: some have no place", spec.Example, s.roles)
		}
		for i := range s.next {
			if !s.next[i].Optional {
				t.Errorf("%q: %s is said to be missing", spec.Example, s.next[i].Syntax())
			}
		}
	}
}

// Nothing that is typed is too much for what looks at it.
func TestAnyLineIsLookedAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := []string{"SET", "MSET", "GETEX", "HELP", " ", " ", "k", "EX", "60", `"`, `'`, `\`, `\x4`, "日", "[", "#", "\n", "\t", "@", `\watch`}
		line := []rune(strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "line"), ""))
		cursor := rapid.IntRange(0, len(line)).Draw(t, "cursor")
		hint(line)
		if styles := highlight(line); len(styles) != len(line) {
			t.Fatalf("%d styles for %d characters", len(styles), len(line))
		}
		c := completer{keys: func(prefix string) ([]string, bool) { return []string{prefix + "1", prefix + "2"}, true }}
		found := c.find(line[:cursor])
		m := menu{}
		for range 4 {
			line, cursor = m.apply(line, cursor, found)
			for _, row := range m.rows(20, 10, &palette{}) {
				if textWidth(row) >= 20 {
					t.Fatalf("a row of %d columns: %q", textWidth(row), row)
				}
			}
		}
	})
}

func TestHighlight(t *testing.T) {
	letters := "pcuoksa" // plain, command, unknown, option, key, string, comment
	for _, test := range []struct{ line, want string }{
		{"SET k 1", "cccpkpp"},
		{"SE", "pp"},
		{"SE k", "uupp"},
		{`SET "k" "v" EX 5`, "cccpkkkpssspoopp"},
		{"# a", "aaa"},
		{`["SET"]`, "ppppppp"},
		{`\o f`, "ccpp"},
		{"  GET", "ppccc"},
	} {
		var got strings.Builder
		for _, s := range highlight([]rune(test.line)) {
			got.WriteByte(letters[s])
		}
		if got.String() != test.want {
			t.Errorf("%q: %s, want %s", test.line, got.String(), test.want)
		}
	}
}
