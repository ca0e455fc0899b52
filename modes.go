package main

import (
	"fmt"
	"strings"

	"github.com/nubdb/nubdb/batch"
)

// mode is what nubdb does instead of running commands. It is a flag, since every bare
// word is a command of the database; the words of the command line are its operands.
type mode struct {
	flag     string
	operands string // as help shows them
	least    int    // operands
	most     int
	meaning  string
	run      func(o *options) int
	serves   bool // goes together with others that do; looks at its operands itself
}

// modes are all modes, in the order in which help lists them.
var modes = [...]mode{
	{"server", "[PORT]", 0, 3, "serve clients of Redis and of lines of text (default port 6379)", (*options).serve, true},
	{"fifo", "IN OUT", 0, 3, "serve commands in one named pipe, replies in another", (*options).serve, true},
	{"scan", "[PATTERN]", 0, 1, "print the keys that match, one a line, while others go on", scan, false},
	{"backup", "PATH", 1, 1, "copy the database to a new directory, while others go on", backup, false},
	{"verify", "", 0, 0, "check every checksum and index entry of the database", verify, false},
	{"repair", "NEWPATH", 1, 1, "make a new database of all that is intact in a damaged one", repair, false},
}

func verify(o *options) int { return batch.Verify(o.Config) }

func backup(o *options) int { return batch.Backup(o.Config, o.words[0]) }

func repair(o *options) int { return batch.Repair(o.Config, o.words[0]) }

func scan(o *options) int {
	pattern := "*"
	if len(o.words) > 0 {
		pattern = o.words[0]
	}
	return batch.Scan(o.Config, []byte(pattern))
}

// mode is the mode that the flags ask for, nil for none.
func (o *options) mode() *mode {
	for i, on := range o.modes {
		if on {
			return &modes[i]
		}
	}
	return nil
}

// given tells whether the mode with this flag is asked for.
func (o *options) given(flag string) bool { return o.flags.Lookup(flag).Value.String() == "true" }

// checkMode finds modes that exclude each other, and operands that are too many or too few.
func (o *options) checkMode() error {
	m := o.mode()
	if m == nil {
		return nil
	}
	for i, on := range o.modes {
		if on && &modes[i] != m && !(m.serves && modes[i].serves) {
			return fmt.Errorf("--%s and --%s exclude each other", m.flag, modes[i].flag)
		}
	}
	switch n := len(o.words); {
	case n < m.least:
		return fmt.Errorf("--%s needs %s", m.flag, m.operands)
	case n > m.most && m.most == 0:
		return fmt.Errorf("--%s takes no operand: %s (the database is given with -d)", m.flag, strings.Join(o.words, " "))
	case n > m.most:
		return fmt.Errorf("--%s takes only %s: %s (the database is given with -d)", m.flag, m.operands, strings.Join(o.words, " "))
	}
	return nil
}

// operandsOf shows the operands of the mode with this flag.
func operandsOf(flag string) string {
	for i := range modes {
		if modes[i].flag == flag {
			return modes[i].operands
		}
	}
	return ""
}
