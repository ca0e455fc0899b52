// Package server serves a database to clients over sockets: TCP, TLS, unix sockets, and
// the socket in the database's directory over which other processes of NubDB work; and
// through a pair of named pipes (fifo.go).
//
// Guarantees:
//
//   - Every connection speaks RESP2, RESP3 and lines of text, told apart command by
//     command. What they answer is what command answers.
//   - A reply is written only after what it acknowledges has reached the kernel, so that it
//     survives the death of the process; with command.SyncAlways, stable storage. Otherwise
//     that happens within a second.
//   - Memory grows with what clients have sent, within Config.MaxRequest each, never with
//     what they announce. A client that does not read its replies is not read from and is
//     dropped in the end. Neither that nor a long command keeps others waiting.
//   - A server that is told to stop answers all that it has read, makes it durable and
//     returns, in at most two seconds.
//
// Caveats: EXEC and what runs inside a transaction hold up other clients for as long as
// they take. What a kernel or a power cut takes away in the last second is lost with any
// other policy than command.SyncAlways.
//
// How it works: one goroutine (loop.go) reads from all connections that are ready, runs
// what they ask as one turn, commits, and then writes their replies. A command that may
// take long runs beside it (beside.go). TLS is spoken by goroutines in front of it
// (tls.go).
package server
