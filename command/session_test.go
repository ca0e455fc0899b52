package command

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nubdb/nubdb/command/redistest"
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

// newSession begins a session of an instance that has no other.
func newSession(db *engine.DB, o Options) *Session {
	return NewInstance(db, Settings{}).NewSession(o)
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

// expect runs commands and compares their replies, as show renders them.
func expect(t *testing.T, s *Session, transcript ...[2]string) {
	t.Helper()
	for _, c := range transcript {
		if got := do(s, c[0]); got != c[1] {
			t.Errorf("%s: got %q, want %q", c[0], got, c[1])
		}
	}
}

func TestQuit(t *testing.T) {
	for _, name := range []string{"QUIT", "exit"} {
		s := newSession(open(t, engine.Options{}), Options{})
		expect(t, s, [2]string{"PING", "PONG"}, [2]string{"MULTI", "OK"})
		if s.Quit() {
			t.Error("Quit before", name)
		}
		expect(t, s, [2]string{name, "OK"})
		if !s.Quit() {
			t.Error("no Quit after", name)
		}
	}
}

// A reply outlives its transaction: nothing changes it before the next command.
func TestReplyIsKept(t *testing.T) {
	db := open(t, engine.Options{})
	a, b := newSession(db, Options{}), newSession(db, Options{})
	do(a, "MSET k old l old")
	r := a.Do(words("MGET k l"))
	do(b, "MSET k new l new")
	do(b, "APPEND k newer")
	if got := show(r); got != "[$old $old]" {
		t.Error(got)
	}
	// A large value is a mapped file of its own, gone with the transaction.
	large := bytes.Repeat([]byte("x"), 3<<20)
	a.Do([][]byte{[]byte("SET"), []byte("large"), large})
	if r := a.Do(words("GET large")); !bytes.Equal(r.Str, large) {
		t.Error("the large value has changed")
	}
	// The replies of EXEC are those of their moment.
	expect(t, a, [2]string{"MULTI", "OK"}, [2]string{"GET k", "QUEUED"}, [2]string{"APPEND k est", "QUEUED"}, [2]string{"GET k", "QUEUED"},
		[2]string{"INCRBYFLOAT n 1", "QUEUED"}, [2]string{"INCRBYFLOAT n 1", "QUEUED"}, [2]string{"MGET k k", "QUEUED"}, [2]string{"MGET l n", "QUEUED"},
		[2]string{"EXEC", "[$newnewer :11 $newnewerest $1 $2 [$newnewerest $newnewerest] [$new $2]]"})
}

// Arguments may be overwritten as soon as Do returns, also those of a queued command.
func TestArgumentsAreCopied(t *testing.T) {
	s := newSession(open(t, engine.Options{}), Options{})
	do(s, "MULTI")
	args := words("SET k value")
	s.Do(args)
	copy(args[1], "x")
	copy(args[2], "xxxxx")
	expect(t, s, [2]string{"EXEC", "[OK]"}, [2]string{"GET k", "$value"})
	args = words("WATCH k")
	s.Do(args)
	copy(args[1], "x")
	expect(t, s, [2]string{"MULTI", "OK"}, [2]string{"PING", "QUEUED"}, [2]string{"EXEC", "[PONG]"})
}

func TestGroup(t *testing.T) {
	db := open(t, engine.Options{})
	s := newSession(db, Options{})
	s.Begin()
	expect(t, s, [2]string{"GET k", "nil"}, [2]string{"SIZE", ":0"})
	if db.Exists() {
		t.Error("reading has made a database")
	}
	expect(t, s, [2]string{"SET k v", "OK"}, [2]string{"GET k", "$v"}, [2]string{"SET k v EX x", errNotInteger.Error()}, [2]string{"FSYNC", "OK"}, [2]string{"INCR n", ":1"})
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	if !db.Exists() {
		t.Error("writing has made no database")
	}
	expect(t, newSession(db, Options{}), [2]string{"GET k", "$v"}, [2]string{"GET n", "$1"})
	// Readers do not wait for each other.
	s.Begin()
	expect(t, s, [2]string{"GET k", "$v"})
	expect(t, newSession(db, Options{}), [2]string{"GET k", "$v"})
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
}

func TestAtomic(t *testing.T) {
	db := open(t, engine.Options{})
	s := newSession(db, Options{})
	begin := func() {
		t.Helper()
		if err := s.BeginAtomic(); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	expect(t, s, [2]string{"GET a", "nil"})
	if err := s.Commit(); err != nil || db.Exists() {
		t.Error("a run that only reads has made a database:", err)
	}

	begin()
	expect(t, s, [2]string{"SET a 1", "OK"}, [2]string{"MULTI", "OK"}, [2]string{"INCR a", "QUEUED"}, [2]string{"EXEC", "[:2]"},
		[2]string{"FSYNC", "ERR FSYNC is not allowed in an atomic run"}, [2]string{"WATCH a", "OK"}, [2]string{"MULTI", "OK"})
	s.Begin() // groups within change nothing
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	s.Rollback()
	if s.InMulti() || s.Watching() {
		t.Error("a queue or watched keys outlive the rollback")
	}
	expect(t, s, [2]string{"EXISTS a", ":0"})

	begin()
	expect(t, s, [2]string{"SET a 1", "OK"}, [2]string{"INCR a", ":2"}, [2]string{"SLEEP 0", "OK"}, [2]string{"INCR a", ":3"})
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	expect(t, newSession(db, Options{}), [2]string{"GET a", "$3"})

	begin()
	expect(t, s, [2]string{"INCR a", ":4"}, [2]string{"SLEEP 0", "OK"}, [2]string{"FLUSHALL", "OK"}, [2]string{"SIZE", ":0"})
	s.Rollback()
	expect(t, s, [2]string{"GET a", "$3"}, [2]string{"SIZE", ":1"})
}

func TestReadOnly(t *testing.T) {
	db := open(t, engine.Options{})
	do(newSession(db, Options{}), "SET k v")
	s := newSession(db, Options{ReadOnly: true})
	refused := errReadOnly.Error()
	expect(t, s, [2]string{"GET k", "$v"}, [2]string{"SET k w", refused}, [2]string{"CLEAR", refused}, [2]string{"GET k", "$v"},
		[2]string{"MULTI", "OK"}, [2]string{"GET k", "QUEUED"}, [2]string{"EXEC", "[$v]"},
		[2]string{"MULTI", "OK"}, [2]string{"SET k w", refused}, [2]string{"EXEC", errExecAbort.Error()}, [2]string{"GET k", "$v"})
	if err := s.BeginAtomic(); err != nil {
		t.Fatal(err)
	}
	expect(t, s, [2]string{"GET k", "$v"})
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
}

// A command that fails in the middle leaves nothing of what it did, and what came
// before it in the group stays.
func TestFailureLeavesNoTrace(t *testing.T) {
	s := newSession(open(t, engine.Options{}), Options{})
	tooLong := make([]byte, engine.MaxKey+1)
	mset := [][]byte{[]byte("MSET"), []byte("a"), []byte("2"), tooLong, []byte("2")}
	do(s, "SET a 1")
	want := errTooLarge.Error()
	if got := show(s.Do(mset)); got != want {
		t.Error(got)
	}
	expect(t, s, [2]string{"GET a", "$1"})

	s.Begin()
	do(s, "SET b 1")
	if got := show(s.Do(mset)); got != want {
		t.Error(got)
	}
	do(s, "SET c 1")
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	expect(t, s, [2]string{"MGET a b c", "[$1 $1 $1]"})

	do(s, "MULTI")
	do(s, "SET b 2")
	s.Do(mset)
	do(s, "SET c 2")
	expect(t, s, [2]string{"EXEC", "[OK " + want + " OK]"}, [2]string{"MGET a b c", "[$1 $2 $2]"})

	r := s.Do([][]byte{[]byte("RENAME"), []byte("a"), tooLong})
	if got := show(r); got != want {
		t.Error(got)
	}
	expect(t, s, [2]string{"GET a", "$1"})
}

// SLEEP lets go of the transaction of its group, so that others can go on, and
// Interrupt ends it.
func TestSleep(t *testing.T) {
	db := open(t, engine.Options{})
	s := newSession(db, Options{})
	done := make(chan string)
	go func() {
		s.Begin()
		do(s, "SET k v")
		done <- "asleep soon"
		done <- do(s, "SLEEP 1e9")
		done <- do(s, "SET k w")
		if err := s.End(); err != nil {
			t.Error(err)
		}
		close(done)
	}()
	<-done
	other := newSession(db, Options{})
	expect(t, other, [2]string{"APPEND k x", ":2"}) // would wait for ever if the group held the database
	s.Interrupt()
	if got := <-done; got != errInterrupted.Error() {
		t.Error(got)
	}
	if got := <-done; got != "OK" {
		t.Error(got)
	}
	<-done
}

func TestSleepTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(nil, Options{})
		start := time.Now()
		var r wire.Reply
		err := sleep(s, words("SLEEP 1.25"), &r)
		if got := time.Since(start); got != 1250*time.Millisecond || err != nil || show(r) != "OK" {
			t.Errorf("slept %v: %v, %v", got, r, err)
		}
	})
}

