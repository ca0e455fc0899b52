// Package remote runs commands in another process: the server that has the database, over
// the socket in the database's directory.
//
// Guarantees: replies come in the order of the commands. When the server has gone, it is
// known of every command whether it was answered, was surely not run (command.ErrLeft), or
// may have been run.
//
// The protocol, version 1, is RESP: requests are arrays, replies RESP3. Whoever can open the
// directory may connect.
//
//	NUBDB 1 [READONLY] [SYNC always|everysec|end|no] [OWNER text]   first; answers OK
//	commands, pipelined as the client likes
//	NUBDB ATOMIC, commands (each answers QUEUED), NUBDB COMMIT      all or nothing
//
// NUBDB COMMIT answers the number of replies that follow, then those, then OK or why nothing
// was done. A server that leaves in good order answers all that it has read completely, then
// sends the push (leave, number of answers), and closes the connection.
//
// Usage: pass Connect to a command.Database. It costs nothing until the database is found
// taken.
package remote
