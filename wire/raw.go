package wire

import "strconv"

// AppendRaw appends the exact bytes of r and end behind them, for an array
// those of each element, also of nested ones. A nil is an empty element. An
// error is nothing; inside an array it is an empty element, so that the others
// keep their places.
func AppendRaw(dst []byte, r *Reply, end string) []byte {
	if r.Kind == KindNone || r.Kind == KindError {
		return dst
	}
	return appendRaw(dst, r, end)
}

func appendRaw(dst []byte, r *Reply, end string) []byte {
	switch r.Kind {
	case KindArray, KindMap, KindSet, KindPush, KindSeries:
		for i := range r.Elems {
			dst = appendRaw(dst, &r.Elems[i], end)
		}
		return dst
	case KindInteger, KindBool:
		dst = strconv.AppendInt(dst, r.Int, 10)
	case KindDouble:
		dst = AppendDouble(dst, r.Float)
	case KindStatus, KindBulk, KindBigNumber, KindVerbatim:
		dst = append(dst, r.Str...)
	}
	return append(dst, end...)
}
