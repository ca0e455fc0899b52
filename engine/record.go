package engine

import (
	"encoding/binary"
	"errors"
)

// A record is the unit of the log. It begins at a multiple of 8 bytes, lies
// within one segment and looks like this (little-endian, lengths in bytes):
//
//	 0       4      5       6
//	+-------+------+-------+--------+--------+--------+-----+---------+-----+-------+-----+
//	| crc   | kind | flags | keylen | vallen | expire | was | wasfile | key | value | 0.. |
//	| u32   | u8   | u8    | uvarint| uvarint| u64 ?  |u64 ?| u64 ?   |     |       |     |
//	+-------+------+-------+--------+--------+--------+-----+---------+-----+-------+-----+
//
// crc is the CRC-32C of all that follows, padding included, seeded with the
// record's address, so that bytes of another place or time are never taken for
// it. Fields marked ? are there when their flag is set. Kind 0 does not exist:
// zeros are never a record.
const (
	kindCommit  = 1  // ends a frame, see commit.go
	kindDelete  = 2  // key is gone
	kindClear   = 3  // all keys are gone
	kindAbort   = 4  // value: address; the frame's records from there to here are void
	kindSummary = 5  // value: expiry counts, see expiry.go
	kindValue   = 32 // 32 + Type: key has this value
)

const (
	flagExpire  = 1 << 0 // the value expires at `expire`, Unix time in ms
	flagWas     = 1 << 1 // the record this one replaces expired at `was`
	flagFile    = 1 << 2 // the value is in a file of its own: 8 bytes id, 8 bytes length
	flagWasFile = 1 << 3 // the record this one replaces had its value in file `wasfile`

	knownFlags = flagExpire | flagWas | flagFile | flagWasFile
)

const (
	recordAlign = 8
	minRecord   = 8
	abortRecord = 16
)

var (
	errNoRecord  = errors.New("no record")
	errBadRecord = errors.New("malformed record")
	errChecksum  = errors.New("checksum mismatch")
	errUnknown   = errors.New("record of an unknown kind")
	errTornValue = errors.New("value file is missing or damaged")
	errLength    = errors.New("wrong length")
)

// record is a decoded record; key and value point into the log.
type record struct {
	kind    byte
	flags   byte
	expire  int64
	was     int64
	wasFile uint64
	key     []byte
	value   []byte
	size    int // bytes in the log, padding included
}

// isValue tells whether the record gives a key a value.
func (r *record) isValue() bool { return r.kind >= kindValue }

// madeFile tells whether the record, at addr, came with a new value file.
func (r *record) madeFile(addr uint64) bool {
	return r.flags&flagFile != 0 && len(r.value) == valueReference && binary.LittleEndian.Uint64(r.value) == addr
}

// recordCRC is the checksum of a whole record at addr.
func recordCRC(addr uint64, b []byte) uint32 {
	return crc32c(uint32(addr>>3), b[4:])
}

// recordSize is how long r is in the log.
func recordSize(r *record) int {
	n := 6 + uvarintLen(uint64(len(r.key))) + uvarintLen(uint64(len(r.value))) + len(r.key) + len(r.value)
	for f := r.flags & (flagExpire | flagWas | flagWasFile); f != 0; f &= f - 1 {
		n += 8
	}
	return (n + recordAlign - 1) &^ (recordAlign - 1)
}

func uvarintLen(v uint64) int {
	n := 1
	for v >= 0x80 {
		v >>= 7
		n++
	}
	return n
}

// appendRecord encodes r, which will stand at addr, to dst.
func appendRecord(dst []byte, addr uint64, r *record) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, r.kind, r.flags)
	dst = binary.AppendUvarint(dst, uint64(len(r.key)))
	dst = binary.AppendUvarint(dst, uint64(len(r.value)))
	if r.flags&flagExpire != 0 {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(r.expire))
	}
	if r.flags&flagWas != 0 {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(r.was))
	}
	if r.flags&flagWasFile != 0 {
		dst = binary.LittleEndian.AppendUint64(dst, r.wasFile)
	}
	dst = append(dst, r.key...)
	dst = append(dst, r.value...)
	for (len(dst)-start)%recordAlign != 0 {
		dst = append(dst, 0)
	}
	binary.LittleEndian.PutUint32(dst[start:], recordCRC(addr, dst[start:]))
	return dst
}

// decode makes r the record at the start of b, which may go on behind it. It checks
// lengths but not the checksum.
func (r *record) decode(b []byte) error {
	*r = record{}
	if len(b) < minRecord || b[4] == 0 {
		return errNoRecord
	}
	r.kind, r.flags = b[4], b[5]
	klen, n := uvarint(b[6:])
	p := 6 + n
	vlen, m := uvarint(b[p:])
	p += m
	if n == 0 || m == 0 || klen > MaxKey || vlen > 1<<maxSegmentBits {
		return errBadRecord
	}
	head := p
	for f := r.flags & (flagExpire | flagWas | flagWasFile); f != 0; f &= f - 1 {
		head += 8
	}
	end := head + int(klen) + int(vlen)
	r.size = (end + recordAlign - 1) &^ (recordAlign - 1)
	if r.size > len(b) {
		return errBadRecord
	}
	if head != p {
		r.decodeOptions(b[p:head])
	}
	r.key = b[head : head+int(klen) : head+int(klen)]
	r.value = b[head+int(klen) : end : end]
	return nil
}

// decodeOptions decodes the fields that are there only when flagged.
func (r *record) decodeOptions(b []byte) {
	if r.flags&flagExpire != 0 {
		r.expire = int64(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	if r.flags&flagWas != 0 {
		r.was = int64(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	if r.flags&flagWasFile != 0 {
		r.wasFile = binary.LittleEndian.Uint64(b)
	}
}

// load makes r the record at the start of b and checks everything.
func (r *record) load(b []byte, addr uint64) error {
	if err := r.decode(b); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(b) != recordCRC(addr, b[:r.size]) {
		return errChecksum
	}
	if r.flags&^knownFlags != 0 || (r.kind > kindSummary && r.kind < kindValue) {
		return errUnknown
	}
	return nil
}

// uvarint is binary.Uvarint with the case of one byte, nearly always, in front.
func uvarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	v, n := binary.Uvarint(b)
	return v, max(n, 0)
}
