package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	iofs "io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
	"pgregory.net/rapid"
)

// checked puts the right checksum on a manifest.
func checked(b []byte) []byte {
	if len(b) == manifestSize {
		binary.LittleEndian.PutUint32(b[92:], crc32c(0, b[:92]))
	}
	return b
}

func TestManifestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := newManifest(rapid.Int64().Draw(t, "created"), rapid.Uint32Range(minSegmentBits, maxSegmentBits).Draw(t, "bits"))
		want.head = rapid.Uint64().Draw(t, "head")
		b := want.encode()
		if got, err := decodeManifest(b); err != nil || got != want {
			t.Fatalf("%+v came back as %+v, %v", want, got, err)
		}
	})
}

func TestManifestIsRandom(t *testing.T) {
	a, b := newManifest(0, segmentBits), newManifest(0, segmentBits)
	if a.uuid == b.uuid || a.seed == b.seed || a.uuid == a.seed {
		t.Error("two databases with one identity, or one hash function")
	}
}

func TestManifestRefused(t *testing.T) {
	m := newManifest(1, segmentBits)
	change := func(fn func(b []byte)) []byte {
		b := m.encode()
		fn(b)
		return checked(b)
	}
	le := binary.LittleEndian
	for _, tt := range []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, ErrNotOurs},
		{"15 bytes", m.encode()[:15], ErrNotOurs},
		{"zeros", make([]byte, manifestSize), ErrNotOurs},
		{"text", []byte(strings.Repeat("MANIFEST-000001\n", 6)), ErrNotOurs},
		{"line ends converted", bytes.ReplaceAll(m.encode(), []byte("\r\n"), []byte("\n")), ErrNotOurs},
		{"cut by a byte", m.encode()[:manifestSize-1], ErrCorrupt},
		{"too long", append(m.encode(), 0), ErrCorrupt},
		{"newer version", change(func(b []byte) { le.PutUint32(b[8:], formatVersion+1) }), ErrVersion},
		{"newer and shorter", change(func(b []byte) { le.PutUint32(b[8:], formatVersion+1) })[:40], ErrVersion},
		{"newer and longer", append(change(func(b []byte) { le.PutUint32(b[8:], 1<<31) }), 1, 2, 3), ErrVersion},
		{"unknown feature", change(func(b []byte) { le.PutUint32(b[12:], 1<<31) }), ErrVersion},
		{"segments too small", change(func(b []byte) { le.PutUint32(b[64:], minSegmentBits-1) }), ErrVersion},
		{"segments too large", change(func(b []byte) { le.PutUint32(b[64:], maxSegmentBits+1) }), ErrVersion},
	} {
		if _, err := decodeManifest(tt.b); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestManifestFlippedBit(t *testing.T) {
	m := newManifest(1, segmentBits)
	for bit := range manifestSize * 8 {
		b := m.encode()
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := decodeManifest(b); err == nil {
			t.Errorf("bit %d flipped, and no error", bit)
		}
	}
}

func FuzzManifest(f *testing.F) {
	m := newManifest(1, segmentBits)
	f.Add(m.encode())
	f.Add(m.encode()[:16])
	f.Add([]byte(manifestMagic + "\x02\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeManifest(checked(b))
		switch {
		case err == nil:
			if again, err := decodeManifest(m.encode()); err != nil || again != m {
				t.Errorf("%+v came back as %+v, %v", m, again, err)
			}
		case !errors.Is(err, ErrNotOurs) && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrCorrupt):
			t.Errorf("an error of no class: %v", err)
		}
	})
}

