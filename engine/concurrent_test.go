package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/nubdb/nubdb/engine/vfs"
)

// cells is the content of a small database: the value of each key, 0 for none.
type cells [3]int

type cellOp int

const (
	cellRead  cellOp = iota // all of them, in one transaction
	cellCount               // how many there are
	cellSet
	cellAdd // read and write
	cellDelete
	cellSwap  // two of them
	cellClear // all
	cellUndo  // an addition that is rolled back: says what it would have been
)

// cellCall is what a client asks for.
type cellCall struct {
	op       cellOp
	key, to  int
	value    int
	writable bool // also for reads
}

// apply is what a call does to the cells, and answers.
func (c cellCall) apply(s cells) (cells, cells) {
	switch c.op {
	case cellCount:
		n := 0
		for _, v := range s {
			if v != 0 {
				n++
			}
		}
		return s, cells{n}
	case cellSet:
		s[c.key] = c.value
	case cellAdd:
		s[c.key] += c.value
		return s, cells{s[c.key]}
	case cellDelete:
		was := s[c.key]
		s[c.key] = 0
		return s, cells{min(was, 1)}
	case cellSwap:
		s[c.key], s[c.to] = s[c.to], s[c.key]
	case cellClear:
		return cells{}, cells{}
	case cellUndo:
		return s, cells{s[c.key] + c.value}
	}
	if c.op == cellRead {
		return s, s
	}
	return s, cells{}
}

var cellModel = porcupine.Model{
	Init: func() any { return cells{} },
	Step: func(state, input, output any) (bool, any) {
		next, answer := input.(cellCall).apply(state.(cells))
		return answer == output.(cells), next
	},
}

func cellKey(i int) []byte { return []byte{'a' + byte(i)} }

// run makes a call at a database.
func (c cellCall) run(db *DB) (answer cells, err error) {
	writes := c.op >= cellSet
	tx, err := db.Begin(writes || c.writable)
	if err != nil {
		return answer, err
	}
	var state cells
	for i := range state {
		it, ok, err := item(tx, cellKey(i))
		if err == nil && ok {
			state[i], err = strconv.Atoi(string(it.Value))
		}
		if err != nil {
			tx.Rollback()
			return answer, err
		}
	}
	runtime.Gosched() // lets others come and wait
	next, answer := c.apply(state)
	if c.op == cellCount {
		n, err := tx.Len()
		tx.Rollback()
		return cells{int(n)}, err
	}
	if c.op == cellUndo {
		next[c.key] += c.value
	}
	err = c.write(tx, state, next)
	if err != nil || c.op == cellUndo {
		tx.Rollback()
		return answer, err
	}
	return answer, tx.Commit()
}

// write takes the database from one state to the next.
func (c cellCall) write(tx *Tx, state, next cells) (err error) {
	if c.op == cellClear {
		return tx.Clear()
	}
	for i, v := range next {
		switch {
		case err != nil || v == state[i]:
		case v == 0:
			_, err = tx.Delete(cellKey(i))
		default:
			err = tx.Put(cellKey(i), Item{Type: TypeString, Value: strconv.AppendInt(nil, int64(v), 10)})
		}
	}
	return err
}

// busy makes the background do all it can at every commit.
var busy = tuning{segmentBits: minSegmentBits, syncEvery: 1, indexSyncEvery: 1, maxPending: 8, summaryEvery: 1 << 10, flushSize: 64, piece: 1 << 10}

