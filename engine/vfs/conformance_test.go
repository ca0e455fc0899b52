package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// each runs a test on every implementation, in a directory that is empty.
func each(t *testing.T, test func(t *testing.T, fsys FS, dir string)) {
	mem := func() FS { return NewMem() }
	for _, impl := range []struct {
		name string
		make func() FS
	}{
		{"OS", func() FS { return OS }},
		{"Mem", mem},
		{"Crash", func() FS { return NewCrash(1, CrashOptions{Writeback: .2}) }},
		{"Fault", func() FS { return NewFault(NewMem()) }},
	} {
		t.Run(impl.name, func(t *testing.T) {
			fsys, dir := impl.make(), filepath.Join(t.TempDir(), "db")
			if impl.name != "OS" {
				dir = "/db"
			}
			must(t, fsys.Mkdir(dir))
			test(t, fsys, dir)
		})
	}
}

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t rapid.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// write makes a file with these bytes.
func write(t rapid.TB, fsys FS, name, data string) File {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE)
	must(t, err)
	_, err = f.WriteAt([]byte(data), 0)
	must(t, err)
	return f
}

// read returns all bytes of a file.
func read(t rapid.TB, f File) string {
	t.Helper()
	size, err := f.Size()
	must(t, err)
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); int64(n) != size || err != nil && err != io.EOF {
		t.Fatalf("read %d of %d bytes: %v", n, size, err)
	}
	return string(b)
}

func TestOpenFile(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "f")
		for _, tc := range []struct {
			what string
			name string
			flag int
			want error
		}{
			{"missing", name, os.O_RDWR, fs.ErrNotExist},
			{"missing directory", filepath.Join(dir, "no", "f"), os.O_RDWR | os.O_CREATE, fs.ErrNotExist},
			{"no name", "", os.O_RDWR | os.O_CREATE, fs.ErrNotExist},
			{"create", name, os.O_RDWR | os.O_CREATE | os.O_EXCL, nil},
			{"create again", name, os.O_RDWR | os.O_CREATE | os.O_EXCL, fs.ErrExist},
			{"create or open", name, os.O_RDWR | os.O_CREATE, nil},
			{"below a file", filepath.Join(name, "f"), os.O_RDWR | os.O_CREATE, syscall.ENOTDIR},
			{"directory to write", dir, os.O_RDWR, syscall.EISDIR},
			{"directory to read", dir, os.O_RDONLY, nil},
		} {
			f, err := fsys.OpenFile(tc.name, tc.flag)
			if !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", tc.what, err, tc.want)
			}
			if (f == nil) != (err != nil) {
				t.Errorf("%s: file %v with error %v", tc.what, f, err)
			}
			if err == nil {
				must(t, f.Close())
			}
		}
		write(t, fsys, name, "hello").Close()
		f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
		must(t, err)
		defer f.Close()
		if got := read(t, f); got != "" {
			t.Errorf("%q left after O_TRUNC", got)
		}
	})
}

func TestReadOnlyFile(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "f")
		write(t, fsys, name, "hello").Close()
		f, err := fsys.OpenFile(name, os.O_RDONLY)
		must(t, err)
		defer f.Close()
		if _, err := f.WriteAt([]byte("x"), 0); err == nil {
			t.Error("write worked")
		}
		if err := f.Truncate(1); err == nil {
			t.Error("truncate worked")
		}
		if err := f.Allocate(0, 100); err == nil {
			t.Error("allocate worked")
		}
		if _, err := f.Map(0, 4096, true); err == nil {
			t.Error("writable mapping worked")
		}
		if got := read(t, f); got != "hello" {
			t.Errorf("%q after all that", got)
		}
	})
}

func TestReadAt(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		f := write(t, fsys, filepath.Join(dir, "f"), "0123456789")
		defer f.Close()
		for _, tc := range []struct {
			off  int64
			n    int
			want string
			err  error
		}{
			{0, 10, "0123456789", nil},
			{3, 4, "3456", nil},
			{8, 4, "89", io.EOF},
			{10, 1, "", io.EOF},
			{5000, 1, "", io.EOF},
			{0, 0, "", nil},
			{-1, 1, "", syscall.EINVAL},
		} {
			b := make([]byte, tc.n)
			n, err := f.ReadAt(b, tc.off)
			if string(b[:n]) != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("ReadAt(%d, %d): %q, %v", tc.off, tc.n, b[:n], err)
			}
		}
		if _, err := f.WriteAt([]byte("x"), -1); err == nil {
			t.Error("write before the start worked")
		}
	})
}

