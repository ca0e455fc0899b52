package command

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// replyError is an error of the user as it is answered: a code, a blank, a text.
type replyError string

func (e replyError) Error() string { return string(e) }

// The errors that commands answer, in Valkey's words where it has them.
const (
	errSyntax         replyError = "ERR syntax error"                                                             // options that are unknown, incomplete or exclude each other
	errNotInteger     replyError = "ERR value is not an integer or out of range"                                  // an argument or a value should be a decimal 64-bit integer
	errNotFloat       replyError = "ERR value is not a valid float"                                               // an argument or a value should be a number
	errWrongType      replyError = "WRONGTYPE Operation against a key holding the wrong kind of value"            // the key holds another type than the command works on
	errNoKey          replyError = "ERR no such key"                                                              // RENAME of a key that is not there
	errOverflow       replyError = "ERR increment or decrement would overflow"                                    // INCR and its kin would leave 64 bits
	errDecrOverflow   replyError = "ERR decrement would overflow"                                                 // DECRBY of the smallest integer
	errNaN            replyError = "ERR increment would produce NaN or Infinity"                                  // INCRBYFLOAT would leave the numbers
	errTooLong        replyError = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"                 // APPEND or SETRANGE would make a value over engine.MaxValue
	errOffset         replyError = "ERR offset is out of range"                                                   // SETRANGE before the start
	errNXIncompatible replyError = "ERR NX and XX, GT or LT options at the same time are not compatible"          // EXPIRE and its kin
	errGTIncompatible replyError = "ERR GT and LT options at the same time are not compatible"                    // EXPIRE and its kin
	errDatabase       replyError = "ERR DB index is out of range: there is one database, number 0"                // SELECT of another database
	errNotInMulti     replyError = "ERR Command not allowed inside a transaction"                                 // a command with the flag NoMulti between MULTI and EXEC
	errExecAlone      replyError = "ERR EXEC without MULTI"                                                       // EXEC
	errDiscardAlone   replyError = "ERR DISCARD without MULTI"                                                    // DISCARD
	errExecAbort      replyError = "EXECABORT Transaction discarded because of previous errors."                  // EXEC after a command that could not be queued
	errReadOnly       replyError = "READONLY You can't write against a database that is opened read-only."        // a command with the flag Write
	errInterrupted    replyError = "ERR interrupted"                                                              // Session.Interrupt ended the command
	errNegative       replyError = "ERR timeout is negative"                                                      // SLEEP, CLIENT PAUSE, WAIT
	errMaxSize        replyError = "OOM command not allowed when used memory > 'maxmemory'."                      // engine.ErrMaxSize
	errFull           replyError = "ERR no space left on the device: the command had no effect"                   // engine.ErrFull
	errTooLarge       replyError = "ERR key over 1 MiB or value over 512 MiB"                                     // engine.ErrTooLarge
	errFailed         replyError = "ERR the database has failed and accepts nothing more: a write to disk failed" // engine.ErrFailed
	errBusy           replyError = "BUSY the database is in use by another process"                               // engine.ErrBusy, from the first write to a database that did not exist
)

// The errors of single commands on strings, bits and keys, in Valkey's words.
const (
	errBit          replyError = "ERR bit is not an integer or out of range"                                                                                                                                              // SETBIT to something else than 0 or 1
	errBitArgument  replyError = "ERR The bit argument must be 1 or 0."                                                                                                                                                   // BITPOS of something else
	errBitOffset    replyError = "ERR bit offset is not an integer or out of range"                                                                                                                                       // a bit before the start or behind engine.MaxValue
	errBitOpNot     replyError = "ERR BITOP NOT must be called with a single source key."                                                                                                                                 // BITOP NOT of several keys
	errFieldType    replyError = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."                                                                                       // BITFIELD
	errOverflowType replyError = "ERR Invalid OVERFLOW type specified"                                                                                                                                                    // BITFIELD
	errBitFieldRO   replyError = "ERR BITFIELD_RO only supports the GET subcommand"                                                                                                                                       // BITFIELD_RO that would write
	errLCSType      replyError = "ERR The specified keys must contain string values"                                                                                                                                      // LCS of another type
	errLCSBoth      replyError = "ERR If you want both the length and indexes, please just use IDX."                                                                                                                      // LCS
	errLCSTooLong   replyError = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"                                                                                                           // LCS of values whose lengths have too large a product
	errNotInt       replyError = "ERR value is out of range, value must between -2147483648 and 2147483647"                                                                                                               // the number of a database that no server could have
	errSameObject   replyError = "ERR source and destination objects are the same"                                                                                                                                        // COPY of a key to itself
	errCursor       replyError = "ERR invalid cursor"                                                                                                                                                                     // SCAN from what is not a decimal number of 64 bits
	errBusyKey      replyError = "BUSYKEY Target key name already exists."                                                                                                                                                // RESTORE without REPLACE
	errRestoreTTL   replyError = "ERR Invalid TTL value, must be >= 0"                                                                                                                                                    // RESTORE
	errRestoreIdle  replyError = "ERR Invalid IDLETIME value, must be >= 0"                                                                                                                                               // RESTORE
	errRestoreFreq  replyError = "ERR Invalid FREQ value, must be >= 0 and <= 255"                                                                                                                                        // RESTORE
	errNoFreq       replyError = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust." // OBJECT FREQ
	errPayload      replyError = "ERR DUMP payload version or checksum are wrong"                                                                                                                                         // RESTORE of what no DUMP made, or a much newer one
	errPayloadData  replyError = "ERR Bad data format"                                                                                                                                                                    // RESTORE of another type than a string, or of bytes that are none
)

