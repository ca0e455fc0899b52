package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/nubdb/nubdb/engine/vfs"
)

// The log is one stream of bytes, cut into segments of 2^bits bytes of address space
// (the manifest says how many; 16 MiB): segment n holds the addresses from n<<bits on, so
// an address alone says where its bytes are, and addresses never repeat. The first 64
// bytes of each segment are its header:
//
//	 0       8         12    16     32       40         48      52       60
//	+-------+---------+-----+------+--------+----------+-------+--------+-----+
//	| magic | version | 0   | uuid | number | prevend  | chain | 0      | crc |
//	| 8 B   | u32     | u32 | 16 B | u64    | u64      | u32   | 8 B    | u32 |
//	+-------+---------+-----+------+--------+----------+-------+--------+-----+
//
// prevend is the address at which the stream ends in the segment before (records
// do not cross segments, what is left over there is zeros), and chain the running
// CRC of the stream (commit.go) where it enters this segment.
const (
	segmentMagic  = "NubDBlog"
	segmentHeader = 64

	segmentBits    = 24 // of new databases
	minSegmentBits = 16
	maxSegmentBits = 30
)

// geometry is how addresses map to segments.
type geometry struct{ bits uint }

func (g geometry) size() int64               { return 1 << g.bits }
func (g geometry) number(addr uint64) uint64 { return addr >> g.bits }
func (g geometry) offset(addr uint64) int64  { return int64(addr & (1<<g.bits - 1)) }

// start is the address of the first record in segment num.
func (g geometry) start(num uint64) uint64 { return num<<g.bits + segmentHeader }

// maxInline is the length of the longest value that stays in the log; a longer one gets a
// file of its own: 1 MiB.
func (g geometry) maxInline() int { return 1 << (g.bits - 4) }

func segmentName(num uint64) string { return fmt.Sprintf("%016x.log", num) }

// segment is an open segment file.
type segment struct {
	geo   geometry
	num   uint64
	file  vfs.File
	data  *vfs.Mapping // the whole address range; touch only what is below size
	size  int64        // of the file, allocated space included
	start segmentInfo
}

// segmentInfo is what a segment's header says.
type segmentInfo struct {
	prevEnd uint64
	chain   uint32
}

func (s *segment) encodeHeader(uuid [16]byte) []byte {
	b := make([]byte, segmentHeader)
	le := binary.LittleEndian
	copy(b, segmentMagic)
	le.PutUint32(b[8:], formatVersion)
	copy(b[16:], uuid[:])
	le.PutUint64(b[32:], s.num)
	le.PutUint64(b[40:], s.start.prevEnd)
	le.PutUint32(b[48:], s.start.chain)
	le.PutUint32(b[60:], crc32c(0, b[:60]))
	return b
}

func (s *segment) decodeHeader(b []byte, uuid [16]byte) error {
	le := binary.LittleEndian
	switch {
	case len(b) < segmentHeader || string(b[:8]) != segmentMagic:
		return errBadRecord
	case le.Uint32(b[8:]) > formatVersion:
		return ErrVersion
	case le.Uint32(b[60:]) != crc32c(0, b[:60]):
		return errChecksum
	case le.Uint64(b[32:]) != s.num || string(b[16:32]) != string(uuid[:]):
		return fmt.Errorf("belongs to another place or database")
	}
	s.start = segmentInfo{prevEnd: le.Uint64(b[40:]), chain: le.Uint32(b[48:])}
	return nil
}

// bytes returns what the file holds from addr on.
func (s *segment) bytes(addr uint64) []byte {
	off := s.geo.offset(addr)
	if off >= s.size {
		return nil
	}
	return s.data.Data[off:s.size]
}

func (s *segment) close() error {
	err := s.data.Unmap()
	if cerr := s.file.Close(); err == nil {
		err = cerr
	}
	return err
}

// segments opens the segments of a log as they are needed, so that opening a
// database does not depend on how many there are.
type segments struct {
	fs       vfs.FS
	dir      string
	uuid     [16]byte
	geo      geometry
	readOnly bool

	first uint64                    // number of open[0]
	open  []atomic.Pointer[segment] // grows under the database's lock, slots are filled under mu
	mu    sync.Mutex                // guards opening
}

