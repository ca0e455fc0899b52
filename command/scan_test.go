package command

import (
	"strconv"
	"testing"

	"github.com/nubdb/nubdb/engine"
)

// What is there throughout a SCAN is returned, while other keys come and go and the
// index grows many times over.
func TestScanGuarantee(t *testing.T) {
	s := newSession(open(t, engine.Options{}), Options{})
	fill := func(prefix string, n int) {
		s.Begin()
		for i := range n {
			do(s, "SET "+prefix+strconv.Itoa(i)+" v")
		}
		if err := s.End(); err != nil {
			t.Fatal(err)
		}
	}
	fill("stays:", 3000)
	fill("goes:", 3000)
	seen := map[string]bool{}
	cursor, calls := "0", 0
	for {
		r := s.Do(words("SCAN " + cursor + " COUNT 20 MATCH *s:*"))
		if len(r.Elems) != 2 {
			t.Fatal(show(r))
		}
		cursor = string(r.Elems[0].Str)
		for _, key := range r.Elems[1].Elems {
			seen[string(key.Str)] = true
		}
		if cursor == "0" {
			break
		}
		calls++
		if calls <= 4 { // each time the index grows, and a part of what goes is gone
			fill("comes:"+strconv.Itoa(calls)+":", 5000)
			for i := range 500 {
				do(s, "DEL goes:"+strconv.Itoa(calls*500+i))
			}
		}
	}
	if calls < 4 {
		t.Fatal("the scan took too few calls to be disturbed:", calls)
	}
	for i := range 3000 {
		if key := "stays:" + strconv.Itoa(i); !seen[key] {
			t.Fatalf("%s was there throughout and is missing", key)
		}
	}
}

// The cursor needs no memory in the session: another one goes on with it.
func TestScanCursorIsShared(t *testing.T) {
	db := open(t, engine.Options{})
	s := newSession(db, Options{})
	for i := range 2000 {
		do(s, "SET key:"+strconv.Itoa(i)+" v")
	}
	n := 0
	for cursor := "0"; n == 0 || cursor != "0"; {
		r := newSession(db, Options{ReadOnly: true}).Do(words("SCAN " + cursor))
		cursor = string(r.Elems[0].Str)
		n += len(r.Elems[1].Elems)
	}
	if n != 2000 {
		t.Error(n, "keys")
	}
}
