package repl

import (
	"bytes"
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

// advise says after an error what was meant, or how it is done: "" if nobody knows.
func advise(args [][]byte, reply *wire.Reply) string {
	if !reply.IsError() {
		return ""
	}
	spec := command.Lookup(args[0])
	if spec == nil {
		return adviseUnknown(args[0])
	}
	if !isUsageError(reply.Str) {
		return ""
	}
	if found := command.Find(args); found != nil {
		spec = found
	}
	alias := strings.ToUpper(string(args[0]))
	name, rest, _ := strings.Cut(spec.Syntax(), " ")
	text := "usage: " + strings.Replace(name, spec.Name, alias, 1) + " " + rest
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
	return text
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