func TestSizes(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		f := write(t, fsys, filepath.Join(dir, "f"), "abc")
		defer f.Close()
		zeros := func(n int) string { return string(make([]byte, n)) }
		for _, tc := range []struct {
			what string
			do   func() error
			want string
		}{
			{"write beyond the end", func() error { _, err := f.WriteAt([]byte("x"), 5); return err }, "abc\x00\x00x"},
			{"cut", func() error { return f.Truncate(2) }, "ab"},
			{"grow shows zeros", func() error { return f.Truncate(9000) }, "ab" + zeros(8998)},
			{"cut pages", func() error { return f.Truncate(1) }, "a"},
			{"allocate grows", func() error { return f.Allocate(0, 5000) }, "a" + zeros(4999)},
			{"allocate never cuts", func() error { return f.Allocate(0, 10) }, "a" + zeros(4999)},
			{"allocate keeps data", func() error { return f.Allocate(4000, 2000) }, "a" + zeros(5999)},
			{"allocate nothing", func() error { return invalid(f.Allocate(0, 0)) }, "a" + zeros(5999)},
			{"allocate less", func() error { return invalid(f.Allocate(0, -1)) }, "a" + zeros(5999)},
			{"cut to less than nothing", func() error { return invalid(f.Truncate(-1)) }, "a" + zeros(5999)},
			{"write nothing", func() error { _, err := f.WriteAt(nil, 7000); return err }, "a" + zeros(5999)},
		} {
			if err := tc.do(); err != nil {
				t.Errorf("%s: %v", tc.what, err)
			}
			if got := read(t, f); got != tc.want {
				t.Errorf("%s: %d bytes, want %d", tc.what, len(got), len(tc.want))
			}
		}
	})
}

// invalid turns the error EINVAL into none, and the reverse.
func invalid(err error) error {
	if errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return errors.New("no EINVAL")
}

func TestClosedFile(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		f := write(t, fsys, filepath.Join(dir, "f"), string(make([]byte, 4096)))
		m, err := f.Map(0, 4096, true)
		must(t, err)
		must(t, f.Close())
		_, sizeErr := f.Size()
		_, readErr := f.ReadAt(make([]byte, 1), 0)
		_, writeErr := f.WriteAt(make([]byte, 1), 0)
		_, identityErr := f.Identity()
		for what, err := range map[string]error{
			"size": sizeErr, "read": readErr, "write": writeErr, "identity": identityErr,
			"truncate": f.Truncate(0), "allocate": f.Allocate(0, 1), "sync": f.Datasync(),
			"sync of a mapping": m.Sync(0, 4096), "close": f.Close(),
		} {
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s: %v", what, err)
			}
		}
		m.Store64(0, 1) // the mapping outlives its file
		must(t, m.Unmap())
	})
}

func TestMapping(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "f")
		const size = 1 << 20
		f := write(t, fsys, name, "written before")
		defer f.Close()
		m, err := f.Map(0, size, true)
		must(t, err)
		if len(m.Data) != size || string(m.Data[:14]) != "written before" {
			t.Fatalf("%d bytes mapped, at first %q", len(m.Data), m.Data[:14])
		}
		_, err = f.WriteAt([]byte("written after"), 70000) // the file grows under the mapping
		must(t, err)
		if got := m.Data[70000:70013]; string(got) != "written after" {
			t.Errorf("mapping shows %q", got)
		}
		must(t, f.Allocate(0, 80000))
		m.Store64(70016-8, 0x4847464544434241)
		m.Fill(16, []byte("filled"))
		if got := read(t, f)[70008:70018]; got != "ABCDEFGH\x00\x00" {
			t.Errorf("file shows %q of a store", got)
		}
		if got := read(t, f)[14:24]; got != "\x00\x00filled\x00\x00" {
			t.Errorf("file shows %q of a fill", got)
		}
		if got := m.Load64(16); got != 0x64656c6c6966 {
			t.Errorf("load %#x", got)
		}
		must(t, m.Sync(70000, 13))
		must(t, m.Unmap())
		if m.Data != nil {
			t.Error("data still there after unmapping")
		}
		if err := m.Unmap(); err == nil {
			t.Error("unmapped twice")
		}
	})
}

