package wire

import (
	"bytes"
	"encoding/base64"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	faultJSON       = "invalid JSON: "
	faultJSONBegin  = faultJSON + "expected a string, a number or {\"base64\": \"...\"}"
	faultJSONComma  = faultJSON + "expected a comma or ]"
	faultJSONObject = faultJSON + "an object must be {\"base64\": \"...\"}"
	faultJSONBase64 = faultJSON + "not base64"
	faultJSONOpen   = faultJSON + "the array is not closed on its line"
	faultJSONGlued  = faultJSON + "text behind the array"
	faultJSONEmpty  = faultJSON + "an array without a command"
	faultJSONNumber = faultJSON + "not a number"
	faultJSONEscape = faultJSON + "unknown escape"
	faultJSONHalf   = faultJSON + "half of a surrogate pair"
	faultJSONByte   = faultJSON + "control character in a string"
)

// splitJSON splits a line that is a JSON array, whose [ is line[i], into words
// and decodes them in place:
//
//	array  = "[" value *( "," value ) "]"
//	value  = string / number / "{" '"base64"' ":" string "}"
//
// A number is the argument as it is written. Bytes of a string that are not
// UTF-8 are taken as they are, though JSON has none; half a surrogate pair,
// which stands for no bytes, is a fault.
func (r *Reader) splitJSON(line []byte, i int) fault {
	words := r.words[:0]
	open := i
	i = skipSpace(line, i+1)
	if i < len(line) && line[i] == ']' {
		return fault{open, faultJSONEmpty}
	}
	for {
		if i == len(line) {
			return fault{open, faultJSONOpen}
		}
		if len(words) == r.MaxArgs {
			return fault{i, faultManyArgs}
		}
		word, next, f := r.jsonValue(line, i)
		if f.text != "" {
			return f
		}
		words = append(words, word)
		i = skipSpace(line, next)
		if i == len(line) {
			return fault{open, faultJSONOpen}
		}
		c := line[i]
		if c != ',' && c != ']' {
			return fault{i, faultJSONComma}
		}
		i = skipSpace(line, i+1)
		if c == ']' {
			break
		}
	}
	if i < len(line) {
		return fault{i, faultJSONGlued}
	}
	r.words = words
	return fault{}
}

// jsonValue decodes the value at line[i], in place.
func (r *Reader) jsonValue(line []byte, i int) (word span, next int, f fault) {
	switch c := line[i]; {
	case c == '"':
		return jsonString(line, i)
	case c == '{':
		return r.jsonBase64(line, i)
	case c == '-' || isDigit(c):
		return jsonNumber(line, i)
	}
	return word, 0, fault{i, faultJSONBegin}
}

// jsonBase64 decodes {"base64": "..."}, in place.
func (r *Reader) jsonBase64(line []byte, open int) (word span, next int, f fault) {
	key, i, f := jsonToken(line, open+1)
	if f.text != "" || string(line[key.from:key.to]) != "base64" {
		return word, 0, fault{open, faultJSONObject}
	}
	i = skipSpace(line, i)
	if i == len(line) || line[i] != ':' {
		return word, 0, fault{open, faultJSONObject}
	}
	text, i, f := jsonToken(line, i+1)
	if f.text != "" {
		return word, 0, fault{open, faultJSONObject}
	}
	i = skipSpace(line, i)
	if i == len(line) || line[i] != '}' {
		return word, 0, fault{open, faultJSONObject}
	}
	b := bytes.TrimRight(line[text.from:text.to], "=")
	decoded, err := base64.RawStdEncoding.AppendDecode(r.scratch[:0], b)
	if err != nil {
		return word, 0, fault{text.from - 1, faultJSONBase64}
	}
	r.scratch = decoded[:0]
	return span{text.from, text.from + copy(line[text.from:], decoded)}, i + 1, fault{}
}

// jsonToken is a string behind white space.
func jsonToken(line []byte, i int) (word span, next int, f fault) {
	i = skipSpace(line, i)
	if i == len(line) || line[i] != '"' {
		return word, 0, fault{i, faultJSONObject}
	}
	return jsonString(line, i)
}

// jsonString decodes the string whose opening quote is line[open], in place.
func jsonString(line []byte, open int) (word span, next int, f fault) {
	from := open + 1
	w, i := from, from
	for i < len(line) {
		c := line[i]
		switch {
		case c == '"':
			return span{from, w}, i + 1, fault{}
		case c < ' ':
			return word, 0, fault{i, faultJSONByte}
		case c != '\\':
			line[w] = c
			w++
			i++
		case i+1 == len(line):
			return word, 0, fault{open, faultQuote}
		default:
			var text string
			if w, i, text = jsonEscape(line, w, i); text != "" {
				return word, 0, fault{i, text}
			}
		}
	}
	return word, 0, fault{open, faultQuote}
}

// jsonEscape decodes the escape at line[i] to line[w] and returns the places
// behind both.
func jsonEscape(line []byte, w, i int) (int, int, string) {
	const names, values = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	c := line[i+1]
	if k := bytes.IndexByte([]byte(names), c); k >= 0 {
		line[w] = values[k]
		return w + 1, i + 2, ""
	}
	r := hexRune(line, i)
	if r < 0 {
		return w, i, faultJSONEscape
	}
	size := 6
	if utf16.IsSurrogate(r) {
		r = utf16.DecodeRune(r, hexRune(line, i+6))
		if r == utf8.RuneError {
			return w, i, faultJSONHalf
		}
		size = 12
	}
	return w + utf8.EncodeRune(line[w:w+size], r), i + size, ""
}

// hexRune returns what \uXXXX at line[i:] stands for, or -1.
func hexRune(line []byte, i int) rune {
	if len(line)-i < 6 || line[i] != '\\' || line[i+1] != 'u' {
		return -1
	}
	r := rune(0)
	for _, c := range line[i+2 : i+6] {
		v := hexValue(c)
		if v < 0 {
			return -1
		}
		r = r<<4 | rune(v)
	}
	return r
}

// jsonNumber takes the number at line[i]:
//
//	number = ["-"] ( "0" / 1-9 *digit ) ["." 1*digit] [("e" / "E") ["+" / "-"] 1*digit]
func jsonNumber(line []byte, i int) (word span, next int, f fault) {
	start := i
	digits := func() bool {
		from := i
		for i < len(line) && isDigit(line[i]) {
			i++
		}
		return i > from
	}
	is := func(set string) bool {
		if i < len(line) && bytes.IndexByte([]byte(set), line[i]) >= 0 {
			i++
			return true
		}
		return false
	}
	is("-")
	ok := is("0") || digits()
	if ok && is(".") {
		ok = digits()
	}
	if ok && is("eE") {
		is("+-")
		ok = digits()
	}
	if !ok {
		return word, 0, fault{start, faultJSONNumber}
	}
	return span{start, i}, i, fault{}
}

// skipSpace skips JSON's white space.
func skipSpace(line []byte, i int) int {
	for i < len(line) && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r') {
		i++
	}
	return i
}
