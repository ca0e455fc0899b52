package command

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata/nubdb")

// TestNubDB runs the transcripts of testdata/nubdb: commands, each followed by
// its reply on an indented line as batch runs print it. They tell what NubDB adds
// and what is newer than the redis-server that TestValkey compares with. @2
// before a command means a second session. The clock stands at 1,000,000
// seconds; the line "@tick 500" advances it by so many milliseconds.
func TestNubDB(t *testing.T) {
	files, err := filepath.Glob("testdata/nubdb/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(want))
			if !*update {
				diff(t, got, string(want))
			} else if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// replay runs the commands of a transcript and returns it with their replies.
func replay(t *testing.T, transcript string) string {
	now := int64(1_000_000_000)
	db := open(t, engine.Options{Clock: func() int64 { return now }})
	sessions := []*Session{newSession(db, Options{}), newSession(db, Options{})}
	var out []byte
	for line := range strings.Lines(transcript) {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		out = append(out, line...)
		c, err := wire.NewReader(strings.NewReader(line), wire.BatchGrammar).Next()
		if err != nil {
			continue // a comment or an empty line
		}
		session, args := sessions[0], c.Args
		switch string(args[0]) {
		case "@2":
			session, args = sessions[1], args[1:]
		case "@tick":
			n, err := parseInteger(args[1])
			if err != nil {
				t.Fatal(err)
			}
			now += n
			continue
		}
		r := session.Do(args)
		out = appendIndented(out, r)
	}
	return string(out)
}

// appendIndented appends a reply as one indented line, text for people as several.
func appendIndented(out []byte, r wire.Reply) []byte {
	render := wire.AppendPlain
	if r.Kind == wire.KindVerbatim {
		render = wire.AppendLines
	}
	for line := range bytes.Lines(render(nil, &r)) {
		out = append(append(out, "  "...), line...)
	}
	return out
}

// diff reports the first line where got is not want.
func diff(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("line %d:\n got %q\nwant %q", i+1, g[i:min(i+1, len(g))], w[i:min(i+1, len(w))])
		}
	}
}
