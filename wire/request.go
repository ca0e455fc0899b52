package wire

// ProtocolError is what is wrong with a RESP request.
type ProtocolError string

// Error returns the text that Redis answers before it closes the connection,
// without the code "ERR".
func (e ProtocolError) Error() string { return "Protocol error: " + string(e) }

// Returned for broken requests. The first two texts are Redis's, which does not
// look at the others.
const (
	errMultibulkLength = ProtocolError("invalid multibulk length")
	errBulkLength      = ProtocolError("invalid bulk length")
	errBulkEnd         = ProtocolError("expected CRLF behind a bulk string")
	errLargeRequest    = ProtocolError("request is too large")
	errTruncated       = ProtocolError("the input ends inside a request")
)

// errExpected is returned where a header does not begin with its sign.
func errExpected(want, got byte) error {
	return ProtocolError("expected '" + string(rune(want)) + "', got '" + string([]byte{got}) + "'")
}

// Request parses a RESP request that arrives in pieces:
//
//	request = "*" count CRLF  bulk ...     count of them
//	bulk    = "$" length CRLF  bytes CRLF
//
// A count of zero or less is an empty request, which Redis ignores.
type Request struct {
	Limits
	args  [][]byte
	words []span
	at    int // the next byte to look at; 0: nothing has been read
	left  int // arguments that are still to come
	bulk  int // length of the argument at at, or -1 if its header is next
}

// NewRequest returns a Request for the first request of a connection.
func NewRequest(l Limits) *Request { return &Request{Limits: l} }

// Parse looks at b, which begins with the first byte of a request and has at
// least the bytes it had at the last call for the same request (it need not be
// the same memory). It returns the arguments and how many bytes the request
// takes, or 0 if it is not complete, or a ProtocolError, after which the
// connection cannot go on. The arguments lie in b and are valid until the next
// call; there are none for an empty request.
func (q *Request) Parse(b []byte) (args [][]byte, n int, err error) {
	n, err = q.parse(b)
	if n == 0 || err != nil {
		return nil, 0, err
	}
	q.args = q.args[:0]
	for _, w := range q.words {
		q.args = append(q.args, b[w.from:w.to:w.to])
	}
	q.reset()
	return q.args, n, nil
}

// reset makes ready for the next request.
func (q *Request) reset() { q.at = 0 }

// parse is Parse that leaves the arguments in words.
func (q *Request) parse(b []byte) (n int, err error) {
	if q.at == 0 {
		if len(b) > 0 && b[0] != '*' {
			return 0, errExpected('*', b[0])
		}
		count, next, ok := headerNumber(b, 1)
		if !ok || count > int64(q.MaxArgs) {
			return 0, errMultibulkLength
		}
		if next == 0 {
			return 0, nil
		}
		q.words = q.words[:0]
		q.at, q.left, q.bulk = next, int(max(count, 0)), -1
	}
	for q.left > 0 {
		if ok, err := q.parseBulk(b); !ok {
			return 0, err
		}
	}
	return q.at, nil
}

// parseBulk takes one argument and returns false if it is not complete.
func (q *Request) parseBulk(b []byte) (bool, error) {
	if q.bulk < 0 {
		if q.at == len(b) {
			return false, nil
		}
		if b[q.at] != '$' {
			return false, errExpected('$', b[q.at])
		}
		length, next, ok := headerNumber(b, q.at+1)
		switch {
		case !ok || next > 0 && (length < 0 || length > int64(q.MaxArg)):
			return false, errBulkLength
		case next == 0:
			return false, nil
		case int64(next)+length > int64(q.MaxCommand):
			return false, errLargeRequest
		}
		q.at, q.bulk = next, int(length)
	}
	end := q.at + q.bulk
	if len(b) < end+2 {
		return false, nil
	}
	if b[end] != '\r' || b[end+1] != '\n' {
		return false, errBulkEnd
	}
	q.words = append(q.words, span{q.at, end})
	q.at, q.bulk = end+2, -1
	q.left--
	return true, nil
}

// maxDigits is enough for any int64 with its sign.
const maxDigits = 20

// headerNumber reads "number CR LF" at b[i:] and returns where the next byte
// is, or 0 if the header is not complete, or false if it is not one. As in
// Redis there are no leading zeros and no "+".
func headerNumber(b []byte, i int) (n int64, next int, ok bool) {
	// Nearly all have one digit or two: to take these first saves 1 % of a GET.
	if i+3 < len(b) && '1' <= b[i] && b[i] <= '9' {
		switch {
		case b[i+1] == '\r' && b[i+2] == '\n':
			return int64(b[i] - '0'), i + 3, true
		case isDigit(b[i+1]) && b[i+2] == '\r' && b[i+3] == '\n':
			return int64(b[i]-'0')*10 + int64(b[i+1]-'0'), i + 4, true
		}
	}
	start := i
	negative := i < len(b) && b[i] == '-'
	if negative {
		i++
	}
	first := i
	for i < len(b) && isDigit(b[i]) {
		if i-first >= maxDigits-2 { // 18 digits can't overflow, and nothing allowed has more
			return 0, 0, false
		}
		n = n*10 + int64(b[i]-'0')
		i++
	}
	if i-first > 1 && b[first] == '0' || i-start == 2 && negative && n == 0 {
		return 0, 0, false
	}
	if negative {
		n = -n
	}
	switch {
	case i >= len(b):
		return 0, 0, true
	case i == first || b[i] != '\r':
		return 0, 0, false
	case i+1 == len(b):
		return 0, 0, true
	case b[i+1] != '\n':
		return 0, 0, false
	}
	return n, i + 2, true
}