// The same, of commands about connections and the server.
const (
	errNoAuth         replyError = "NOAUTH Authentication required."                                                          // a command without the flag NoAuth before AUTH
	errWrongPass      replyError = "WRONGPASS invalid username-password pair or user is disabled."                            // AUTH, HELLO AUTH
	errProtocol       replyError = "NOPROTO unsupported protocol version"                                                     // HELLO of another version than 2 and 3
	errProtocolNumber replyError = "ERR Protocol version is not an integer or out of range"                                   // HELLO
	errClientName     replyError = "ERR Client names cannot contain spaces, newlines or special characters."                  // CLIENT SETNAME, HELLO SETNAME
	errClientID       replyError = "ERR Invalid client ID"                                                                    // CLIENT LIST ID
	errKillID         replyError = "ERR client-id should be greater than 0"                                                   // CLIENT KILL ID
	errMaxAge         replyError = "ERR maxage is not an integer or out of range"                                             // CLIENT KILL MAXAGE
	errNoClient       replyError = "ERR No such client"                                                                       // CLIENT KILL of an address
	errPauseMode      replyError = "ERR CLIENT PAUSE mode must be WRITE or ALL"                                               // CLIENT PAUSE
	errTimeout        replyError = "ERR timeout is not an integer or out of range"                                            // CLIENT PAUSE, WAIT
	errMonitor        replyError = "ERR Replica can't interact with the keyspace"                                             // a command on keys after MONITOR
	errMonitorInMulti replyError = "ERR MONITOR isn't allowed for DENY BLOCKING client"                                       // MONITOR run by EXEC
	errSlowLogCount   replyError = "ERR count should be greater than or equal to -1"                                          // SLOWLOG GET
	errNoConfigFile   replyError = "ERR The server is running without a config file"                                          // CONFIG REWRITE
	errNoShutdown     replyError = "ERR No shutdown in progress."                                                             // SHUTDOWN ABORT
	errNoDebug        replyError = "ERR DEBUG knows SLEEP only"                                                               // DEBUG
	errNoKeys         replyError = "ERR The command has no key arguments"                                                     // COMMAND GETKEYS
	errGetKeysCommand replyError = "ERR Invalid command specified"                                                            // COMMAND GETKEYS of a command that is not there
	errGetKeysArity   replyError = "ERR Invalid number of arguments specified for command"                                    // COMMAND GETKEYS of a command with too few or too many words
	errRelative       replyError = "ERR BACKUP needs an absolute path here: the current directory of the server is not yours" // BACKUP over a connection

	// HELLO before AUTH
	errHelloNoAuth replyError = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> " +
		"option can be used to authenticate the client and select the RESP protocol version at the same time"
	// AUTH with one word where there is no password
	errNoPassword replyError = "ERR AUTH <password> called without any password configured for the default user. " +
		"Are you sure your configuration is correct?"
)

// errorReply answers an error of a handler or of the engine.
func errorReply(err error) wire.Reply { return wire.Error(errorText(err)) }

// errorText is the one place where errors of the engine get their words.
func errorText(err error) string {
	switch {
	case isReplyError(err):
		return err.Error()
	case errors.Is(err, engine.ErrMaxSize):
		return string(errMaxSize)
	case errors.Is(err, engine.ErrFull):
		return string(errFull)
	case errors.Is(err, engine.ErrTooLarge):
		return string(errTooLarge)
	case errors.Is(err, engine.ErrReadOnly):
		return string(errReadOnly)
	case errors.Is(err, engine.ErrCanceled):
		return string(errInterrupted)
	case errors.Is(err, engine.ErrFailed):
		return detailed(errFailed, engine.ErrFailed, err)
	case errors.Is(err, engine.ErrBusy):
		return detailed(errBusy, engine.ErrBusy, err)
	case errors.Is(err, engine.ErrCorrupt):
		return "CORRUPT " + err.Error() + " (see --verify and --repair)"
	default:
		return "ERR " + err.Error()
	}
}

