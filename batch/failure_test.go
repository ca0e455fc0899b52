package batch

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine/vfs"
	"github.com/nubdb/nubdb/wire"
)

// outcome is what a run showed.
type outcome struct {
	status         int
	stdout, stderr string
}

// runOn runs commands on a database in a file system of the test's.
func runOn(t *testing.T, fs vfs.FS, text string, change func(*Config)) outcome {
	t.Helper()
	dir := t.TempDir()
	create := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	cfg := Config{DB: "db", Inputs: []Input{Text(1, text)}, Stdin: create("in"), Stdout: create("out"), Stderr: create("err")}
	cfg.Engine.FS, cfg.Engine.Inline = fs, true
	change(&cfg)
	o := outcome{status: Run(cfg)}
	out, _ := os.ReadFile(cfg.Stdout.Name())
	err, _ := os.ReadFile(cfg.Stderr.Name())
	o.stdout, o.stderr = string(out), string(err)
	return o
}

// When a write or sync of the database fails, the status is 6, stderr says what is
// not durable, and no reply that was not acknowledged before is shown.
func TestDatabaseFails(t *testing.T) {
	eio := func(ops vfs.Op, name string, nth int) vfs.Rule {
		return vfs.Rule{Ops: ops, Name: name, Nth: nth, Forever: true, Err: syscall.EIO}
	}
	for _, test := range []struct {
		name   string
		rule   vfs.Rule
		change func(*Config)
		text   string
		stdout string
		stderr string
	}{
		{"sync at the end", eio(vfs.OpDatasync, "*", 1), func(*Config) {}, "SET a 1\nSET b 2\n",
			"", "(what this run wrote is not durable)"},
		{"sync after replies", eio(vfs.OpDatasync, "*", 1), func(*Config) {}, "SET a 1\nSLEEP 0\nSET b 2\n",
			"OK\n", "(what this run wrote is not durable)"},
		{"sync before the reply", eio(vfs.OpDatasync, "*", 1), func(c *Config) { c.Sync = command.SyncAlways }, "SET a 1\n",
			"", "(what this run wrote is not durable)"},
		{"second sync before a reply", eio(vfs.OpDatasync, "*", 2), func(c *Config) { c.Sync = command.SyncAlways }, "SET a 1\nSLEEP 0\nSET b 2\n",
			"OK\n", "(what was written after <-c 1>:1 is not durable)"},
		{"write", eio(vfs.OpWrite, "*", 1), func(*Config) {}, "SET a 1\n",
			"", "(what this run wrote is not durable)"},
		{"write of an atomic run", eio(vfs.OpWrite, "*", 1), func(c *Config) { c.Atomic = true }, "SET a 1\n",
			"OK\n", "(what this run wrote is not durable)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			disk := vfs.NewMem()
			if o := runOn(t, disk, "SET start 1", func(*Config) {}); o.status != StatusOK {
				t.Fatalf("%+v", o)
			}
			fault := vfs.NewFault(disk, test.rule)
			o := runOn(t, fault, test.text, test.change)
			if o.status != StatusFailed || o.stdout != test.stdout || !strings.Contains(o.stderr, test.stderr) {
				t.Errorf("%+v, want status %d, %q and %q", o, StatusFailed, test.stdout, test.stderr)
			}
			if fault.Fired() == 0 {
				t.Error("nothing has failed")
			}
			if n := strings.Count(o.stderr, "not durable"); n != 1 {
				t.Errorf("said %d times", n)
			}
		})
	}
}

// When the input cannot be read any more, what was read is done, durable and answered.
func TestInputFails(t *testing.T) {
	for _, atomic := range []bool{false, true} {
		cfg := quiet(t, "")
		cfg.DB, cfg.Atomic, cfg.Engine.FS = "db", atomic, vfs.NewMem()
		r, err := newRun(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		failing := iotest.DataErrReader(io.MultiReader(strings.NewReader("SET a 1\n"), iotest.ErrReader(syscall.EIO)))
		r.sources = []*source{newSource("failing", failing, -1)}
		if atomic {
			err = r.atomic()
		} else {
			err = r.plain()
		}
		if status := r.finish(err); status != StatusFailed {
			t.Errorf("status %d, want %d", status, StatusFailed)
		}
		want := "1\n"
		if atomic {
			want = "(nil)\n"
		}
		if o := runOn(t, cfg.Engine.FS, "GET a", func(*Config) {}); o.stdout != want {
			t.Errorf("atomic %v: got %q, want %q", atomic, o.stdout, want)
		}
	}
}

// Another program truncates the file of a long value when it has been read and verified,
// and is being written to the output. That is an error, not the end of the process, and
// what the group has written is undone.
func TestFileTruncatedWhileRendering(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	quiet := func(c *Config) { c.DB, c.Quiet, c.Engine.FS = dir, true, nil }
	if o := runOn(t, nil, "SET long x\nSETRANGE long 2000000 x\n", quiet); o.status != 0 {
		t.Fatal(o)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.val"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	stderr, err := os.Create(filepath.Join(t.TempDir(), "err"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	r, err := newRun(Config{DB: dir, Inputs: []Input{Text(1, "SET before 1\nGET long\nPING\n")}, Stdin: os.Stdin, Stdout: stderr, Stderr: stderr})
	defer r.close()
	if err != nil {
		t.Fatal(err)
	}
	r.db = command.NewDatabase(command.DatabaseOptions{Path: dir, Reply: func(cmd *wire.Command, reply *wire.Reply) {
		if len(reply.Str) > 1000 {
			if err := os.Truncate(files[0], 0); err != nil {
				t.Error(err)
			}
		}
		r.replied(cmd, reply)
	}})
	if status := r.finish(r.plain()); status != StatusFailed {
		t.Errorf("status %d", status)
	}
	said, err := os.ReadFile(stderr.Name())
	if err != nil || !strings.Contains(string(said), "a mapped file cannot be read") || strings.Contains(string(said), "PONG") {
		t.Errorf("said %q, %v", said, err)
	}
	if o := runOn(t, nil, "EXISTS before\n", func(c *Config) { c.DB, c.Engine.FS = dir, nil }); o.stdout != "0\n" {
		t.Errorf("EXISTS before answers %q: the group was not undone", o.stdout)
	}
}
