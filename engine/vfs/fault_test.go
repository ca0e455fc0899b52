package vfs

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// everything does each kind of operation once, in the order of the constants, and
// returns the errors.
func everything(fsys FS) map[Op]error {
	errs := map[Op]error{}
	f, err := fsys.OpenFile("/f", os.O_RDWR)
	if errs[OpOpen] = err; err != nil {
		return errs
	}
	_, errs[OpCreate] = fsys.OpenFile("/g", os.O_RDWR|os.O_CREATE)
	errs[OpMkdir] = fsys.Mkdir("/d")
	_, errs[OpReadDir] = fsys.ReadDir("/")
	errs[OpRename] = fsys.Rename("/h", "/i")
	errs[OpRemove] = fsys.Remove("/j")
	errs[OpSyncDir] = fsys.SyncDir("/")
	_, errs[OpLock] = fsys.Lock("/LOCK", false, 0, nil)
	_, errs[OpRead] = f.ReadAt(make([]byte, 1), 0)
	_, errs[OpWrite] = f.WriteAt([]byte("y"), 0)
	errs[OpDatasync] = f.Datasync()
	errs[OpTruncate] = f.Truncate(1)
	errs[OpAllocate] = f.Allocate(0, 2)
	m, err := f.Map(0, 4096, true)
	if errs[OpMap] = err; err == nil {
		errs[OpMapSync] = m.Sync(0, 1)
	}
	return errs
}

func forEverything(t *testing.T) FS {
	fsys := NewMem()
	for _, name := range []string{"/f", "/h", "/j"} {
		write(t, fsys, name, "x").Close()
	}
	return fsys
}

func TestFaultOfEachKind(t *testing.T) {
	n := 0
	for op := OpOpen; op&OpAny != 0; op <<= 1 {
		n++
		faulty := NewFault(forEverything(t), Rule{Ops: op, Err: syscall.EIO})
		for got, err := range everything(faulty) {
			if got == op {
				wantErr(t, err, syscall.EIO)
			} else if err != nil {
				t.Errorf("op %b fails with %b: %v", got, op, err)
			}
		}
		if faulty.Fired() != 1 {
			t.Errorf("op %b: fired %d times", op, faulty.Fired())
		}
	}
	if all := len(everything(forEverything(t))); n != all {
		t.Errorf("%d kinds, %d operations", n, all)
	}
}

func TestFaultHasNoEffect(t *testing.T) {
	inner := forEverything(t)
	faulty := NewFault(inner, Rule{Ops: OpAny &^ OpOpen &^ OpMap, Err: syscall.EIO, Forever: true})
	everything(faulty)
	names, err := inner.ReadDir("/")
	must(t, err)
	f, err := inner.OpenFile("/f", os.O_RDONLY)
	must(t, err)
	if got := strings.Join(names, " ") + " " + read(t, f); got != "f h j x" {
		t.Errorf("left %q", got)
	}
	if faulty.Fired() != 13 {
		t.Errorf("fired %d times", faulty.Fired())
	}
}

func TestFaultRules(t *testing.T) {
	for _, tc := range []struct {
		what string
		rule Rule
		fail string // of the writes to /a1, /b, /a1, /b, ...
	}{
		{"the first", Rule{Ops: OpWrite}, "x....."},
		{"the third", Rule{Ops: OpWrite, Nth: 3}, "..x..."},
		{"from the third on", Rule{Ops: OpWrite, Nth: 3, Forever: true}, "..xxxx"},
		{"one file", Rule{Ops: OpWrite, Name: "b", Nth: 2}, "...x.."},
		{"a pattern", Rule{Ops: OpWrite, Name: "a?", Nth: 2, Forever: true}, "..x.x."},
		{"several kinds", Rule{Ops: OpWrite | OpCreate, Nth: 4}, ".x...."},
		{"another kind", Rule{Ops: OpRead, Forever: true}, "......"},
	} {
		tc.rule.Err = syscall.ENOSPC
		faulty := NewFault(NewMem(), tc.rule)
		a, err := faulty.OpenFile("/a1", os.O_RDWR|os.O_CREATE)
		must(t, err)
		b, err := faulty.OpenFile("/b", os.O_RDWR|os.O_CREATE)
		must(t, err)
		got := ""
		for range 3 {
			for _, f := range []File{a, b} {
				if _, err := f.WriteAt([]byte("x"), 0); err == nil {
					got += "."
				} else {
					wantErr(t, err, syscall.ENOSPC)
					got += "x"
				}
			}
		}
		if got != tc.fail {
			t.Errorf("%s: %s, want %s", tc.what, got, tc.fail)
		}
	}
}

