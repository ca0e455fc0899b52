package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// newTwin is a Crash without writeback that holds the file /f, stable, with this data.
func newTwin(t *testing.T, seed uint64, data string) (*Crash, File) {
	t.Helper()
	c := NewCrash(seed, CrashOptions{})
	f := write(t, c, "/f", data)
	must(t, f.Datasync())
	must(t, c.SyncDir("/"))
	return c, f
}

func content4(s string) string { return strings.Repeat(s, 4*int(sectorSize)/len(s)) }

// TestPowerLost says for each kind of change, not synced and synced, what is
// found if nothing and if everything else survives.
func TestPowerLost(t *testing.T) {
	const gone = "(no file)"
	old, zero := content4("old "), content4("\x00")
	for _, tc := range []struct {
		what       string
		do         func(c *Crash, f File) error
		sync       func(c *Crash, f File) error
		name       string
		lost, kept string
	}{
		{
			"write",
			func(c *Crash, f File) error { _, err := f.WriteAt([]byte(content4("new ")), 0); return err },
			func(c *Crash, f File) error { return f.Datasync() },
			"/f", old, content4("new "),
		},
		{
			"append",
			func(c *Crash, f File) error { _, err := f.WriteAt([]byte("more"), 2048); return err },
			func(c *Crash, f File) error { return f.Datasync() },
			"/f", old, old + "more",
		},
		{
			"cut",
			func(c *Crash, f File) error { return f.Truncate(100) },
			func(c *Crash, f File) error { return f.Datasync() },
			"/f", old, old[:100],
		},
		{
			"cut and grow",
			func(c *Crash, f File) error { return errors.Join(f.Truncate(0), f.Truncate(2048)) },
			func(c *Crash, f File) error { return f.Datasync() },
			"/f", old, zero,
		},
		{
			"empty",
			func(c *Crash, f File) error { _, err := c.OpenFile("/f", os.O_RDWR|os.O_TRUNC); return err },
			func(c *Crash, f File) error { return f.Datasync() },
			"/f", old, "",
		},
		{
			"allocate",
			func(c *Crash, f File) error { return f.Allocate(0, 4096) },
			func(c *Crash, f File) error { return f.Datasync() },
			"/f", old, old + zero,
		},
		{
			"create",
			func(c *Crash, f File) error {
				g, err := c.OpenFile("/g", os.O_RDWR|os.O_CREATE)
				return errors.Join(err, func() error { _, err := g.WriteAt([]byte("g"), 0); return err }(), g.Datasync())
			},
			func(c *Crash, f File) error { return c.SyncDir("/") },
			"/g", gone, "g",
		},
		{
			"remove",
			func(c *Crash, f File) error { return c.Remove("/f") },
			func(c *Crash, f File) error { return c.SyncDir("/") },
			"/f", old, gone,
		},
		{
			"rename from",
			func(c *Crash, f File) error { return c.Rename("/f", "/g") },
			func(c *Crash, f File) error { return c.SyncDir("/") },
			"/f", old, gone,
		},
		{
			"rename to",
			func(c *Crash, f File) error { return c.Rename("/f", "/g") },
			func(c *Crash, f File) error { return c.SyncDir("/") },
			"/g", gone, old,
		},
	} {
		found := func(c *Crash) string {
			if b := c.Bytes(tc.name); b != nil {
				return string(b)
			}
			return gone
		}
		check := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s, %s: %d bytes %.20q, want %d bytes %.20q", tc.what, what, len(got), got, len(want), want)
			}
		}
		c, f := newTwin(t, 1, old)
		must(t, tc.do(c, f))
		check("killed", found(c.Killed()), tc.kept)
		check("killed, then lost", found(c.Killed().PowerLost(0)), tc.lost)
		check("lost", found(c.PowerLost(0)), tc.lost)
		check("kept", found(c.PowerLost(1)), tc.kept)
		must(t, tc.sync(c, f))
		check("synced", found(c.PowerLost(0)), tc.kept)
		check("synced, twice", found(c.PowerLost(0).PowerLost(0)), tc.kept)
	}
}

