package wire

import "strconv"

// AppendRESP2 appends r as RESP2, which has no other kinds than statuses,
// errors, integers, bulk strings, nils and arrays: a map is a flat array, a
// boolean is 1 or 0, doubles, big numbers and text are bulk strings. KindNone
// appends nothing, KindSeries one reply after the other.
func AppendRESP2(dst []byte, r *Reply) []byte {
	switch r.Kind {
	case KindStatus:
		return appendRESPLine(dst, '+', r.Str)
	case KindError:
		return appendRESPLine(dst, '-', r.Str)
	case KindInteger, KindBool:
		return appendHeader(dst, ':', r.Int)
	case KindBulk, KindVerbatim, KindBigNumber:
		return appendBulk(dst, '$', r.Str)
	case KindDouble:
		var buf [32]byte
		return appendBulk(dst, '$', AppendDouble(buf[:0], r.Float))
	case KindNil:
		return append(dst, "$-1\r\n"...)
	case KindNilArray:
		return append(dst, "*-1\r\n"...)
	case KindArray, KindMap, KindSet, KindPush:
		dst = appendHeader(dst, '*', int64(len(r.Elems)))
		for i := range r.Elems {
			dst = AppendRESP2(dst, &r.Elems[i])
		}
	case KindSeries:
		for i := range r.Elems {
			dst = AppendRESP2(dst, &r.Elems[i])
		}
	}
	return dst
}

// AppendRESP3 appends r as RESP3. KindNone appends nothing, KindSeries one reply
// after the other.
func AppendRESP3(dst []byte, r *Reply) []byte {
	n := int64(len(r.Elems))
	switch r.Kind {
	case KindNil, KindNilArray:
		return append(dst, "_\r\n"...)
	case KindBool:
		if r.Int != 0 {
			return append(dst, "#t\r\n"...)
		}
		return append(dst, "#f\r\n"...)
	case KindDouble:
		dst = AppendDouble(append(dst, ','), r.Float)
		return append(dst, '\r', '\n')
	case KindBigNumber:
		return appendRESPLine(dst, '(', r.Str)
	case KindVerbatim:
		dst = appendHeader(dst, '=', int64(len(r.Str)+len("txt:")))
		dst = append(append(dst, "txt:"...), r.Str...)
		return append(dst, '\r', '\n')
	case KindArray:
		dst = appendHeader(dst, '*', n)
	case KindMap:
		dst = appendHeader(dst, '%', n/2)
	case KindSet:
		dst = appendHeader(dst, '~', n)
	case KindPush:
		dst = appendHeader(dst, '>', n)
	case KindSeries:
	default:
		return AppendRESP2(dst, r)
	}
	for i := range r.Elems {
		dst = AppendRESP3(dst, &r.Elems[i])
	}
	return dst
}

// AppendRequest appends a command as a RESP request.
func AppendRequest(dst []byte, args [][]byte) []byte {
	dst = appendHeader(dst, '*', int64(len(args)))
	for _, a := range args {
		dst = appendBulk(dst, '$', a)
	}
	return dst
}

// appendHeader appends a line with a number: an integer or a length.
func appendHeader(dst []byte, kind byte, n int64) []byte {
	dst = strconv.AppendInt(append(dst, kind), n, 10)
	return append(dst, '\r', '\n')
}

func appendBulk(dst []byte, kind byte, b []byte) []byte {
	dst = appendHeader(dst, kind, int64(len(b)))
	dst = append(dst, b...)
	return append(dst, '\r', '\n')
}

// appendRESPLine appends a status or an error; CR and LF become blanks, which
// keeps client data from forging replies.
func appendRESPLine(dst []byte, kind byte, text []byte) []byte {
	dst = appendUnbroken(append(dst, kind), text)
	return append(dst, '\r', '\n')
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
