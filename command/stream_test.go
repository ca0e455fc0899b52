package command

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestValkeyStream gives random commands, made from the table, to NubDB and to a
// real server: alone, in groups and, a tenth of them, as one atomic run; replies are
// compared in RESP2 or, if the seed is odd, in RESP3.
// NUBDB_STREAM is their number, 20,000 by default, NUBDB_SEED repeats a run.
func TestValkeyStream(t *testing.T) {
	n := int(environment(t, "NUBDB_STREAM", 20_000))
	seed := environment(t, "NUBDB_SEED", time.Now().UnixNano())
	defer func() {
		if t.Failed() {
			t.Logf("repeat with NUBDB_SEED=%d", seed)
		}
	}()
	g := &generator{Rand: rand.New(rand.NewPCG(uint64(seed), 0))}
	w := newTwins(t, 2)
	if seed%2 == 1 {
		w.useRESP3(t)
	}
	last := 0
	for range n {
		session := 0
		if g.chance(0.1) {
			session = 1
		}
		if session != last || g.chance(0.1) {
			end(t, w.sessions[last])
			if g.chance(0.7) {
				w.sessions[session].Begin()
			}
		}
		last = session
		w.runRandom(t, g, session)
	}
	end(t, w.sessions[last])

	if err := w.sessions[0].BeginAtomic(); err != nil {
		t.Fatal(err)
	}
	defer w.sessions[0].Rollback() // or a failure could not close the database
	for range n / 10 {
		w.runRandom(t, g, 0)
	}
	if err := w.sessions[0].Commit(); err != nil {
		t.Fatal(err)
	}
	w.run(t, 1, words("DISCARD"))
	w.run(t, 1, words("KEYS *"))
	w.run(t, 1, words("MGET a b c d e f ab abc"))
}

func (w *twins) runRandom(t *testing.T, g *generator, session int) {
	t.Helper()
	args := g.command(w.sessions[session], session)
	for args == nil {
		args = g.command(w.sessions[session], session)
	}
	w.run(t, session, args)
}

func end(t *testing.T, s *Session) {
	t.Helper()
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
}

func environment(t *testing.T, name string, otherwise int64) int64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// generator makes commands that the redis-server 7.0 of the test knows.
type generator struct{ *rand.Rand }

func (g *generator) chance(p float64) bool { return g.Float64() < p }

func (g *generator) pick(words ...string) string { return words[g.IntN(len(words))] }

// command makes a command for a session, nil if it is one whose replies differ
// on purpose.
func (g *generator) command(s *Session, number int) [][]byte {
	table := tables[g.IntN(len(tables))]
	spec := &table[g.IntN(len(table))]
	if len(spec.Sub) > 0 {
		spec = &spec.Sub[g.IntN(len(spec.Sub))]
	}
	if g.excluded(spec, s, number) {
		return nil
	}
	line := g.arguments(strings.Fields(g.anyCase(spec.Name)), spec.Args)
	if g.chance(0.05) {
		line = g.spoil(line)
	}
	args := make([][]byte, len(line))
	for i, word := range line {
		args[i] = []byte(word)
	}
	switch {
	case is(args[0], "SET") && len(args) > 3 && looksInteger(args[3]): // NubDB's short form
		return nil
	case is(args[0], "BITCOUNT") && len(args) == 3: // Redis 7.0 wants an end, too
		return nil
	case is(args[0], "BITFIELD") && (s.Watching() || number == 1) && strings.Contains(strings.ToUpper(strings.Join(line, " ")), "FAIL"):
		return nil // Redis makes the key also when all operations fail, and does not say so to WATCH
	case is(args[0], "SET") && (s.Watching() || number == 1) && strings.Contains(strings.ToUpper(strings.Join(line, " ")), "XAT"):
		return nil // to set an absent key to what has expired is no change here
	case is(args[0], "SCAN") && len(args) > 1 && is(args[1], "99999999999999"): // a place in our order
		return nil
	case is(args[0], "SCAN") && len(args) > 1: // more than there is, so that the order makes no difference
		args = append(args, []byte("COUNT"), []byte("1000"))
	}
	return args
}

