package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every cron job pays for what packages do before main, so they do next to nothing.
// The time of it depends on the machine (`make bench` measures it), the allocations do not.
const (
	maxInitAllocs = 10      // of one package that is not of the standard library, as golang.org/x/sys/cpu makes
	maxInitBytes  = 6 << 10 // the same
)

func TestPackagesDoNothingBeforeMain(t *testing.T) {
	for _, p := range initTrace(t, build(t)) {
		if strings.Contains(p.name, ".") && (p.allocs > maxInitAllocs || p.bytes > maxInitBytes) {
			t.Errorf("%s makes %d allocations, %d bytes, before main", p.name, p.allocs, p.bytes)
		}
	}
}

// TestBinaryLinksNothingHeavy names packages that cost start-up time or size and that a
// dependency brings in easily.
func TestBinaryLinksNothingHeavy(t *testing.T) {
	out, err := exec.Command("go", "list", "-pgo=off", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	for _, heavy := range []string{"testing", "regexp", "net/http", "text/template", "html/template", "encoding/gob"} {
		if slices.Contains(linked, heavy) {
			t.Errorf("the binary contains %s", heavy)
		}
	}
}

// packageInit is what a package does before main.
type packageInit struct {
	name          string
	bytes, allocs int
}

// initTrace runs the binary once and returns what GODEBUG=inittrace=1 says.
func initTrace(t *testing.T, binary string) (packages []packageInit) {
	t.Helper()
	cmd := exec.Command(binary, "PING")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace strings.Builder
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(trace.String()) {
		var p packageInit
		var at, took float64
		_, err := fmt.Sscanf(line, "init %s @%f ms, %f ms clock, %d bytes, %d allocs", &p.name, &at, &took, &p.bytes, &p.allocs)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		t.Fatal("no trace")
	}
	return packages
}

// build builds the project's binary as `make build` does and returns its path.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "nubdb")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}