// detailed adds what the engine says beyond its sentinel, such as a file and an offset.
func detailed(text replyError, sentinel, err error) string {
	if err == sentinel {
		return string(text)
	}
	return string(text) + " (" + err.Error() + ")"
}

func isReplyError(err error) bool {
	_, is := err.(replyError)
	return is
}

// wrongArity is the error for a number of arguments that the command does not
// take. It shows the name in lower case, as Valkey does, and an alias as itself.
func wrongArity(name []byte) error {
	return replyError(fmt.Sprintf("ERR wrong number of arguments for '%s' command", strings.ToLower(string(name))))
}

// wrongArity is the error of this row, which shows both words of a subcommand as
// Valkey does.
func (c *Spec) wrongArity(args [][]byte) error {
	if c.words() > 1 {
		return wrongArity([]byte(c.path()))
	}
	return wrongArity(args[0])
}

// subcommandArity is the error for words too many of a subcommand whose arity in
// Valkey's table does not say so.
func subcommandArity(args [][]byte) error {
	return replyError(fmt.Sprintf("ERR unknown subcommand or wrong number of arguments for '%s'. Try %s HELP.",
		clip(args[1], 128), strings.ToUpper(string(args[0]))))
}

// notSubscribed refuses a command of a RESP2 client that has subscriptions.
func notSubscribed(c *Spec) error {
	return replyError(fmt.Sprintf("ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", c.path()))
}

// unknownSubcommand shows at most 128 bytes of the word, as Valkey does.
func unknownSubcommand(container *Spec, word []byte) error {
	return replyError(fmt.Sprintf("ERR unknown subcommand '%s'. Try %s HELP.", clip(word, 128), container.Name))
}

// notInBatch refuses a command with the flag NoBatch where there is no connection.
func notInBatch(c *Spec) error {
	return replyError(fmt.Sprintf("ERR %s needs a connection to a server", c.Name))
}

// notServer refuses what could only matter to a server in a process that is none.
func notServer(name string) error {
	return replyError(fmt.Sprintf("ERR %s needs a server: this process keeps nothing but the database", name))
}

// notRemote refuses a command with the flag LocalOnly over a network.
func notRemote(c *Spec) error {
	return replyError(fmt.Sprintf("ERR %s is not allowed over the network: use it on the machine of the database", c.Name))
}

// invalidExpire is the error for a time to live or a time of expiry that is not
// positive or does not fit 64 bits of milliseconds.
func invalidExpire(name []byte) error {
	return replyError(fmt.Sprintf("ERR invalid expire time in '%s' command", strings.ToLower(string(name))))
}

// unknownCommand shows the name and the first arguments, at most 128 bytes of
// each as Valkey does, whose strings end at a NUL.
func unknownCommand(args [][]byte) error {
	const limit = 128
	var rest strings.Builder
	for _, arg := range args[1:] {
		if rest.Len() >= limit {
			break
		}
		rest.WriteByte('\'')
		rest.Write(clip(arg, limit-(rest.Len()-1)))
		rest.WriteString("' ")
	}
	text := fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", clip(args[0], limit), rest.String())
	return replyError(text)
}

// clip cuts b at its first NUL and to n bytes.
func clip(b []byte, n int) []byte {
	for i, c := range b {
		if i == n || c == 0 {
			return b[:i]
		}
	}
	return b
}

// execAborted is what an EXEC answers that could not even start.
func execAborted(err error) error {
	return replyError("EXECABORT Transaction discarded because of: " + strings.TrimPrefix(err.Error(), "ERR "))
}

// notAtomic refuses a command in an atomic run. It shows an alias as itself.
func notAtomic(c *Spec, name []byte) error {
	if strings.Contains(c.Name, " ") {
		name = []byte(c.Name)
	}
	return replyError(fmt.Sprintf("ERR %s is not allowed in an atomic run", strings.ToUpper(string(name))))
}

// unsupportedOption is the error for an option that EXPIRE does not have.
func unsupportedOption(word []byte) error {
	return replyError("ERR Unsupported option " + string(clip(word, len(word))))
}

// unknownType is the error for a type that SCAN does not know.
func unknownType(word []byte) error {
	return replyError("ERR unknown type name '" + string(clip(word, len(word))) + "'")
}

// corrupt is what VERIFY answers about a damaged database.
func corrupt(faults int) error {
	return replyError(fmt.Sprintf("CORRUPT %d faults found", faults))
}

// noHelp is what HELP answers about what there is not.
func noHelp(topic []byte) error {
	return replyError(fmt.Sprintf("ERR no help on '%s': HELP lists all commands", clip(topic, 128)))
}
