package wire

// Kind says what a Reply is. The kinds are those of RESP3; encoders for
// narrower formats map them down (a Map becomes a flat array in RESP2, and so on).
type Kind uint8

const (
	KindNone      Kind = iota // no reply at all: QUIT in a batch
	KindStatus                // Str: OK, PONG, QUEUED
	KindError                 // Str: "ERR message", the first word is the code
	KindInteger               // Int
	KindBulk                  // Str: any bytes
	KindNil                   // RESP2 "$-1", RESP3 "_"
	KindNilArray              // RESP2 "*-1", RESP3 "_" (an aborted EXEC)
	KindArray                 // Elems
	KindDouble                // Float
	KindBool                  // Int is 0 or 1; RESP2 shows an integer
	KindMap                   // Elems: key, value, key, value, ...
	KindSet                   // Elems
	KindBigNumber             // Str: decimal digits
	KindVerbatim              // Str: text for people; RESP2 shows a bulk string
	KindPush                  // Elems: out-of-band data (RESP3)
	KindSeries                // Elems: several replies to one command, one after the other: SUBSCRIBE
)

// Reply is what a command answers. It is a value: handlers return it and never
// write. Str may point into memory of the database or of the session and is
// valid only until the session runs its next command, so encode it before.
type Reply struct {
	Kind  Kind
	Int   int64
	Float float64
	Str   []byte
	Elems []Reply
}

// The replies that handlers use most.
var (
	OK       = Reply{Kind: KindStatus, Str: []byte("OK")}
	Queued   = Reply{Kind: KindStatus, Str: []byte("QUEUED")}
	Nil      = Reply{Kind: KindNil}
	NilArray = Reply{Kind: KindNilArray}
	None     = Reply{Kind: KindNone}
)

// Status answers a simple string, which must not contain CR or LF.
func Status(s string) Reply { return Reply{Kind: KindStatus, Str: []byte(s)} }

// Integer answers a 64-bit integer.
func Integer(n int64) Reply { return Reply{Kind: KindInteger, Int: n} }

// Bulk answers a string of any bytes, which is not copied.
func Bulk(b []byte) Reply { return Reply{Kind: KindBulk, Str: b} }

// BulkString is Bulk for a Go string.
func BulkString(s string) Reply { return Reply{Kind: KindBulk, Str: []byte(s)} }

// Array answers the elements in order.
func Array(elems ...Reply) Reply { return Reply{Kind: KindArray, Elems: elems} }

// Error answers an error; text begins with its code, as in "ERR syntax error".
// CR and LF in text (client data) become blanks when it is encoded.
func Error(text string) Reply { return Reply{Kind: KindError, Str: []byte(text)} }

// IsError tells whether the reply is an error.
func (r *Reply) IsError() bool { return r.Kind == KindError }
