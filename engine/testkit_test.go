package engine

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// crowded makes everything happen within some hundred operations: segments of 64 KiB,
// and an index sync whenever a script asks for one. Nothing happens unasked.
var crowded = tuning{segmentBits: minSegmentBits, syncEvery: 1 << 40, indexSyncEvery: 1, maxPending: 1 << 40, summaryEvery: 4 << 10, flushSize: 1 << 10, slack: 1 << 40, piece: 4 << 10}

// at is a test at some place in it, which its failures name.
type at struct {
	testing.TB
	where string
}

func (a at) Fatalf(format string, args ...any) {
	a.TB.Helper()
	a.TB.Fatalf("%s: %s", a.where, fmt.Sprintf(format, args...))
}

func (a at) Fatal(args ...any) {
	a.TB.Helper()
	a.TB.Fatalf("%s: %s", a.where, fmt.Sprint(args...))
}

func (a at) Error(args ...any) {
	a.TB.Helper()
	a.TB.Errorf("%s: %s", a.where, fmt.Sprint(args...))
}

// firstSeed is where tests that count through seeds begin: NUBDB_SEED, to repeat a failure.
func firstSeed() uint64 {
	seed, _ := strconv.ParseUint(os.Getenv("NUBDB_SEED"), 10, 64)
	return seed
}

// eachSeed runs a test for short or full many seeds, side by side.
func eachSeed(t *testing.T, short, full int, test func(t *testing.T, seed uint64)) {
	for n := range uint64(count(short, full)) {
		seed := firstSeed() + n
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			test(t, seed)
		})
	}
}

// testDir is where tests in memory keep their database.
const testDir = "db"

// testManifest gives databases of tests always the same identity and hash function,
// so that a seed repeats everything.
var testManifest = manifest{head: 1, segmentBits: minSegmentBits, uuid: [16]byte{1: 1}, seed: [16]byte{1: 1}}

// newTestDatabase makes an empty database with testManifest, on stable storage.
func newTestDatabase(t testing.TB, fs vfs.FS, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := Open(dir, Options{FS: fs, Inline: true, tuning: crowded})
	must(err)
	tx, err := db.Begin(true)
	must(err)
	tx.Rollback()
	_, err = db.log.cur.file.WriteAt(db.log.cur.encodeHeader(testManifest.uuid), 0)
	must(err)
	must(db.log.cur.file.Datasync())
	must(db.Close())
	must(fs.Remove(join(dir, indexName)))
	must(writeManifest(fs, dir, &testManifest))
	db, err = Open(dir, Options{FS: fs, Inline: true, tuning: crowded})
	must(err)
	must(db.Close())
}

// crowdedKeys are keys of one page of the index, in four of its lines, so that some 30
// of them split it. Most of the others have pages of their own.
var crowdedKeys = sync.OnceValue(func() []string {
	db := DB{man: testManifest}
	db.prepare()
	var keys []string
	for i := 0; len(keys) < 110; i++ {
		k := "crowd:" + strconv.Itoa(i)
		hash := db.hash([]byte(k))
		if l := lines(hash); hash>>(64-minDepth) == 5 && l[0] < 4 && l[1] < 4 {
			keys = append(keys, k)
		}
	}
	for i := range 20 {
		keys = append(keys, "key:"+strconv.Itoa(i))
	}
	return keys
})

// A script is a history of a database, written beforehand from a seed: always the same
// steps, and what must be in the database after each transaction.
type script struct {
	steps  []step
	states []map[string]Item // after so many transactions
}

type stepKind int

const (
	stepCommit stepKind = iota
	stepRollback
	stepFlush
	stepSync
	stepIndexSync // all of one, or only its beginning
	stepCompact   // one piece, or everything there is
	stepReopen
)

type step struct {
	kind stepKind
	now  int64
	ops  []op // of stepCommit and stepRollback
	all  bool // of stepIndexSync and stepCompact
}

type opKind int

const (
	opPut opKind = iota
	opDelete
	opExpire
	opClear
	opUndone // a savepoint, other operations, and back
)

type op struct {
	kind opKind
	key  string
	item Item
	ops  []op // of opUndone
}

// newScript writes a script of n steps.
func newScript(seed uint64, n int) *script {
	r := rand.New(rand.NewPCG(seed, 2))
	m := newModel()
	s := &script{states: []map[string]Item{{}}}
	for range n {
		st := step{now: m.now}
		switch p := r.IntN(100); {
		case p < 62:
			st.ops = randomOps(r, crowdedKeys(), 1+r.IntN(12), m.now)
		case p < 68:
			st.kind, st.ops = stepRollback, randomOps(r, crowdedKeys(), 1+r.IntN(12), m.now)
		case p < 76:
			st.kind = stepFlush
		case p < 86:
			st.kind = stepSync
		case p < 91:
			st.kind, st.all = stepCompact, r.IntN(3) > 0
		case p < 96:
			st.kind, st.all = stepIndexSync, r.IntN(3) > 0
		default:
			st.kind = stepReopen
		}
		s.steps = append(s.steps, st)
		if st.kind == stepCommit {
			m.apply(st.ops)
			s.states = append(s.states, maps.Clone(m.items))
		}
		m.now += int64(r.IntN(60)) - 10
	}
	return s
}