func TestMappingsShareMemory(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		f := write(t, fsys, filepath.Join(dir, "f"), string(make([]byte, 300<<10)))
		defer f.Close()
		g, err := fsys.OpenFile(filepath.Join(dir, "f"), os.O_RDONLY)
		must(t, err)
		defer g.Close()
		const chunk = 128 << 10
		a, err := f.Map(chunk, chunk, true)
		must(t, err)
		b, err := g.Map(chunk, chunk, false)
		must(t, err)
		other, err := f.Map(2*chunk, chunk, true)
		must(t, err)
		a.Fill(chunk-4, []byte("edge"))
		other.Fill(0, []byte("border"))
		if got := string(b.Data[chunk-4:]); got != "edge" {
			t.Errorf("second mapping shows %q", got)
		}
		if got := read(t, g)[2*chunk-4 : 2*chunk+8]; got != "edgeborder\x00\x00" {
			t.Errorf("file shows %q where two mappings meet", got)
		}
		must(t, a.Unmap())
		must(t, b.Unmap())
		whole, err := f.Map(0, 4*chunk, false) // another range, now that those are gone; other is not
		if err == nil {
			whole.Unmap()
		}
		must(t, other.Unmap())
		whole, err = f.Map(0, 4*chunk, false)
		must(t, err)
		if got := string(whole.Data[2*chunk-4 : 2*chunk+6]); got != "edgeborder" {
			t.Errorf("the whole shows %q", got)
		}
		_, err = f.WriteAt([]byte("later"), chunk)
		must(t, err)
		must(t, whole.Unmap())
		again, err := f.Map(chunk, chunk, false)
		must(t, err)
		if got := string(again.Data[:6]); got != "later\x00" {
			t.Errorf("the first range, mapped again, shows %q", got)
		}
		must(t, again.Unmap())
	})
}

func TestBadMappings(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		f := write(t, fsys, filepath.Join(dir, "f"), "x")
		defer f.Close()
		for _, r := range [][2]int64{{0, 0}, {0, -1}, {100, 4096}, {-int64(os.Getpagesize()), 4096}} {
			if _, err := f.Map(r[0], r[1], true); err == nil {
				t.Errorf("Map(%d, %d) worked", r[0], r[1])
			}
		}
	})
}

func TestMappingOfRemovedFile(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "f")
		f := write(t, fsys, name, "still here")
		m, err := f.Map(0, 4096, false)
		must(t, err)
		must(t, fsys.Remove(name))
		must(t, f.Close())
		if got := string(m.Data[:10]); got != "still here" {
			t.Errorf("mapping shows %q", got)
		}
		must(t, m.Unmap())
	})
}

func TestDirectories(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		in := func(name string) string { return filepath.Join(dir, name) }
		for _, name := range []string{"c", "a", "b"} {
			write(t, fsys, in(name), name).Close()
		}
		must(t, fsys.Mkdir(in("d")))
		write(t, fsys, in("d/inner"), "").Close()
		for _, tc := range []struct {
			what string
			do   func() error
			want error
			left []string
		}{
			{"mkdir of a file", func() error { return fsys.Mkdir(in("a")) }, fs.ErrExist, []string{"a", "b", "c", "d"}},
			{"mkdir again", func() error { return fsys.Mkdir(in("d")) }, fs.ErrExist, []string{"a", "b", "c", "d"}},
			{"mkdir in nothing", func() error { return fsys.Mkdir(in("x/y")) }, fs.ErrNotExist, []string{"a", "b", "c", "d"}},
			{"rename", func() error { return fsys.Rename(in("a"), in("e")) }, nil, []string{"b", "c", "d", "e"}},
			{"rename over another", func() error { return fsys.Rename(in("e"), in("b")) }, nil, []string{"b", "c", "d"}},
			{"rename onto itself", func() error { return fsys.Rename(in("b"), in("b")) }, nil, []string{"b", "c", "d"}},
			{"rename of nothing", func() error { return fsys.Rename(in("x"), in("y")) }, fs.ErrNotExist, []string{"b", "c", "d"}},
			{"rename into nothing", func() error { return fsys.Rename(in("b"), in("x/y")) }, fs.ErrNotExist, []string{"b", "c", "d"}},
			{"rename into itself", func() error { return fsys.Rename(in("d"), in("d/x")) }, syscall.EINVAL, []string{"b", "c", "d"}},
			{"remove a full directory", func() error { return fsys.Remove(in("d")) }, syscall.ENOTEMPTY, []string{"b", "c", "d"}},
			{"rename a directory", func() error { return fsys.Rename(in("d"), in("f")) }, nil, []string{"b", "c", "f"}},
			{"remove in it", func() error { return fsys.Remove(in("f/inner")) }, nil, []string{"b", "c", "f"}},
			{"remove a directory", func() error { return fsys.Remove(in("f")) }, nil, []string{"b", "c"}},
			{"remove", func() error { return fsys.Remove(in("c")) }, nil, []string{"b"}},
			{"remove again", func() error { return fsys.Remove(in("c")) }, fs.ErrNotExist, []string{"b"}},
			{"sync", func() error { return fsys.SyncDir(dir) }, nil, []string{"b"}},
			{"sync of nothing", func() error { return fsys.SyncDir(in("c")) }, fs.ErrNotExist, []string{"b"}},
			{"sync of a file", func() error { return fsys.SyncDir(in("b")) }, syscall.ENOTDIR, []string{"b"}},
		} {
			if err := tc.do(); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", tc.what, err, tc.want)
			}
			names, err := fsys.ReadDir(dir)
			must(t, err)
			if !slices.Equal(names, tc.left) {
				t.Errorf("%s: left %q, want %q", tc.what, names, tc.left)
			}
		}
		f, err := fsys.OpenFile(in("b"), os.O_RDONLY)
		must(t, err)
		defer f.Close()
		if got := read(t, f); got != "a" {
			t.Errorf("renamed file holds %q", got)
		}
		_, err = fsys.ReadDir(in("b"))
		wantErr(t, err, syscall.ENOTDIR)
		_, err = fsys.ReadDir(in("nothing"))
		wantErr(t, err, fs.ErrNotExist)
	})
}

