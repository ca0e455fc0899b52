package engine_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/engine/vfs"
)

const formatTime = 1_700_000_000_000 // ms

// TestFormatReader writes a database with everything that a log can hold and reads it
// with a reader that knows only docs/FORMAT.md.
func TestFormatReader(t *testing.T) {
	fs := vfs.NewMem()
	db := openFormat(t, fs)
	writeEverything(t, db)
	check(t, db.Compact(true))
	writeEverything(t, db)
	want, live := contents(t, db)
	check(t, db.Sync())
	check(t, db.Close())

	r := &formatReader{file: reading(t, fs)}
	check(t, r.read())
	compareContents(t, r, want)
	if got := r.live(formatTime); got != live {
		t.Errorf("%d live keys by the counters, want %d", got, live)
	}
	var expiring, size int64
	var pages uint32
	index := r.file("INDEX")
	for key, e := range r.entries {
		size, pages = size+e.size, pages+e.pages
		if e.expire != 0 {
			expiring++
		}
		if addr, err := r.find(index, key); err != nil || addr != e.addr {
			t.Fatalf("INDEX leads from %q to %#x, want %#x (%v)", key, addr, e.addr, err)
		}
	}
	if r.keys != int64(len(r.entries)) || r.expiring != expiring || r.bytes != size || r.files != pages {
		t.Errorf("the last commit counts %d keys, %d expiring, %d bytes, %d pages; there are %d, %d, %d, %d",
			r.keys, r.expiring, r.bytes, r.files, len(r.entries), expiring, size, pages)
	}
	if addr, err := r.find(index, "none"); addr != 0 || err != nil {
		t.Errorf("INDEX leads from a key that is not there to %#x (%v)", addr, err)
	}
	if r.end>>24 < 2 || r.aborts == 0 || len(r.sums) < 2 {
		t.Errorf("the log ends at %#x and has %d aborts and %d summaries: this test tests too little", r.end, r.aborts, len(r.sums))
	}
}

// writeEverything fills a database through transactions of all kinds: committed, rolled
// back, partly rolled back after the kernel already had a part; with long and short
// values, expiries, deletions and a CLEAR.
func writeEverything(t *testing.T, db *engine.DB) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	key := func() []byte { return strconv.AppendInt([]byte("key:"), random.Int64N(40_000), 10) }
	put := func(tx *engine.Tx, size int) {
		value := bytes.Repeat([]byte{byte(random.Uint32())}, size)
		it := engine.Item{Value: value, Type: engine.TypeString}
		if random.IntN(4) == 0 {
			it.ExpireAt = formatTime - 1000 + random.Int64N(2000)
		}
		check(t, tx.Put(key(), it))
	}
	for n := range 300 {
		tx, err := db.Begin(true)
		check(t, err)
		if n == 20 {
			check(t, tx.Clear())
		}
		for range 400 {
			put(tx, random.IntN(400))
		}
		_, err = tx.Delete(key())
		check(t, err)
		_, err = tx.Expire(key(), formatTime+random.Int64N(1000))
		check(t, err)
		if n%50 == 7 {
			put(tx, 1<<20+1+random.IntN(100_000))
		}
		switch n % 10 {
		case 3:
			var sp engine.Savepoint
			tx.Savepoint(&sp)
			for range 10 {
				put(tx, 100_000)
				tx.Savepoint(nil) // hands the log to the kernel when much has gathered
			}
			tx.RollbackTo(&sp)
			check(t, tx.Commit())
		case 5:
			tx.Rollback()
		default:
			check(t, tx.Commit())
		}
	}
}

// contents is what the engine says that a database holds: live keys, and their number.
func contents(t *testing.T, db *engine.DB) (map[string]engine.Item, int64) {
	t.Helper()
	tx, err := db.Begin(false)
	check(t, err)
	defer tx.Commit()
	items := map[string]engine.Item{}
	_, err = tx.Scan(0, 1<<30, func(key []byte, it engine.Item) bool {
		if it.Value == nil { // in a file
			_, err = tx.Get(key, &it)
			check(t, err)
		}
		it.Value = bytes.Clone(it.Value)
		items[string(key)] = it
		return true
	})
	check(t, err)
	live, err := tx.Len()
	check(t, err)
	return items, live
}

func compareContents(t *testing.T, r *formatReader, want map[string]engine.Item) {
	t.Helper()
	live := 0
	for key, e := range r.entries {
		if e.expire != 0 && e.expire <= formatTime {
			continue
		}
		live++
		if it, ok := want[key]; !ok || !bytes.Equal(it.Value, e.value) || it.ExpireAt != e.expire {
			t.Fatalf("the reader finds %q = %.40q, expiry %d; the engine %.40q, %d", key, e.value, e.expire, it.Value, it.ExpireAt)
		}
	}
	if live != len(want) || live == 0 {
		t.Errorf("the reader finds %d live keys, the engine %d", live, len(want))
	}
}

