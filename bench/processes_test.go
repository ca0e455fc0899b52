package main

import (
	"os"
	"testing"
	"time"
)

// Any number of processes use one database at once, also while servers have it, stop and are
// killed: no increment that was acknowledged is lost, none counts twice, and nobody waits for
// long.
func TestCrowd(t *testing.T) {
	c := crowd{processes: 12, increments: 30, shells: 1, long: time.Second / 2}
	if os.Getenv("NUBDB_TORTURE") != "" {
		c = crowd{processes: 200, increments: 1000, shells: 3, long: time.Minute}
	}
	b, err := prepare()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(b.dir)
	for _, c.owner = range []owner{nobody, servers, killedServers} {
		tally, err := c.run(b)
		if err != nil {
			t.Fatalf("beside %v: %v", c.owner, err)
		}
		t.Logf("beside %v: %+v", c.owner, tally)
		if tally.longest > 5*time.Second {
			t.Errorf("beside %v: somebody waited %v", c.owner, tally.longest)
		}
	}
}
