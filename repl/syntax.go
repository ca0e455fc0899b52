package repl

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nubdb/nubdb/command"
)

// role is what a word of a command is.
type role uint8

const (
	roleNone    role = iota // the command has no place for it
	roleCommand             // the name of a command or of a subcommand
	roleOption              // a literal word, such as EX
	roleKey
	roleValue
)

// syntax is what the command table makes of the words that were typed so far.
type syntax struct {
	spec  *command.Spec
	roles []role        // of the words
	next  []command.Arg // what may or must follow them
	lost  bool          // the words are not a beginning of the command: next says nothing
}

// analyse matches words, the first of which is the name, with a command's syntax. It
// returns nil if there is no such command.
func analyse(words []string) *syntax {
	spec, n := findSpec(words)
	if spec == nil {
		return nil
	}
	s := &syntax{spec: spec, roles: make([]role, len(words))}
	for i := range n {
		s.roles[i] = roleCommand
	}
	m := matcher{words: words, at: n, roles: s.roles}
	s.next = m.match(spec.Args)
	s.lost = m.at < len(words)
	return s
}

// findSpec finds the row of a command, and how many words its name has. One whose
// subcommand is not there, or not yet, is the container's.
func findSpec(words []string) (spec *command.Spec, n int) {
	if len(words) == 0 {
		return nil, 0
	}
	spec = command.Lookup([]byte(commandName(words[0])))
	if spec == nil || len(words) == 1 {
		return spec, 1
	}
	for i := range spec.Sub {
		if strings.EqualFold(subName(&spec.Sub[i]), words[1]) {
			return &spec.Sub[i], 2
		}
	}
	return spec, 1
}

// commandName is the name of the command that a word calls: ? is HELP.
func commandName(word string) string {
	if word == "?" {
		return "HELP"
	}
	return word
}

// subName is the second word of the name of a subcommand.
func subName(sub *command.Spec) string {
	_, name, _ := strings.Cut(sub.Name, " ")
	return name
}

// matcher takes words for arguments, in order.
type matcher struct {
	words []string
	at    int // the word to take next
	roles []role
}

func (m *matcher) ended() bool { return m.at == len(m.words) }

// match takes words for args until there are no more, or there is no place for the
// next, and returns the args that may still follow. Options come in any order.
func (m *matcher) match(args []command.Arg) []command.Arg {
	left := append([]command.Arg(nil), args...)
	for !m.ended() {
		i := choose(left, m.words[m.at])
		if i < 0 {
			break
		}
		arg := left[i]
		if beginsWith(&arg, m.words[m.at]) { // what is known by its place would have had to come before
			left = slices.DeleteFunc(left, func(a command.Arg) bool { return isPositional(&a) })
			i = slices.IndexFunc(left, func(a command.Arg) bool { return a.Name == arg.Name })
		}
		if rest := m.take(&arg); rest != nil {
			left = append(left[:i], left[i+1:]...)
			return append(rest, left...)
		}
		if arg.Multiple {
			left[i].Optional = true
		} else {
			left = append(left[:i], left[i+1:]...)
		}
	}
	for i := range left {
		if left[i].Multiple && left[i].Optional && !optionalIn(args, left[i].Name) {
			left[i] = again(left[i])
		}
	}
	return left
}

// isPositional tells whether an argument may be left out and is known by its place.
func isPositional(arg *command.Arg) bool { return arg.Optional && len(tokens(arg)) == 0 }

// optionalIn tells whether the argument with a name was optional from the start.
func optionalIn(args []command.Arg, name string) bool {
	for i := range args {
		if args[i].Name == name {
			return args[i].Optional
		}
	}
	return false
}

// again is an argument that can be repeated, when it was there once: "[key ...]".
func again(arg command.Arg) command.Arg {
	arg.Multiple = false
	if arg.Type == command.Block && len(arg.Args) > 0 {
		arg.Args = append([]command.Arg(nil), arg.Args...)
		arg.Args[len(arg.Args)-1].Name += " ..."
	} else if arg.Type != command.OneOf && arg.Type != command.Token {
		arg.Name += " ..."
	}
	return arg
}

