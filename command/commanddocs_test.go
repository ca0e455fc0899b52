package command

import (
	"bufio"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/wire"
)

// ask3 sends a command to a real server that speaks RESP3.
func (c *oracleConn) ask3(t *testing.T, line string) wire.Reply {
	t.Helper()
	if _, err := c.Write(wire.AppendRequest(nil, words(line))); err != nil {
		t.Fatal(err)
	}
	r, err := wire.NewReplyReader(bufio.NewReader(c)).Read()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// newerArity are the commands that take other numbers of words since Redis 7.0.
var newerArity = []string{"bitcount", "command|getkeys"}

// TestCommandInfo compares arity and keys of each command with what a real server says.
func TestCommandInfo(t *testing.T) {
	o := startOracle(t, 1)
	o.conns[0].ask3(t, "HELLO 3")
	theirs := map[string]wire.Reply{}
	collect(theirs, o.conns[0].ask3(t, "COMMAND"))
	ours := map[string]wire.Reply{}
	collect(ours, newSession(nil, Options{}).Do(words("COMMAND")))
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		want, ok := theirs[name]
		if !ok {
			continue
		}
		compared++
		got := ours[name]
		for i, column := range map[int]string{1: "arity", 3: "first key", 4: "last key", 5: "step"} {
			if got.Elems[i].Int != want.Elems[i].Int && !(column == "arity" && slices.Contains(newerArity, name)) {
				t.Errorf("%s: %s %d, want %d", name, column, got.Elems[i].Int, want.Elems[i].Int)
			}
		}
		for i := range got.Elems {
			if got.Elems[i].Kind != want.Elems[i].Kind {
				t.Errorf("%s: element %d is of kind %d, want %d", name, i, got.Elems[i].Kind, want.Elems[i].Kind)
			}
		}
		if len(got.Elems[8].Elems) > 0 && len(want.Elems[8].Elems) > 0 {
			g, w := got.Elems[8].Elems[0], want.Elems[8].Elems[0]
			g.Elems, w.Elems = g.Elems[len(g.Elems)-4:], w.Elems[len(w.Elems)-4:] // the flags and notes before differ
			if show(g) != show(w) {
				t.Errorf("%s: keys %s, want %s", name, show(g), show(w))
			}
		}
	}
	if compared < 60 {
		t.Errorf("only %d commands were compared", compared)
	}
}

// collect adds commands by their names, with their subcommands.
func collect(to map[string]wire.Reply, commands wire.Reply) {
	for _, c := range commands.Elems {
		to[string(c.Elems[0].Str)] = c
		collect(to, c.Elems[9])
	}
}

// TestCommandDocs: the documentation of a command has the form that redis-cli reads its
// hints from, which a real server shows.
func TestCommandDocs(t *testing.T) {
	o := startOracle(t, 1)
	o.conns[0].ask3(t, "HELLO 3")
	s := newSession(nil, Options{})
	for _, name := range []string{"get", "echo", "persist", "getrange", "append", "mget"} {
		want, got := o.conns[0].ask3(t, "COMMAND DOCS "+name), s.Do(words("COMMAND DOCS "+name))
		if g, w := outline(got), outline(want); g != w {
			t.Errorf("%s:\n got %s\nwant %s", name, g, w)
		}
	}
	all := s.Do(words("COMMAND DOCS"))
	n := s.Do(words("COMMAND COUNT")).Int
	if int64(len(all.Elems)) != 2*n || int64(len(s.Do(words("COMMAND")).Elems)) != n {
		t.Errorf("COMMAND COUNT is %d, COMMAND DOCS has %d", n, len(all.Elems)/2)
	}
	for _, c := range [][2]string{
		{"COMMAND DOCS size", "[$size"}, {"COMMAND DOCS CLIENT|LIST", "[$client|list"}, {"COMMAND INFO Delete", "[[$delete"}, {"COMMAND INFO client|nothing", "[nil]"},
		{"COMMAND LIST FILTERBY ACLCAT pubsub", "[$subscribe"}, {"COMMAND LIST FILTERBY PATTERN siz*", "[$size]"},
		{"COMMAND LIST FILTERBY PATTERN slowlog*", "[$slowlog $slowlog|get $slowlog|len $slowlog|reset $slowlog|help]"},
	} {
		if got := showAll(s.Do(words(c[0]))); !strings.HasPrefix(got, c[1]) && !strings.Contains(got, c[1][1:]) {
			t.Errorf("%s: %s", c[0], got)
		}
	}
}

// outline is a reply without the texts that each server writes itself.
func outline(r wire.Reply) string {
	switch r.Kind {
	case wire.KindMap:
		var pairs []string
		for i := 0; i < len(r.Elems); i += 2 {
			key := string(r.Elems[i].Str)
			value := outline(r.Elems[i+1])
			if key == "summary" || key == "complexity" || key == "history" || key == "doc_flags" || key == "replaced_by" || key == "deprecated_since" {
				if key != "summary" && key != "complexity" {
					continue
				}
				value = "..."
			}
			pairs = append(pairs, key+":"+value)
		}
		return "{" + strings.Join(pairs, " ") + "}"
	case wire.KindArray, wire.KindSet:
		var elems []string
		for _, e := range r.Elems {
			elems = append(elems, outline(e))
		}
		return fmt.Sprintf("%d[%s]", r.Kind, strings.Join(elems, " "))
	}
	return fmt.Sprintf("%d%s", r.Kind, show(r))
}

// showAll is show for replies that may hold maps and sets.
func showAll(r wire.Reply) string {
	if len(r.Elems) == 0 {
		return show(r)
	}
	var elems []string
	for _, e := range r.Elems {
		elems = append(elems, showAll(e))
	}
	return "[" + strings.Join(elems, " ") + "]"
}
