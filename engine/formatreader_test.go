package engine_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
)

// formatReader reads a database by what docs/FORMAT.md says and nothing else: it shares
// no code with the engine. Where the two disagree, one of them is wrong.
type formatReader struct {
	file func(name string) []byte // nil if there is no such file

	uuid, seed []byte
	head       uint64
	bits       uint

	entries  map[string]formatEntry // what the log says, expired keys included
	sums     map[uint64]formatSums  // the summaries, by address
	since    map[int64]int64        // counts since the newest of them
	keys     int64                  // the counters of the last frame
	expiring int64
	bytes    int64
	files    uint32
	summary  uint64
	end      uint64
	aborts   int
}

type formatEntry struct {
	addr   uint64
	value  []byte
	expire int64 // 0 for never
	size   int64 // in the log and in a value file
	pages  uint32
}

type formatSums struct {
	prev  uint64
	times []int64
	sums  []int64
}

type formatRecord struct {
	addr        uint64
	raw         []byte
	kind, flags byte
	expire, was int64
	key, value  []byte
}

var le = binary.LittleEndian

func crcSeeded(s uint32, b []byte) uint32 {
	return crc32.Update(s, crc32.MakeTable(crc32.Castagnoli), b)
}

func crc(b []byte) uint32 { return crcSeeded(0, b) }

// read reads the manifest and the log.
func (r *formatReader) read() error {
	m := r.file("MANIFEST")
	if len(m) != 96 || string(m[:8]) != "NubDB\r\n\x1a" || le.Uint32(m[8:]) != 1 || le.Uint32(m[12:]) != 0 || crc(m[:92]) != le.Uint32(m[92:]) {
		return errors.New("bad MANIFEST")
	}
	r.uuid, r.seed, r.head, r.bits = m[16:32], m[32:48], le.Uint64(m[48:]), uint(le.Uint32(m[64:]))
	r.entries, r.sums, r.since = map[string]formatEntry{}, map[uint64]formatSums{}, map[int64]int64{}
	return r.log()
}

// segment returns a segment and what its header says, nil if there is none.
func (r *formatReader) segment(n uint64) (b []byte, prevEnd uint64, chain uint32) {
	b = r.file(fmt.Sprintf("%016x.log", n))
	if b == nil || string(b[:8]) != "NubDBlog" || le.Uint32(b[8:]) != 1 || !bytes.Equal(b[16:32], r.uuid) ||
		le.Uint64(b[32:]) != n || crc(b[:60]) != le.Uint32(b[60:]) {
		return nil, 0, 0
	}
	return b, le.Uint64(b[40:]), le.Uint32(b[48:])
}

func (r *formatReader) log() error {
	n := r.head
	segment, _, chain := r.segment(n)
	addr := n<<r.bits + 64
	var frame []formatRecord
	for {
		if next, prevEnd, nextChain := r.segment(n + 1); next != nil && prevEnd == addr {
			if nextChain != chain {
				return errors.New("the next segment has another chain")
			}
			n, segment, addr = n+1, next, (n+1)<<r.bits+64
		}
		rec, err := parseRecord(segment[addr-n<<r.bits:], addr)
		if err != nil {
			return nil // the end, since no part of the files is damaged here
		}
		switch rec.kind {
		case 4:
			from := le.Uint64(rec.value)
			for len(frame) > 0 && frame[len(frame)-1].addr >= from {
				frame = frame[:len(frame)-1]
			}
			r.aborts++
		case 1:
			if le.Uint32(rec.value) != chain {
				return fmt.Errorf("the frame that ends at %#x has another chain", addr)
			}
			if err := r.apply(frame, rec.value); err != nil {
				return err
			}
			frame = nil
		default:
			frame = append(frame, rec)
		}
		chain = crcSeeded(chain, rec.raw)
		addr += uint64(len(rec.raw))
		if rec.kind == 1 {
			r.end = addr
		}
	}
}