func randomOps(r *rand.Rand, keys []string, n int, now int64) []op {
	var ops []op
	for range n {
		o := op{key: keys[r.IntN(len(keys))]}
		switch p := r.IntN(400); {
		case p < 270:
			o.item = randomItem(r, now)
		case p < 330:
			o.kind = opDelete
		case p < 370:
			o.kind = opExpire
			o.item.ExpireAt = max(0, now+int64(r.IntN(3000))-300) * int64(r.IntN(8)&1|r.IntN(2))
		case p < 399:
			o = op{kind: opUndone, ops: randomOps(r, keys, 1+r.IntN(5), now)}
		default:
			o.kind = opClear
		}
		ops = append(ops, o)
	}
	return ops
}

// randomItem is an item as short as they mostly are, as long as a few, or in a file.
func randomItem(r *rand.Rand, now int64) Item {
	size := r.IntN(64)
	switch r.IntN(40) {
	case 0:
		size = 4097 + r.IntN(8000)
	case 1, 2, 3:
		size = r.IntN(4096)
	}
	it := Item{Type: TypeString, Value: bytes.Repeat([]byte{byte('a' + r.IntN(26))}, size)}
	if r.IntN(4) == 0 {
		it.ExpireAt = now + int64(r.IntN(2000)) - 200
	}
	return it
}

// apply does what operations do to the database.
func (m *model) apply(ops []op) {
	for _, o := range ops {
		it, alive := m.live(o.key)
		switch {
		case o.kind == opPut:
			m.items[o.key] = o.item
		case o.kind == opDelete && alive:
			delete(m.items, o.key)
		case o.kind == opExpire && alive:
			it.ExpireAt = o.item.ExpireAt
			m.items[o.key] = it
		case o.kind == opClear:
			clear(m.items)
		}
	}
}

// do runs an operation on a database.
func (o *op) do(tx *Tx) (err error) {
	switch o.kind {
	case opPut:
		err = tx.Put([]byte(o.key), o.item)
	case opDelete:
		_, err = tx.Delete([]byte(o.key))
	case opExpire:
		_, err = tx.Expire([]byte(o.key), o.item.ExpireAt)
	case opClear:
		err = tx.Clear()
	case opUndone:
		sp := savepoint(tx)
		for i := range o.ops {
			if err = o.ops[i].do(tx); err != nil {
				break
			}
			tx.Savepoint(nil)
		}
		tx.RollbackTo(sp)
	}
	return err
}

// progress is what a process has been told when it dies: how many transactions have
// begun to commit, and are safe from the death of the process, and of the machine.
type progress struct {
	begun, flushed, synced int
	hard                   bool // there has been an index sync
}

// play runs a script on the database in testDir; nothing may fail.
func (s *script) play(t testing.TB, fs vfs.FS, p *progress) { s.playIn(t, fs, testDir, p) }

