package redistest

import (
	"bytes"
	"slices"
	"strings"

	"github.com/nubdb/nubdb/wire"
)

// Similar compares the replies of NubDB and of the real server to a command on data where
// bytes need not be equal: docs/COMMANDS.md tells where and why.
func Similar(name string, got, want wire.Reply) bool {
	switch {
	case Equal(got, want):
		return true
	case name == "bitcount" || name == "bitpos":
		// Redis 7.0 looks for the key before it looks at what follows, and at the end
		// before the unit; Valkey 8 does not.
		return got.IsError() && (want.Kind == wire.KindInteger && want.Int <= 0 ||
			string(got.Str) == "ERR syntax error" && string(want.Str) == "ERR value is not an integer or out of range")
	case name == "scan" && strings.HasPrefix(string(got.Str), "ERR unknown type"):
		return true // Redis 7.0 finds no key of such a type, or an error behind it
	case name == "scan" && string(got.Str) == "ERR invalid cursor":
		return true // Redis 7.0 takes an empty word for 0
	case got.Kind != want.Kind || len(got.Elems) != len(want.Elems):
		return false
	}
	switch name {
	case "ttl", "expiretime":
		return got.Int > 0 && want.Int > 0 && distance(got.Int, want.Int) <= 60 // an atomic run has one time
	case "pttl", "pexpiretime":
		return got.Int > 0 && want.Int > 0 && distance(got.Int, want.Int) <= 60_000
	case "dbsize": // Redis counts keys whose time has passed until it meets them
		return got.Int < want.Int
	case "object", "object|encoding":
		return similarEncoding(string(got.Str), string(want.Str))
	case "keys":
		return slices.Equal(Sorted(got), Sorted(want))
	case "scan":
		return len(got.Elems) == 2 && string(got.Elems[0].Str) == string(want.Elems[0].Str) && slices.Equal(Sorted(got.Elems[1]), Sorted(want.Elems[1]))
	}
	return false
}

// Equal tells whether two replies are the same in either protocol.
func Equal(got, want wire.Reply) bool {
	return bytes.Equal(wire.AppendRESP3(nil, &got), wire.AppendRESP3(nil, &want))
}

// SimilarExec compares the replies to an EXEC of these commands one by one.
func SimilarExec(queued []string, got, want wire.Reply, similar func(name string, got, want wire.Reply) bool) bool {
	if got.Kind != wire.KindArray || want.Kind != wire.KindArray || len(got.Elems) != len(want.Elems) || len(got.Elems) != len(queued) {
		return Equal(got, want)
	}
	for i := range got.Elems {
		if !similar(queued[i], got.Elems[i], want.Elems[i]) {
			return false
		}
	}
	return true
}

// similarEncoding compares the encodings of OBJECT: there a value that was changed in
// place is raw, and the result of INCRBYFLOAT is a text, whatever they look like.
// The integers that are OBJECT's other replies are the server's own.
func similarEncoding(got, want string) bool {
	return got == want || want == "raw" || want == "embstr" && got == "int"
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

// Sorted is the texts of a reply's elements in order.
func Sorted(r wire.Reply) []string {
	var all []string
	for _, e := range r.Elems {
		all = append(all, string(e.Str))
	}
	slices.Sort(all)
	return all
}