func TestInterruptKeys(t *testing.T) {
	s := newSession(open(t, engine.Options{}), Options{})
	s.Begin()
	for i := range 3000 {
		do(s, "SET key:"+strconv.Itoa(i)+" v")
	}
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	s.Interrupt()
	s.Interrupt()
	expect(t, s, [2]string{"KEYS key:*", errInterrupted.Error()}, [2]string{"KEYS key:2999", "[$key:2999]"})
	s.Interrupt()
	s.ClearInterrupt()
	s.ClearInterrupt()
	if r := s.Do(words("KEYS *")); len(r.Elems) != 3000 {
		t.Error(show(r))
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errSyntax, "ERR syntax error"},
		{engine.ErrFull, "ERR no space left on the device: the command had no effect"},
		{fmt.Errorf("append: %w", engine.ErrFull), "ERR no space left on the device: the command had no effect"},
		{engine.ErrMaxSize, "OOM command not allowed when used memory > 'maxmemory'."},
		{engine.ErrTooLarge, "ERR key over 1 MiB or value over 512 MiB"},
		{engine.ErrReadOnly, "READONLY You can't write against a database that is opened read-only."},
		{fmt.Errorf("%w: log.7 at 42", engine.ErrCorrupt), "CORRUPT database is damaged: log.7 at 42 (see --verify and --repair)"},
		{fmt.Errorf("%w: fsync: EIO", engine.ErrFailed), "ERR the database has failed and accepts nothing more: a write to disk failed (database has failed: fsync: EIO)"},
		{errors.New("surprise"), "ERR surprise"},
	} {
		if got := errorReply(c.err); string(got.Str) != c.want || !got.IsError() {
			t.Errorf("%v: %q", c.err, got.Str)
		}
	}
}

