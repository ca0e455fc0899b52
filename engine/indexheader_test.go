package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
	"pgregory.net/rapid"
)

func drawMark(t *rapid.T, name string) mark {
	u := func(field string) uint64 { return rapid.Uint64().Draw(t, name+"."+field) }
	return mark{addr: u("addr"), chain: rapid.Uint32().Draw(t, name+".chain"),
		counters: counters{keys: int64(u("keys")), expiring: int64(u("expiring")), bytes: int64(u("bytes")), summary: u("summary")}}
}

func TestHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := func(name string) uint64 { return rapid.Uint64().Draw(t, name) }
		want := header{
			flags: uint32(u("flags")), uuid: [16]byte{1, 15: 2}, seq: u("seq"), dir: area{uint32(u("page")), uint32(u("depth"))},
			pages: u("pages"), mark: drawMark(t, "mark"), synced: u("synced"), boot: u("boot"),
			frozen: area{uint32(u("frozen page")), uint32(u("frozen depth"))}, frozenMark: drawMark(t, "frozen mark"),
			cursor: u("cursor"), frozenPages: u("frozen pages"),
		}
		b := want.encode()
		if len(b) != indexHeader {
			t.Fatalf("%d bytes", len(b))
		}
		if got, ok := decodeHeader(b, want.uuid); !ok || got != want {
			t.Fatalf("%+v came back as %+v, %v", want, got, ok)
		}
	})
}

func TestHeaderRefused(t *testing.T) {
	h := header{uuid: [16]byte{1}, seq: 5, dir: area{1, 6}, pages: 2}
	for bit := range indexHeader * 8 {
		b := h.encode()
		b[bit/8] ^= 1 << (bit % 8)
		if _, ok := decodeHeader(b, h.uuid); ok {
			t.Errorf("bit %d flipped, and accepted", bit)
		}
	}
	b := h.encode()
	binary.LittleEndian.PutUint32(b[8:], formatVersion+1)
	binary.LittleEndian.PutUint32(b[252:], crc32c(0, b[:252]))
	if _, ok := decodeHeader(b, h.uuid); ok {
		t.Error("a header of a newer version accepted")
	}
	if _, ok := decodeHeader(h.encode(), [16]byte{2}); ok {
		t.Error("the header of another database accepted")
	}
	if _, ok := decodeHeader(make([]byte, indexHeader), [16]byte{}); ok {
		t.Error("zeros accepted")
	}
}

// headers returns the four headers of the file, those that are no headers as zeros.
func (k *indexKeeper) headers() (h [4]header) {
	m, off, err := k.x.chunk(0)
	k.must(err)
	for i := range h {
		h[i], _ = decodeHeader(m.Data[off+i*headerSpacing:][:indexHeader], [16]byte{1})
	}
	return h
}

// TestHeadersAlternate: a soft header is written over the older one, so that one that is
// torn leaves the other, also after the index was opened again; a hard one over both, so
// that the one before, whose pages are used again, does not come back.
func TestHeadersAlternate(t *testing.T) {
	k := newIndexKeeper(t, vfs.NewMem(), 1)
	k.put(1)
	newest := func() header { // soft one
		h := k.headers()
		if h[2].seq > h[3].seq {
			return h[2]
		}
		return h[3]
	}
	for i := range 40 {
		before := newest()
		if i%5 == 0 {
			k.reopen(true) // ends with a mark
		} else {
			k.mark()
		}
		if h := k.headers(); h[2] != before && h[3] != before {
			t.Fatalf("mark %d: the soft header before, seq %d, was overwritten: %d and %d", i, before.seq, h[2].seq, h[3].seq)
		}
		if newest().mark != k.x.h.mark {
			t.Fatalf("mark %d: the newest soft header is not the last", i)
		}
		k.put(uint64(i))
		if i%3 == 0 {
			k.freeze()
			k.finish(func() {})
			if h := k.headers(); h[0] != k.x.hard || h[1] != k.x.hard {
				t.Fatalf("sync %d: hard headers with seq %d and %d, want both %d", i, h[0].seq, h[1].seq, k.x.hard.seq)
			}
		}
	}
}