func parseRecord(b []byte, addr uint64) (rec formatRecord, err error) {
	if len(b) < 8 || b[4] == 0 {
		return rec, errors.New("no record")
	}
	rec.addr, rec.kind, rec.flags = addr, b[4], b[5]
	p := 6
	var length [2]uint64
	for i := range length {
		v, n := binary.Uvarint(b[p:])
		if n <= 0 || v > 1<<30 {
			return rec, errors.New("bad length")
		}
		length[i] = v
		p += n
	}
	var fields [4]uint64
	for i, flag := range []byte{1, 2, 8} {
		if rec.flags&flag != 0 {
			fields[i] = le.Uint64(b[p:])
			p += 8
		}
	}
	rec.expire, rec.was = int64(fields[0]), int64(fields[1])
	size := (p + int(length[0]) + int(length[1]) + 7) / 8 * 8
	if size > len(b) {
		return rec, errors.New("longer than the segment")
	}
	rec.raw = b[:size]
	rec.key, rec.value = b[p:p+int(length[0])], b[p+int(length[0]):][:length[1]]
	if crcSeeded(uint32(addr/8), rec.raw[4:]) != le.Uint32(b) {
		return rec, errors.New("bad crc")
	}
	return rec, nil
}

// apply does what the records of a frame say and takes the counters of its commit.
func (r *formatReader) apply(frame []formatRecord, commit []byte) error {
	for i := range frame {
		rec := &frame[i]
		switch rec.kind {
		case 2:
			delete(r.entries, string(rec.key))
		case 3:
			clear(r.entries)
		case 5:
			r.addSummary(rec)
		case 33:
			if err := r.set(rec); err != nil {
				return err
			}
		default:
			return fmt.Errorf("record of kind %d", rec.kind)
		}
		if rec.flags&1 != 0 {
			r.since[rec.expire]++
		}
		if rec.flags&2 != 0 {
			r.since[rec.was]--
		}
	}
	r.keys, r.expiring, r.bytes = int64(le.Uint64(commit[8:])), int64(le.Uint64(commit[16:])), int64(le.Uint64(commit[24:]))
	r.summary, r.files = le.Uint64(commit[40:]), le.Uint32(commit[4:])
	if r.expiring == 0 {
		clear(r.since)
	}
	return nil
}

func (r *formatReader) set(rec *formatRecord) error {
	e := formatEntry{addr: rec.addr, value: rec.value, expire: rec.expire, size: int64(len(rec.raw))}
	if rec.flags&4 != 0 {
		var err error
		if e.value, err = r.valueFile(le.Uint64(rec.value), le.Uint64(rec.value[8:])); err != nil {
			return err
		}
		e.size += int64(le.Uint64(rec.value[8:]))
		e.pages = uint32((le.Uint64(rec.value[8:]) + 4095) / 4096)
	}
	r.entries[string(rec.key)] = e
	return nil
}

// valueFile returns a value, nil if its file is gone because something replaced it.
func (r *formatReader) valueFile(id, length uint64) ([]byte, error) {
	b := r.file(fmt.Sprintf("%016x.val", id))
	if b == nil {
		return nil, nil
	}
	chunks := (length + 65535) / 65536
	if uint64(len(b)) != length+4*chunks+32 {
		return nil, fmt.Errorf("value file %x has %d bytes", id, len(b))
	}
	for i := range chunks {
		chunk := b[i*65536 : min((i+1)*65536, length)]
		if crcSeeded(uint32(i), chunk) != le.Uint32(b[length+4*i:]) {
			return nil, fmt.Errorf("chunk %d of value file %x has a bad crc", i, id)
		}
	}
	t := b[length+4*chunks:]
	if string(t[:8]) != "NubValue" || le.Uint64(t[8:]) != id || le.Uint64(t[16:]) != length || crc(b[length:len(b)-4]) != le.Uint32(t[28:]) {
		return nil, fmt.Errorf("bad trailer of value file %x", id)
	}
	return b[:length], nil
}

