package main

import (
	"os"
	"testing"
	"time"
)

// A server that is killed and stopped under load loses nothing that it has acknowledged.
func TestSoak(t *testing.T) {
	s := soak{clients: 20, long: 3 * time.Second, life: time.Second}
	if os.Getenv("NUBDB_TORTURE") != "" {
		s = soak{clients: 200, long: 20 * time.Minute, life: 10 * time.Second}
	}
	b, err := prepare()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(b.dir)
	r, err := s.run(b)
	if err != nil {
		t.Fatal(err)
	}
	if r.acknowledged.Load() == 0 || r.kills+r.stops == 0 {
		t.Errorf("%d commands, %d kills, %d stops", r.acknowledged.Load(), r.kills, r.stops)
	}
}
