package wire

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends r as one line with a JSON object, valid whatever the bytes:
//
//	{"line":3,"value":"Alice"}
//	{"file":"a.txt","line":5,"error":{"code":"ERR","message":"syntax error"}}
//
// An empty file and line 0 are left out. KindNone appends nothing. A value is
//
//	string     "..." or, if it is not UTF-8, {"base64":"..."}
//	number     an integer of any size, or a double; "inf", "-inf", "nan" are strings
//	true, false, null
//	array      [...], also for sets and pushes
//	map        {...} if all its keys are UTF-8 strings, otherwise [[key,value],...]
//	error      {"error":{...}} inside an array
func AppendJSON(dst []byte, r *Reply, file string, line int) []byte {
	if r.Kind == KindNone {
		return dst
	}
	dst = append(dst, '{')
	if file != "" {
		dst = append(AppendJSONString(append(dst, `"file":`...), []byte(file)), ',')
	}
	if line != 0 {
		dst = append(strconv.AppendInt(append(dst, `"line":`...), int64(line), 10), ',')
	}
	if r.Kind == KindError {
		dst = appendJSONError(dst, r.Str)
	} else {
		dst = appendJSONValue(append(dst, `"value":`...), r)
	}
	return append(dst, '}', '\n')
}

func appendJSONValue(dst []byte, r *Reply) []byte {
	switch r.Kind {
	case KindStatus, KindVerbatim, KindBulk:
		return appendJSONBytes(dst, r.Str)
	case KindInteger:
		return strconv.AppendInt(dst, r.Int, 10)
	case KindBool:
		return strconv.AppendBool(dst, r.Int != 0)
	case KindDouble:
		return appendJSONDouble(dst, r.Float)
	case KindBigNumber:
		if isInteger(r.Str) {
			return append(dst, r.Str...)
		}
		return appendJSONBytes(dst, r.Str)
	case KindError:
		return append(appendJSONError(append(dst, '{'), r.Str), '}')
	case KindArray, KindSet, KindPush, KindSeries:
		return appendJSONArray(dst, r.Elems)
	case KindMap:
		return appendJSONMap(dst, r.Elems)
	}
	return append(dst, "null"...)
}

func appendJSONArray(dst []byte, elems []Reply) []byte {
	dst = append(dst, '[')
	for i := range elems {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONValue(dst, &elems[i])
	}
	return append(dst, ']')
}

// appendJSONMap appends a map, whose elements are key, value, key, value, ...
func appendJSONMap(dst []byte, elems []Reply) []byte {
	if !haveJSONKeys(elems) {
		return appendJSONPairs(dst, elems)
	}
	dst = append(dst, '{')
	for i := 0; i+1 < len(elems); i += 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendJSONString(dst, elems[i].Str), ':')
		dst = appendJSONValue(dst, &elems[i+1])
	}
	return append(dst, '}')
}

// haveJSONKeys tells whether all keys can be keys in JSON.
func haveJSONKeys(elems []Reply) bool {
	for i := 0; i < len(elems); i += 2 {
		switch elems[i].Kind {
		case KindStatus, KindBulk, KindVerbatim:
			if !utf8.Valid(elems[i].Str) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func appendJSONPairs(dst []byte, elems []Reply) []byte {
	dst = append(dst, '[')
	for i := 0; i+1 < len(elems); i += 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONArray(dst, elems[i:i+2])
	}
	return append(dst, ']')
}

// appendJSONError appends "error":{"code":...,"message":...}. The code is the
// first word of the text if that is in capitals, and otherwise ERR.
func appendJSONError(dst, text []byte) []byte {
	code, message, _ := bytes.Cut(text, []byte{' '})
	if !isErrorCode(code) {
		code, message = []byte("ERR"), text
	}
	dst = AppendJSONString(append(dst, `"error":{"code":`...), code)
	dst = append(dst, `,"message":`...)
	var buf [256]byte
	dst = AppendJSONString(dst, appendUnbroken(buf[:0], message))
	return append(dst, '}')
}

func isErrorCode(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && !isDigit(c) && c != '_' {
			return false
		}
	}
	return len(b) > 0
}

func appendJSONDouble(dst []byte, f float64) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return append(AppendDouble(append(dst, '"'), f), '"')
	}
	return AppendDouble(dst, f)
}

// isInteger tells whether b is an integer as JSON writes them.
func isInteger(b []byte) bool {
	b = bytes.TrimPrefix(b, []byte{'-'})
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return len(b) == 1 || len(b) > 1 && b[0] != '0'
}

// appendJSONBytes appends a string, as base64 if it is not UTF-8.
func appendJSONBytes(dst, b []byte) []byte {
	if utf8.Valid(b) {
		return AppendJSONString(dst, b)
	}
	dst = append(dst, `{"base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, `"}`...)
}

// AppendJSONString appends b as a JSON string; what is not UTF-8 in it becomes U+FFFD.
func AppendJSONString(dst, b []byte) []byte {
	dst = append(dst, '"')
	for len(b) > 0 {
		n := plainPrefix(b)
		dst = append(dst, b[:n]...)
		if b = b[n:]; len(b) > 0 {
			dst = appendJSONEscape(dst, b[0])
			b = b[1:]
		}
	}
	return append(dst, '"')
}

// appendJSONEscape appends what plainPrefix stopped at.
func appendJSONEscape(dst []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, '\\', 'n')
	case c == '\r':
		return append(dst, '\\', 'r')
	case c == '\t':
		return append(dst, '\\', 't')
	case c >= utf8.RuneSelf:
		return append(dst, "\ufffd"...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
