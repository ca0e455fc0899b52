package wire

import "strconv"

// The ends of lines in RESP, and in the replies to clients that speak the same with lines
// that end in LF alone.
const (
	crlf = "\r\n"
	lf   = "\n"
)

// AppendRESP2 appends r as RESP2, which has no other kinds than statuses,
// errors, integers, bulk strings, nils and arrays: a map is a flat array, a
// boolean is 1 or 0, doubles, big numbers and text are bulk strings. KindNone
// appends nothing, KindSeries one reply after the other.
func AppendRESP2(dst []byte, r *Reply) []byte { return appendRESP2(dst, r, crlf) }

// AppendRESP3 appends r as RESP3. KindNone appends nothing, KindSeries one reply after
// the other.
func AppendRESP3(dst []byte, r *Reply) []byte { return appendRESP3(dst, r, crlf) }

// AppendLF2 is AppendRESP2 with LF where RESP has CR LF: the reply to a command that
// came on a line with that end.
func AppendLF2(dst []byte, r *Reply) []byte { return appendRESP2(dst, r, lf) }

// AppendLF3 is AppendRESP3 with LF where RESP has CR LF.
func AppendLF3(dst []byte, r *Reply) []byte { return appendRESP3(dst, r, lf) }

func appendRESP2(dst []byte, r *Reply, end string) []byte {
	switch r.Kind {
	case KindStatus:
		return appendRESPLine(dst, '+', r.Str, end)
	case KindError:
		return appendRESPLine(dst, '-', r.Str, end)
	case KindInteger, KindBool:
		return appendHeader(dst, ':', r.Int, end)
	case KindBulk, KindVerbatim, KindBigNumber:
		return appendBulk(dst, '$', r.Str, end)
	case KindDouble:
		var buf [32]byte
		return appendBulk(dst, '$', AppendDouble(buf[:0], r.Float), end)
	case KindNil:
		return append(append(dst, "$-1"...), end...)
	case KindNilArray:
		return append(append(dst, "*-1"...), end...)
	case KindArray, KindMap, KindSet, KindPush:
		dst = appendHeader(dst, '*', int64(len(r.Elems)), end)
		for i := range r.Elems {
			dst = appendRESP2(dst, &r.Elems[i], end)
		}
	case KindSeries:
		for i := range r.Elems {
			dst = appendRESP2(dst, &r.Elems[i], end)
		}
	}
	return dst
}

func appendRESP3(dst []byte, r *Reply, end string) []byte {
	n := int64(len(r.Elems))
	switch r.Kind {
	case KindNil, KindNilArray:
		return append(append(dst, "_"...), end...)
	case KindBool:
		if r.Int != 0 {
			return append(append(dst, "#t"...), end...)
		}
		return append(append(dst, "#f"...), end...)
	case KindDouble:
		dst = AppendDouble(append(dst, ','), r.Float)
		return append(dst, end...)
	case KindBigNumber:
		return appendRESPLine(dst, '(', r.Str, end)
	case KindVerbatim:
		dst = appendHeader(dst, '=', int64(len(r.Str)+len("txt:")), end)
		dst = append(append(dst, "txt:"...), r.Str...)
		return append(dst, end...)
	case KindArray:
		dst = appendHeader(dst, '*', n, end)
	case KindMap:
		dst = appendHeader(dst, '%', n/2, end)
	case KindSet:
		dst = appendHeader(dst, '~', n, end)
	case KindPush:
		dst = appendHeader(dst, '>', n, end)
	case KindSeries: // its elements stand for themselves
	default:
		return appendRESP2(dst, r, end)
	}
	for i := range r.Elems {
		dst = appendRESP3(dst, &r.Elems[i], end)
	}
	return dst
}

// AppendRequest appends a command as a RESP request.
func AppendRequest(dst []byte, args [][]byte) []byte {
	dst = appendHeader(dst, '*', int64(len(args)), crlf)
	for _, a := range args {
		dst = appendBulk(dst, '$', a, crlf)
	}
	return dst
}

// appendHeader appends a line with a number: an integer or a length.
func appendHeader(dst []byte, kind byte, n int64, end string) []byte {
	dst = strconv.AppendInt(append(dst, kind), n, 10)
	return append(dst, end...)
}

func appendBulk(dst []byte, kind byte, b []byte, end string) []byte {
	dst = appendHeader(dst, kind, int64(len(b)), end)
	dst = append(dst, b...)
	return append(dst, end...)
}

// appendRESPLine appends a status or an error; CR and LF become blanks, which
// keeps client data from forging replies.
func appendRESPLine(dst []byte, kind byte, text []byte, end string) []byte {
	dst = appendUnbroken(append(dst, kind), text)
	return append(dst, end...)
}

// appendUnbroken appends text with blanks for CR and LF.
func appendUnbroken(dst, text []byte) []byte {
	for _, c := range text {
		if c == '\r' || c == '\n' {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}
