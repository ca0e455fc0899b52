package server

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/engine/vfs"
)

// When the log cannot be written, or not be synced where that is asked for, no reply of the
// turn is written, and the server ends with the failure.
func TestDiskFails(t *testing.T) {
	for name, test := range map[string]struct {
		ops  vfs.Op
		sync command.SyncPolicy
	}{
		"write": {vfs.OpWrite, command.SyncEnd},
		"sync":  {vfs.OpDatasync, command.SyncAlways},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.Mkdir("db", 0o700); err != nil { // for the socket: the database is in memory
				t.Fatal(err)
			}
			disk := vfs.NewMem()
			first := start(t, func(c *Config) { c.DB, c.Engine.FS, c.Sync = "db", disk, test.sync })
			first.dial().exchange("SET a 1\n", "+OK\n")
			if err := first.end(); err != nil {
				t.Fatal(err)
			}
			fault := vfs.NewFault(disk, vfs.Rule{Ops: test.ops, Name: "*.log", Forever: true, Err: syscall.EIO})
			s := start(t, func(c *Config) { c.DB, c.Engine.FS, c.Sync = "db", fault, test.sync })
			s.fails = true
			c := s.dial().exchange("GET a\n", "$1\n1\n")
			io.WriteString(c, "GET a\nSET a 2\nGET a\n")
			c.wantEnd("")
			if err := s.end(); !errors.Is(err, engine.ErrFailed) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
