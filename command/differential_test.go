package command

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/command/redistest"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// twins are the same sessions here and on a real server.
type twins struct {
	*oracle
	sessions []*Session
	queued   [][]string // for each session the names of the commands in its queue
	encode   func(dst []byte, r *wire.Reply) []byte
}

func newTwins(t *testing.T, sessions int) *twins {
	w := &twins{oracle: startOracle(t, sessions), queued: make([][]string, sessions), encode: wire.AppendRESP2}
	db := open(t, engine.Options{})
	for range sessions {
		w.sessions = append(w.sessions, newSession(db, Options{}))
	}
	t.Cleanup(func() { // a test that failed may have left a transaction open, for which Close would wait
		for _, s := range w.sessions {
			s.Rollback()
		}
	})
	return w
}

// useRESP3 makes both answer in RESP3 from now on.
func (w *twins) useRESP3(t *testing.T) {
	for _, conn := range w.conns {
		conn.Ask(t, words("HELLO 3"))
	}
	w.encode = wire.AppendRESP3
}

// run gives the command to both and fails the test unless the replies are equal,
// byte by byte except for what depends on time or order.
func (w *twins) run(t *testing.T, session int, args [][]byte) {
	t.Helper()
	s := w.sessions[session]
	name := strings.ToLower(string(args[0]))
	inMulti := s.InMulti()
	reply := s.Do(args)
	got := w.encode(nil, &reply)
	want := w.conns[session].Ask(t, args)
	queued := w.queued[session]
	switch {
	case inMulti && s.InMulti():
		w.queued[session] = append(queued, name)
	case inMulti:
		w.queued[session] = nil
	}
	if bytes.Equal(got, want) {
		return
	}
	ours, theirs := redistest.Parse(t, got), redistest.Parse(t, want)
	if name == "exec" && !redistest.SimilarExec(queued, ours, theirs, similar) || name != "exec" && !similar(name, ours, theirs) {
		t.Fatalf("session %d: %s\n got %q\nwant %q", session+1, redistest.Quote(args), got, want)
	}
}

// similar compares the replies to a command where bytes need not be equal.
func similar(name string, got, want wire.Reply) bool {
	if name == "dump" && got.Kind == wire.KindBulk && want.Kind == wire.KindBulk { // Redis compresses
		ours, err1 := appendRestored(nil, got.Str)
		theirs, err2 := appendRestored(nil, want.Str)
		return err1 == nil && err2 == nil && bytes.Equal(ours, theirs)
	}
	return redistest.Similar(name, got, want)
}

// TestValkey runs the streams of testdata/valkey, one command a line in the text
// grammar, here and on a real server. A line that begins with @2 is run by a
// second session. Each file begins with an empty database.
func TestValkey(t *testing.T) {
	files, err := filepath.Glob("testdata/valkey/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no streams", err)
	}
	w := newTwins(t, 2)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			w.run(t, 0, words("FLUSHALL"))
			for _, c := range readScript(t, file) {
				session := 0
				if string(c.Args[0]) == "@2" {
					session, c.Args = 1, c.Args[1:]
				}
				t.Logf("line %d", c.Line)
				w.run(t, session, c.Args)
			}
			w.run(t, 0, words("DISCARD"))
			w.run(t, 1, words("DISCARD"))
		})
	}
}

func readScript(t *testing.T, file string) (commands []wire.Command) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := wire.NewReader(f, wire.BatchGrammar)
	for {
		c, err := r.Next()
		if err == io.EOF {
			return commands
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		commands = append(commands, wire.Command{Args: cloneArgs(c.Args), Line: c.Line})
	}
}

func cloneArgs(args [][]byte) [][]byte {
	clone := make([][]byte, len(args))
	for i, arg := range args {
		clone[i] = bytes.Clone(arg)
	}
	return clone
}

// TestWrongType runs commands on a key of another type than a string, which only
// a newer version could have written.
func TestWrongType(t *testing.T) {
	w := &twins{oracle: startOracle(t, 1), queued: make([][]string, 1), encode: wire.AppendRESP2}
	db := open(t, engine.Options{})
	w.sessions = []*Session{newSession(db, Options{})}
	tx, err := db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Put([]byte("list"), engine.Item{Type: engine.TypeString + 1, Value: []byte("?")}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	w.conns[0].Ask(t, words("RPUSH list element"))
	for _, line := range []string{
		"GET list", "GETSET list v", "GETDEL list", "GETEX list", "GETEX list EX 100", "GETEX list EX x", "SET list v GET", "SET list v NX GET",
		"SET list v NX", "SETNX list v", "STRLEN list", "GETRANGE list 0 1", "GETRANGE list x 1", "APPEND list v", "SETRANGE list 0 v",
		"SETRANGE list 0 " + `""`, "INCR list", "INCRBY list x", "DECR list", "DECRBY list 1", "INCRBYFLOAT list 1", "INCRBYFLOAT list x",
		"MGET list", "MSETNX list v", "EXISTS list", "TTL list", "EXPIRE list 1000", "PERSIST list", "TOUCH list", "RENAMENX list list",
		"SETBIT list 0 1", "SETBIT list 0 2", "GETBIT list 0", "GETBIT list x", "BITCOUNT list", "BITCOUNT list 0 1", "BITPOS list 1", "BITPOS list 2",
		"BITOP OR other list", "BITOP OR list other", "BITOP NOT list list", "BITFIELD list", "BITFIELD list GET u8 0", "BITFIELD list SET u8 0 1",
		"BITFIELD_RO list GET u8 0", "LCS list other", "LCS other list LEN", "LCS list list foo", "COPY other list", "COPY list list",
		"RESTORE list 0 x", "SCAN 0 TYPE string", "RENAME list other", "EXISTS list", "GET other", "RENAME other list", "KEYS *", "DBSIZE", "SET list v XX", "GET list",
	} {
		w.run(t, 0, words(line))
	}
	// What that server does not have yet.
	tx, _ = db.Begin(true)
	tx.Put([]byte("list"), engine.Item{Type: engine.TypeString + 1, Value: []byte("v")})
	tx.Commit()
	wrong := errWrongType.Error()
	expect(t, w.sessions[0], [2]string{"SET list w IFEQ v", wrong}, [2]string{"SET list w IFEQ v GET", wrong}, [2]string{"CAS list v w", wrong},
		[2]string{"DELIFEQ list v", wrong}, [2]string{"DUMP list", wrong},
		[2]string{"COPY list list2", ":1"}, [2]string{"TYPE list2", "unknown"}, [2]string{"TYPE list", "unknown"}, [2]string{"EXISTS list", ":1"})
}
