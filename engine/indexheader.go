package engine

import (
	"encoding/binary"
)

// The first page of the index file holds four headers, each at the start of a
// 512-byte sector: two hard ones, written only when all that they describe has been
// synced, and two soft ones, which describe the pages as they are in the page cache
// and so are worth something only until the machine stops. In each pair the older
// one is overwritten, so that a torn write leaves the other. 256 bytes:
//
//	  0  magic "NubIndex"
//	  8  version u32
//	 12  flags u32
//	 16  uuid of the database
//	 32  seq u64: of two valid headers the one with the higher counts
//	 40  directory: first page u32, depth u32
//	 48  pages u64: pages of the file in use
//	 56  mark (48 bytes): the log up to here is in the index
//	104  synced u64: the log up to here is on stable storage
//	112  boot u64: hash of the boot id and the file's identity
//	120  frozen directory: first page u32, depth u32; depth 0 if no sync is under way
//	128  mark of the frozen directory
//	176  cursor u64: pages synced so far; 184  frozen pages u64
//	192  floor u64: no slot leads before this address; 200  floor of the frozen directory
//	208  zeros
//	252  crc u32: CRC-32C of the 252 bytes before
//
// A mark is: address u64, chain u32, files u32, keys, expiring, bytes, summary (u64
// each, see commit.go).
const (
	indexMagic    = "NubIndex"
	indexHeader   = 256
	headerSpacing = 512
)

const (
	flagBusy     = 1 << 0 // a directory range is being changed: not to be trusted
	flagPoisoned = 1 << 1 // a write or sync of the log failed: what lies behind `synced` must be rewritten
	flagNew      = 1 << 2 // the directory entries of the database may not be durable yet
	flagValues   = 1 << 3 // there may be value files of which nothing is in the log
	flagSpoiled  = 1 << 4 // a sync of the index failed: its pages may not be what they seem, so make it anew
)

// mark is a place in the log, between two frames, and the counters there.
type mark struct {
	addr  uint64
	chain uint32
	counters
}

// area is a directory: where its pages begin and how many hash bits it takes.
type area struct {
	page  uint32
	depth uint32
}

// pages is how many pages the directory takes.
func (a area) pages() uint32 { return uint32(max(1, uint64(1)<<a.depth/dirPerPage)) }

type header struct {
	flags       uint32
	uuid        [16]byte
	seq         uint64
	dir         area
	pages       uint64
	mark        mark
	synced      uint64
	boot        uint64
	frozen      area
	frozenMark  mark
	cursor      uint64
	frozenPages uint64
	floor       uint64
	frozenFloor uint64
}

func (h *header) encode() []byte {
	b := make([]byte, indexHeader)
	le := binary.LittleEndian
	copy(b, indexMagic)
	le.PutUint32(b[8:], formatVersion)
	le.PutUint32(b[12:], h.flags)
	copy(b[16:], h.uuid[:])
	le.PutUint64(b[32:], h.seq)
	h.dir.encode(b[40:])
	le.PutUint64(b[48:], h.pages)
	h.mark.encode(b[56:])
	le.PutUint64(b[104:], h.synced)
	le.PutUint64(b[112:], h.boot)
	h.frozen.encode(b[120:])
	h.frozenMark.encode(b[128:])
	le.PutUint64(b[176:], h.cursor)
	le.PutUint64(b[184:], h.frozenPages)
	le.PutUint64(b[192:], h.floor)
	le.PutUint64(b[200:], h.frozenFloor)
	le.PutUint32(b[252:], crc32c(0, b[:252]))
	return b
}

// decodeHeader returns false for bytes that are not a header of this database.
func decodeHeader(b []byte, uuid [16]byte) (h header, ok bool) {
	le := binary.LittleEndian
	if string(b[:8]) != indexMagic || le.Uint32(b[8:]) != formatVersion ||
		string(b[16:32]) != string(uuid[:]) || le.Uint32(b[252:]) != crc32c(0, b[:252]) {
		return h, false
	}
	h.flags = le.Uint32(b[12:])
	h.uuid = uuid
	h.seq = le.Uint64(b[32:])
	h.dir = decodeArea(b[40:])
	h.pages = le.Uint64(b[48:])
	h.mark = decodeMark(b[56:])
	h.synced = le.Uint64(b[104:])
	h.boot = le.Uint64(b[112:])
	h.frozen = decodeArea(b[120:])
	h.frozenMark = decodeMark(b[128:])
	h.cursor = le.Uint64(b[176:])
	h.frozenPages = le.Uint64(b[184:])
	h.floor = le.Uint64(b[192:])
	h.frozenFloor = le.Uint64(b[200:])
	return h, true
}

func (m *mark) encode(b []byte) {
	le := binary.LittleEndian
	le.PutUint64(b[0:], m.addr)
	le.PutUint32(b[8:], m.chain)
	le.PutUint32(b[12:], m.files)
	le.PutUint64(b[16:], uint64(m.keys))
	le.PutUint64(b[24:], uint64(m.expiring))
	le.PutUint64(b[32:], uint64(m.bytes))
	le.PutUint64(b[40:], m.summary)
}

func decodeMark(b []byte) (m mark) {
	le := binary.LittleEndian
	m.addr = le.Uint64(b[0:])
	m.chain = le.Uint32(b[8:])
	m.files = le.Uint32(b[12:])
	m.keys = int64(le.Uint64(b[16:]))
	m.expiring = int64(le.Uint64(b[24:]))
	m.bytes = int64(le.Uint64(b[32:]))
	m.summary = le.Uint64(b[40:])
	return m
}

func (a area) encode(b []byte) {
	binary.LittleEndian.PutUint32(b, a.page)
	binary.LittleEndian.PutUint32(b[4:], a.depth)
}

func decodeArea(b []byte) area {
	return area{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])}
}
