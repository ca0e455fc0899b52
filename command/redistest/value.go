package redistest

import (
	"bytes"
	"encoding/binary"
	"hash/crc64"
	"strconv"
	"strings"
)

// value makes the value of an argument. Times are far from now and far apart, and
// those since 1970 are always later than those from now, so that it does not matter
// when exactly either side looks at its clock.
func (g *Generator) value(command string, a *argument) string {
	bad := []string{"0", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "abc", "", "1.5",
		g.Pick(" 10", "+10", "010", "-0", "0x10", "10\x00", "1e3", "9223372036854775", "9223372036854776", "-9223372036854776")}
	switch {
	case a.name == "seconds":
		return g.Pick(append(bad, strconv.Itoa(1e4+g.IntN(1e6)), strconv.Itoa(1e4+g.IntN(1e6)), strconv.Itoa(1e4+g.IntN(1e6)))...)
	case a.name == "milliseconds":
		return g.Pick(append(bad, strconv.Itoa(1e7+g.IntN(1e9)), strconv.Itoa(1e7+g.IntN(1e9)), strconv.Itoa(1e7+g.IntN(1e9)))...)
	case a.name == "unix-time-seconds":
		return g.Pick(append(bad[3:], "1", "1000000000", "33177117420", "33177117421", "43177117420")...)
	case a.name == "unix-time-milliseconds":
		return g.Pick(append(bad[3:], "1", "1000000000000", "33177117420000", "33177117420500", "33177117421000")...)
	case a.name == "offset" && command != "SETRANGE":
		return g.bitOffset(strings.HasPrefix(command, "BITFIELD"))
	case a.name == "bit" || a.name == "value" && command == "SETBIT" && g.Chance(0.9):
		return g.Pick("0", "1", "0", "1", "0", "1", "2", "-1", "")
	case a.name == "encoding":
		return g.Pick("i", "u", "i", "u", "i", "U", "") + strconv.Itoa(g.IntN(67)-1)
	case a.name == "operation": // of BITOP
		return g.Pick("AND", "OR", "XOR", "NOT", "and", "or", "xor", "not", "NAND")
	case a.name == "cursor":
		return "0"
	case a.name == "type":
		return g.Pick("string", "STRING", "list", "hash")
	case a.name == "ttl": // of RESTORE
		return g.Pick("0", "0", "0", "0", "0", "0", "10000000", "10000000", "10000000", "33177117420000", "33177117421000", "-1", "", "1.5", "9223372036854775808")
	case a.name == "destination-db":
		return "0"
	case a.name == "serialized-value":
		return g.payload()
	case a.name == "frequency":
		return g.Pick("0", "1", "7", "255", "256", "-1", "x")
	case a.kind == "key":
		return g.Key()
	case a.kind == "pattern":
		return g.Pattern()
	case a.kind == "integer":
		return g.Pick("0", "1", "2", "-1", "-2", "5", "-7", "10", "200", "536870912", "9223372036854775807",
			"9223372036854775806", "-9223372036854775807", "-9223372036854775808", "9223372036854775808", "01", "+1", " 1", "1 ", "-0", "0x1", "1\x00", "", "x")
	case a.kind == "double":
		return g.float()
	}
	return g.Text()
}

// Key makes the name of a key.
func (g *Generator) Key() string {
	return g.Pick("a", "b", "c", "d", "e", "f", "ab", "abc", "", "\x00\xff\r\n")
}

// Text makes any word: a number of any form, or not.
func (g *Generator) Text() string {
	switch {
	case g.Chance(0.2):
		return g.float()
	case g.Chance(0.5):
		return strconv.FormatInt(g.Int64()>>g.IntN(64), 10)
	}
	return g.Pick("", "a", "hello", "\x00\x01\xff", "10", "-5", "9223372036854775807", "012", " 7", strings.Repeat("long", 50))
}

// bitOffset makes the offset of a bit that needs little memory or none. indexed: it
// may also be that of a number.
func (g *Generator) bitOffset(indexed bool) string {
	offset := g.Pick("0", "1", "7", "8", "-1", "4294967296", "9223372036854775807", "", "x", strconv.Itoa(g.IntN(300)), strconv.Itoa(g.IntN(300)), strconv.Itoa(g.IntN(2000)))
	if indexed && g.Chance(0.3) {
		return "#" + g.Pick("0", "1", "2", "5", "-1", "9223372036854775807", "x", "")
	}
	return offset
}

// What a payload of DUMP ends with, as Redis 7.0 writes it: the version of its format, and
// a CRC-64 with the Jones polynomial, reflected, without inversion.
const (
	rdbVersion = 10
	rdbFooter  = 2 + 8
	jones      = 0x95ac9329ac4bc9b5
)

// payload makes what RESTORE may be given: most often of a string, as it is, as
// Redis writes it, or spoilt with and without a checksum that shows it.
func (g *Generator) payload() string {
	value := g.Text()
	p := sealed(append(binary.BigEndian.AppendUint32([]byte("\x00\x80"), uint32(len(value))), value...))
	if n, err := strconv.ParseInt(value, 10, 32); err == nil && strconv.FormatInt(n, 10) == value {
		p = sealed(binary.LittleEndian.AppendUint32([]byte("\x00\xc2"), uint32(n)))
	}
	switch g.IntN(8) {
	case 0:
		p[g.IntN(len(p))] ^= byte(1 + g.IntN(255))
	case 1:
		p = p[:g.IntN(len(p))]
	case 2, 3:
		// A type or an encoding that there is not. Not a length: what is too long
		// reads on in the checksum in Redis, and is refused here.
		body := p[:len(p)-rdbFooter]
		body[g.IntN(2)] = byte(0xc4 + g.IntN(60))
		p = sealed(body)
	case 4:
		// "ab" and 20 times "c", compressed as Redis does.
		p = sealed([]byte("\x00\xc3\x08\x16\x02abc\xe0\x0a\x00\x00c"))
	}
	return string(p)
}

// sealed completes the body of a payload.
func sealed(body []byte) []byte {
	p := binary.LittleEndian.AppendUint16(bytes.Clone(body), rdbVersion)
	return binary.LittleEndian.AppendUint64(p, ^crc64.Update(^uint64(0), crc64.MakeTable(jones), p)) // Update inverts
}

// Pattern makes a pattern of names such as Key makes.
func (g *Generator) Pattern() string {
	var b strings.Builder
	for range g.IntN(6) {
		b.WriteString(g.Pick("*", "*", "?", "a", "b", "c", "[", "]", "^", "-", `\`, "[ab]", "[^a]", "[a-c]"))
	}
	return b.String()
}

func (g *Generator) float() string {
	switch g.IntN(6) {
	case 0:
		return g.Pick("0.1", "-0.1", "3", "1e3", "1e-20", "1e400", "-1e400", "1e4932", "1e-4960", "inf", "nan", "0x1.8p1", "1.", ".5", "-.0", "", " 1", "1e", "x")
	case 1:
		return strconv.FormatFloat(g.NormFloat64(), 'g', -1, 64)
	case 2:
		return strconv.FormatFloat(g.NormFloat64()*1e6, 'f', 2, 64)
	case 3:
		return strconv.FormatFloat(g.NormFloat64(), 'e', 25, 64)
	case 4:
		return strconv.FormatInt(g.Int64(), 10) + "." + strconv.FormatInt(g.Int64N(1<<40), 10)
	}
	return strconv.FormatFloat(g.NormFloat64(), 'f', 19, 64)
}
