package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
)

// frame is a whole frame of the log.
type frame struct {
	log    *log
	start  uint64
	end    mark // behind the commit record
	commit commit
	voids  []void
	values []uint64 // value files that its records made, those of void ones included
}

// void is a part of a frame that was taken back.
type void struct{ from, to uint64 }

// each calls fn for the frame's records that count, the commit record included.
func (f *frame) each(fn func(addr uint64, r *record) error) error {
	return f.log.walk(f.start, f.end.addr, func(addr uint64, r *record) error {
		for _, v := range f.voids {
			if addr >= v.from && addr < v.to {
				return nil
			}
		}
		return fn(addr, r)
	})
}

// frames reads the log from a mark and calls fn for each whole frame. It returns the
// end of the last one, the address of what could not be read behind it, and why.
func (l *log) frames(from mark, fn func(*frame) error) (end mark, reached uint64, stop error) {
	f := frame{log: l, start: from.addr}
	end = from
	c := cursor{log: l, addr: from.addr}
	chain := from.chain
	var r record
	for {
		b, err := c.next(chain, &r)
		if err != nil {
			return end, c.addr, err
		}
		addr := c.addr
		if r.kind == kindAbort {
			if len(r.value) != 8 {
				return end, addr, errBadRecord
			}
			f.voids = append(f.voids, void{binary.LittleEndian.Uint64(r.value), addr})
		}
		if r.madeFile(addr) {
			f.values = append(f.values, addr)
		}
		if r.kind == kindCommit {
			if f.commit, err = decodeCommit(r.value); err != nil || f.commit.chain != chain {
				return end, addr, errBadRecord
			}
		}
		chain = crc32c(chain, b[:r.size])
		c.addr += uint64(r.size)
		if r.kind != kindCommit {
			continue
		}
		f.end = mark{c.addr, chain, f.commit.counters}
		if err := fn(&f); err != nil {
			return end, c.addr, err
		}
		end = f.end
		f = frame{log: l, start: c.addr}
	}
}

var errStop = errors.New("stop")

// framesBetween calls fn for the frames between two marks, of which it is known that they
// are whole.
func (l *log) framesBetween(from, end mark, fn func(*frame) error) error {
	last, _, err := l.frames(from, func(f *frame) error {
		if f.end.addr > end.addr {
			return errStop
		}
		return fn(f)
	})
	if last.addr == end.addr {
		return nil // the error is what stopped it behind the end
	}
	return err
}

// walk calls fn for all records between two addresses, taking them at their word.
func (l *log) walk(from, to uint64, fn func(addr uint64, r *record) error) error {
	c := cursor{log: l, addr: from}
	for c.addr < to {
		var r record
		if _, err := c.next(0, &r); err != nil {
			return l.damaged(c.addr, err)
		}
		if err := fn(c.addr, &r); err != nil {
			return err
		}
		c.addr += uint64(r.size)
	}
	return nil
}

// cursor reads the log record by record, across segments.
type cursor struct {
	log  *log
	addr uint64
	seg  *segment
	jump *segmentInfo // of the segment behind seg, nil if there is none
}

// next reads the record at the cursor, moving to the next segment first if the stream
// goes on there; chain is the running CRC, 0 if it is not to be compared.
func (c *cursor) next(chain uint32, r *record) ([]byte, error) {
	if c.seg == nil || c.log.number(c.addr) != c.seg.num {
		if err := c.enter(c.log.number(c.addr)); err != nil {
			return nil, err
		}
	}
	if c.jump != nil && c.jump.prevEnd == c.addr {
		if chain != 0 && c.jump.chain != chain {
			return nil, errBadRecord
		}
		c.addr = c.log.start(c.seg.num + 1)
		if err := c.enter(c.seg.num + 1); err != nil {
			return nil, err
		}
	}
	b, err := c.bytes()
	if err != nil {
		return nil, err
	}
	return b, r.load(b, c.addr)
}

// bytes is what there is at the cursor: the file, or what the log has in its buffer.
func (c *cursor) bytes() ([]byte, error) {
	if l := c.log; l.cur != nil && l.cur.num == c.seg.num && c.addr < l.end {
		return l.read(c.addr)
	}
	return c.seg.bytes(c.addr), nil
}

func (c *cursor) enter(num uint64) error {
	s, err := c.log.segs.get(num)
	if err != nil {
		return err
	}
	c.seg, c.jump = s, nil
	if !c.log.segs.has(num + 1) {
		return nil
	}
	next, err := c.log.segs.get(num + 1)
	if errors.Is(err, ErrCorrupt) {
		return nil // perhaps only half made
	}
	if err == nil {
		c.jump = &next.start
	}
	return err
}

// openUpTo makes the segments up to num, and those there are behind it, known.
func (l *log) openUpTo(num uint64) error {
	ss := &l.segs
	if num < ss.first || num-ss.first > LogSpan>>l.bits {
		return fmt.Errorf("%w: the log begins at segment %d, the index knows %d", ErrCorrupt, ss.first, num)
	}
	ss.extendTo(num)
	for {
		next := ss.first + uint64(len(ss.open))
		f, err := ss.fs.OpenFile(join(ss.dir, segmentName(next)), os.O_RDONLY)
		if errors.Is(err, iofs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		f.Close()
		ss.extendTo(next)
	}
}

// syncedBehind looks through what follows a bad place for commit records that are
// whole, and returns the highest address that one of them knew to be synced. It is
// what tells damage from a torn tail when the index has lost its watermark.
func (l *log) syncedBehind(addr uint64) (synced uint64, err error) {
	for num := l.number(addr); l.segs.has(num); num++ {
		s, err := l.segs.mapped(num) // also if its header is not right
		if errors.Is(err, ErrCorrupt) {
			continue
		}
		if err != nil {
			return 0, err
		}
		start := max(addr, l.start(num))
		synced = max(synced, latestSynced(s.bytes(start), start))
		s.close()
	}
	return synced, nil
}

// latestSynced returns the highest address that a commit record in b, the bytes from addr
// on, knew to be synced.
func latestSynced(b []byte, addr uint64) (synced uint64) {
	for ; len(b) >= commitRecord; b, addr = b[recordAlign:], addr+recordAlign {
		if b[4] != kindCommit {
			continue
		}
		if r := (record{}); r.load(b, addr) == nil {
			if c, err := decodeCommit(r.value); err == nil {
				synced = max(synced, c.synced)
			}
		}
	}
	return synced
}
