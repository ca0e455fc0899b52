// Package wire turns bytes into commands and replies into bytes.
//
// Guarantees:
//
//   - Any input is survived: what is not a command is a *SyntaxError with its
//     line and column, and memory grows with the bytes that were read, never
//     with a length that the input merely declares.
//   - Every byte string can be written as a word (AppendQuoted), as a JSON line
//     and as a RESP bulk string, and reads back equal.
//   - In the steady state a Reader allocates nothing per command, and the
//     Append functions allocate only when dst has to grow.
//
// Caveats: what a Reader or a decoder returns lies in its buffer and is valid
// only until the next call. Nothing here is safe for concurrent use.
//
// Reading:
//
//	Reader       commands from a stream: text lines, JSON lines, RESP requests (reader.go)
//	Request      RESP requests from a caller's buffer (request.go)
//	ReplyReader  RESP2 and RESP3 replies from a stream (replyreader.go)
//
// Writing, one reply at a time: AppendPlain and AppendLines (plain.go),
// AppendJSON (json.go), AppendRaw (raw.go), AppendRESP2 and AppendRESP3
// (resp.go).
package wire