func TestPowerLostBySectors(t *testing.T) {
	old, now := content4("old "), content4("new ")
	seen := map[string]bool{}
	for seed := range uint64(200) {
		c, f := newTwin(t, seed, old)
		_, err := f.WriteAt([]byte(now), 0)
		must(t, err)
		got := c.PowerLost(.5).Bytes("/f")
		mix := ""
		for s := range slices.Chunk(got, int(sectorSize)) {
			switch {
			case bytes.Equal(s, []byte(old[:sectorSize])):
				mix += "o"
			case bytes.Equal(s, []byte(now[:sectorSize])):
				mix += "n"
			default:
				t.Fatalf("a torn sector: %q", s)
			}
		}
		seen[mix] = true
	}
	if len(seen) != 16 {
		t.Errorf("%d of 16 combinations of 4 sectors were seen", len(seen))
	}
}

func TestPowerLostWithSizeBetween(t *testing.T) {
	sizes := map[int]bool{}
	for seed := range uint64(100) {
		c, f := newTwin(t, seed, "")
		_, err := f.WriteAt([]byte(content4("new ")), 0)
		must(t, err)
		sizes[len(c.PowerLost(.5).Bytes("/f"))] = true
	}
	for _, want := range []int{0, 512, 1024, 1536, 2048} {
		if !sizes[want] {
			t.Errorf("the size was never %d", want)
		}
	}
	if len(sizes) != 5 {
		t.Errorf("sizes %v", sizes)
	}
}

func TestMachineAfterCrash(t *testing.T) {
	c, f := newTwin(t, 1, "x")
	id, err := f.Identity()
	must(t, err)
	_, err = c.Lock("/LOCK", false, 0, nil)
	must(t, err)
	killed, lost := c.Killed(), c.PowerLost(.5)
	if killed.BootID() != c.BootID() {
		t.Error("another boot after kill -9")
	}
	if lost.BootID() == c.BootID() || lost.BootID() == c.PowerLost(.5).BootID() {
		t.Error("the same boot after a power loss")
	}
	for _, after := range []*Crash{killed, lost} {
		f, err := after.OpenFile("/f", os.O_RDWR)
		must(t, err)
		if now, _ := f.Identity(); now != id {
			t.Errorf("identity %v became %v", id, now)
		}
		if _, err := after.Lock("/LOCK", false, 0, nil); err != nil {
			t.Errorf("the dead hold the lock: %v", err)
		}
		g := write(t, after, "/g", "y")
		if now, _ := g.Identity(); now == id {
			t.Error("a new file has the identity of another")
		}
		_, err = f.WriteAt([]byte("z"), 0)
		must(t, err)
	}
	if got := read(t, f); got != "x" {
		t.Errorf("the old file now holds %q: it shares memory", got)
	}
}

// TestMappedStores crashes in each store into a mapping.
func TestMappedStores(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(400) {
		c, f := newTwin(t, seed, content4("\x00"))
		m, err := f.Map(0, 4096, true)
		must(t, err)
		before := c.Ops()
		c.CrashAt(before + 2)
		crashed := c.Run(func() {
			m.Store64(1024, 1)
			m.Fill(0, bytes.Repeat([]byte("x"), 24))
			t.Error("still alive")
		})
		if !crashed {
			t.Fatal("no crash")
		}
		b := c.Killed().Bytes("/f")
		if b[1024] != 1 {
			t.Fatal("a store before the crash is lost")
		}
		seen[strings.ReplaceAll(string(b[:24]), "\x00", "-")] = true
		if b := c.PowerLost(0).Bytes("/f"); !bytes.Equal(b, make([]byte, 2048)) {
			t.Fatal("a store survives the power loss")
		}
	}
	for s := range seen {
		for i := range 3 {
			if w := s[i*8 : i*8+8]; w != "xxxxxxxx" && w != "--------" {
				t.Errorf("a torn word: %q", s)
			}
		}
	}
	if len(seen) != 8 {
		t.Errorf("a fill of 3 words was cut in %d of 8 ways: %v", len(seen), seen)
	}
}

