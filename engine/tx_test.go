package engine

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// TestLimits: the longest keys and values there are, and what is one byte longer.
func TestLimits(t *testing.T) {
	o := Options{FS: vfs.NewMem(), Inline: true}
	db := mustOpen(t, "db", o)
	inline := geometry{segmentBits}.maxInline()
	items := map[string]Item{"": text(""), "\x00": text("\x00"), string(randomBytes(MaxKey)): {Type: TypeString, Value: randomBytes(inline)}}
	for i := range 20 { // two MiB each: some do not fit into what is left of a segment
		items[string(randomBytes(MaxKey-i))] = Item{Type: Type(1 + i), Value: randomBytes(inline - i)}
	}
	for k, it := range items {
		update(t, db, func(tx *Tx) { must(t, tx.Put([]byte(k), it)) })
	}
	update(t, db, func(tx *Tx) {
		if err := tx.Put(make([]byte, MaxKey+1), text("")); !errors.Is(err, ErrTooLarge) {
			t.Errorf("key too long: %v, want %v", err, ErrTooLarge)
		}
		if err := tx.Put([]byte("k"), Item{Type: TypeString, Value: make([]byte, MaxValue+1)}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("value too long: %v, want %v", err, ErrTooLarge)
		}
	})
	for range 2 {
		if got := content(t, db); !sameItems(got, items) {
			t.Fatal("not what was put")
		}
		must(t, db.Close())
		db = mustOpen(t, "db", o)
	}
	verify(t, db)
	must(t, db.Close())
}

// TestArgumentsAreCopied: the caller's slices are the caller's again after each call.
func TestArgumentsAreCopied(t *testing.T) {
	db := mustOpen(t, Memory, Options{})
	defer db.Close()
	update(t, db, func(tx *Tx) {
		key, value := []byte("key"), []byte("value")
		must(t, tx.Put(key, Item{Type: TypeString, Value: value}))
		copy(key, "xxx")
		copy(value, "yyyyy")
		if it, ok, err := item(tx, []byte("key")); string(it.Value) != "value" || !ok || err != nil {
			t.Errorf("%q, %v, %v", it.Value, ok, err)
		}
	})
}

// TestItemsStayValid: what a command reads stays as it is until the next savepoint,
// whatever the command writes meanwhile and however the log grows and moves.
func TestItemsStayValid(t *testing.T) {
	for _, size := range []int{10, 3000, filed, 100_000} {
		for _, synced := range []bool{false, true} {
			o := Options{FS: vfs.NewMem(), Inline: true, tuning: crowded}
			db := mustOpen(t, "db", o)
			update(t, db, func(tx *Tx) { // a buffer that need not grow any more
				for i := range 100 {
					must(t, tx.Put([]byte{byte(i)}, Item{Type: TypeString, Value: make([]byte, 2000)}))
				}
			})
			value := randomBytes(size)
			put := func(tx *Tx) { must(t, tx.Put([]byte("k"), Item{Type: TypeString, Value: value})) }
			update(t, db, put)
			if synced {
				must(t, db.Sync())
			}
			update(t, db, func(tx *Tx) {
				it, _, err := item(tx, []byte("k"))
				must(t, err)
				for i := range 300 {
					must(t, tx.Put([]byte("k"), Item{Type: TypeString, Value: bytes.Repeat([]byte{byte(i)}, 2000)}))
				}
				if _, err := tx.Delete([]byte("k")); err != nil {
					t.Error(err)
				}
				if !bytes.Equal(it.Value, value) {
					t.Errorf("%d bytes, synced %v: the value has changed", size, synced)
				}
			})
			must(t, db.Close())
		}
	}
}

