package main

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/nubdb.1")

// TestManPage fails when docs/nubdb.1 is not what --man prints: after a change of
// the flags or the command table, run this test with -update.
func TestManPage(t *testing.T) {
	const name = "docs/nubdb.1"
	want := manPage((&options{}).define())
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is stale: go test -run TestManPage . -update", name)
	}
}

// Text of the table reaches the page as text, not as troff's requests.
func TestManPageHasNoStrayRequests(t *testing.T) {
	known := map[string]bool{".TH": true, ".SH": true, ".SS": true, ".TP": true, ".PP": true, ".B": true, ".I": true, ".BR": true, ".RI": true, ".br": true}
	for i, line := range strings.Split(manPage((&options{}).define()), "\n") {
		request, _, _ := strings.Cut(line, " ")
		if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !known[request] {
			t.Errorf("line %d: %s", i+1, line)
		}
	}
}