func TestWriteCutShort(t *testing.T) {
	seen := map[int]bool{}
	for seed := range uint64(100) {
		c, f := newTwin(t, seed, "")
		_, err := f.WriteAt([]byte("start"), 0)
		must(t, err)
		c.CrashAt(c.Ops() + 1)
		c.Run(func() { f.WriteAt(bytes.Repeat([]byte("x"), 1500), 5) })
		b := c.Killed().Bytes("/f")
		if want := "start" + strings.Repeat("x", len(b)-5); string(b) != want {
			t.Fatalf("%q", b)
		}
		seen[len(b)] = true
	}
	for _, want := range []int{5, 512, 1024, 1505} {
		if !seen[want] {
			t.Errorf("the write was never cut at %d: %v", want, seen)
		}
	}
	if len(seen) != 4 {
		t.Errorf("cuts at %v", seen)
	}
}

func TestSyncOfPartOfMapping(t *testing.T) {
	c, f := newTwin(t, 1, string(make([]byte, 8192)))
	m, err := f.Map(4096, 4096, true)
	must(t, err)
	m.Fill(0, bytes.Repeat([]byte("x"), 4096))
	must(t, m.Sync(1024, 512))
	want := append(append(make([]byte, 4096+1024), bytes.Repeat([]byte("x"), 512)...), make([]byte, 4096-1536)...)
	if got := c.PowerLost(0).Bytes("/f"); !bytes.Equal(got, want) {
		t.Errorf("%d stable bytes, want those of one sector", bytes.Count(got, []byte("x")))
	}
}

func TestSyncOfMappingBeyondOldEnd(t *testing.T) {
	c, f := newTwin(t, 1, "old")
	must(t, f.Allocate(0, 8192))
	m, err := f.Map(0, 8192, true)
	must(t, err)
	m.Fill(0, []byte("new"))
	must(t, m.Sync(0, 4096))
	if got, want := string(c.PowerLost(0).Bytes("/f")), "new"+string(make([]byte, 4096-3)); got != want {
		t.Errorf("%d bytes %.5q, want %d", len(got), got, len(want))
	}
}

func TestLostDirectory(t *testing.T) {
	c := NewCrash(1, CrashOptions{})
	must(t, c.Mkdir("/d"))
	f := write(t, c, "/d/f", "x")
	must(t, f.Datasync())
	must(t, c.SyncDir("/d")) // but not of the directory it is in
	if got := c.PowerLost(0).Files(); len(got) != 0 {
		t.Errorf("%q found in a directory that is lost", got)
	}
	must(t, c.SyncDir("/"))
	if got := c.PowerLost(0).Files(); !slices.Equal(got, []string{"/d/f"}) {
		t.Errorf("%q found", got)
	}
}

// TestReplaceFile runs the usual way to replace a file, and some that are wrong,
// with a crash at each operation. The right way always leaves the old or the new
// file, and the twin finds the flaw in each of the others.
func TestReplaceFile(t *testing.T) {
	tmp := func(c *Crash) File {
		f, err := c.OpenFile("/tmp", os.O_RDWR|os.O_CREATE|os.O_TRUNC)
		must(t, err)
		return f
	}
	put := func(f File) { f.WriteAt([]byte(content4("new ")), 0) }
	for _, tc := range []struct {
		what    string
		replace func(c *Crash)
		right   bool
	}{
		{"write, sync, rename, sync", func(c *Crash) { f := tmp(c); put(f); f.Datasync(); c.Rename("/tmp", "/f"); c.SyncDir("/") }, true},
		{"no sync of the file", func(c *Crash) { f := tmp(c); put(f); c.Rename("/tmp", "/f"); c.SyncDir("/") }, false},
		{"sync of the file too late", func(c *Crash) { f := tmp(c); put(f); c.Rename("/tmp", "/f"); f.Datasync(); c.SyncDir("/") }, false},
		{"no sync of the directory", func(c *Crash) { f := tmp(c); put(f); f.Datasync(); c.Rename("/tmp", "/f") }, false},
		{"remove first", func(c *Crash) {
			f := tmp(c)
			put(f)
			f.Datasync()
			c.Remove("/f")
			c.Rename("/tmp", "/f")
			c.SyncDir("/")
		}, false},
		{"in place", func(c *Crash) { f, _ := c.OpenFile("/f", os.O_RDWR); put(f); f.Datasync() }, false},
	} {
		flaw := findFlaw(t, tc.replace)
		if tc.right != (flaw == "") {
			t.Errorf("%s: flaw %q", tc.what, flaw)
		}
	}
}