// excluded tells whether a session is not to run a command. Session 0 watches and
// session 1 never deletes: a watched key that was absent, came and went in another
// session counts as changed in Redis and not here.
func (g *generator) excluded(spec *Spec, s *Session, number int) bool {
	switch spec.Name {
	case "QUIT", "TIME", "RANDOMKEY", "SELECT", "RESET", "WAIT", "MEMORY USAGE", "CLIENT ID":
		return true
	}
	switch {
	case strings.HasPrefix(spec.Name, "COMMAND"): // differ, because the tables do
		return true
	case spec.Flags&(NoBatch|Admin|OutsideTx|Text) != 0: // about the server or a connection: testdata/valkey has those
		return true
	case s.atomic && spec.Has(NoAtomic): // errors that Redis does not have
		return true
	case unknownToRedis(spec.Since):
		return true
	case s.InMulti() && spec.Has(NoMulti): // errors of Valkey 8, not of Redis 7.0
		return true
	case spec.Has(Confirm) && g.chance(0.9): // would leave little to work on
		return true
	}
	return number == 1 && (spec.Name == "WATCH" || spec.Has(Write) && !strings.Contains("SET MSET APPEND INCR SETNX SETBIT BITFIELD", spec.Name))
}

func unknownToRedis(since string) bool {
	return since == NubDB || since >= "7.0.1" && since != ""
}

func (g *generator) anyCase(word string) string {
	if g.chance(0.5) {
		return strings.ToLower(word)
	}
	return word
}

// spoil drops, adds or replaces a word behind the name.
func (g *generator) spoil(line []string) []string {
	junk := g.pick("", "abc", "NX", "xx", "GET", "KEEPTTL", "EX", "PXAT", "GT", "PERSIST", "99999999999999")
	i := 1 + g.IntN(len(line))
	switch {
	case i == len(line):
		return append(line, junk)
	case g.chance(0.5):
		return append(line[:i:i], line[i+1:]...)
	}
	line[i] = junk
	return line
}

func (g *generator) arguments(line []string, types []Arg) []string {
	for i := range types {
		a := &types[i]
		if unknownToRedis(a.Since) || a.Optional && g.chance(0.6) {
			continue
		}
		line = g.argument(line, a)
		for a.Multiple && g.chance(0.5) {
			line = g.argument(line, a)
		}
	}
	return line
}

func (g *generator) argument(line []string, a *Arg) []string {
	if a.Token != "" {
		line = append(line, g.anyCase(a.Token))
	}
	switch a.Type {
	case Token:
		return line
	case OneOf:
		choice := &a.Args[g.IntN(len(a.Args))]
		if unknownToRedis(choice.Since) {
			return line
		}
		return g.argument(line, choice)
	case Block:
		return g.arguments(line, a.Args)
	}
	return append(line, g.value(line[0], a))
}

