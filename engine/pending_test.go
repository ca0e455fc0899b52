package engine

import (
	"testing"
)

// update runs a transaction that must succeed.
func update(t testing.TB, db *DB, fn func(tx *Tx)) {
	t.Helper()
	tx, err := db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	fn(tx)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// view looks at a database.
func view(t testing.TB, db *DB, fn func(tx *Tx)) {
	t.Helper()
	tx, err := db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Commit()
	fn(tx)
}

// mustOpen opens a database.
func mustOpen(t testing.TB, dir string, o Options) *DB {
	t.Helper()
	db, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// must ends the test if there is an error.
func must(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

// text is a plain item.
func text(value string) Item { return Item{Type: TypeString, Value: []byte(value)} }
