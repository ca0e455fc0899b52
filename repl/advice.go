package repl

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/wire"
)

// otherShells are words that people know from elsewhere, with what they want here.
var otherShells = [...]struct{ words, advice string }{
	{"ls dir ll list show tables scan-keys", "KEYS * lists all keys, KEYS user:* those that begin with user:"},
	{"q :q :q! :wq bye logout leave stop end", "EXIT or Ctrl-D leaves"},
	{"h man commands /? --help -h usage", "HELP shows all commands, HELP SET all about one"},
	{"put store add insert write update", "SET key value sets a key"},
	{"cat read fetch", "GET key returns the value of a key"},
	{"rm remove erase drop", "DEL key deletes a key"},
	{"mv move", "RENAME key newkey gives a key another name"},
	{"count len", "SIZE returns the number of keys"},
	{"cls reset", "Ctrl-L clears the screen"},
	{"use open connect create", "there is one database in each directory: nubdb -d PATH opens another"},
	{"begin start", "MULTI begins a transaction, EXEC runs it"},
	{"commit", "EXEC runs what was queued since MULTI"},
	{"rollback abort", "DISCARD drops what was queued since MULTI"},
	{"source run load", `\i FILE runs the commands in a file`},
}

// moreAdvice is what the usage of a command does not say to those who come from elsewhere.
var moreAdvice = [...]struct{ name, advice string }{
	{"KEYS", "KEYS * lists all keys"},
	{"SELECT", "this is no SQL: GET key returns a value, KEYS * lists all keys"},
}

// advise says after a reply what was meant, or how it is done: "" if nobody knows or all
// is well.
func advise(args [][]byte, reply *wire.Reply) string {
	spec := command.Lookup(args[0])
	switch {
	case spec == nil:
		return adviseUnknown(args[0])
	case isPatternMistaken(spec, args, reply):
		return fmt.Sprintf("%s takes names of keys as they are; KEYS %s lists those that match", spec.Name, visible(string(args[1])))
	case !reply.IsError() || !isUsageError(reply.Str):
		return ""
	}
	return usage(args)
}

// isPatternMistaken tells whether a command found nothing because a pattern is no key.
func isPatternMistaken(spec *command.Spec, args [][]byte, reply *wire.Reply) bool {
	nothing := reply.Kind == wire.KindNil || reply.Kind == wire.KindInteger && reply.Int == 0
	return nothing && len(args) == 2 && spec.Keys.First == 1 && bytes.IndexByte(args[1], '*') >= 0
}

// usage is how a command is written, and what is often forgotten about it.
func usage(args [][]byte) string {
	spec := command.Find(args)
	if spec == nil { // an unknown subcommand
		spec = command.Lookup(args[0])
	}
	name, rest, _ := strings.Cut(spec.Syntax(), " ")
	text := "usage: " + strings.Replace(name, spec.Name, strings.ToUpper(string(args[0])), 1) + " " + rest
	if len(spec.Sub) > 0 {
		text += subHint(spec, nil, true)
	}
	text = strings.TrimRight(text, " ")
	if spec.Example != "" {
		text += "\nexample: " + spec.Example
	}
	for _, more := range moreAdvice {
		if more.name == spec.Name {
			text += "\n" + more.advice
		}
	}
	if hasLooseWords(args) {
		text += "\nwhat has blanks in it goes in quotes: \"Hello, world\""
	}
	return text
}

// hasLooseWords tells whether a command has words behind a value that belong to nothing:
// they may be meant as a part of it.
func hasLooseWords(args [][]byte) bool {
	words := make([]string, len(args))
	for i := range args {
		words[i] = string(args[i])
	}
	s := analyse(words)
	if s == nil || !s.lost {
		return false
	}
	i := slices.Index(s.roles, roleNone)
	return i > 0 && s.roles[i-1] == roleValue
}

// isUsageError tells whether an error is about how a command was written.
func isUsageError(text []byte) bool {
	return bytes.HasPrefix(text, []byte("ERR wrong number of arguments")) ||
		bytes.HasPrefix(text, []byte("ERR unknown subcommand")) ||
		bytes.HasPrefix(text, []byte("ERR syntax error")) ||
		bytes.HasPrefix(text, []byte("ERR DB index"))
}

// adviseUnknown says which command was meant instead of one that does not exist.
func adviseUnknown(name []byte) string {
	word := strings.ToLower(string(name))
	if bare := strings.TrimRight(word, ";"); bare != word && bare != "" {
		if spec := command.Lookup([]byte(bare)); spec != nil {
			return "a command ends with its line, without a semicolon: " + strings.ToUpper(bare)
		}
		word = bare
	}
	for _, other := range otherShells {
		for known := range strings.FieldsSeq(other.words) {
			if known == word {
				return other.advice
			}
		}
	}
	if meant := suggest(name); meant != "" {
		return "did you mean " + meant + "?"
	}
	return ""
}

// semicolon is told when a line ends in one, which belongs to the last word then.
const semicolon = "the ; belongs to the last word: a command ends with its line"

// endsInSemicolon tells whether a line ends in a semicolon that may be meant as an end.
func endsInSemicolon(line string, args [][]byte) bool {
	last := args[len(args)-1]
	return len(args) > 1 && strings.HasSuffix(strings.TrimSpace(line), ";") && len(last) > 1 && last[len(last)-1] == ';'
}
