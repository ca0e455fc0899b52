package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nubdb/nubdb/command"
)

// asksOnly tells whether a flag only asks for text.
func (o *options) asksOnly() bool {
	return o.help || o.version || o.man || o.complete != ""
}

// information is what the flags that only ask something print.
func (o *options) information() (string, error) {
	switch {
	case o.help:
		return o.helpText(), nil
	case o.version:
		return versionText(), nil
	case o.man:
		return manPage(o.flags), nil
	}
	return completion(o.complete, o.flags)
}

const usage = `nubdb runs commands on a database in a directory.

Usage:
  nubdb [flags] COMMAND [ARG ...]     run one command
  nubdb [flags] < FILE                run the commands on stdin, one a line
  nubdb [flags] -c TEXT | -f FILE ... run these commands in this order
  nubdb [flags]                       with a terminal as stdin: the interactive shell
  nubdb [flags] --scan | --backup ... one of the modes below, its words anywhere

Examples:
  nubdb SET user:1 Alice
  printf 'INCR visits\nGET user:1\n' | nubdb
  if nubdb -qt SET lock "$$" NX EX 60; then ...; nubdb DELIFEQ lock "$$"; fi
  nubdb --atomic -f migration.txt

Flags:
`

const statuses = `
Exit status:
  0 all succeeded and is on stable storage   5 another process keeps the database
  1 some command failed                      6 the database or output cannot be used
  2 wrong usage, nothing was done            124 --timeout ran out
  3 stopped at an error, or rolled back      128+n signal n
  4 --exit-nil or --test

nubdb HELP lists the commands, nubdb HELP SET explains one.
`

func (o *options) helpText() string { return usage + flagList(o.flags) + statuses }

// versionText names the version, the commit and what it was built with.
func versionText() string {
	version, details := command.Version, ""
	if info, ok := debug.ReadBuildInfo(); ok {
		// Before the first tag the version is v0.0.0 and a time.
		if v := info.Main.Version; v != "" && v != "(devel)" && !strings.HasPrefix(v, "v0.0.0-") {
			version = strings.TrimPrefix(v, "v")
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				details += "commit " + s.Value[:min(12, len(s.Value))] + ", "
			}
		}
		details += info.GoVersion
	}
	return fmt.Sprintf("nubdb %s (%s)\n", version, details)
}

// flagList describes the flags, one a line, in the order of their definition.
func flagList(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		value, meaning := pflag.UnquoteUsage(f)
		fmt.Fprintf(&b, "  %-36s %s\n", flagSyntax(f, value), meaning)
	})
	return b.String()
}

// flagSyntax is a flag as it is written: "-f, --file FILE".
func flagSyntax(f *pflag.Flag, value string) string {
	syntax := "    --" + f.Name
	if f.Shorthand != "" {
		syntax = "-" + f.Shorthand + ", --" + f.Name
	}
	if f.NoOptDefVal == "" { // not a switch
		syntax += " " + value
	}
	if operands := operandsOf(f.Name); operands != "" {
		syntax += " " + operands
	}
	return syntax
}
