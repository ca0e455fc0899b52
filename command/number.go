package command

import "math"

// parseInteger reads a decimal 64-bit integer as Redis does: an optional minus
// and digits, without plus, blanks or leading zeros, and not "-0".
func parseInteger(b []byte) (int64, error) {
	if len(b) == 1 && b[0] == '0' {
		return 0, nil
	}
	digits, negative := b, false
	if len(b) > 0 && b[0] == '-' {
		digits, negative = b[1:], true
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' {
		return 0, errNotInteger
	}
	var n uint64 // 19 digits always fit
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, errNotInteger
		}
		n = n*10 + uint64(c-'0')
	}
	switch {
	case negative && n <= -math.MinInt64:
		return -int64(n), nil
	case !negative && n <= math.MaxInt64:
		return int64(n), nil
	}
	return 0, errNotInteger
}

// addOverflows tells whether a+b leaves 64 bits.
func addOverflows(a, b int64) bool {
	return b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b
}
