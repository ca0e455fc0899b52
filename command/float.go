package command

import (
	"math/big"
	"strings"

	"github.com/nubdb/nubdb/wire"
)

// Redis computes INCRBYFLOAT in C's long double, which on amd64 is the 80-bit
// format of the x87: a mantissa of 64 bits, an exponent of 15. Here big.Float
// rounds to the same mantissa, so that results are equal digit by digit. What
// differs: numbers below the smallest normal one (about 3e-4932) keep their full
// mantissa, which no printed digit shows.
const (
	mantissa    = 64
	maxExponent = 16384  // x < 2^maxExponent
	minExponent = -16445 // the smallest positive number is 2^minExponent
	maxFloat    = 5*1024 - 1
	fraction    = 17 // digits printed after the point, before zeros are cut
)

// INCRBYFLOAT key increment
func incrByFloat(s *Session, args [][]byte, out *wire.Reply) error {
	it, found, err := s.getString(args[1])
	if err != nil {
		return err
	}
	old := new(big.Float)
	if found {
		if old, err = parseFloat(it.Value); err != nil {
			return err
		}
	}
	n, err := parseFloat(args[2])
	if err != nil {
		return err
	}
	if old.IsInf() || n.IsInf() {
		return errNaN
	}
	sum := new(big.Float).SetPrec(mantissa).Add(old, n)
	if sum.MantExp(nil) > maxExponent {
		return errNaN
	}
	s.scratch = appendFloat(s.scratch[:0], sum)
	*out = wire.Bulk(s.scratch)
	return s.putString(args[1], s.scratch, it.ExpireAt)
}

// appendFloat prints x as Redis does: never with an exponent, at most 17 digits
// after the point, without zeros at the end.
func appendFloat(dst []byte, x *big.Float) []byte {
	start := len(dst)
	dst = x.Append(dst, 'f', fraction)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	if dst[len(dst)-1] == '.' {
		dst = dst[:len(dst)-1]
	}
	if string(dst[start:]) == "-0" {
		dst = append(dst[:start], '0')
	}
	return dst
}

// parseFloat reads a number as C's strtold does: decimal or, after 0x,
// hexadecimal with a binary exponent after p; inf and infinity. Blanks, NaN and
// numbers too large or too small for a long double are errors.
func parseFloat(b []byte) (*big.Float, error) {
	if len(b) == 0 || len(b) > maxFloat {
		return nil, errNotFloat
	}
	text := strings.ToLower(string(b))
	unsigned := strings.TrimPrefix(text, "-")
	negative := len(unsigned) < len(text)
	if !negative {
		unsigned = strings.TrimPrefix(text, "+")
	}
	if unsigned == "inf" || unsigned == "infinity" {
		return new(big.Float).SetInf(negative), nil
	}
	var x *big.Float
	if digits, hex := strings.CutPrefix(unsigned, "0x"); hex {
		x = scaled(digits, 16, 'p')
	} else {
		x = scaled(unsigned, 10, 'e')
	}
	if x == nil || !inRange(x) {
		return nil, errNotFloat
	}
	if negative {
		x.Neg(x)
	}
	return x, nil
}

// inRange tells whether a long double can hold x, which is not negative.
func inRange(x *big.Float) bool {
	if x.Sign() == 0 {
		return true
	}
	exponent := x.MantExp(nil) // x is in [2^(exponent-1), 2^exponent)
	// Half of the smallest number is rounded to zero, the even neighbour.
	tiny := exponent < minExponent || exponent == minExponent && x.MinPrec() == 1
	return exponent <= maxExponent && !tiny
}

// scaled reads digits with an optional point and an optional decimal exponent
// after mark, of 10 in base 10, of 2 in base 16; nil if it is no such number.
func scaled(text string, base int, mark byte) *big.Float {
	exponent := 0
	if i := strings.IndexByte(text, mark); i >= 0 {
		var ok bool
		if exponent, ok = parseExponent(text[i+1:]); !ok {
			return nil
		}
		text = text[:i]
	}
	whole, decimals, _ := strings.Cut(text, ".")
	digits := whole + decimals
	for i := range len(digits) {
		if !isDigit(digits[i], base) {
			return nil
		}
	}
	n, ok := new(big.Int).SetString(digits, base) // not ok if there are none
	if !ok {
		return nil
	}
	if base == 16 {
		x := new(big.Float).SetPrec(mantissa).SetInt(n)
		return x.SetMantExp(x, exponent-4*len(decimals))
	}
	return tenTimes(n, exponent-len(decimals))
}

// tenTimes is n*10^exponent, correctly rounded.
func tenTimes(n *big.Int, exponent int) *big.Float {
	x := new(big.Float).SetPrec(mantissa)
	// Beyond these the result is out of range whatever the at most maxFloat
	// digits of n are, and exact arithmetic would take too long.
	const limit = 3 * maxFloat
	exponent = min(max(exponent, -limit), limit)
	if n.Sign() == 0 {
		return x
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, -exponent))), nil)
	if exponent >= 0 {
		return x.SetInt(n.Mul(n, power))
	}
	return x.SetRat(new(big.Rat).SetFrac(n, power))
}

// parseExponent reads a sign and digits. What is too large for any use stays large.
func parseExponent(text string) (n int, ok bool) {
	const limit = 1 << 20
	digits := strings.TrimPrefix(text, "-")
	negative := len(digits) < len(text)
	if !negative {
		digits = strings.TrimPrefix(text, "+")
	}
	if digits == "" {
		return 0, false
	}
	for i := range len(digits) {
		if !isDigit(digits[i], 10) {
			return 0, false
		}
		n = min(n*10+int(digits[i]-'0'), limit)
	}
	if negative {
		n = -n
	}
	return n, true
}

// isDigit tells whether c, in lower case, is a digit in base 10 or 16.
func isDigit(c byte, base int) bool {
	return '0' <= c && c <= '9' || base == 16 && 'a' <= c && c <= 'f'
}
