package command

import (
	"encoding/binary"
	"hash/crc64"
	"strconv"

	"github.com/nubdb/nubdb/engine"
)

// The payload of DUMP is a piece of Redis's RDB format, numbers little-endian:
//
//	type     1 byte, 0 for a string
//	string   see appendRDBString
//	version  2 bytes
//	checksum 8 bytes, a CRC-64 of all before it
//
// NubDB writes version 10, which Redis 7.0 and all later servers read. It reads
// what they write up to Valkey 9: strings have been the same all the time.
const (
	rdbString     = 0 // type
	rdbVersion    = 10
	rdbMaxVersion = 80
	rdbFooter     = 2 + 8
)

// A string begins with its length or with how it is encoded.
const (
	rdbLen6  = 0x00 // the length is the low 6 bits
	rdbLen14 = 0x40 // the low 6 bits and the next byte
	rdbLen32 = 0x80 // the next 4 bytes, big-endian
	rdbLen64 = 0x81 // the next 8 bytes, big-endian
	rdbInt8  = 0xc0 // an integer in decimal, which is the next byte
	rdbInt16 = 0xc1 // the next 2 bytes, little-endian
	rdbInt32 = 0xc2 // the next 4 bytes, little-endian
	rdbLZF   = 0xc3 // two lengths, compressed and not, and compressed data
)

// rdbChecksum is the CRC-64 of Redis: the Jones polynomial, reflected, without inversion.
func rdbChecksum(b []byte) uint64 {
	const jones = 0x95ac9329ac4bc9b5
	return ^crc64.Update(^uint64(0), crc64.MakeTable(jones), b) // Update inverts
}

// appendPayload appends what DUMP answers for a string.
func appendPayload(dst, value []byte) []byte {
	start := len(dst)
	dst = appendRDBString(append(dst, rdbString), value)
	dst = binary.LittleEndian.AppendUint16(dst, rdbVersion)
	return binary.LittleEndian.AppendUint64(dst, rdbChecksum(dst[start:]))
}

// appendRDBString encodes a string: as an integer where it is one of 32 bits,
// otherwise as its length and its bytes. Redis compresses strings over 20 bytes
// where that saves something, which is for its files; nobody has to.
func appendRDBString(dst, value []byte) []byte {
	if n, err := parseInteger(value); err == nil {
		switch {
		case n == int64(int8(n)):
			return append(dst, rdbInt8, byte(n))
		case n == int64(int16(n)):
			return binary.LittleEndian.AppendUint16(append(dst, rdbInt16), uint16(n))
		case n == int64(int32(n)):
			return binary.LittleEndian.AppendUint32(append(dst, rdbInt32), uint32(n))
		}
	}
	switch n := len(value); {
	case n < 1<<6:
		dst = append(dst, rdbLen6|byte(n))
	case n < 1<<14:
		dst = append(dst, rdbLen14|byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, rdbLen32), uint32(n))
	}
	return append(dst, value...)
}

// appendRestored appends the string of a payload to dst.
func appendRestored(dst, payload []byte) ([]byte, error) {
	end := len(payload) - rdbFooter
	if end < 0 {
		return dst, errPayload
	}
	version := binary.LittleEndian.Uint16(payload[end:])
	checksum := binary.LittleEndian.Uint64(payload[end+2:])
	if version > rdbMaxVersion || checksum != rdbChecksum(payload[:end+2]) {
		return dst, errPayload
	}
	body := payload[:end]
	if len(body) == 0 || body[0] != rdbString {
		return dst, errPayloadData
	}
	r := rdbReader{rest: body[1:]}
	dst = r.appendString(dst)
	if r.bad {
		return dst, errPayloadData
	}
	return dst, nil // what follows the string is ignored, as in Redis
}

// rdbReader reads from the start of rest. Once something is missing or makes no
// sense it is bad, and what it reads then is void.
type rdbReader struct {
	rest []byte
	bad  bool
}

// take returns the next n bytes; so many zeros if there are not, n being small.
func (r *rdbReader) take(n uint64) []byte {
	if uint64(len(r.rest)) < n {
		r.bad = true
		return make([]byte, min(n, 8))
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// length reads a length. encoded: it is how the string is encoded instead.
func (r *rdbReader) length() (n uint64, encoded bool) {
	first := r.take(1)[0]
	switch {
	case first&0xc0 == rdbLen6:
		return uint64(first), false
	case first&0xc0 == rdbLen14:
		return uint64(first&0x3f)<<8 | uint64(r.take(1)[0]), false
	case first == rdbLen32:
		return uint64(binary.BigEndian.Uint32(r.take(4))), false
	case first == rdbLen64:
		return binary.BigEndian.Uint64(r.take(8)), false
	case first >= rdbInt8:
		return uint64(first), true
	}
	r.bad = true
	return 0, false
}

func (r *rdbReader) appendString(dst []byte) []byte {
	n, encoded := r.length()
	switch {
	case !encoded:
		return append(dst, r.take(n)...)
	case n == rdbInt8:
		return strconv.AppendInt(dst, int64(int8(r.take(1)[0])), 10)
	case n == rdbInt16:
		return strconv.AppendInt(dst, int64(int16(binary.LittleEndian.Uint16(r.take(2)))), 10)
	case n == rdbInt32:
		return strconv.AppendInt(dst, int64(int32(binary.LittleEndian.Uint32(r.take(4)))), 10)
	case n == rdbLZF:
		return r.appendCompressed(dst)
	}
	r.bad = true
	return dst
}

func (r *rdbReader) appendCompressed(dst []byte) []byte {
	compressed, _ := r.length()
	length, _ := r.length()
	if r.bad || length > engine.MaxValue {
		r.bad = true
		return dst
	}
	data, ok := r.take(compressed), false
	if !r.bad {
		dst, ok = appendLZF(dst, data, int(length))
	}
	r.bad = r.bad || !ok
	return dst
}

// appendLZF appends the length bytes that data decompresses to. LZF is a sequence
// of literals and references to what is there already:
//
//	000nnnnn             n+1 bytes follow
//	nnnooooo      oooooooo   the n+2 bytes that begin o+1 bytes before here; n is 1 to 6
//	111ooooo nnnnnnnn oooooooo   the same with n+7+2 bytes
//
// It takes no more memory than data gives cause for, whatever length says.
func appendLZF(dst, data []byte, length int) ([]byte, bool) {
	start := len(dst)
	for len(data) > 0 {
		control := int(data[0])
		data = data[1:]
		if control < 1<<5 {
			if len(data) < control+1 {
				return dst, false
			}
			dst, data = append(dst, data[:control+1]...), data[control+1:]
			continue
		}
		n := control >> 5
		if n == 7 && len(data) > 0 {
			n, data = n+int(data[0]), data[1:]
		}
		if len(data) == 0 {
			return dst, false
		}
		from := len(dst) - 1 - (control&0x1f<<8 | int(data[0]))
		data = data[1:]
		if from < start || len(dst)-start > length {
			return dst, false
		}
		for range n + 2 { // one by one: they may overlap
			dst = append(dst, dst[from])
			from++
		}
	}
	return dst, len(dst)-start == length
}
