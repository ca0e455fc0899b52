// Command nubdb is a key-value database in one binary: Redis's commands, a
// directory as the database. See docs/ and nubdb --help.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/nubdb/nubdb/batch"
)

func main() { os.Exit(run(os.Args[1:])) }

// run chooses what the command line asks for: a command of the database, texts
// and files of commands, a mode, the interactive shell, or commands from stdin.
func run(args []string) int {
	o, err := parse(args)
	if err != nil {
		return usageError(err)
	}
	if text, ok := o.information(); ok {
		os.Stdout.WriteString(text)
		return batch.StatusOK
	}
	o.Engine.Owner = owner()
	switch {
	case o.verify:
		return batch.Verify(o.Config)
	case len(o.words) > 0:
		o.Inputs = []batch.Input{batch.Argv(bytesOf(o.words), o.lastArg)}
	case len(o.Inputs) > 0:
	case isatty.IsTerminal(os.Stdin.Fd()):
		if o.check || o.Atomic {
			return usageError(fmt.Errorf("--check and --atomic need a command, -c, -f, or commands on stdin"))
		}
		return usageError(fmt.Errorf("this version has no interactive shell yet"))
	default:
		o.Inputs = []batch.Input{batch.Stdin()}
	}
	if o.check {
		return batch.Check(o.Config)
	}
	return batch.Run(o.Config)
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
