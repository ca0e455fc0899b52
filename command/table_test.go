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
			checkTexts(t, spec)
			if len(spec.Sub) > 0 {
				checkContainer(t, spec)
			} else {
				checkRow(t, spec)
			}
		})
	}
}

// checkTexts checks what people read of a row.
func checkTexts(t *testing.T, spec *Spec) {
	for column, text := range map[string]string{
		"summary": spec.Summary, "complexity": spec.Complexity, "since": spec.Since, "example": spec.Example, "group": string(spec.Group),
	} {
		if text == "" || strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
			t.Errorf("%s: %s %q: empty, with a full stop or with a line end", spec.Name, column, text)
		}
	}
	if args := parse(t, spec.Example); Lookup(args[0]) != Lookup([]byte(strings.Fields(spec.Name)[0])) || Check(args) != nil {
		t.Errorf("%s: example %s: %v", spec.Name, spec.Example, Check(args))
	}
}

// checkContainer checks the row of a command with subcommands, and theirs.
func checkContainer(t *testing.T, spec *Spec) {
	if alone := spec.run != nil; spec.check != nil || spec.Args != nil || alone != (spec.Arity == -1) || spec.Arity < -2 {
		t.Error("a container has no arguments of its own, and a handler only if it is a command by itself")
	}
	for i := range spec.Sub {
		sub := &spec.Sub[i]
		if word, ok := strings.CutPrefix(sub.Name, spec.Name+" "); !ok || word != strings.ToUpper(word) || sub.Group != spec.Group {
			t.Errorf("name %q, group %s", sub.Name, sub.Group)
		}
		checkTexts(t, sub)
		if args := parse(t, sub.Example); Find(args) != sub {
			t.Errorf("%s: example %s", sub.Name, sub.Example)
		}
		checkRow(t, sub)
	}
}

// checkRow compares the columns of a row that has a handler with each other.
func checkRow(t *testing.T, spec *Spec) {
	if spec.run == nil {
		t.Errorf("%s: no handler", spec.Name)
	}
	if spec.Has(Read | Write) {
		t.Errorf("%s: both Read and Write", spec.Name)
	}
	if spec.Has(OutsideTx) && !spec.Has(NoMulti) { // EXEC would lose its transaction
		t.Errorf("%s: OutsideTx without NoMulti", spec.Name)
	}
	if got := arity(spec.words(), spec.Args); got != spec.Arity && spec.Name != "QUIT" { // QUIT ignores what follows
		t.Errorf("%s: arity %d, arguments say %d", spec.Name, spec.Arity, got)
	}
	if got := keyRange(spec.words(), spec.Args); got != spec.Keys {
		t.Errorf("%s: keys %v, arguments say %v", spec.Name, spec.Keys, got)
	}
}

// arity is what Spec.Arity should be for a name of so many words and these arguments.
func arity(name int, args []Arg) int {
	n, more := name, false
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
	switch a.Type {
	case Block:
		for i := range a.Args {
			n += width(&a.Args[i])
		}
	case OneOf:
		least := width(&a.Args[0])
		for i := range a.Args {
			least = min(least, width(&a.Args[i]))
		}
		n += least
	case Token:
	default:
		n++
	}
	return n
}

// keyRange is what Spec.Keys should be for a name of so many words and these
// arguments, whose keys are side by side.
func keyRange(name int, args []Arg) KeyRange {
	first, last := 0, 0
	for i := range args {
		a := &args[i]
		if a.Type == Block && a.Args[0].Type == Key {
			return KeyRange{name + i, -1, len(a.Args)}
		}
		if a.Type != Key {
			if first == 0 && !a.Optional {
				continue
			}
			break
		}
		if first == 0 {
			first = name + i
		}
		if last = name + i; a.Multiple {
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
		"BITOP":  "BITOP <AND | OR | XOR | NOT> destkey key [key ...]",
		"BITFIELD": "BITFIELD key [<GET encoding offset | OVERFLOW <WRAP | SAT | FAIL> | SET encoding offset value | " +
			"INCRBY encoding offset increment> ...]",
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
	s := newSession(nil, Options{})
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