func TestShortWrite(t *testing.T) {
	faulty := NewFault(NewMem(), Rule{Ops: OpWrite, Err: syscall.ENOSPC, Short: 3})
	f, err := faulty.OpenFile("/f", os.O_RDWR|os.O_CREATE)
	must(t, err)
	n, err := f.WriteAt([]byte("hello"), 0)
	wantErr(t, err, syscall.ENOSPC)
	if got := read(t, f); n != 3 || got != "hel" {
		t.Errorf("%d bytes written: %q", n, got)
	}
}

func TestQuota(t *testing.T) {
	faulty := NewFault(NewMem())
	a := write(t, faulty, "/a", strings.Repeat("a", 1000)) // what exists does not count
	faulty.SetQuota(100)
	b := write(t, faulty, "/b", "")
	size := func(f File) int64 {
		n, err := f.Size()
		must(t, err)
		return n
	}
	steps := []struct {
		what string
		do   func() error
		full bool
		a, b int64
	}{
		{"overwrite", func() error { _, err := a.WriteAt(make([]byte, 1000), 0); return err }, false, 1000, 0},
		{"allocate too much", func() error { return b.Allocate(0, 101) }, true, 1000, 0},
		{"allocate what is there", func() error { return a.Allocate(0, 1000) }, false, 1000, 0},
		{"allocate", func() error { return b.Allocate(0, 60) }, false, 1000, 60},
		{"write in it", func() error { _, err := b.WriteAt(make([]byte, 60), 0); return err }, false, 1000, 60},
		{"write over the limit", func() error { _, err := b.WriteAt(make([]byte, 100), 50); return err }, true, 1000, 100},
		{"write at the limit", func() error { _, err := a.WriteAt(make([]byte, 1), 1000); return err }, true, 1000, 100},
		{"write beyond the limit", func() error { _, err := a.WriteAt(make([]byte, 1), 5000); return err }, true, 1000, 100},
		{"shrink", func() error { return a.Truncate(990) }, false, 990, 100},
		{"grow too much", func() error { return a.Truncate(1001) }, true, 990, 100},
		{"grow", func() error { return b.Truncate(110) }, false, 990, 110},
		{"remove", func() error { return faulty.Remove("/a") }, false, 990, 110},
		{"use what that freed", func() error { return b.Allocate(0, 1100) }, false, 990, 1100},
		{"full again", func() error { return b.Allocate(0, 1101) }, true, 990, 1100},
		{"empty", func() error { _, err := faulty.OpenFile("/b", os.O_RDWR|os.O_TRUNC); return err }, false, 990, 0},
		{"use what that freed", func() error { return b.Allocate(0, 1100) }, false, 990, 1100},
		{"rename over it", func() error { write(t, faulty, "/c", "").Close(); return faulty.Rename("/c", "/b") }, false, 990, 1100},
		{"use what that freed", func() error { return b.Allocate(0, 2200) }, false, 990, 2200},
	}
	for _, s := range steps {
		err := s.do()
		if s.full {
			wantErr(t, err, syscall.ENOSPC)
		} else if err != nil {
			t.Errorf("%s: %v", s.what, err)
		}
		if size(a) != s.a || size(b) != s.b {
			t.Errorf("%s: sizes %d and %d, want %d and %d", s.what, size(a), size(b), s.a, s.b)
		}
	}
	faulty.SetQuota(-1)
	must(t, b.Allocate(0, 1<<20))
}

func TestQuotaCountsNoDirectories(t *testing.T) {
	faulty, dir := NewFault(OS), t.TempDir()
	faulty.SetQuota(1)
	must(t, faulty.Mkdir(dir+"/d"))
	must(t, faulty.Remove(dir+"/d"))
	wantErr(t, write(t, faulty, dir+"/f", "").Allocate(0, 2), syscall.ENOSPC)
}

// TestFaultAboveCrash: what a Fault stops is no operation of the Crash below.
func TestFaultAboveCrash(t *testing.T) {
	c := NewCrash(1, CrashOptions{})
	faulty := NewFault(c, Rule{Ops: OpMkdir, Err: syscall.ENOSPC})
	wantErr(t, faulty.Mkdir("/d"), syscall.ENOSPC)
	must(t, faulty.Mkdir("/d"))
	if c.Ops() != 1 {
		t.Errorf("%d operations", c.Ops())
	}
}