// TestHeaderChoice: which header an opener goes by.
func TestHeaderChoice(t *testing.T) {
	const hardMark, oldMark, newMark = 0x1000100, 0x1000200, 0x1000300
	var newer = func(h *[4]header) *header {
		if h[2].seq > h[3].seq {
			return &h[2]
		}
		return &h[3]
	}
	void := func(h *header) { *h = header{} }
	for _, tt := range []struct {
		name    string
		change  func(h *[4]header)
		boot    string
		want    uint64 // mark
		trusted bool
		err     error
	}{
		{"as it was left", func(h *[4]header) {}, "memory", newMark, true, nil},
		{"another boot", func(h *[4]header) {}, "later", hardMark, false, nil},
		{"a system that cannot tell one boot from another", func(h *[4]header) {}, "", hardMark, false, nil},
		{"newer soft header torn", func(h *[4]header) { void(newer(h)) }, "memory", oldMark, true, nil},
		{"directory in the middle of a change", func(h *[4]header) { newer(h).flags = flagBusy }, "memory", hardMark, false, nil},
		{"directory beyond the file", func(h *[4]header) { newer(h).dir.page = 1 << 30 }, "memory", hardMark, false, nil},
		{"directory wraps around", func(h *[4]header) { newer(h).dir = area{1<<32 - 1, 10} }, "memory", hardMark, false, nil},
		{"directory of no depth", func(h *[4]header) { newer(h).dir.depth = minDepth - 1 }, "memory", hardMark, false, nil},
		{"directory too deep", func(h *[4]header) { newer(h).dir.depth = maxDepth + 1 }, "memory", hardMark, false, nil},
		{"frozen directory beyond the file", func(h *[4]header) { newer(h).frozen = area{1 << 30, 6} }, "memory", hardMark, false, nil},
		{"more pages than the file has", func(h *[4]header) { newer(h).pages = 1 << 40 }, "memory", hardMark, false, nil},
		{"number of pages wraps around", func(h *[4]header) { newer(h).pages = 1 << 52 }, "memory", hardMark, false, nil},
		{"both soft headers void", func(h *[4]header) { void(&h[2]); void(&h[3]) }, "memory", hardMark, false, nil},
		{"hard headers void, soft fine", func(h *[4]header) { void(&h[0]); void(&h[1]) }, "memory", newMark, true, nil},
		{"hard headers void, another boot", func(h *[4]header) { void(&h[0]); void(&h[1]) }, "later", 0, false, errNoIndex},
		{"hard headers beyond the file", func(h *[4]header) { h[0].dir.page = 1 << 30; h[1].dir.page = 1 << 30 }, "later", 0, false, errNoIndex},
		{"all void", func(h *[4]header) { *h = [4]header{} }, "memory", 0, false, errNoIndex},
	} {
		fs := vfs.NewMem()
		k := newIndexKeeper(t, fs, 1)
		k.put(1)
		for _, m := range []uint64{hardMark, oldMark, newMark} {
			k.x.h.mark.addr, k.x.h.synced = m, m
			if m == hardMark {
				k.must(k.x.freeze())
				k.finish(func() {})
			}
			k.must(k.x.writeSoft())
		}
		h := k.headers()
		if tt.boot == "" {
			id, err := k.x.file.Identity()
			k.must(err)
			h[2].boot, h[3].boot = bootHash("", id), bootHash("", id)
		}
		tt.change(&h)
		m, off, err := k.x.chunk(0)
		k.must(err)
		for i := range h {
			b := make([]byte, indexHeader)
			if h[i].seq != 0 {
				b = h[i].encode()
			}
			m.Fill(off+i*headerSpacing, b)
		}
		k.must(k.x.close())

		x, trusted, err := openIndex(fs, ".", [16]byte{1}, firstAddr, tt.boot, true)
		if tt.err != nil {
			if !errors.Is(err, tt.err) {
				t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
			}
			continue
		}
		if err != nil || trusted != tt.trusted || x.h.mark.addr != tt.want {
			t.Errorf("%s: mark %#x, trusted %v, %v; want %#x, %v", tt.name, x.h.mark.addr, trusted, err, tt.want, tt.trusted)
		} else if x.close(); !trusted && tt.name == "another boot" && x.h.synced != newMark {
			t.Errorf("%s: the log is known to be synced up to %#x, want %#x: a watermark outlives the boot", tt.name, x.h.synced, newMark)
		}
	}
}

// TestNoIndex: a file that is missing, too short or somebody else's is of no use.
func TestNoIndex(t *testing.T) {
	for _, content := range [][]byte{nil, []byte("x"), make([]byte, 2*pageSize-1), make([]byte, 3*pageSize), bytes.Repeat([]byte("NubIndex"), pageSize)} {
		fs := vfs.NewMem()
		if content != nil {
			writeFile(t, fs, indexName, content)
		}
		if _, _, err := openIndex(fs, ".", [16]byte{1}, firstAddr, "memory", false); !errors.Is(err, errNoIndex) {
			t.Errorf("%d bytes: %v, want %v", len(content), err, errNoIndex)
		}
	}
}
