package engine

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"

	"github.com/nubdb/nubdb/engine/vfs"
)

// A wreck is a database of which any part may be damaged or missing. It is only read.
// Records can be found again behind a damage because each has a checksum that is seeded
// with its address: bytes that match are a record, and they are at their place.
type wreck struct {
	fs     vfs.FS
	dir    string
	report func(string)
	geo    geometry
	man    manifest
	// guessed tells that there was no manifest to be read.
	guessed bool
	last    uint64 // number of the last segment
	heads   map[uint64]segmentInfo
	files   map[uint64]error // segments that are there; errForeign if not to be read
	// synced is the watermark, as far as it is known; sure tells that INDEX, which has the
	// latest, could be asked.
	synced uint64
	sure   bool
}

// span is a part of the log.
type span struct{ from, to uint64 }

// spans are in ascending order and do not overlap.
type spans []span

// find returns the index of the span that holds addr, -1 if none does.
func (s spans) find(addr uint64) int {
	i := sort.Search(len(s), func(i int) bool { return s[i].to > addr })
	if i < len(s) && s[i].from <= addr {
		return i
	}
	return -1
}

// merged sorts spans and unites those that overlap.
func (s spans) merged() spans {
	slices.SortFunc(s, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	out := s[:0]
	for _, x := range s {
		if n := len(out); n > 0 && x.from < out[n-1].to {
			out[n-1].to = max(out[n-1].to, x.to)
		} else {
			out = append(out, x)
		}
	}
	return out
}

// loss is a part of the log that cannot be read.
type loss struct {
	span
	cause error
	keys  []string // whose records lie there, as far as can be told
}

var (
	errMissing = errors.New("the file is missing")
	errForeign = errors.New("the file belongs to another database")
)

// openWreck looks at what there is in a directory.
func openWreck(fs vfs.FS, dir string, report func(string)) (*wreck, error) {
	w := &wreck{fs: fs, dir: dir, report: report, heads: map[uint64]segmentInfo{}, files: map[uint64]error{}}
	names, err := fs.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, name := range names {
		var num uint64
		if _, err := fmt.Sscanf(name, "%016x.log", &num); err == nil && name == segmentName(num) {
			numbers = append(numbers, num)
		}
	}
	if w.man, err = readManifest(fs, dir); errors.Is(err, ErrVersion) {
		return nil, err
	}
	if len(numbers) == 0 {
		return nil, fmt.Errorf("%w: there is no segment of a log in %s", ErrNotOurs, dir)
	}
	if err != nil {
		w.report(fmt.Sprintf("%s cannot be used (%v): all segments are read, so keys that were deleted long ago may be back", manifestName, err))
		w.guessed = true
		if err := w.guess(numbers); err != nil {
			return nil, err
		}
	}
	w.geo = geometry{uint(w.man.segmentBits)}
	w.readWatermark()
	w.last = w.man.head
	if w.inLog(w.geo.number(w.synced)) {
		w.last = w.geo.number(w.synced)
	}
	for _, num := range numbers {
		if w.inLog(num) {
			w.last = max(w.last, num)
			w.identify(num)
		}
	}
	return w, nil
}

// inLog tells whether a segment of this number may belong to the log.
func (w *wreck) inLog(num uint64) bool {
	return num >= w.man.head && num-w.man.head <= LogSpan>>w.geo.bits
}

// guess finds out what the manifest would say: from the headers of segments, and from
// the size of segments with which their first records are at their place.
func (w *wreck) guess(numbers []uint64) error {
	votes, found := map[[16]byte]int{}, [maxSegmentBits + 1]int{}
	for _, num := range numbers {
		b, _ := w.read(num, 1<<16)
		if s := (segment{num: num}); len(b) >= segmentHeader && s.decodeHeader(b[:segmentHeader], [16]byte(b[16:32])) == nil {
			votes[[16]byte(b[16:32])]++
		}
		for bits := minSegmentBits; bits <= maxSegmentBits; bits++ {
			if len(b) <= segmentHeader {
				continue
			}
			if new(record).load(b[segmentHeader:], geometry{uint(bits)}.start(num)) == nil {
				found[bits]++
			}
		}
	}
	w.man = manifest{head: numbers[0], segmentBits: segmentBits}
	for uuid, n := range votes {
		if n > votes[w.man.uuid] {
			w.man.uuid = uuid
		}
	}
	for bits, n := range found {
		if n > found[w.man.segmentBits] {
			w.man.segmentBits = uint32(bits)
		}
	}
	if len(votes) == 0 && found[w.man.segmentBits] == 0 {
		return fmt.Errorf("%w: nothing in %s can be recognised", ErrNotOurs, w.dir)
	}
	return nil
}

// identify reads the header of a segment. One that is damaged is no reason to leave the
// segment out; one of another database is.
func (w *wreck) identify(num uint64) {
	b, _ := w.read(num, segmentHeader)
	s := segment{num: num}
	switch err := s.decodeHeader(b, w.man.uuid); {
	case err == nil:
		w.files[num], w.heads[num] = nil, s.start
	case err == errBadRecord || err == errChecksum:
		w.files[num] = nil
		w.report(fmt.Sprintf("%s: the header is damaged; the records are read all the same", segmentName(num)))
	default:
		w.files[num] = errForeign
	}
}

// readWatermark takes from INDEX how far the log is known to have been synced.
func (w *wreck) readWatermark() {
	f, err := w.fs.OpenFile(join(w.dir, indexName), os.O_RDONLY)
	if err != nil {
		return
	}
	defer f.Close()
	b := make([]byte, indexHeader)
	for i := range int64(4) {
		if n, _ := f.ReadAt(b, i*headerSpacing); n < len(b) {
			continue
		}
		if h, ok := decodeHeader(b, w.man.uuid); ok {
			w.synced, w.sure = max(w.synced, h.synced, h.mark.addr), true
		}
	}
}

// read returns the first bytes of a segment, limit at most. Where the disk gives none
// there are zeros, and err says why.
func (w *wreck) read(num uint64, limit int64) (b []byte, err error) {
	f, err := w.fs.OpenFile(join(w.dir, segmentName(num)), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b = make([]byte, min(size, limit))
	n, err := f.ReadAt(b, 0)
	if err == nil || err == io.EOF {
		return b[:n], nil
	}
	for off := 0; off < len(b); off += pageSize {
		page := b[off:min(off+pageSize, len(b))]
		if n, perr := f.ReadAt(page, int64(off)); perr != nil && perr != io.EOF {
			clear(page)
		} else {
			clear(page[n:])
		}
	}
	return b, err
}

// walk calls enter before each segment, visit for all records that are intact, in order,
// and lost for what is between them and cannot be read.
func (w *wreck) walk(enter func(num uint64) error, visit func(addr uint64, raw []byte, r *record) error, lost func(loss)) error {
	for num := w.man.head; num <= w.last; num++ {
		if cause := w.unusable(num); cause != nil {
			first := num
			for num < w.last && w.unusable(num+1) == cause {
				num++
			}
			if num > first {
				cause = fmt.Errorf("%w, and so it is with %d that follow", cause, num-first)
			}
			lost(loss{span: span{w.geo.start(first), w.end(num, 0)}, cause: cause})
			continue
		}
		if err := enter(num); err != nil {
			return err
		}
		if err := w.walkSegment(num, visit, lost); err != nil {
			return err
		}
	}
	return nil
}

// unusable is why a segment cannot be read, nil if it can.
func (w *wreck) unusable(num uint64) error {
	cause, there := w.files[num]
	if !there {
		return errMissing
	}
	return cause
}

// end is the address at which the records of a segment end if they are all there: what
// the next segment says, or at least the watermark, or what the file has.
func (w *wreck) end(num uint64, size int) uint64 {
	if next, ok := w.heads[num+1]; ok && w.geo.number(next.prevEnd) == num {
		return next.prevEnd
	}
	end := num<<w.geo.bits + uint64(size)
	switch {
	case w.geo.number(w.synced) == num:
		return max(end, w.synced)
	case size == 0:
		return (num + 1) << w.geo.bits
	}
	return end
}

func (w *wreck) walkSegment(num uint64, visit func(addr uint64, raw []byte, r *record) error, lost func(loss)) error {
	b, failed := w.read(num, w.geo.size())
	base, end := num<<w.geo.bits, w.end(num, len(b))
	b = b[:min(uint64(len(b)), end-base)]
	for addr := w.geo.start(num); addr < end; {
		rest := b[min(addr-base, uint64(len(b))):]
		var r record
		err := r.load(rest, addr)
		if err == nil {
			if err := visit(addr, rest[:r.size], &r); err != nil {
				return err
			}
			addr += uint64(r.size)
			continue
		}
		to := nextRecord(rest, addr)
		if to == 0 {
			if to = w.nothingBehind(num, rest, addr, end); to == addr {
				return nil
			}
		}
		if failed != nil {
			err = failed
		}
		lost(loss{span{addr, to}, err, keysIn(rest[:min(uint64(len(rest)), to-addr)])})
		addr = to
	}
	return nil
}

// nothingBehind is where the log went on to, at least, behind addr, where no record
// follows any more in the segment.
func (w *wreck) nothingBehind(num uint64, rest []byte, addr, end uint64) uint64 {
	if next, ok := w.heads[num+1]; ok && w.geo.number(next.prevEnd) == num {
		return end
	}
	n := len(rest)
	for n > 0 && rest[n-1] == 0 {
		n--
	}
	to := addr + uint64(n+recordAlign-1)&^(recordAlign-1)
	if w.geo.number(w.synced) == num {
		to = max(to, w.synced)
	}
	return to
}

// nextRecord finds the next record behind the start of b, which is at addr, where there
// is none; 0 if there is none either. Its checksum makes an error as good as impossible.
func nextRecord(b []byte, addr uint64) uint64 {
	for off := recordAlign; off+minRecord <= len(b); off += recordAlign {
		if !plausible(b[off:]) {
			continue
		}
		if new(record).load(b[off:], addr+uint64(off)) == nil {
			return addr + uint64(off)
		}
	}
	return 0
}

// plausible tells whether b may begin with a record: most of what is none shows at once.
func plausible(b []byte) bool {
	kind, flags := b[4], b[5]
	return kind != 0 && (kind <= kindSummary || kind == kindValue+byte(TypeString)) && flags&^knownFlags == 0
}

// keysIn lists the keys of damaged records, as far as they look like records.
func keysIn(b []byte) (keys []string) {
	const enough = 10
	for len(b) >= minRecord && plausible(b) && len(keys) < enough {
		var r record
		err := r.decode(b)
		if err != nil {
			break
		}
		if len(r.key) > 0 {
			keys = append(keys, string(r.key))
		}
		b = b[r.size:]
	}
	return keys
}