func (s *script) playIn(t testing.TB, fs vfs.FS, dir string, p *progress) {
	now := s.steps[0].now
	db := openTest(t, fs, dir, &now)
	for i := range s.steps {
		st := &s.steps[i]
		now = st.now
		var err error
		switch st.kind {
		case stepCommit, stepRollback:
			err = st.transact(db, p)
		case stepFlush:
			err = db.Flush()
			p.flushed = p.begun
		case stepSync:
			err = db.Sync()
			p.flushed, p.synced = p.begun, p.begun
		case stepIndexSync:
			err = st.syncIndex(db)
			p.hard = db.idx.hard.seq > 0
		case stepCompact:
			now = 0 // keys that have expired are not deleted then
			if err = st.compact(db); err == nil && db.synced == db.committed {
				p.flushed, p.synced, p.hard = p.begun, p.begun, db.idx.hard.seq > 0
			}
		case stepReopen:
			if err = db.Close(); err == nil {
				p.flushed = p.begun
				db = openTest(t, fs, dir, &now)
				p.synced = p.begun // opening makes durable what it shows
			}
		}
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	p.flushed = p.begun
}

func (st *step) syncIndex(db *DB) error {
	if !st.all {
		if _, err := db.freezeIndex(); !isNoSpace(err) {
			return err
		}
		return nil
	}
	return db.syncIndex(func() bool { return false })
}

// compact moves a piece of the log, beginning a new segment so that there is one that can
// go, or does all that compaction does.
func (st *step) compact(db *DB) error {
	if st.all {
		return db.Compact(true)
	}
	err := db.locked(db.newSegment)
	if err == nil {
		db.compaction.goal = db.log.start(db.log.cur.num)
		_, _, err = db.compactSome(db.opt.piece)
	}
	return err
}

func (st *step) transact(db *DB, p *progress) error {
	tx, err := db.Begin(true)
	if err != nil {
		return err
	}
	for i := range st.ops {
		tx.Savepoint(nil)
		if err := st.ops[i].do(tx); err != nil {
			tx.Rollback()
			return err
		}
	}
	if st.kind == stepRollback {
		tx.Rollback()
		return nil
	}
	p.begun++
	return tx.Commit()
}

// openTest opens the database of a test whose time is *now.
func openTest(t testing.TB, fs vfs.FS, dir string, now *int64) *DB {
	t.Helper()
	db, err := Open(dir, Options{FS: fs, Inline: true, Clock: func() int64 { return *now }, tuning: crowded})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return db
}

// content reads all keys. With a clock at 0 these are also the ones that have expired.
func content(t testing.TB, db *DB) map[string]Item {
	t.Helper()
	items, err := readAll(t, db)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func readAll(t testing.TB, db *DB) (map[string]Item, error) {
	t.Helper()
	tx, err := db.Begin(false)
	if err != nil {
		return nil, err
	}
	defer tx.Commit()
	items := map[string]Item{}
	for cursor, first := uint64(0), true; cursor != 0 || first; first = false {
		cursor, err = scanItems(tx, cursor, 100, func(k []byte, it Item) bool {
			if _, again := items[string(k)]; again {
				t.Fatalf("Scan: %q twice", k)
			}
			it.Value = bytes.Clone(it.Value)
			items[string(k)] = it
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("Scan: %w", err)
		}
	}
	return items, nil
}

// scanItems is Scan with the values that are in files.
func scanItems(tx *Tx, cursor uint64, count int, fn func(key []byte, it Item) bool) (uint64, error) {
	var failed error
	next, err := tx.Scan(cursor, count, func(k []byte, it Item) bool {
		if it.Value == nil {
			if it, _, failed = item(tx, k); failed != nil {
				return false
			}
		}
		return fn(k, it)
	})
	return next, errors.Join(err, failed)
}

func sameItem(a, b Item) bool {
	return bytes.Equal(a.Value, b.Value) && a.Type == b.Type && a.ExpireAt == b.ExpireAt
}

func sameItems(a, b map[string]Item) bool { return maps.EqualFunc(a, b, sameItem) }

// find tells after how many transactions, from least to most, the database was as it is.
func (s *script) find(t testing.TB, items map[string]Item, least, most int) int {
	t.Helper()
	for i := most; i >= least; i-- {
		if sameItems(items, s.states[i]) {
			return i
		}
	}
	for i := range s.states {
		if sameItems(items, s.states[i]) {
			t.Fatalf("state after %d transactions, want %d to %d", i, least, most)
		}
	}
	t.Fatalf("state of no transaction; differs from the %d. in %s", least, difference(items, s.states[least]))
	return 0
}

func difference(got, want map[string]Item) string {
	var b strings.Builder
	for k, v := range got {
		if w, ok := want[k]; !ok || !sameItem(v, w) {
			fmt.Fprintf(&b, " %s: %d bytes %.3q, expiry %d; want %d bytes %.3q, expiry %d;", k, len(v.Value), v.Value, v.ExpireAt, len(w.Value), w.Value, w.ExpireAt)
		}
	}
	for k := range want {
		if _, ok := got[k]; !ok {
			fmt.Fprintf(&b, " %s: missing;", k)
		}
	}
	return b.String()
}

// inspect checks an open database whose clock is *now in every way there is: that it
// holds exactly these items, keys that have expired included.
func inspect(t testing.TB, db *DB, now *int64, items map[string]Item) {
	t.Helper()
	defer func(saved int64) { *now = saved }(*now)
	for _, *now = range []int64{0, 1_700_000_000_500, 1_700_000_002_000} {
		m := model{items: items, now: *now}
		m.check(t, db)
	}
	tx, err := db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range crowdedKeys() {
		if _, ok := items[k]; ok {
			continue
		}
		if _, found, err := item(tx, []byte(k)); found || err != nil {
			t.Fatalf("Get(%s) = %v, %v; want none", k, found, err)
		}
	}
	tx.Commit()
	verify(t, db)
}

// savepoint is the point at which a transaction is.
func savepoint(tx *Tx) *Savepoint {
	sp := new(Savepoint)
	tx.Savepoint(sp)
	return sp
}

// item is the item of a live key.
func item(tx *Tx, key []byte) (it Item, ok bool, err error) {
	ok, err = tx.Get(key, &it)
	return it, ok, err
}
