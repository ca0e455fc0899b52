package wire

import (
	"math"
	"strconv"
)

// AppendDouble appends f as Valkey 8.1 writes doubles: inf, -inf, nan, whole
// numbers up to 2^62 as integers, and otherwise the fewest digits that read
// back equal, as its fpconv lays them out.
func AppendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 0):
		if f < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "inf"...)
	case f == math.Trunc(f) && math.Abs(f) <= 1<<62:
		return strconv.AppendFloat(dst, f, 'f', 0, 64)
	}
	var buf [32]byte
	digits, exp := shortest(buf[:0], f)
	if f < 0 {
		dst = append(dst, '-')
	}
	return layOut(dst, digits, exp)
}

// shortest returns the digits of |f| without a point, and the exponent of the
// first of them.
func shortest(buf []byte, f float64) (digits []byte, exp int) {
	text := strconv.AppendFloat(buf, math.Abs(f), 'e', -1, 64)
	e := len(text) - 1
	for text[e] != 'e' {
		e--
	}
	exp, _ = strconv.Atoi(string(text[e+1:]))
	digits = append(text[:1], text[min(2, e):e]...)
	return digits, exp
}

// layOut writes digits with a point or an exponent, by fpconv's rules.
func layOut(dst, digits []byte, exp int) []byte {
	n := len(digits)
	zeros := exp - n + 1 // behind the last digit; negative: digits behind the point
	switch {
	case zeros >= 0 && exp < n+7:
		dst = append(dst, digits...)
		return appendZeros(dst, zeros)
	case zeros < 0 && exp >= 0 && (zeros > -7 || exp < 4):
		dst = append(dst, digits[:exp+1]...)
		dst = append(dst, '.')
		return append(dst, digits[exp+1:]...)
	case zeros < 0 && exp < 0 && (zeros > -7 || exp > -4):
		dst = append(dst, "0."...)
		dst = appendZeros(dst, -exp-1)
		return append(dst, digits...)
	}
	dst = append(dst, digits[0])
	if n > 1 {
		dst = append(dst, '.')
		dst = append(dst, digits[1:]...)
	}
	dst = append(dst, 'e')
	if exp > 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, int64(exp), 10)
}

func appendZeros(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	return dst
}
