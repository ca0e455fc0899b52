package command

import (
	"strconv"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

func open(t testing.TB, o engine.Options) *engine.DB {
	t.Helper()
	db, err := engine.Open(t.TempDir()+"/db", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// words splits a command at blanks; "" stands for an empty word.
func words(line string) [][]byte {
	var args [][]byte
	for _, w := range strings.Fields(line) {
		if w == `""` {
			w = ""
		}
		args = append(args, []byte(w))
	}
	return args
}

func do(s *Session, line string) string { return show(s.Do(words(line))) }

// show renders a reply for expectations: simple strings and errors as they are,
// integers with a colon, strings quoted, arrays in brackets.
func show(r wire.Reply) string {
	switch r.Kind {
	case wire.KindNil:
		return "nil"
	case wire.KindNilArray:
		return "nil array"
	case wire.KindBulk, wire.KindVerbatim:
		return "$" + string(r.Str)
	case wire.KindInteger:
		return ":" + strconv.FormatInt(r.Int, 10)
	case wire.KindArray:
		var elems []string
		for _, e := range r.Elems {
			elems = append(elems, show(e))
		}
		return "[" + strings.Join(elems, " ") + "]"
	}
	return string(r.Str)
}

func TestSession(t *testing.T) {
	s := NewSession(open(t, engine.Options{}), Options{})
	for _, c := range [][2]string{
		{"get k", "nil"},
		{"SET k v", "OK"},
		{"GeT k", "$v"},
		{"size", ":1"},
		{"SET k w NX", "nil"},
		{"SET k w XX GET", "$v"},
		{"GET", "ERR wrong number of arguments for 'get' command"},
		{"frob a b", "ERR unknown command 'frob', with args beginning with: 'a' 'b' "},
		{"MULTI", "OK"},
		{"SET a 1", "QUEUED"},
		{"GET a", "QUEUED"},
		{"EXEC", "[OK $1]"},
		{"PING", "PONG"},
		{"QUIT", "OK"},
	} {
		if got := do(s, c[0]); got != c[1] {
			t.Errorf("%s: got %q, want %q", c[0], got, c[1])
		}
	}
	if !s.Quit() {
		t.Error("Quit is false after QUIT")
	}
}