// TestLinearizable lets clients use a database at the same time and looks for an order of
// their calls, one after the other, that explains all the answers.
func TestLinearizable(t *testing.T) {
	eachSeed(t, 20, 1000, func(t *testing.T, seed uint64) {
		const clients = 4
		db, err := Open(testDir, Options{FS: vfs.NewMem(), tuning: busy})
		if err != nil {
			t.Fatal(err)
		}
		histories := make([][]porcupine.Operation, clients)
		start := time.Now()
		var wg sync.WaitGroup
		for id := range clients {
			r := rand.New(rand.NewPCG(seed, uint64(id)))
			wg.Go(func() {
				for range count(400, 10_000) / clients {
					c := cellCall{cellOp(r.IntN(int(cellUndo) + 1)), r.IntN(3), r.IntN(3), 1 + r.IntN(9), r.IntN(2) == 0}
					if c.op == cellClear && r.IntN(5) > 0 {
						c.op = cellRead
					}
					call := time.Since(start)
					answer, err := c.run(db)
					if err != nil {
						t.Errorf("%+v: %v", c, err)
						return
					}
					histories[id] = append(histories[id], porcupine.Operation{ClientId: id, Input: c, Call: int64(call),
						Output: answer, Return: int64(time.Since(start))})
				}
			})
		}
		wg.Wait()
		var all []porcupine.Operation
		for _, h := range histories {
			all = append(all, h...)
		}
		if result := porcupine.CheckOperationsTimeout(cellModel, all, time.Minute); result != porcupine.Ok {
			t.Errorf("seed %d: %s", seed, result)
		}
		verify(t, db)
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestConcurrent moves amounts between accounts while others add them up, sync, scan and
// verify, until the database is closed.
func TestConcurrent(t *testing.T) {
	const accounts, amount, writers = 200, 100, 2
	db, err := Open(t.TempDir()+"/db", Options{tuning: busy})
	if err != nil {
		t.Fatal(err)
	}
	b := bank{db: db, accounts: accounts}
	b.transact(t, func(tx *Tx) {
		for i := range accounts {
			b.put(t, tx, i, amount)
		}
	})
	r := rand.New(rand.NewPCG(firstSeed(), 12))
	var writing, others sync.WaitGroup
	var rounds []chan struct{} // each of the others does one round for one in here
	again := func() {
		for _, c := range rounds {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
	for what, do := range map[string]func() error{
		"add up": func() error { return b.addUp(accounts * amount) },
		"scan":   func() error { return b.scan() },
		"random": func() error { return b.random() },
		"sync":   db.Sync,
		"flush":  db.Flush,
		"stats":  func() error { _, err := db.Stats(); return err },
		"verify": func() error {
			n, err := db.Verify(func(s string) { t.Error(s) })
			if n > 0 {
				err = fmt.Errorf("%d faults", n)
			}
			return err
		},
	} {
		round := make(chan struct{}, 1)
		rounds = append(rounds, round)
		others.Go(func() {
			for range round {
				if err := do(); err != nil && !errors.Is(err, ErrClosed) {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
	for range writers {
		r := rand.New(rand.NewPCG(r.Uint64(), 0))
		writing.Go(func() {
			for range count(500, 100_000) {
				b.move(t, r)
				again()
			}
		})
	}
	writing.Wait()
	again()
	if err := db.Close(); err != nil { // while the others are at it
		t.Error(err)
	}
	for _, c := range rounds {
		close(c)
	}
	others.Wait()
}

// bank is a database of accounts that are never all gone.
type bank struct {
	db       *DB
	accounts int
}

func (b *bank) key(i int) []byte { return fmt.Appendf(nil, "account:%d", i) }

func (b *bank) put(t *testing.T, tx *Tx, i, amount int) {
	if err := tx.Put(b.key(i), Item{Type: TypeString, Value: strconv.AppendInt(nil, int64(amount), 10)}); err != nil {
		t.Error(err)
	}
}

func (b *bank) get(tx *Tx, i int) (int, error) {
	it, _, err := item(tx, b.key(i))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(it.Value))
}

func (b *bank) transact(t *testing.T, f func(tx *Tx)) {
	tx, err := b.db.Begin(true)
	if err != nil {
		t.Error(err)
		return
	}
	f(tx)
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
}

// move moves an amount, or does and takes it back.
func (b *bank) move(t *testing.T, r *rand.Rand) {
	from, to := r.IntN(b.accounts), r.IntN(b.accounts-1)
	if to >= from {
		to++
	}
	b.transact(t, func(tx *Tx) {
		sp := savepoint(tx)
		had, err1 := b.get(tx, from)
		has, err2 := b.get(tx, to)
		if err := errors.Join(err1, err2); err != nil {
			t.Error(err)
			return
		}
		b.put(t, tx, from, had-1)
		b.put(t, tx, to, has+1)
		if r.IntN(4) == 0 {
			tx.RollbackTo(sp)
		}
	})
}

// addUp checks the sum of all accounts.
func (b *bank) addUp(want int) error {
	tx, err := b.db.Begin(false)
	if err != nil {
		return err
	}
	defer tx.Commit()
	sum := 0
	for i := range b.accounts {
		n, err := b.get(tx, i)
		if err != nil {
			return err
		}
		sum += n
	}
	if sum != want {
		return fmt.Errorf("%d, want %d", sum, want)
	}
	return nil
}

// scan checks that a scan in several calls finds every account.
func (b *bank) scan() error {
	seen := map[string]bool{}
	for cursor, first := uint64(0), true; cursor != 0 || first; first = false {
		tx, err := b.db.Begin(false)
		if err != nil {
			return err
		}
		cursor, err = tx.Scan(cursor, 10, func(k []byte, _ Item) bool { seen[string(k)] = true; return true })
		tx.Commit()
		if err != nil {
			return err
		}
	}
	if len(seen) != b.accounts {
		return fmt.Errorf("%d accounts of %d", len(seen), b.accounts)
	}
	return nil
}

func (b *bank) random() error {
	tx, err := b.db.Begin(false)
	if err != nil {
		return err
	}
	defer tx.Commit()
	if _, ok, err := tx.Random(); err != nil || !ok {
		return fmt.Errorf("no account: %w", err)
	}
	return nil
}
