package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	iofs "io/fs"
)

// The log takes records at its end. They gather in a buffer, are handed to the
// kernel by flush and made durable by fdatasync (sync.go). All methods need the
// database's lock.
type log struct {
	geometry
	segs  segments
	cur   *segment // the segment that grows
	dirty []*segment
	// newFiles tells that files were made whose directory entries are not yet durable.
	newFiles bool

	buf     []byte // the bytes [base, end) of the stream
	base    uint64
	written uint64 // up to here the kernel has them
	end     uint64

	chain   uint32 // running CRC of the stream up to chained
	chained uint64
}

// reserve, in bytes, is kept free for deletions when the disk is full.
const reserve = 16 << 10

// begin positions the log behind addr, an address in the segment cur.
func (l *log) begin(cur *segment, addr uint64, chain uint32) {
	l.cur = cur
	l.base, l.written, l.end = addr, addr, addr
	l.chain, l.chained = chain, addr
	l.buf = l.buf[:0]
}

// read returns the bytes from addr on, at least to the end of its record.
func (l *log) read(addr uint64) ([]byte, error) {
	if addr >= l.base && l.cur != nil {
		if addr >= l.end {
			return nil, fmt.Errorf("%w: address %#x is behind the end of the log, %#x", ErrCorrupt, addr, l.end)
		}
		return l.buf[addr-l.base:], nil
	}
	if l.cur != nil && l.number(addr) == l.cur.num {
		return l.cur.data.Data[l.offset(addr):l.offset(l.written)], nil
	}
	s, err := l.segs.get(l.number(addr))
	if err != nil {
		return nil, err
	}
	return s.bytes(addr), nil
}

// load reads and verifies the record at addr.
func (l *log) load(addr uint64, r *record) error {
	b, err := l.read(addr)
	if err != nil {
		return err
	}
	if err := r.load(b, addr); err != nil {
		return l.damaged(addr, err)
	}
	return nil
}

// damaged is the error for a bad record at addr; that it cannot be read is no damage.
func (g geometry) damaged(addr uint64, cause error) error {
	if failed := (*iofs.PathError)(nil); errors.As(cause, &failed) && !errors.Is(cause, ErrCorrupt) {
		return cause
	}
	return fmt.Errorf("%w: %s at offset %d: %w", ErrCorrupt, segmentName(g.number(addr)), g.offset(addr), cause)
}

// makeRoom prepares for a record of size bytes and the commit record behind it, moving to
// a new segment if need be; spare more bytes must be left behind them, in the same segment,
// for records that need none. On an error nothing has changed.
func (l *log) makeRoom(size, spare int) error {
	need := int64(size + commitRecord + spare)
	// The end stays within the segment, so that an address always belongs to one.
	if off := l.offset(l.end); off+need < l.size() {
		return l.cur.allocate(off + need)
	}
	return l.roll(need)
}

// roll moves on to a new segment.
func (l *log) roll(need int64) error {
	if l.cur.num+2-l.segs.first > LogSpan>>l.bits {
		return fmt.Errorf("%w: the log has %d GiB", ErrFull, LogSpan>>30)
	}
	if err := l.flush(); err != nil {
		return err
	}
	next, err := l.segs.create(l.cur.num+1, segmentInfo{prevEnd: l.end, chain: l.chain}, need)
	if err != nil {
		return err
	}
	l.dirty = append(l.dirty, next)
	l.newFiles = true
	// Slices into the old buffer stay valid: it is left to the garbage collector.
	l.buf = make([]byte, 0, cap(l.buf))
	l.begin(next, l.start(next.num), l.chain)
	return nil
}

// append adds a record for which makeRoom has been called and returns its address.
func (l *log) append(r *record) uint64 {
	addr := l.end
	l.buf = appendRecord(l.buf, addr, r)
	l.end = l.base + uint64(len(l.buf))
	return addr
}

// advanceChain takes the running CRC to the end of the buffer.
func (l *log) advanceChain() {
	l.chain = crc32c(l.chain, l.buf[l.chained-l.base:])
	l.chained = l.end
}

// appendCommit ends a frame; makeRoom has left the space for it.
func (l *log) appendCommit(c commit) {
	l.advanceChain()
	c.chain = l.chain
	var value [commitValue]byte
	c.encode(&value)
	l.append(&record{kind: kindCommit, value: value[:]})
}

// appendAbort declares the records of the frame under way from addr on void.
func (l *log) appendAbort(addr uint64) {
	var value [8]byte
	binary.LittleEndian.PutUint64(value[:], addr)
	l.append(&record{kind: kindAbort, value: value[:]})
}

// truncate takes back what was appended since addr, which must not have been written.
func (l *log) truncate(addr uint64) {
	l.buf = l.buf[:addr-l.base]
	l.end = addr
}

// errWrite is returned when the kernel did not take the log. Even if it says that the
// disk is full this is a failure: the space had been reserved.
var errWrite = errors.New("the log cannot be written")

// flush hands the buffer to the kernel. The buffer keeps its content, which
// slices may point to, until trim.
func (l *log) flush() error {
	if l.cur == nil || l.written == l.end {
		return nil
	}
	l.advanceChain()
	if len(l.dirty) == 0 || l.dirty[len(l.dirty)-1] != l.cur {
		l.dirty = append(l.dirty, l.cur)
	}
	if _, err := l.cur.file.WriteAt(l.buf[l.written-l.base:], l.offset(l.written)); err != nil {
		return fmt.Errorf("%w: %w", errWrite, err)
	}
	l.written = l.end
	return nil
}

// trim drops the buffer's written content; slices into it become invalid.
func (l *log) trim() {
	if l.written == l.end {
		l.base = l.end
		l.buf = l.buf[:0]
	}
}
