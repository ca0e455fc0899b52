package batch

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestRoute(t *testing.T) {
	const apart, pipe, terminal = 0, 1, 2
	for _, test := range []struct {
		at                  ErrorsAt
		format              Format
		quiet               bool
		outputs             int
		inPlace, diagnostic bool
	}{
		{ErrorsBoth, Plain, false, apart, true, true},
		{ErrorsBoth, Plain, false, pipe, true, false},
		{ErrorsBoth, Plain, false, terminal, false, true},
		{ErrorsStdout, Plain, false, apart, true, false},
		{ErrorsStdout, Plain, false, terminal, true, false},
		{ErrorsStderr, Plain, false, apart, false, true},
		{ErrorsStderr, Plain, false, pipe, false, true},
		{ErrorsBoth, Plain, true, pipe, true, true},
		{ErrorsBoth, JSON, false, apart, true, true},
		{ErrorsBoth, JSON, false, pipe, true, false},
		{ErrorsBoth, JSON, false, terminal, true, false},
		{ErrorsStderr, RESP, false, apart, true, true},
		{ErrorsBoth, Raw, false, apart, false, true},
		{ErrorsBoth, Raw, false, pipe, false, true},
		{ErrorsStdout, Raw, false, apart, false, true},
	} {
		r := route(test.at, test.format, test.quiet, test.outputs != apart, test.outputs == terminal)
		if r.inPlace != test.inPlace || r.diagnostic != test.diagnostic {
			t.Errorf("%+v: got %+v", test, r)
		}
	}
}

func words(command string) [][]byte {
	var args [][]byte
	for _, w := range strings.Split(command, "|") {
		args = append(args, []byte(w))
	}
	return args
}

func TestAppendDiagnostic(t *testing.T) {
	for _, test := range []struct {
		place   place
		message string
		command string
		want    string
	}{
		{place{"cmds.txt", 12, 0}, "ERR no", "INCR|user:1", "nubdb: cmds.txt:12: ERR no: INCR user:1\n"},
		{place{"<stdin>", 3, 7}, "ERR no", "", "nubdb: <stdin>:3:7: ERR no\n"},
		{place{}, "ERR a\nb\x1b[m", "GET|a\nb", "nubdb: ERR a b [m: GET \"a\\nb\"\n"},
		{place{}, "ERR no", "auth|me|secret", "nubdb: ERR no: auth *** ***\n"},
		{place{}, "ERR no", "HELLO|3|AUTH|me|secret", "nubdb: ERR no: HELLO 3 AUTH *** ***\n"},
		{place{}, "ERR no", "CONFIG|SET|requirepass|secret", "nubdb: ERR no: CONFIG SET requirepass ***\n"},
		{place{}, "ERR no", "CONFIG|SET|maxclients|7", "nubdb: ERR no: CONFIG SET maxclients 7\n"},
		{place{}, "ERR no", "CONFIG|SET|maxclients|7|requirpass|secret", "nubdb: ERR no: CONFIG SET maxclients 7 requirpass ***\n"},
		{place{}, "ERR no", "CONFIG|GET|save", "nubdb: ERR no: CONFIG GET save\n"},
	} {
		var args [][]byte
		if test.command != "" {
			args = words(test.command)
		}
		if got := string(appendDiagnostic(nil, test.place, []byte(test.message), args)); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// A command is shown in at most the limit, in whole characters, and unchanged if it fits.
func TestAppendCommandLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		args := [][]byte{[]byte("SET")}
		for _, s := range rapid.SliceOfN(rapid.String(), 0, 8).Draw(t, "args") {
			args = append(args, []byte(s))
		}
		full := string(appendCommand(nil, args, 1<<20))
		got := string(appendCommand([]byte("before "), args, maxShown))
		got = strings.TrimPrefix(got, "before ")
		switch {
		case len(got) > maxShown:
			t.Fatalf("%d bytes: %q", len(got), got)
		case !utf8.ValidString(got):
			t.Fatalf("cut within a character: %q", got)
		case len(full) <= maxShown && got != full:
			t.Fatalf("got %q, want %q", got, full)
		case len(full) > maxShown && !strings.HasSuffix(got, "..."):
			t.Fatalf("nothing tells that %q is cut", got)
		}
	})
}