// findFlaw crashes in each operation of replace and says where a state was found
// that must not be.
func findFlaw(t *testing.T, replace func(c *Crash)) string {
	old, now := content4("old "), content4("new ")
	for seed := range uint64(20) {
		for n := 1; ; n++ {
			c, _ := newTwin(t, seed, old)
			c.CrashAt(c.Ops() + n)
			crashed := c.Run(func() { replace(c) })
			for _, after := range []*Crash{c.Killed(), c.PowerLost(0), c.PowerLost(.1), c.PowerLost(.5), c.PowerLost(1)} {
				got := string(after.Bytes("/f"))
				if got != now && (got != old || !crashed) {
					return fmt.Sprintf("seed %d, operation %d: %d bytes", seed, n, len(got))
				}
			}
			if !crashed {
				break
			}
		}
	}
	return ""
}

// TestWriteback finds, with nothing else kept, each version that a sector had.
func TestWriteback(t *testing.T) {
	seen := map[byte]bool{}
	for seed := range uint64(100) {
		c := NewCrash(seed, CrashOptions{Writeback: .5})
		f := write(t, c, "/f", "0")
		must(t, f.Datasync())
		must(t, c.SyncDir("/"))
		for _, v := range "1234" {
			_, err := f.WriteAt([]byte(string(v)), 0)
			must(t, err)
		}
		seen[c.PowerLost(0).Bytes("/f")[0]] = true
	}
	for _, v := range []byte("0123") { // 4 cannot be: nothing came after it
		if !seen[v] {
			t.Errorf("version %c was never found", v)
		}
	}
	if seen['4'] {
		t.Error("written back before it was written")
	}
}

func TestWritebackOfDirectories(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(100) {
		c := NewCrash(seed, CrashOptions{Writeback: .5})
		for _, name := range []string{"a", "b", "c"} {
			must(t, c.Mkdir(name))
		}
		names, err := c.PowerLost(0).ReadDir("/")
		must(t, err)
		seen[strings.Join(names, "")] = true
	}
	if len(seen) != 3 || !seen[""] || !seen["a"] || !seen["ab"] {
		t.Errorf("found %v, want the oldest ones only", seen)
	}
}

func TestWritebackOfSize(t *testing.T) {
	seen := map[int]bool{}
	for seed := range uint64(100) {
		c := NewCrash(seed, CrashOptions{Writeback: .5})
		f := write(t, c, "/f", "0")
		must(t, c.SyncDir("/"))
		_, err := f.WriteAt([]byte("1"), 1)
		must(t, err)
		seen[len(c.PowerLost(0).Bytes("/f"))] = true
	}
	if len(seen) != 2 || !seen[0] || !seen[1] {
		t.Errorf("sizes %v, want those before the last write", seen)
	}
}

func TestSyncDirCutShort(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(200) {
		c := NewCrash(seed, CrashOptions{})
		must(t, c.Mkdir("/d"))
		must(t, c.SyncDir("/"))
		must(t, c.Mkdir("/d/a"))
		must(t, c.Mkdir("/d/b"))
		must(t, c.Mkdir("/c")) // in another directory
		c.CrashAt(c.Ops() + 1)
		c.Run(func() { c.SyncDir("/d") })
		after := c.PowerLost(0)
		root, err := after.ReadDir("/")
		must(t, err)
		names, err := after.ReadDir("/d")
		must(t, err)
		seen[strings.Join(root, "")+"/"+strings.Join(names, "")] = true
	}
	for _, want := range []string{"d/", "d/a", "d/b", "d/ab"} {
		if !seen[want] {
			t.Errorf("never left %q", want)
		}
	}
	if len(seen) != 4 {
		t.Errorf("left %v", seen)
	}
}