func TestIdentity(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		identity := func(name string) [2]uint64 {
			f, err := fsys.OpenFile(name, os.O_RDONLY)
			must(t, err)
			defer f.Close()
			id, err := f.Identity()
			must(t, err)
			return id
		}
		write(t, fsys, a, "same").Close()
		write(t, fsys, b, "same").Close()
		old := identity(a)
		if old == identity(b) {
			t.Error("two files are one")
		}
		must(t, fsys.Rename(a, b))
		if identity(b) != old {
			t.Error("a renamed file is another")
		}
	})
}

func TestMachine(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		boot := fsys.BootID()
		if again := fsys.BootID(); boot == "" || boot != again {
			t.Errorf("boot id %q, then %q", boot, again)
		}
		if name, err := fsys.Network(dir); name != "" || err != nil {
			t.Errorf("network file system %q, %v", name, err)
		}
		_, err := fsys.Network(filepath.Join(dir, "nothing"))
		wantErr(t, err, fs.ErrNotExist)
	})
}

// TestFileModel does random operations on a file, its mappings and a plain byte
// slice and compares them.
func TestFileModel(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		rapid.Check(t, func(t *rapid.T) { checkFileModel(t, fsys, filepath.Join(dir, "f")) })
	})
}

func checkFileModel(t *rapid.T, fsys FS, name string) {
	const chunk, chunks = 16 << 10, 3
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	must(t, err)
	defer f.Close()
	var model []byte
	maps := map[int]*Mapping{}
	defer func() {
		for _, m := range maps {
			m.Unmap()
		}
	}()
	grow := func(size int) {
		if size > len(model) {
			model = append(model, make([]byte, size-len(model))...)
		}
	}
	off := rapid.IntRange(0, chunk*chunks-1)
	small := rapid.SliceOfN(rapid.Byte(), 1, 3000)
	t.Repeat(map[string]func(*rapid.T){
		"write": func(t *rapid.T) {
			o, b := off.Draw(t, "off"), small.Draw(t, "bytes")
			_, err := f.WriteAt(b, int64(o))
			must(t, err)
			grow(o + len(b))
			copy(model[o:], b)
		},
		"truncate": func(t *rapid.T) {
			size := off.Draw(t, "size")
			must(t, f.Truncate(int64(size)))
			grow(size)
			model = model[:size:size]
		},
		"allocate": func(t *rapid.T) {
			o, n := off.Draw(t, "off"), rapid.IntRange(1, 5000).Draw(t, "n")
			must(t, f.Allocate(int64(o), int64(n)))
			grow(o + n)
		},
		"map": func(t *rapid.T) {
			i := rapid.IntRange(0, chunks-1).Draw(t, "chunk")
			if maps[i] != nil {
				must(t, maps[i].Unmap())
				delete(maps, i)
				return
			}
			m, err := f.Map(int64(i*chunk), chunk, true)
			must(t, err)
			maps[i] = m
		},
		"store": func(t *rapid.T) {
			o, v := off.Draw(t, "off")&^7, rapid.Uint64().Draw(t, "v")
			if m := maps[o/chunk]; m != nil && o+8 <= len(model) {
				m.Store64(o%chunk, v)
				for i := range 8 {
					model[o+i] = byte(v >> (8 * i))
				}
			}
		},
		"fill": func(t *rapid.T) {
			o, b := off.Draw(t, "off"), small.Draw(t, "bytes")
			b = b[:min(len(b), chunk-o%chunk)]
			if m := maps[o/chunk]; m != nil && o+len(b) <= len(model) {
				m.Fill(o%chunk, b)
				copy(model[o:], b)
			}
		},
		"": func(t *rapid.T) {
			if got := read(t, f); got != string(model) {
				t.Fatalf("file differs from the model: %d and %d bytes", len(got), len(model))
			}
			for i, m := range maps {
				if want := model[min(i*chunk, len(model)):min((i+1)*chunk, len(model))]; !bytes.Equal(m.Data[:len(want)], want) {
					t.Fatalf("mapping %d differs from the model", i)
				}
			}
		},
	})
}