func (r *formatReader) addSummary(rec *formatRecord) {
	s := formatSums{prev: le.Uint64(rec.value)}
	for b := rec.value[8:]; len(b) > 0; b = b[16:] {
		s.times, s.sums = append(s.times, int64(le.Uint64(b))), append(s.sums, int64(le.Uint64(b[8:])))
	}
	r.sums[rec.addr] = s
	clear(r.since)
}

// live is the number of keys that have not expired, by the counters alone.
func (r *formatReader) live(now int64) int64 {
	gone := int64(0)
	for at, n := range r.since {
		if at <= now {
			gone += n
		}
	}
	for addr := r.summary; addr != 0; addr = r.sums[addr].prev {
		s := r.sums[addr]
		for i := len(s.times) - 1; i >= 0; i-- {
			if s.times[i] <= now {
				gone += s.sums[i]
				break
			}
		}
	}
	return r.keys - gone
}

// softHeader returns the newest soft header of INDEX.
func (r *formatReader) softHeader(index []byte) []byte {
	var newest []byte
	for _, off := range []int{1024, 1536} {
		h := index[off:][:256]
		valid := string(h[:8]) == "NubIndex" && le.Uint32(h[8:]) == 1 && bytes.Equal(h[16:32], r.uuid) && crc(h[:252]) == le.Uint32(h[252:])
		if valid && (newest == nil || le.Uint64(h[32:]) > le.Uint64(newest[32:])) {
			newest = h
		}
	}
	return newest
}

func indexCheck(w, place uint64) uint64 {
	return (w&(1<<58-1)*0x9E3579B94D2C6A95 + place*0xD6E8FEB86659FD93) >> 58
}

// find looks a key up in INDEX and returns the address of its record, 0 if it is not there.
func (r *formatReader) find(index []byte, key string) (uint64, error) {
	h := r.softHeader(index)
	if h == nil {
		return 0, errors.New("no soft header")
	}
	hash := r.hash([]byte(key))
	dir, depth := uint64(le.Uint32(h[40:])), le.Uint32(h[44:])
	i := hash >> (64 - depth)
	word := le.Uint64(index[dir*4096+i*8:])
	if word>>58 != indexCheck(word, ^(dir<<32|i)) {
		return 0, errors.New("bad check of a directory word")
	}
	page := word & (1<<32 - 1)
	if page == 0 {
		return 0, nil
	}
	start := r.head << r.bits
	a, b := hash%64, hash/64%64
	if b == 0 {
		b = 32
	}
	for _, line := range []uint64{a, a ^ b} {
		for n := line * 8; n < line*8+8; n++ {
			slot := le.Uint64(index[page*4096+n*8:])
			if slot>>58 != indexCheck(slot, page*512+n) {
				return 0, errors.New("bad check of a slot")
			}
			if slot&(1<<58-1) == 0 || slot>>37&(1<<21-1) != hash>>37&(1<<21-1) {
				continue
			}
			addr := start + (slot&(1<<37-1)*8-start)&(1<<40-1)
			segment, _, _ := r.segment(addr >> r.bits)
			rec, err := parseRecord(segment[addr&(1<<r.bits-1):], addr)
			if err != nil {
				return 0, err
			}
			if string(rec.key) == key {
				return addr, nil
			}
		}
	}
	return 0, nil
}

// hash is SipHash-1-3 under the seed.
func (r *formatReader) hash(b []byte) uint64 {
	k0, k1 := le.Uint64(r.seed), le.Uint64(r.seed[8:])
	v := [4]uint64{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
	round := func() {
		v[0] += v[1]
		v[2] += v[3]
		v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
		v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
		v[0] = bits.RotateLeft64(v[0], 32)
		v[2] += v[1]
		v[0] += v[3]
		v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
		v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
		v[2] = bits.RotateLeft64(v[2], 32)
	}
	padded := append(bytes.Clone(b), make([]byte, 8-len(b)%8)...)
	padded[len(padded)-1] = byte(len(b))
	for ; len(padded) > 0; padded = padded[8:] {
		word := le.Uint64(padded)
		v[3] ^= word
		round()
		v[0] ^= word
	}
	v[2] ^= 0xff
	round()
	round()
	round()
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}