// TestFailedSync is what Linux does: the second sync succeeds, and the data is lost.
func TestFailedSync(t *testing.T) {
	old, now := content4("old "), content4("new ")
	syncs := map[string]struct {
		op   Op
		sync func(f File, m *Mapping) error
	}{
		"file":    {OpDatasync, func(f File, m *Mapping) error { return f.Datasync() }},
		"mapping": {OpMapSync, func(f File, m *Mapping) error { return m.Sync(0, 2048) }},
	}
	for what, s := range syncs {
		lost := 0
		for seed := range uint64(20) {
			c, _ := newTwin(t, seed, old)
			faulty := NewFault(c, Rule{Ops: s.op, Err: syscall.EIO})
			f, err := faulty.OpenFile("/f", os.O_RDWR)
			must(t, err)
			m, err := f.Map(0, 4096, true)
			must(t, err)
			m.Fill(0, []byte(now))
			wantErr(t, s.sync(f, m), syscall.EIO)
			must(t, s.sync(f, m))
			if got := string(c.Killed().Bytes("/f")); got != now {
				t.Errorf("%s: the process does not see what it wrote", what)
			}
			if string(c.PowerLost(1).Bytes("/f")) != now || string(c.Killed().PowerLost(1).Bytes("/f")) != now {
				lost++
			}
			m.Fill(0, []byte(now)) // written again it is dirty again
			must(t, s.sync(f, m))
			if got := string(c.PowerLost(0).Bytes("/f")); got != now {
				t.Errorf("%s, seed %d: lost though written and synced again", what, seed)
			}
		}
		if lost < 15 {
			t.Errorf("%s: lost in %d of 20 cases only", what, lost)
		}
	}
}

func TestCrashIsRepeatable(t *testing.T) {
	run := func(seed uint64) string {
		c := NewCrash(seed, CrashOptions{Writeback: .3})
		must(t, c.Mkdir("/d"))
		must(t, c.SyncDir("/"))
		c.CrashAt(40)
		c.Run(func() {
			for i := 0; ; i++ {
				f := write(t, c, fmt.Sprintf("/d/%d", i%5), strings.Repeat(fmt.Sprint(i), 3000))
				if i%3 == 0 {
					f.Datasync()
				}
				if i%7 == 0 {
					c.SyncDir("/d")
				}
			}
		})
		after := c.PowerLost(.5)
		all := after.BootID()
		for _, name := range after.Files() {
			all += name + string(after.Bytes(name))
		}
		return all
	}
	first := run(1)
	if again := run(1); first != again {
		t.Error("the same seed gives another result")
	}
	if first == run(2) {
		t.Error("another seed gives the same result")
	}
}

// TestDeadProcess does everything after the crash; nothing must return.
func TestDeadProcess(t *testing.T) {
	c, f := newTwin(t, 1, content4("x"))
	m, err := f.Map(0, 4096, true)
	must(t, err)
	held, err := c.Lock("/LOCK", false, 0, nil)
	must(t, err)
	c.Kill()
	if !c.Run(func() {}) {
		t.Error("Run does not know of the death")
	}
	ops := c.Ops()
	for what, do := range map[string]func(){
		"open": func() { c.OpenFile("/f", os.O_RDWR) }, "create": func() { c.OpenFile("/g", os.O_RDWR|os.O_CREATE) },
		"mkdir": func() { c.Mkdir("/d") }, "readdir": func() { c.ReadDir("/") }, "rename": func() { c.Rename("/f", "/g") },
		"remove": func() { c.Remove("/f") }, "syncdir": func() { c.SyncDir("/") },
		"lock": func() { c.Lock("/LOCK", false, soon, nil) }, "read": func() { f.ReadAt(make([]byte, 1), 0) },
		"write": func() { f.WriteAt([]byte("y"), 0) }, "sync": func() { f.Datasync() }, "truncate": func() { f.Truncate(0) },
		"allocate": func() { f.Allocate(0, 1) }, "map": func() { f.Map(0, 4096, true) }, "size": func() { f.Size() },
		"store": func() { m.Store64(0, 1) }, "fill": func() { m.Fill(0, []byte("y")) }, "sync of a mapping": func() { m.Sync(0, 1) },
	} {
		c.Run(func() {
			do()
			t.Errorf("%s: still alive", what)
		})
	}
	if c.Ops() != ops {
		t.Errorf("the dead did %d operations", c.Ops()-ops)
	}
	if got := c.Killed().Bytes("/f"); string(got) != content4("x") {
		t.Errorf("the dead changed the file: %.20q", got)
	}
	must(t, f.Close()) // deferred calls of a dying process do no harm
	must(t, m.Unmap())
	must(t, held.Close())
}

