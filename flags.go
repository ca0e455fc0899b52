package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/nubdb/nubdb/batch"
)

// options are the flags and words of the command line.
type options struct {
	batch.Config
	words []string // the command, or the operands of a mode

	server   serverFlags
	modes    []bool // which of modes are given
	check    bool   // --check
	lastArg  bool   // -x
	json     bool
	raw      bool
	null     bool
	end      string
	help     bool
	version  bool
	man      bool
	complete string // a shell

	flags *pflag.FlagSet
}

// parse reads the command line. Flags end at the first bare word, which begins a
// command of the database, unless a mode came before it: then they may stand
// anywhere.
func parse(args []string) (*options, error) {
	o := &options{}
	o.Stdin, o.Stdout, o.Stderr = os.Stdin, os.Stdout, os.Stderr
	o.flags = o.define()
	o.flags.SetInterspersed(false)
	if err := o.flags.Parse(args); err != nil {
		return nil, err
	}
	o.words = o.flags.Args()
	if o.mode() != nil && o.flags.ArgsLenAtDash() < 0 {
		o.flags.SetInterspersed(true)
		if err := o.flags.Parse(o.words); err != nil {
			return nil, err
		}
		o.words = o.flags.Args()
	}
	if o.asksOnly() {
		return o, nil
	}
	return o, errors.Join(o.environment(), o.resolveFormat(), o.contradictions())
}

func (o *options) define() *pflag.FlagSet {
	f := pflag.NewFlagSet("nubdb", pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	text := 0
	f.VarPF(&inputFlag{&o.Inputs, func(s string) batch.Input { text++; return batch.Text(text, s) }}, "command", "c", "run the commands in `TEXT` (repeatable)")
	f.VarPF(&inputFlag{&o.Inputs, batch.File}, "file", "f", "run the commands in `FILE`, - for stdin (repeatable)")
	f.BoolVarP(&o.lastArg, "last-arg", "x", false, "take the last argument of COMMAND from stdin, byte for byte")
	o.modes = make([]bool, len(modes))
	for i := range modes {
		f.BoolVar(&o.modes[i], modes[i].flag, false, modes[i].meaning)
	}

	f.StringVarP(&o.DB, "db", "d", "", "database directory `PATH`, or :memory: (default $NUBDB_DB, else nubdb.db)")
	f.BoolVar(&o.Engine.ReadOnly, "readonly", false, "the database must exist, and nothing is written")
	f.BoolVar(&o.Engine.AllowNetwork, "allow-network-fs", false, "open a database on a network file system that locks and maps files rightly, used by one machine")
	f.Var(&sizeFlag{&o.Engine.MaxSize}, "max-size", "refuse writes that would grow live data beyond `SIZE`, such as 64M")
	o.Engine.LockTimeout = 5 * time.Second
	f.Var(&durationFlag{&o.Engine.LockTimeout}, "lock-timeout", "how long to wait for another process, such as 500ms or 10 (default 5s)")
	f.Var(&durationFlag{&o.Timeout}, "timeout", "stop the whole run after `DUR`; a bare number is seconds")
	f.Var(choice(&o.Sync, syncPolicies), "sync", "when acknowledged writes reach stable storage (default end)")

	f.BoolVarP(&o.StopOnError, "stop-on-error", "e", false, "stop at the first command that fails")
	f.BoolVarP(&o.Atomic, "atomic", "1", false, "the whole input happens or none of it")
	f.BoolVarP(&o.check, "check", "n", false, "look for faults in the input, run nothing")
	f.BoolVar(&o.ExitNil, "exit-nil", false, "exit 4 when the last reply is nil")
	f.BoolVarP(&o.Test, "test", "t", false, "exit 4 when the last reply is nil, 0 or an empty array")

	f.VarP(choice(&o.Format, formats), "format", "o", "format of the replies (default plain)")
	f.BoolVar(&o.json, "json", false, "the same as -o json")
	f.BoolVar(&o.raw, "raw", false, "the same as -o raw")
	f.BoolVarP(&o.null, "null", "0", false, "raw, with a NUL behind each value")
	f.StringVarP(&o.end, "delimiter", "D", "", "raw, with `STR` behind each value")
	f.Var(choice(&o.Errors, errorPlaces), "errors", "where the errors of commands are shown (default both)")
	f.BoolVar(&o.Echo, "echo", false, "print \"> command\" before each reply")
	f.BoolVarP(&o.Quiet, "quiet", "q", false, "nothing on stdout")
	f.BoolVar(&o.Summary, "summary", false, "a line of JSON on stderr at the end")
	f.Var(choice(&o.Progress, progressModes), "progress", "show on stderr how far a long run is (default auto)")

	f.AddFlagSet(o.server.define())

	f.BoolVarP(&o.help, "help", "h", false, "print this help")
	f.BoolVar(&o.version, "version", false, "print the version")
	f.StringVar(&o.complete, "completion", "", "print completions for `bash|zsh|fish`")
	f.BoolVar(&o.man, "man", false, "print the manual page")
	return f
}

// environment fills in what the environment says and no flag does.
func (o *options) environment() error {
	if o.flags.Changed("db") {
		if o.DB == "" {
			return errors.New("--db needs a path")
		}
		return nil
	}
	if os.Getenv("NUBDB_URL") != "" {
		return errors.New("NUBDB_URL is set, but this version cannot connect to a server")
	}
	if o.DB = os.Getenv("NUBDB_DB"); o.DB == "" {
		o.DB = "nubdb.db"
	}
	return nil
}

// resolveFormat makes one format of the flags that choose one.
func (o *options) resolveFormat() error {
	var chosen []batch.Format
	if o.flags.Changed("format") {
		chosen = append(chosen, o.Format)
	}
	if o.json {
		chosen = append(chosen, batch.JSON)
	}
	if o.raw || o.null || o.flags.Changed("delimiter") {
		chosen = append(chosen, batch.Raw)
	}
	for _, format := range chosen {
		if o.Format = format; format != chosen[0] {
			return errors.New("the flags ask for two formats")
		}
	}
	o.End = "\n"
	switch {
	case o.null && o.flags.Changed("delimiter"):
		return errors.New("-0 and -D exclude each other")
	case o.null:
		o.End = "\x00"
	case o.flags.Changed("delimiter"):
		o.End = o.end
	}
	if o.Echo && (o.Format == batch.JSON || o.Format == batch.RESP) {
		return errors.New("--echo would break the json and resp formats")
	}
	return nil
}

// contradictions finds flags and words that exclude each other.
func (o *options) contradictions() error {
	ways := 0
	for _, chosen := range []bool{o.mode() != nil, len(o.Inputs) > 0, len(o.words) > 0 && o.mode() == nil} {
		if chosen {
			ways++
		}
	}
	switch {
	case ways > 1:
		return errors.New("a command, -c or -f, and a mode exclude each other")
	case o.mode() != nil && (o.check || o.Atomic):
		return fmt.Errorf("--check and --atomic are for commands, not for --%s", o.mode().flag)
	case o.lastArg && (len(o.words) == 0 || o.mode() != nil):
		return errors.New("-x needs a command")
	case !o.serving() && o.server.given() != "":
		return fmt.Errorf("--%s needs --server or --fifo", o.server.given())
	}
	return o.checkMode()
}
