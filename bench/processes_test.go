package main

import (
	"os"
	"testing"
	"time"
)

// Any number of processes use one database at once: no increment is lost, and nobody waits
// for long.
func TestCrowd(t *testing.T) {
	c := crowd{processes: 12, increments: 30, shells: 1, long: time.Second}
	if os.Getenv("NUBDB_TORTURE") != "" {
		c = crowd{processes: 200, increments: 1000, shells: 3, long: time.Minute}
	}
	b, err := prepare()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(b.dir)
	for _, c.servers = range []bool{false, true} {
		longest, err := c.run(b)
		if err != nil {
			t.Fatalf("servers %v: %v", c.servers, err)
		}
		t.Logf("servers %v: longest wait for an answer: %v", c.servers, longest)
		if longest > 5*time.Second {
			t.Errorf("servers %v: somebody waited %v", c.servers, longest)
		}
	}
}