// TestCrashInOtherGoroutine dies in one goroutine while others wait for a lock.
func TestCrashInOtherGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := newTwin(t, 1, "x")
		start := time.Now()
		crashed := c.Run(func() {
			_, err := c.Lock("/LOCK", false, 0, nil)
			must(t, err)
			go func() {
				synctest.Wait() // until the others wait
				c.CrashAt(c.Ops() + 1)
				f.Datasync()
			}()
			go func() {
				c.Lock("/LOCK", false, soon, nil)
				t.Error("still alive")
			}()
			c.Lock("/LOCK", false, soon, nil)
			t.Error("still alive")
		})
		if !crashed || time.Since(start) != 0 {
			t.Errorf("crashed: %v, after %v", crashed, time.Since(start))
		}
	})
}

// TestRunOfBlocked: a function that waits for a dead goroutine is left behind.
func TestRunOfBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := newTwin(t, 1, "x")
		never := make(chan bool)
		defer close(never)
		c.CrashAt(c.Ops() + 1)
		if !c.Run(func() { go f.Datasync(); <-never }) {
			t.Error("no crash")
		}
	})
}

func TestRun(t *testing.T) {
	c := NewCrash(1, CrashOptions{})
	if c.Run(func() { c.Mkdir("/d") }) {
		t.Error("crash without a crash")
	}
	panics := func(f func()) (v any) {
		defer func() { v = recover() }()
		c.Run(f)
		return nil
	}
	if v := panics(func() { panic("p") }); v != "p" {
		t.Errorf("panic %v", v)
	}
	v, _ := panics(func() { _ = []int{}[c.Ops()] }).(error)
	if v == nil || !strings.Contains(v.Error(), "index out of range") || !strings.Contains(v.Error(), "TestRun") {
		t.Errorf("panic without its place: %v", v)
	}
	ended := make(chan bool)
	go func() {
		defer close(ended)
		c.Run(runtime.Goexit) // as t.FailNow does
		ended <- true
	}()
	if <-ended {
		t.Error("Run returned after Goexit")
	}
}

func TestBadStores(t *testing.T) {
	c, f := newTwin(t, 1, content4("x"))
	must(t, c.Mkdir("/d"))
	w, err := f.Map(0, 4096, true)
	must(t, err)
	r, err := f.Map(0, 4096, false)
	must(t, err)
	for what, store := range map[string]func(){
		"beyond the end":           func() { w.Store64(2048, 1) },
		"over the end":             func() { w.Fill(2000, make([]byte, 49)) },
		"into a read-only mapping": func() { r.Store64(0, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("store %s worked", what)
				}
			}()
			store()
		}()
	}
}

func TestRot(t *testing.T) {
	c, _ := newTwin(t, 1, "abc")
	c.FlipBit("/f", 8)
	c.Corrupt("/f", 2, []byte("X"))
	for _, after := range []*Crash{c, c.Killed(), c.PowerLost(0)} {
		if got := string(after.Bytes("/f")); got != "acX" {
			t.Errorf("%q", got)
		}
	}
	if got := c.Files(); !slices.Equal(got, []string{"/f"}) {
		t.Errorf("files %q", got)
	}
	if c.Bytes("/g") != nil || c.Bytes("/") != nil {
		t.Error("bytes of no file")
	}
	_, err := c.OpenFile("/g", os.O_RDWR)
	wantErr(t, err, fs.ErrNotExist)
}