// TestManifestFile: what there is in place of a manifest decides what Open says.
func TestManifestFile(t *testing.T) {
	newer := newManifest(1, segmentBits)
	text := newer.encode()
	binary.LittleEndian.PutUint32(text[8:], formatVersion+1)
	for _, tt := range []struct {
		name    string
		content []byte
		want    error
	}{
		{"empty", nil, ErrNotOurs},
		{"of another program", []byte("name: site\nversion: 3\n"), ErrNotOurs},
		{"of a newer version", text, ErrVersion},
		{"cut", newer.encode()[:50], ErrCorrupt},
	} {
		fs := vfs.NewMem()
		fs.Mkdir("db")
		writeFile(t, fs, "db/"+manifestName, tt.content)
		if _, err := Open("db", Options{FS: fs}); !errors.Is(err, tt.want) {
			t.Errorf("manifest %s: %v, want %v", tt.name, err, tt.want)
		}
		if names, _ := fs.ReadDir("db"); len(names) != 1 {
			t.Errorf("manifest %s: Open left %v", tt.name, names)
		}
	}

	fs := vfs.NewMem()
	fs.Mkdir("db")
	if _, err := readManifest(fs, "db"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("no manifest: %v, want %v", err, iofs.ErrNotExist)
	}
	fs.Mkdir("db/" + manifestName)
	if _, err := Open("db", Options{FS: fs}); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("manifest is a directory: %v, want %v", err, syscall.EISDIR)
	}
}

// TestManifestUnreadable: a disk that fails is not a directory of somebody else.
func TestManifestUnreadable(t *testing.T) {
	fs := vfs.NewFault(vfs.NewMem())
	fs.Mkdir("db")
	m := newManifest(1, segmentBits)
	writeFile(t, fs, "db/"+manifestName, m.encode())
	fs.SetRules(vfs.Rule{Ops: vfs.OpRead, Err: syscall.EIO})
	if _, err := Open("db", Options{FS: fs}); !errors.Is(err, syscall.EIO) || errors.Is(err, ErrNotOurs) {
		t.Errorf("reading fails: %v, want %v", err, syscall.EIO)
	}
}

// writeFile makes a file with this content.
func writeFile(t testing.TB, fs vfs.FS, name string, content []byte) {
	t.Helper()
	f, err := fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err == nil {
		_, err = f.WriteAt(content, 0)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestManifestReplaced loses power at every operation of a replacement: afterwards there
// is the old manifest or the new one, and the new one for sure once that was promised.
func TestManifestReplaced(t *testing.T) {
	old, next := newManifest(1, segmentBits), newManifest(2, segmentBits)
	for seed := range uint64(count(20, 1000)) {
		for n, done := 1, false; !done; n++ {
			fs := vfs.NewCrash(seed, vfs.CrashOptions{Writeback: 0.3})
			fs.Mkdir("db")
			fs.SyncDir("/")
			if err := writeManifest(fs, "db", &old); err != nil {
				t.Fatal(err)
			}
			fs.CrashAt(fs.Ops() + n)
			done = !fs.Run(func() {
				if err := writeManifest(fs, "db", &next); err != nil {
					t.Error(err)
				}
			})
			got, err := readManifest(fs.PowerLost(0.5), "db")
			if err != nil || got != old && got != next || done && got != next {
				t.Fatalf("seed %d, power lost at operation %d: %+v, %v", seed, n, got, err)
			}
		}
	}
}

// TestManifestNotReplaced: when a replacement fails, the old manifest is still there.
func TestManifestNotReplaced(t *testing.T) {
	old, next := newManifest(1, segmentBits), newManifest(2, segmentBits)
	for _, op := range []vfs.Op{vfs.OpCreate, vfs.OpWrite, vfs.OpDatasync, vfs.OpRename, vfs.OpSyncDir} {
		fs := vfs.NewFault(vfs.NewMem())
		fs.Mkdir("db")
		if err := writeManifest(fs, "db", &old); err != nil {
			t.Fatal(err)
		}
		fs.SetRules(vfs.Rule{Ops: op, Err: syscall.EIO})
		if err := writeManifest(fs, "db", &next); !errors.Is(err, syscall.EIO) {
			t.Errorf("operation %#x failed, but writeManifest says %v", op, err)
		}
		if got, err := readManifest(fs, "db"); err != nil || got != old && op != vfs.OpSyncDir {
			t.Errorf("operation %#x failed: %+v, %v", op, got, err)
		}
	}
}