// choose returns which of the arguments a word belongs to, -1 if to none: the one
// that it is a literal word of, or the first that takes any.
func choose(left []command.Arg, w string) int {
	for i := range left {
		if beginsWith(&left[i], w) {
			return i
		}
		if !left[i].Optional {
			break
		}
	}
	for i := range left {
		if accepts(&left[i], w) {
			return i
		}
		if !left[i].Optional {
			break
		}
	}
	return -1
}

// beginsWith tells whether an argument can begin with w as a literal word.
func beginsWith(arg *command.Arg, w string) bool {
	switch {
	case arg.Token != "":
		return strings.EqualFold(arg.Token, w)
	case arg.Type == command.OneOf:
		for i := range arg.Args {
			if beginsWith(&arg.Args[i], w) {
				return true
			}
		}
	case arg.Type == command.Block:
		return choose(arg.Args, w) >= 0 && !accepts(&arg.Args[0], w)
	}
	return false
}

// accepts tells whether an argument can begin with w as a value.
func accepts(arg *command.Arg, w string) bool {
	switch {
	case arg.Token != "":
		return false
	case arg.Type == command.OneOf:
		for i := range arg.Args {
			if accepts(&arg.Args[i], w) {
				return true
			}
		}
		return false
	case arg.Type == command.Block:
		return len(arg.Args) > 0 && accepts(&arg.Args[0], w)
	case arg.Optional && (arg.Type == command.Integer || arg.Type == command.UnixTime):
		_, err := strconv.ParseInt(w, 10, 64)
		return err == nil
	}
	return true
}

// take takes the words of one argument, the first of which is there. It returns
// what is missing of it, nil if it is complete.
func (m *matcher) take(arg *command.Arg) (missing []command.Arg) {
	if arg.Token != "" {
		m.give(roleOption)
		if arg.Type == command.Token {
			return nil
		}
		if m.ended() {
			value := *arg
			value.Token, value.Optional, value.Multiple = "", false, false
			return []command.Arg{value}
		}
	}
	switch arg.Type {
	case command.OneOf:
		if i := chooseOne(arg.Args, m.words[m.at]); i >= 0 {
			return m.take(&arg.Args[i])
		}
		m.give(roleValue)
	case command.Block:
		return m.takeBlock(arg.Args)
	case command.Key:
		m.give(roleKey)
	default:
		m.give(roleValue)
	}
	return nil
}

// chooseOne is choose for alternatives.
func chooseOne(args []command.Arg, w string) int {
	for i := range args {
		if beginsWith(&args[i], w) {
			return i
		}
	}
	for i := range args {
		if accepts(&args[i], w) {
			return i
		}
	}
	return -1
}

func (m *matcher) takeBlock(args []command.Arg) (missing []command.Arg) {
	for i := range args {
		if m.ended() {
			return append([]command.Arg(nil), args[i:]...)
		}
		if w := m.words[m.at]; !beginsWith(&args[i], w) && !accepts(&args[i], w) {
			if args[i].Optional {
				continue
			}
			return nil
		}
		if missing := m.take(&args[i]); missing != nil {
			return append(missing, args[i+1:]...)
		}
	}
	return nil
}

func (m *matcher) give(r role) {
	m.roles[m.at] = r
	m.at++
}

// tokens are the literal words that an argument can begin with.
func tokens(arg *command.Arg) []string {
	switch {
	case arg.Token != "":
		return []string{arg.Token}
	case arg.Type == command.OneOf:
		var all []string
		for i := range arg.Args {
			all = append(all, tokens(&arg.Args[i])...)
		}
		return all
	case arg.Type == command.Block && len(arg.Args) > 0:
		return tokens(&arg.Args[0])
	}
	return nil
}

// isKey tells whether an argument can begin with the name of a key.
func isKey(arg *command.Arg) bool {
	switch {
	case arg.Token != "":
		return false
	case arg.Type == command.Block || arg.Type == command.OneOf:
		return len(arg.Args) > 0 && isKey(&arg.Args[0])
	}
	return arg.Type == command.Key
}
