package command

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/nubdb/nubdb/wire"
)

// HELP [command [subcommand] | @group]
func help(_ *Session, args [][]byte, out *wire.Reply) error {
	if err := checkHelp(args); err != nil {
		return err
	}
	var text string
	switch {
	case len(args) == 1:
		text = helpList(Groups[:]...)
	case len(args[1]) > 1 && args[1][0] == '@':
		text = helpList(Group(strings.ToLower(string(args[1][1:]))))
	default:
		if spec := Find(args[1:]); spec != nil && spec.words() >= len(args)-1 {
			text = spec.Help()
		}
	}
	if text == "" {
		return noHelp(bytes.Join(args[1:], []byte(" ")))
	}
	*out = wire.Reply{Kind: wire.KindVerbatim, Str: []byte(text)}
	return nil
}

func checkHelp(args [][]byte) error {
	if len(args) > 3 {
		return wrongArity(args[0])
	}
	return nil
}

// CLIENT HELP and the like
func helpContainer(_ *Session, args [][]byte, out *wire.Reply) error {
	container := Lookup(args[0])
	lines := []wire.Reply{wire.Status(container.Name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")}
	for i := range container.Sub {
		sub := &container.Sub[i]
		lines = append(lines, wire.Status(strings.TrimPrefix(sub.Syntax(), container.Name+" ")), wire.Status("    "+sub.Summary+"."))
	}
	*out = wire.Array(append(lines, wire.Status("HELP"), wire.Status("    Print this help."))...)
	return nil
}

// Help is all that the table says about a command, for people: some lines,
// without a line end after the last.
func (c *Spec) Help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  %s\n\n", c.Syntax(), c.Summary)
	if len(c.Aliases) > 0 {
		fmt.Fprintf(&b, "  also        %s\n", strings.Join(c.Aliases, ", "))
	}
	fmt.Fprintf(&b, "  group       @%s\n", c.Group)
	fmt.Fprintf(&b, "  since       %s\n", since(c.Since))
	fmt.Fprintf(&b, "  complexity  %s\n", c.Complexity)
	fmt.Fprintf(&b, "  example     %s", c.Example)
	if len(c.Sub) > 0 {
		b.WriteString("\n")
	}
	for i := range c.Sub {
		fmt.Fprintf(&b, "\n  %-16s %s", c.Sub[i].Name, c.Sub[i].Summary)
	}
	return b.String()
}

func since(version string) string {
	if version == NubDB {
		return "only in NubDB"
	}
	return "Redis or Valkey " + version
}

// helpList has a line for each command of the groups, under a line with the
// group's name; empty if there are none.
func helpList(groups ...Group) string {
	var b strings.Builder
	for _, group := range groups {
		first := true
		for spec := range All {
			if spec.Group != group {
				continue
			}
			if first {
				fmt.Fprintf(&b, "@%s\n", group)
				first = false
			}
			name := strings.Join(append([]string{spec.Name}, spec.Aliases...), ", ")
			fmt.Fprintf(&b, "  %-16s %s\n", name, spec.Summary)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