// TestAllocations: the hot path allocates nothing, neither in a batch run nor in a server.
func TestAllocations(t *testing.T) {
	t.Run("batch", func(t *testing.T) { testAllocations(t, newSession(open(t, engine.Options{}), Options{})) })
	t.Run("server", func(t *testing.T) { testAllocations(t, newClient(server(t, Settings{Measure: true}), "").Session) })
}

func testAllocations(t *testing.T, s *Session) {
	do(s, "SET counter 1000000")
	for _, line := range []string{"GET key:1", "GET missing", "SET key:1 value:1", "INCR counter", "EXISTS key:1 missing", "DEL missing", "TTL key:1",
		"MGET key:1 missing", "SET key:1 value:1 NX", "EXPIRE key:1 100", "APPEND missing:2 x", "PING", "SIZE",
		"SETBIT bits 70 1", "GETBIT bits 70", "BITCOUNT bits 0 -1", "BITPOS bits 1", "BITOP OR bits bits key:1", "COPY key:1 key:2 REPLACE"} {
		args := words(line)
		s.Begin()
		s.Do(args)
		n := testing.AllocsPerRun(200, func() { s.Do(args) })
		if err := s.End(); err != nil {
			t.Fatal(err)
		}
		if n >= 1 { // the engine may grow its tables now and then
			t.Errorf("%s allocates %v times", line, n)
		}
	}
}

// costly tells whether a command may take long, or much memory.
func costly(args [][]byte) bool {
	switch {
	case is(args[0], "SETRANGE"), is(args[0], "SETBIT"), is(args[0], "BITFIELD"):
		for _, word := range args[1:] {
			if len(word) > 6 {
				return true
			}
		}
	}
	return is(args[0], "SLEEP") || is(args[0], "DEBUG") || is(args[0], "CLIENT") // CLIENT PAUSE
}

// FuzzSession: no input makes a session panic or answer what cannot be shown.
func FuzzSession(f *testing.F) {
	for _, pattern := range []string{"testdata/valkey/*.txt", "testdata/nubdb/*.txt"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			script, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(script)
		}
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		db, err := engine.Open(":memory:", engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s := newSession(db, Options{})
		r := wire.NewReader(bytes.NewReader(script), wire.BatchGrammar)
		for {
			c, err := r.Next()
			if err != nil {
				break // what follows a syntax error is the wire package's matter
			}
			if costly(c.Args) {
				continue
			}
			reply := s.Do(c.Args)
			if len(wire.AppendRESP2(nil, &reply)) == 0 {
				t.Errorf("%s: no reply", redistest.Quote(c.Args))
			}
		}
	})
}

// TestBackupCommand copies a database while its session goes on. Over a network it is
// refused, and a connection has to name the place in full.
func TestBackupCommand(t *testing.T) {
	dir := t.TempDir()
	db, err := engine.Open(dir+"/db", engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	in := NewInstance(db, Settings{})
	defer in.Close()
	for _, c := range []struct {
		o    Options
		line string
		want string
	}{
		{Options{}, "BACKUP " + dir + "/remote", "ERR BACKUP is not allowed over the network: use it on the machine of the database"},
		{Options{Local: true, Addr: "127.0.0.1:1000", Push: func(*wire.Reply) {}}, "BACKUP relative", "ERR BACKUP needs an absolute path here: the current directory of the server is not yours"},
		{Options{Local: true}, "BACKUP " + dir + "/none", "ERR database does not exist: " + dir + "/db"},
		{Options{Local: true}, "SET k v", "OK"},
		{Options{Local: true}, "BACKUP " + dir + "/copy", "OK"},
		{Options{Local: true}, "BACKUP " + dir + "/copy", "ERR target exists: " + dir + `/copy holds "0000000000000001.log"`},
		{Options{Local: true}, "BACKUP", "ERR wrong number of arguments for 'backup' command"},
	} {
		s := in.NewSession(c.o)
		if r := s.Do(words(c.line)); string(r.Str) != c.want {
			t.Errorf("%s: %s, want %s", c.line, r.Str, c.want)
		}
		s.Close()
	}
	copied, err := engine.Open(dir+"/copy", engine.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	in2 := NewInstance(copied, Settings{})
	defer in2.Close()
	if r := in2.NewSession(Options{Local: true}).Do(words("GET k")); string(r.Str) != "v" {
		t.Errorf("the copy says %s", r.Str)
	}
}
