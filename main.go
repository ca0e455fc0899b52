// Command nubdb is a key-value database in one binary: Redis's commands, a
// directory as the database. See docs/ and nubdb --help.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/nubdb/nubdb/batch"
	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/remote"
	"github.com/nubdb/nubdb/repl"
)

func main() { os.Exit(run(os.Args[1:])) }

// run chooses what the command line asks for: a command of the database, texts
// and files of commands, a mode, the interactive shell, or commands from stdin.
func run(args []string) int {
	o, err := parse(args)
	if err != nil {
		return usageError(err)
	}
	if o.asksOnly() {
		text, err := o.information()
		if err != nil {
			return usageError(err)
		}
		return show(text)
	}
	o.Engine.Owner = owner()
	o.Connect = remote.Connect
	switch {
	case o.mode() != nil:
		return o.mode().run(o)
	case len(o.words) > 0:
		o.Inputs = []batch.Input{batch.Argv(bytesOf(o.words), o.lastArg)}
	case len(o.Inputs) > 0:
	case isatty.IsTerminal(os.Stdin.Fd()):
		if o.check || o.Atomic {
			return usageError(fmt.Errorf("--check and --atomic need a command, -c, -f, or commands on stdin"))
		}
		return repl.Run(o.shell())
	default:
		o.Inputs = []batch.Input{batch.Stdin()}
	}
	if o.check {
		return batch.Check(o.Config)
	}
	return batch.Run(o.Config)
}

// show prints what was asked about nubdb itself.
func show(text string) int {
	if _, err := os.Stdout.WriteString(text); err != nil {
		fmt.Fprintln(os.Stderr, "nubdb:", err)
		return batch.StatusFailed
	}
	return batch.StatusOK
}

// shell is what the command line means to the interactive shell. A person waits
// for each command in any case, so that every one is durable unless --sync says
// otherwise.
func (o *options) shell() repl.Config {
	cfg := repl.Config{DB: o.DB, Engine: o.Engine, Connect: o.Connect, Timeout: o.Timeout, Sync: command.SyncAlways}
	if o.flags.Changed("sync") {
		cfg.Sync = o.Sync
	}
	return cfg
}

// usageError says what is wrong with the command line.
func usageError(err error) int {
	fmt.Fprintf(os.Stderr, "nubdb: %v (see nubdb --help)\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	return batch.StatusUsage
}

// bytesOf makes a command of the words of the command line.
func bytesOf(words []string) [][]byte {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	return args
}

// owner is how other processes that wait for the database see this one.
func owner() string {
	const limit = 80
	line := strings.Join(os.Args, " ")
	return line[:min(limit, len(line))]
}
