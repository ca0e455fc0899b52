package server

import (
	"os"
	"os/exec"
	"testing"
)

// TestGoRedis runs the tests of testdata/goredis, a module of its own, against a server.
func TestGoRedis(t *testing.T) {
	s := start(t, nil)
	tests := exec.Command("go", "test", "-count=1", ".")
	tests.Dir = "testdata/goredis"
	tests.Env = append(os.Environ(), "NUBDB_ADDR="+s.addr, "GOFLAGS=-mod=readonly")
	if out, err := tests.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
