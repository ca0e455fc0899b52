package command

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/wire"
)

func TestLookup(t *testing.T) {
	for spec := range All {
		for _, name := range append([]string{spec.Name}, spec.Aliases...) {
			if got := Lookup([]byte(name)); got != spec {
				t.Errorf("Lookup(%q) = %v", name, got)
			}
			if got := Lookup([]byte(strings.ToLower(name))); got != spec {
				t.Errorf("Lookup(%q) = %v", strings.ToLower(name), got)
			}
		}
	}
	for _, name := range []string{"", "g", "ge", "gett", "get ", "get\x00", "GÉT", "`GET", strings.Repeat("get", 100)} {
		if got := Lookup([]byte(name)); got != nil {
			t.Errorf("Lookup(%q) = %s", name, got.Name)
		}
	}
	name := []byte("PexpireTime")
	if n := testing.AllocsPerRun(100, func() { Lookup(name) }); n != 0 {
		t.Errorf("Lookup allocates %v times", n)
	}
}

// TestTable checks each row for what can be forgotten or contradict itself.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for spec := range All {
		t.Run(spec.Name, func(t *testing.T) {
			for _, name := range append([]string{spec.Name}, spec.Aliases...) {
				if name != strings.ToUpper(name) || len(name) > maxName || seen[name] {
					t.Errorf("name %q: not upper case, too long or not the only one", name)
				}
				seen[name] = true
			}
			for column, text := range map[string]string{
				"summary": spec.Summary, "complexity": spec.Complexity, "since": spec.Since, "example": spec.Example, "group": string(spec.Group),
			} {
				if text == "" || strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
					t.Errorf("%s %q: empty, with a full stop or with a line end", column, text)
				}
			}
			if spec.run == nil {
				t.Error("no handler")
			}
			if spec.Has(Read | Write) {
				t.Error("both Read and Write")
			}
			if got := arity(spec.Args); got != spec.Arity && spec.Name != "QUIT" { // QUIT ignores what follows
				t.Errorf("arity %d, arguments say %d", spec.Arity, got)
			}
			if got := keyRange(spec.Args); got != spec.Keys {
				t.Errorf("keys %v, arguments say %v", spec.Keys, got)
			}
			if args := parse(t, spec.Example); Lookup(args[0]) != spec || Check(args) != nil {
				t.Errorf("example %s: %v", spec.Example, Check(args))
			}
		})
	}
}

// arity is what Spec.Arity should be for these arguments.
func arity(args []Arg) int {
	n, more := 1, false
	for i := range args {
		if args[i].Optional {
			more = true
			continue
		}
		n += width(&args[i])
		more = more || args[i].Multiple
	}
	if more {
		return -n
	}
	return n
}

func width(a *Arg) int {
	n := 0
	if a.Token != "" {
		n++
	}
	if a.Type == Block {
		for i := range a.Args {
			n += width(&a.Args[i])
		}
	} else if a.Type != Token {
		n++
	}
	return n
}

// keyRange is what Spec.Keys should be for these arguments, whose keys are side by side.
func keyRange(args []Arg) KeyRange {
	first, last := 0, 0
	for i := range args {
		a := &args[i]
		if a.Type == Block && a.Args[0].Type == Key {
			return KeyRange{i + 1, -1, len(a.Args)}
		}
		if a.Type != Key {
			if first == 0 && !a.Optional {
				continue
			}
			break
		}
		if first == 0 {
			first = i + 1
		}
		if last = i + 1; a.Multiple {
			last = -1
		}
	}
	if last == 0 {
		return KeyRange{}
	}
	return KeyRange{first, last, 1}
}

// parse reads one command in the text grammar.
func parse(t testing.TB, line string) [][]byte {
	t.Helper()
	c, err := wire.NewReader(strings.NewReader(line+"\n"), wire.BatchGrammar).Next()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return cloneArgs(c.Args)
}

func TestSyntax(t *testing.T) {
	for name, want := range map[string]string{
		"PING":   "PING [message]",
		"MSET":   "MSET key value [key value ...]",
		"EXPIRE": "EXPIRE key seconds [NX | XX | GT | LT]",
		"SET": "SET key value [ttl] [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | " +
			"EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
	} {
		if got := Lookup([]byte(name)).Syntax(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestHelp: HELP lists every command once, and shows each.
func TestHelp(t *testing.T) {
	s := &Session{}
	list := do(s, "HELP")
	for spec := range All {
		if n := strings.Count(list, "\n  "+spec.Name+" ") + strings.Count(list, "\n  "+spec.Name+","); n != 1 {
			t.Errorf("HELP lists %s %d times", spec.Name, n)
		}
		if one := do(s, "HELP "+spec.Name); !strings.HasPrefix(one, "$"+spec.Syntax()+"\n") {
			t.Errorf("HELP %s: %q", spec.Name, one)
		}
	}
	for _, group := range Groups {
		r := s.Do(words("HELP @" + string(group)))
		if !bytes.Contains(r.Str, []byte("@"+group+"\n")) || !strings.Contains(list, string(r.Str)) {
			t.Errorf("HELP @%s: %q", group, r.Str)
		}
	}
}