// TestFormatExample makes the database of the example in docs/FORMAT.md and compares
// each byte that is shown there. A row is an offset, the bytes from there on, .. for any,
// and behind two blanks what they are. What is not shown is zeros, but for the pages of INDEX.
func TestFormatExample(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	fs := sameIdentity{vfs.NewMem()}
	db := openFormat(t, fs)
	writeExample(t, db)
	check(t, db.Close())

	document, err := os.ReadFile("../docs/FORMAT.md")
	check(t, err)
	r := &formatReader{file: reading(t, fs)}
	check(t, r.read())
	dump := regexp.MustCompile("(?ms)^```text\nfile (.+?)\n(.+?)```")
	dumps := dump.FindAllStringSubmatch(string(document), -1)
	if len(dumps) != 4 {
		t.Errorf("the document has %d dumps, want 4", len(dumps))
	}
	for _, m := range dumps {
		file := r.file(m[1])
		if m[1] == "INDEX, soft header" {
			file = r.softHeader(r.file("INDEX"))
		}
		if file == nil {
			t.Errorf("there is no %s", m[1])
			continue
		}
		rest := bytes.Clone(file)
		for row := range strings.Lines(m[2]) {
			compareRow(t, m[1], row, file, rest)
		}
		if shown := bytes.Trim(rest, "\x00"); len(shown) > 0 && m[1] != "INDEX" {
			t.Errorf("%s: %d bytes are not shown", m[1], len(shown))
		}
	}
}

func writeExample(t *testing.T, db *engine.DB) {
	t.Helper()
	put := func(tx *engine.Tx, key, value string, expire int64) {
		check(t, tx.Put([]byte(key), engine.Item{Value: []byte(value), Type: engine.TypeString, ExpireAt: expire}))
	}
	tx, err := db.Begin(true)
	check(t, err)
	put(tx, "user:1", "Alice", 0)
	put(tx, "user:2", "Bob", formatTime+60_000)
	check(t, tx.Commit())
	check(t, db.Sync())

	tx, err = db.Begin(true)
	check(t, err)
	_, err = tx.Delete([]byte("user:1"))
	check(t, err)
	check(t, tx.Commit())
	check(t, db.Sync())
}

// compareRow compares a row of a dump with a file and erases what it shows from rest.
func compareRow(t *testing.T, name, row string, file, rest []byte) {
	t.Helper()
	at, row, _ := strings.Cut(strings.TrimSuffix(row, "\n"), " ")
	shown, _, _ := strings.Cut(strings.TrimLeft(row, " "), "  ")
	offset, err := strconv.ParseUint(at, 16, 64)
	want := strings.Fields(shown)
	if err != nil || int(offset)+len(want) > len(file) {
		t.Errorf("%s: row %q cannot be read or lies outside", name, at)
		return
	}
	for i, b := range file[offset:][:len(want)] {
		if got := fmt.Sprintf("%02x", b); want[i] != ".." && want[i] != got {
			t.Errorf("%s: the row at %s should be\n% x", name, at, file[offset:][:len(want)])
			break
		}
	}
	clear(rest[offset:][:len(want)])
}

// sameIdentity is a file system on which INDEX is the same file in every test.
type sameIdentity struct{ vfs.FS }

func (fs sameIdentity) OpenFile(name string, flag int) (vfs.File, error) {
	f, err := fs.FS.OpenFile(name, flag)
	return sameFile{f}, err
}

type sameFile struct{ vfs.File }

func (sameFile) Identity() ([2]uint64, error) { return [2]uint64{1, 2}, nil }

func openFormat(t *testing.T, fs vfs.FS) *engine.DB {
	t.Helper()
	db, err := engine.Open("db", engine.Options{FS: fs, Inline: true, Clock: func() int64 { return formatTime }})
	check(t, err)
	return db
}

// reading returns a function that reads a whole file of the database, nil if there is none.
func reading(t *testing.T, fs vfs.FS) func(string) []byte {
	cache := map[string][]byte{}
	return func(name string) []byte {
		if b, ok := cache[name]; ok {
			return b
		}
		f, err := fs.OpenFile("db/"+name, os.O_RDONLY)
		if err != nil {
			return nil
		}
		defer f.Close()
		size, err := f.Size()
		check(t, err)
		b := make([]byte, size)
		_, err = f.ReadAt(b, 0)
		check(t, err)
		cache[name] = b
		return b
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