// TestVersion: a key's version changes when, and only when, the key is written.
func TestVersion(t *testing.T) {
	now := int64(1000)
	db := mustOpen(t, "db", Options{FS: vfs.NewMem(), Inline: true, Clock: func() int64 { return now }, tuning: crowded})
	version := func() (v uint64) {
		t.Helper()
		view(t, db, func(tx *Tx) {
			var err error
			v, err = tx.Version([]byte("k"))
			must(t, err)
		})
		return v
	}
	seen := map[uint64]string{0: "absent"}
	for _, step := range []struct {
		name    string
		do      func(tx *Tx) error
		changes bool
		gone    bool
	}{
		{"absent", func(tx *Tx) error { return nil }, false, true},
		{"put", func(tx *Tx) error { return tx.Put([]byte("k"), text("v")) }, true, false},
		{"another key", func(tx *Tx) error { return tx.Put([]byte("l"), text("v")) }, false, false},
		{"put the same", func(tx *Tx) error { return tx.Put([]byte("k"), text("v")) }, true, false},
		{"expire", func(tx *Tx) error { _, err := tx.Expire([]byte("k"), 2000); return err }, true, false},
		{"taken back", func(tx *Tx) error {
			sp := savepoint(tx)
			err := tx.Put([]byte("k"), text("w"))
			tx.RollbackTo(sp)
			return err
		}, false, false},
		{"delete", func(tx *Tx) error { _, err := tx.Delete([]byte("k")); return err }, true, true},
		{"put again", func(tx *Tx) error { return tx.Put([]byte("k"), text("v")) }, true, false},
		{"clear", (*Tx).Clear, true, true},
		{"put a last time", func(tx *Tx) error { return tx.Put([]byte("k"), Item{Type: TypeString, ExpireAt: 1500}) }, true, false},
	} {
		before := version()
		update(t, db, func(tx *Tx) { must(t, step.do(tx)) })
		v := version()
		must(t, db.Sync())
		if after := version(); after != v {
			t.Errorf("%s: a Sync made of version %d %d", step.name, v, after)
		}
		if (v != before) != step.changes || (v == 0) != step.gone {
			t.Errorf("%s: version %d, before %d", step.name, v, before)
		}
		if was, again := seen[v]; again && step.changes && v != 0 {
			t.Errorf("%s: version %d, as after %q", step.name, v, was)
		}
		seen[v] = step.name
	}
	now = 1500
	if v := version(); v != 0 {
		t.Errorf("expired: version %d", v)
	}
}

// TestDead: a key whose time has come is not there for anybody.
func TestDead(t *testing.T) {
	now := int64(1000)
	db := mustOpen(t, "db", Options{FS: vfs.NewMem(), Inline: true, Clock: func() int64 { return now }})
	update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("k"), Item{Type: TypeString, ExpireAt: 2000})) })
	for _, tt := range []struct {
		now   int64
		alive bool
	}{{1999, true}, {2000, false}, {3000, false}, {0, true}} {
		now = tt.now
		update(t, db, func(tx *Tx) {
			_, got, err := item(tx, []byte("k"))
			expire, err2 := tx.Expire([]byte("k"), 2000)
			sp := savepoint(tx)
			deleted, err3 := tx.Delete([]byte("k"))
			tx.RollbackTo(sp)
			if err := errors.Join(err, err2, err3); got != tt.alive || expire != tt.alive || deleted != tt.alive || err != nil {
				t.Errorf("at %d: Get %v, Expire %v, Delete %v, %v; want %v", tt.now, got, expire, deleted, err, tt.alive)
			}
		})
	}
	now = 1000
	update(t, db, func(tx *Tx) {
		if ok, err := tx.Expire([]byte("k"), 999); !ok || err != nil {
			t.Errorf("Expire in the past: %v, %v", ok, err)
		}
		if _, ok, err := item(tx, []byte("k")); ok || err != nil {
			t.Errorf("after it: %v, %v", ok, err)
		}
	})
	verify(t, db)
}

// TestMaxSize: live data stays below the limit, in whatever way it would grow; deleting,
// and making smaller what is there, is always possible.
func TestMaxSize(t *testing.T) {
	o := Options{FS: vfs.NewMem(), Inline: true, MaxSize: 10_000, tuning: crowded}
	db := mustOpen(t, "db", o)
	n := 0
	update(t, db, func(tx *Tx) {
		for err := error(nil); err == nil; n++ {
			if err = tx.Put(fmt.Appendf(nil, "k%d", n), text("some value of a key")); err != nil && !errors.Is(err, ErrMaxSize) {
				t.Fatal(err)
			}
		}
	})
	live := func() int64 {
		s, err := db.Stats()
		must(t, err)
		return s.LiveBytes
	}
	if b := live(); b > 10_000 || b < 9_900 {
		t.Errorf("%d bytes of live data", b)
	}
	update(t, db, func(tx *Tx) {
		if err := tx.Put([]byte("k0"), Item{Type: TypeString, Value: make([]byte, 200)}); !errors.Is(err, ErrMaxSize) {
			t.Errorf("a longer value: %v, want %v", err, ErrMaxSize)
		}
		must(t, tx.Put([]byte("k0"), text("some value of a kez")))
		must(t, tx.Put([]byte("k1"), text("short")))
		if ok, err := tx.Delete([]byte("k2")); !ok || err != nil {
			t.Error(ok, err)
		}
		must(t, tx.Put([]byte("k2"), text("some value of a key")))
	})
	must(t, db.Close())
	o.MaxSize = 5000 // lowered: still everything can be read, and made smaller
	db = mustOpen(t, "db", o)
	update(t, db, func(tx *Tx) {
		if err := tx.Put([]byte("new"), text("")); !errors.Is(err, ErrMaxSize) {
			t.Errorf("a new key: %v, want %v", err, ErrMaxSize)
		}
		must(t, tx.Put([]byte("k3"), text("short")))
		must(t, tx.Clear())
		must(t, tx.Put([]byte("new"), text("")))
	})
	verify(t, db)
	must(t, db.Close())
}
