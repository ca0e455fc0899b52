package command

import (
	"strings"
	"testing"

	"github.com/nubdb/nubdb/command/redistest"
	"github.com/nubdb/nubdb/engine"
)

func TestCheck(t *testing.T) {
	for line, want := range map[string]string{
		"get k":                      "",
		"GET":                        "ERR wrong number of arguments for 'get' command",
		"delete":                     "ERR wrong number of arguments for 'delete' command",
		"GTE k":                      "ERR unknown command 'GTE', with args beginning with: 'k' ",
		"SET k v 60 NX":              "",
		"SET k v 0":                  "ERR invalid expire time in 'set' command",
		"SET k v soon":               "ERR syntax error",
		"SET k v EX abc":             "ERR value is not an integer or out of range",
		"SET k v EX 0 GET":           "ERR invalid expire time in 'set' command",
		"GETEX k EX -1":              "ERR invalid expire time in 'getex' command",
		"GETEX k NX":                 "ERR syntax error",
		"SETEX k 0 v":                "ERR invalid expire time in 'setex' command",
		"PSETEX k x v":               "ERR value is not an integer or out of range",
		"PSETEX k 1e3 v":             "ERR value is not an integer or out of range",
		"MSET a 1 b":                 "ERR wrong number of arguments for 'mset' command",
		"INCRBY k x":                 "ERR value is not an integer or out of range",
		"INCRBYFLOAT k x":            "ERR value is not a valid float",
		"GETRANGE k 0 x":             "ERR value is not an integer or out of range",
		"SETRANGE k -1 v":            "ERR offset is out of range",
		"EXPIRE k 10 GT LT":          "ERR GT and LT options at the same time are not compatible",
		"EXPIRE k x":                 "ERR value is not an integer or out of range",
		"EXPIREAT k 99999999999 FOO": "ERR Unsupported option FOO",
		"CAS k a b 0":                "ERR invalid expire time in 'cas' command",
		"CAS k a b":                  "",
		"FLUSHALL now":               "ERR syntax error",
		"SETBIT k 4294967296 1":      "ERR bit offset is not an integer or out of range",
		"SETBIT k 0 2":               "ERR bit is not an integer or out of range",
		"GETBIT k #1":                "ERR bit offset is not an integer or out of range",
		"BITCOUNT k 0":               "",
		"BITCOUNT k 0 -1 bits":       "ERR syntax error",
		"BITPOS k 2":                 "ERR The bit argument must be 1 or 0.",
		"BITOP NOT k a b":            "ERR BITOP NOT must be called with a single source key.",
		"BITOP NAND k a":             "ERR syntax error",
		"BITFIELD k GET u64 0":       "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
		"BITFIELD_RO k SET u8 0 1":   "ERR BITFIELD_RO only supports the GET subcommand",
		"LCS a b LEN IDX":            "ERR If you want both the length and indexes, please just use IDX.",
		"COPY a a":                   "ERR source and destination objects are the same",
		"COPY a b DB 1":              "ERR DB index is out of range: there is one database, number 0",
		"SCAN x":                     "ERR invalid cursor",
		"SCAN 0 TYPE tuple":          "ERR unknown type name 'tuple'",
		"SCAN 0 COUNT 0":             "ERR syntax error",
		"RESTORE k -1 x":             "ERR Invalid TTL value, must be >= 0",
		"RESTORE k 0 x":              "ERR DUMP payload version or checksum are wrong",
		"PING a b":                   "ERR wrong number of arguments for 'ping' command",
		"SELECT x":                   "ERR value is not an integer or out of range",
		"SELECT 1":                   "ERR DB index is out of range: there is one database, number 0",
		"COMPACT now":                "ERR syntax error",
		"SLEEP -1":                   "ERR timeout is negative",
		"SLEEP x":                    "ERR value is not a valid float",
		"HELP SET":                   "",
		"FSYNC":                      "",
		"":                           "",
	} {
		got := ""
		if r := Check(words(line)); r != nil {
			got = string(r.Str)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

func TestCheckAtomic(t *testing.T) {
	for line, want := range map[string]string{
		"SET k v":  "",
		"SLEEP 1":  "",
		"MULTI":    "",
		"QUIT":     "",
		"fsync":    "ERR FSYNC is not allowed in an atomic run",
		"VERIFY":   "ERR VERIFY is not allowed in an atomic run",
		"STATS":    "ERR STATS is not allowed in an atomic run",
		"FSYNC x":  "ERR wrong number of arguments for 'fsync' command",
		"COMPACT":  "ERR COMPACT is not allowed in an atomic run",
		"BACKUP x": "ERR BACKUP is not allowed in an atomic run",
		"":         "",
	} {
		got := ""
		if r := CheckAtomic(words(line)); r != nil {
			got = string(r.Str)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

// TestCheckAgrees runs random commands: one that Check refuses answers that very
// error, and one that it lets pass never answers an error of its kind.
func TestCheckAgrees(t *testing.T) {
	g, _ := redistest.NewGenerator(t, redistest.Start(t))
	s := newSession(open(t, engine.Options{}), Options{})
	for range 20_000 {
		// There are only keys with values that suit all commands.
		do(s, "FLUSHALL")
		do(s, "MSET a 1 b 1 c 1 d 1 e 1 f 1 ab 1 abc 1")
		do(s, "MSET NX 1 xx 1 GET 1 KEEPTTL 1 EX 1 PXAT 1 GT 1 PERSIST 1 99999999999999 1") // the generator's junk
		do(s, `SET "" 1`)
		s.Do([][]byte{[]byte("SET"), []byte("\x00\xff\r\n"), []byte("1")})
		args := randomCommand(g, s, 0)
		if args == nil || Lookup(args[0]) != nil && Lookup(args[0]).Group == Transactions {
			continue
		}
		check, reply := Check(args), s.Do(args)
		switch {
		case check != nil && string(reply.Str) == string(errBusyKey):
		case check != nil && string(check.Str) != string(reply.Str):
			t.Fatalf("%s: Check says %q, Do %q", redistest.Quote(args), check.Str, reply.Str)
		case check == nil && reply.IsError() && aboutSyntax(string(reply.Str)):
			t.Fatalf("%s: Check says nothing, Do %q", redistest.Quote(args), reply.Str)
		}
	}
}

func aboutSyntax(text string) bool {
	for _, part := range []string{"syntax", "number of arguments", "unknown command", "Unsupported", "not an integer", "not a valid float"} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}
