// Package command is what NubDB understands: the table of commands, their
// handlers and the sessions they run in.
//
// Guarantees: semantics, replies and error texts are those of Valkey 8.1 for
// every command that Valkey has; docs/COMMANDS.md lists the exceptions. A command
// that answers an error leaves no trace in the database. What lies between MULTI
// and EXEC, and one command with several keys, happens whole or not at all, also
// across a crash.
//
// Caveats: there is one database, number 0. WATCH sees a key that was absent,
// was made and was removed again by another session as unchanged. A Session
// belongs to one goroutine at a time, Interrupt excepted.
//
// Usage: one Instance for each open database, and of it one Session for each
// client, script or shell. Find a command's row with Find, check a command without
// a database with Check, run it with Session.Do.
//
// Everything about a command is in its row of the table (table_*.go, one file
// for each group): dispatch, arity errors, HELP, COMMAND, Check and what may be shown
// of a command that holds a password are derived from it.
package command