// get returns segment num.
func (ss *segments) get(num uint64) (*segment, error) {
	i := num - ss.first
	if num < ss.first || i >= uint64(len(ss.open)) {
		return nil, fmt.Errorf("%w: address in segment %d, which is not there", ErrCorrupt, num)
	}
	if s := ss.open[i].Load(); s != nil {
		return s, nil
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s := ss.open[i].Load(); s != nil {
		return s, nil
	}
	s, err := ss.load(num)
	if err != nil {
		return nil, err
	}
	ss.open[i].Store(s)
	return s, nil
}

// load opens and maps an existing segment and checks its header. ErrCorrupt means that
// the file is not there or not right, not that it cannot be opened.
func (ss *segments) load(num uint64) (*segment, error) {
	s, err := ss.mapped(num)
	if err != nil {
		return nil, err
	}
	err = s.decodeHeader(s.data.Data[:min(s.size, segmentHeader)], ss.uuid)
	switch {
	case err == nil:
		return s, nil
	case !errors.Is(err, ErrVersion):
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	s.close()
	return nil, fmt.Errorf("%w: %s", err, segmentName(num))
}

// mapped opens and maps an existing segment, whatever its header says.
func (ss *segments) mapped(num uint64) (*segment, error) {
	flag := os.O_RDWR
	if ss.readOnly {
		flag = os.O_RDONLY
	}
	f, err := ss.fs.OpenFile(join(ss.dir, segmentName(num)), flag)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err != nil {
		return nil, err
	}
	s := &segment{geo: ss.geo, num: num, file: f}
	if err := s.mapFile(); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *segment) mapFile() (err error) {
	if s.size, err = s.file.Size(); err != nil {
		return err
	}
	if s.size > s.geo.size() {
		return fmt.Errorf("%w: %s has %d bytes, more than a segment can have", ErrCorrupt, segmentName(s.num), s.size)
	}
	s.data, err = s.file.Map(0, s.geo.size(), false)
	return err
}

// create makes segment num with space for at least need bytes.
func (ss *segments) create(num uint64, start segmentInfo, need int64) (*segment, error) {
	name := join(ss.dir, segmentName(num))
	f, err := ss.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	s := &segment{geo: ss.geo, num: num, file: f, start: start}
	if err = s.allocate(segmentHeader + need); err == nil {
		_, err = f.WriteAt(s.encodeHeader(ss.uuid), 0)
	}
	if err == nil {
		err = s.mapFile()
	}
	if err != nil {
		f.Close()
		ss.fs.Remove(name) // so that a full disk leaves nothing half made behind
		return nil, err
	}
	ss.extendTo(num)
	ss.open[num-ss.first].Store(s)
	return s, nil
}

// extendTo makes room for the segments up to num.
func (ss *segments) extendTo(num uint64) {
	n := int(num - ss.first + 1)
	if n <= len(ss.open) {
		return
	}
	grown := make([]atomic.Pointer[segment], n, n+n/2+8)
	for i := range ss.open {
		grown[i].Store(ss.open[i].Load())
	}
	ss.open = grown
}

// Space is reserved ahead in steps, so that a full disk shows before anything is
// written, and a write that was promised cannot fail for want of space. Steps
// start small, for databases of a few keys, and double.
const (
	minAllocate = 64 << 10
	maxAllocate = 4 << 20
)

// allocate makes the file at least size bytes long.
func (s *segment) allocate(size int64) error {
	if size <= s.size {
		return nil
	}
	step := min(max(s.size, minAllocate), maxAllocate)
	want := min((size+step-1)/step*step, s.geo.size())
	if err := s.file.Allocate(s.size, want-s.size); err != nil {
		// Perhaps there is room for exactly what is needed.
		if err = s.file.Allocate(s.size, size-s.size); err != nil {
			return err
		}
		want = size
	}
	s.size = want
	return nil
}

// has tells whether there is a segment num.
func (ss *segments) has(num uint64) bool {
	return num >= ss.first && num-ss.first < uint64(len(ss.open))
}

// removeFrom deletes the last segments from num on; mapped readers are not affected.
func (ss *segments) removeFrom(num uint64) error {
	for last := ss.first + uint64(len(ss.open)) - 1; last >= num; last-- {
		if s := ss.open[last-ss.first].Load(); s != nil {
			s.close()
		}
		if err := ss.fs.Remove(join(ss.dir, segmentName(last))); err != nil {
			return err
		}
		ss.open = ss.open[:last-ss.first]
	}
	return nil
}

// dropBefore forgets the segments before num and returns those of them that are open.
func (ss *segments) dropBefore(num uint64) (gone []*segment) {
	n := num - ss.first
	for i := range ss.open[:n] {
		if s := ss.open[i].Swap(nil); s != nil {
			gone = append(gone, s)
		}
	}
	ss.first, ss.open = num, ss.open[n:]
	return gone
}

func (ss *segments) close() error {
	var first error
	for i := range ss.open {
		if s := ss.open[i].Load(); s != nil {
			if err := s.close(); first == nil {
				first = err
			}
		}
	}
	ss.open = nil
	return first
}
