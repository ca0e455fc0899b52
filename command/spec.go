package command

import (
	"strings"

	"github.com/nubdb/nubdb/wire"
)

// Group is a family of commands, as HELP @group names it.
type Group string

// The groups, in the order in which HELP lists them.
const (
	Strings      Group = "string"
	Bitmaps      Group = "bitmap"
	Keys         Group = "keys"
	Transactions Group = "transactions"
	Connection   Group = "connection"
	Messages     Group = "pubsub"
	Server       Group = "server"
)

// Groups are all groups in the order in which HELP lists them.
var Groups = [...]Group{Strings, Bitmaps, Keys, Transactions, Connection, Messages, Server}

// Flag is a set of properties of a command.
type Flag uint32

// A command without Read and Write touches no key and needs no transaction.
const (
	Read       Flag = 1 << iota // reads the database
	Write                       // may change the database
	Immediate                   // runs at once between MULTI and EXEC, where others are queued
	EndsMulti                   // ends what MULTI began, even when it is refused: EXEC
	NoMulti                     // is refused between MULTI and EXEC
	NoAtomic                    // is refused in an atomic run (Session.BeginAtomic): it cannot be undone, or cannot run inside a transaction
	OutsideTx                   // runs while the session holds no transaction: ends that of a group first
	Text                        // answers text for people
	Confirm                     // destroys every key: a shell asks first
	NoAuth                      // is allowed before AUTH
	NoBatch                     // has a meaning for a connection only: is refused in a batch, and where Options.Push is nil
	LocalOnly                   // is refused over a network: see Options.Local
	PubSub                      // is allowed to a RESP2 client that has subscriptions
	Admin                       // about the server rather than the data: COMMAND INFO says so, and MONITOR does not show it
	Long                        // takes long in a large database, and lets others write in between where it may
	Stream                      // goes on answering until the client is stopped: see CLI.md about SUBSCRIBE on the command line
	Replicated                  // reaches replicas in Valkey though it writes nothing: CLIENT PAUSE WRITE and MONITOR take it for a write
	Unpausable                  // goes on while CLIENT PAUSE holds up the others
	TakesPath                   // its last argument is a path
)

// Travel is how a command reaches a server with --connect.
type Travel uint8

const (
	Native     Travel = iota // is sent as it is
	Translated               // is sent as commands that every Redis and Valkey knows
	Local                    // runs in the client
	Refused                  // has no meaning there
)

// ArgType is the type of an argument. The names are those of Redis's command
// documentation.
type ArgType uint8

const (
	String   ArgType = iota // any bytes
	Key                     // name of a key
	Integer                 // decimal, 64 bits, signed
	Double                  // decimal with fraction or exponent
	UnixTime                // Integer: seconds or milliseconds since 1970
	Pattern                 // glob: * ? [a-z] \x
	Token                   // the literal word in Arg.Token and nothing else
	OneOf                   // exactly one of Arg.Args
	Block                   // all of Arg.Args in order
)

// Arg describes an argument or a group of them.
type Arg struct {
	Name     string // what stands for it in the syntax line, lower case
	Type     ArgType
	Token    string // literal word before the value, upper case; for Type Token the word itself
	Optional bool
	Multiple bool   // may be repeated
	Since    string // the version that added it where that is not the command's, as in Spec.Since
	Args     []Arg  // for OneOf and Block
}

// KeyRange tells which words of a command are keys: the words First, First+Step
// ... Last, counted from the name, which is 0. A negative Last counts from the
// end, -1 is the last word. First 0: no keys.
type KeyRange struct{ First, Last, Step int }

// handler runs a command whose arity has been checked. Within a transaction it
// finds it in s.tx. The reply may point into the database and into memory of the
// session. It goes to *out, which is empty at first: returned by value it would be copied,
// 4 % of a bulk load's time, see engine.Tx. An error is a replyError or one of the
// engine's; the dispatcher then undoes what the command did, and *out does not count.
type handler func(s *Session, args [][]byte, out *wire.Reply) error

// Spec is a row of the command table.
type Spec struct {
	Name       string   // upper case
	Aliases    []string // further names, all of them NubDB's own, upper case
	Group      Group
	Summary    string // one line without a full stop
	Complexity string
	Since      string // version of Redis (up to 7.2) or Valkey that has it; NubDB for what NubDB adds
	Arity      int    // number of words including the name; -n: at least n
	Flags      Flag
	Keys       KeyRange
	Args       []Arg
	Example    string // a command as typed
	Travel     Travel

	// Sub are the subcommands of a container such as CLIENT, which has no handler
	// and no arguments of its own. Their names are both words, "CLIENT LIST"; arity,
	// keys and arguments of handlers count both. HELP is added by itself.
	Sub []Spec

	number int                       // of the row among all, from 0: see numberRows
	check  func(args [][]byte) error // option syntax beyond what Args tell by themselves; nil: none
	secret func(args [][]byte) int   // the first word that may be a password, len(args) if there is none; nil: none
	run    handler
}

// NubDB in Spec.Since and Arg.Since marks what Redis and Valkey do not have.
const NubDB = "NubDB"

// Has tells whether the command has all of these flags.
func (c *Spec) Has(f Flag) bool { return c.Flags&f == f }

// Accepts tells whether the command can have so many words, its name included.
func (c *Spec) Accepts(words int) bool {
	return words == c.Arity || c.Arity < 0 && words >= -c.Arity
}

// path is the name as Valkey writes it: in small letters, "client|list".
func (c *Spec) path() string { return strings.ToLower(strings.Replace(c.Name, " ", "|", 1)) }

// words is the number of words in the name: 2 for a subcommand.
func (c *Spec) words() int { return 1 + strings.Count(c.Name, " ") }

// Syntax is the command with its arguments as the documentation writes them:
// "GETEX key [EX seconds | PX milliseconds | PERSIST]".
func (c *Spec) Syntax() string {
	var b strings.Builder
	b.WriteString(c.Name)
	for i := range c.Args {
		b.WriteByte(' ')
		c.Args[i].syntax(&b)
	}
	return b.String()
}

// Syntax is the argument as the documentation writes it: "[EX seconds]".
func (a *Arg) Syntax() string {
	var b strings.Builder
	a.syntax(&b)
	return b.String()
}

func (a *Arg) syntax(b *strings.Builder) {
	if a.Optional {
		b.WriteByte('[')
	}
	a.once(b)
	switch {
	case a.Multiple && a.Type == OneOf:
		b.WriteString(" ...") // each time another may be chosen
	case a.Multiple:
		b.WriteString(" [")
		a.once(b)
		b.WriteString(" ...]")
	}
	if a.Optional {
		b.WriteByte(']')
	}
}

// once writes the argument without what says that it is optional or repeated.
func (a *Arg) once(b *strings.Builder) {
	b.WriteString(a.Token)
	if a.Type == Token {
		return
	}
	if a.Token != "" {
		b.WriteByte(' ')
	}
	separator := " "
	switch a.Type {
	case OneOf:
		separator = " | "
	case Block:
	default:
		b.WriteString(a.Name)
		return
	}
	// The brackets of an option are enough to tell where a choice ends.
	angular := a.Type == OneOf && (!a.Optional || a.Multiple || a.Token != "")
	if angular {
		b.WriteByte('<')
	}
	for i := range a.Args {
		if i > 0 {
			b.WriteString(separator)
		}
		a.Args[i].syntax(b)
	}
	if angular {
		b.WriteByte('>')
	}
}