// value makes the value of an argument. Times are far from now and far apart, and
// those since 1970 are always later than those from now, so that it does not matter
// when exactly either side looks at its clock.
func (g *generator) value(command string, a *Arg) string {
	bad := []string{"0", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "abc", "", "1.5",
		g.pick(" 10", "+10", "010", "-0", "0x10", "10\x00", "1e3", "9223372036854775", "9223372036854776", "-9223372036854776")}
	switch {
	case a.Name == "seconds":
		return g.pick(append(bad, strconv.Itoa(100+g.IntN(1e6)), strconv.Itoa(100+g.IntN(1e6)), strconv.Itoa(100+g.IntN(1e6)))...)
	case a.Name == "milliseconds":
		return g.pick(append(bad, strconv.Itoa(1e5+g.IntN(1e9)), strconv.Itoa(1e5+g.IntN(1e9)), strconv.Itoa(1e5+g.IntN(1e9)))...)
	case a.Name == "unix-time-seconds":
		return g.pick(append(bad[3:], "1", "1000000000", "33177117420", "33177117421", "43177117420")...)
	case a.Name == "unix-time-milliseconds":
		return g.pick(append(bad[3:], "1", "1000000000000", "33177117420000", "33177117420500", "33177117421000")...)
	case a.Name == "offset" && !strings.EqualFold(command, "SETRANGE"):
		return g.bitOffset(a.Type != Integer)
	case a.Name == "bit" || a.Name == "value" && a.Type == Integer && g.chance(0.9) && strings.EqualFold(command, "SETBIT"):
		return g.pick("0", "1", "0", "1", "0", "1", "2", "-1", "")
	case a.Name == "encoding":
		return g.pick("i", "u", "i", "u", "i", "U", "") + strconv.Itoa(g.IntN(67)-1)
	case a.Name == "cursor":
		return "0"
	case a.Name == "type":
		return g.pick("string", "STRING", "list", "hash")
	case a.Name == "ttl": // of RESTORE
		return g.pick("0", "0", "0", "0", "0", "0", "1000000", "1000000", "1000000", "33177117420000", "33177117421000", "-1", "", "1.5", "9223372036854775808")
	case a.Name == "destination-db":
		return "0"
	case a.Name == "serialized-value":
		return g.payload()
	case a.Name == "frequency":
		return g.pick("0", "1", "7", "255", "256", "-1", "x")
	case a.Type == Key:
		return g.pick("a", "b", "c", "d", "e", "f", "ab", "abc", "", "\x00\xff\r\n")
	case a.Type == Pattern:
		return g.pattern()
	case a.Type == Integer:
		return g.pick("0", "1", "2", "-1", "-2", "5", "-7", "10", "200", "536870912", "9223372036854775807",
			"9223372036854775806", "-9223372036854775807", "-9223372036854775808", "9223372036854775808", "01", "+1", " 1", "1 ", "-0", "0x1", "1\x00", "", "x")
	case a.Type == Double || g.chance(0.2):
		return g.float()
	case g.chance(0.5):
		return strconv.FormatInt(g.Int64()>>g.IntN(64), 10)
	}
	return g.pick("", "a", "hello", "\x00\x01\xff", "10", "-5", "9223372036854775807", "012", " 7", strings.Repeat("long", 50))
}

// bitOffset makes the offset of a bit that needs little memory or none. indexed: it
// may also be that of a number.
func (g *generator) bitOffset(indexed bool) string {
	offset := g.pick("0", "1", "7", "8", "-1", "4294967296", "9223372036854775807", "", "x", strconv.Itoa(g.IntN(300)), strconv.Itoa(g.IntN(300)), strconv.Itoa(g.IntN(2000)))
	if indexed && g.chance(0.3) {
		return "#" + g.pick("0", "1", "2", "5", "-1", "9223372036854775807", "x", "")
	}
	return offset
}

// payload makes what RESTORE may be given: most often of a string, as it is, as
// Redis writes it, or spoilt with and without a checksum that shows it.
func (g *generator) payload() string {
	value := []byte(g.value("", &Arg{}))
	p := appendPayload(nil, value)
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
	return binary.LittleEndian.AppendUint64(p, rdbChecksum(p))
}

func (g *generator) pattern() string {
	var b strings.Builder
	for range g.IntN(6) {
		b.WriteString(g.pick("*", "*", "?", "a", "b", "c", "[", "]", "^", "-", `\`, "[ab]", "[^a]", "[a-c]"))
	}
	return b.String()
}

func (g *generator) float() string {
	switch g.IntN(6) {
	case 0:
		return g.pick("0.1", "-0.1", "3", "1e3", "1e-20", "1e400", "-1e400", "1e4932", "1e-4960", "inf", "nan", "0x1.8p1", "1.", ".5", "-.0", "", " 1", "1e", "x")
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
