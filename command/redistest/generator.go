package redistest

import (
	"cmp"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// Generator makes random commands of those that a real server documents.
type Generator struct {
	*rand.Rand
	Commands []*Command // by name
}

// Command is a command, or a subcommand, as the real server documents it.
type Command struct {
	Name  string // in small letters, "client|list"
	Flags []string
	args  []argument
}

// Has tells whether the real server says so of the command.
func (c *Command) Has(flag string) bool { return slices.Contains(c.Flags, flag) }

// Words are those of the name.
func (c *Command) Words() []string { return strings.Split(c.Name, "|") }

// argument describes an argument or a group of them in the words of COMMAND DOCS.
type argument struct {
	name, kind, token  string
	optional, multiple bool
	args               []argument
}

// Length is the number of commands of a random test: NUBDB_STREAM, or the default.
func Length(t testing.TB, otherwise int64) int {
	return int(environment(t, "NUBDB_STREAM", otherwise))
}

// NewGenerator asks the server behind a socket for its commands. NUBDB_SEED repeats a
// run; a test that fails tells its seed.
func NewGenerator(t testing.TB, socket string) (g *Generator, seed int64) {
	t.Helper()
	seed = environment(t, "NUBDB_SEED", time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with NUBDB_SEED=%d", seed)
		}
	})
	g = &Generator{Rand: rand.New(rand.NewPCG(uint64(seed), 0))}
	conn := Dial(t, socket)
	defer conn.Close()
	ask := func(words ...string) wire.Reply { return Parse(t, conn.Ask(t, Bytes(words))) }
	ask("HELLO", "3")
	docs := ask("COMMAND", "DOCS")
	for _, info := range ask("COMMAND").Elems {
		name := string(info.Elems[0].Str)
		g.add(name, info, Field(docs, name))
	}
	slices.SortFunc(g.Commands, func(a, b *Command) int { return cmp.Compare(a.Name, b.Name) }) // or a seed would not repeat a run
	return g, seed
}

func environment(t testing.TB, name string, otherwise int64) int64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// add adds a command, of which info is what COMMAND INFO says, and its subcommands.
func (g *Generator) add(name string, info, docs wire.Reply) {
	c := &Command{Name: name, args: arguments(Field(docs, "arguments"))}
	for _, flag := range info.Elems[2].Elems {
		c.Flags = append(c.Flags, string(flag.Str))
	}
	g.Commands = append(g.Commands, c)
	for _, sub := range info.Elems[9].Elems {
		name := string(sub.Elems[0].Str)
		g.add(name, sub, Field(Field(docs, "subcommands"), name))
	}
}

func arguments(docs wire.Reply) (args []argument) {
	for _, a := range docs.Elems {
		flags := Sorted(Field(a, "flags"))
		args = append(args, argument{
			name: string(Field(a, "name").Str), kind: string(Field(a, "type").Str), token: string(Field(a, "token").Str),
			optional: slices.Contains(flags, "optional"), multiple: slices.Contains(flags, "multiple"),
			args: arguments(Field(a, "arguments")),
		})
	}
	return args
}

// Field is the value of a key of a map; nothing if there is none.
func Field(m wire.Reply, key string) wire.Reply {
	for i := 0; i+1 < len(m.Elems); i += 2 {
		if string(m.Elems[i].Str) == key {
			return m.Elems[i+1]
		}
	}
	return wire.Reply{}
}

// Bytes are the words of a command as bytes.
func Bytes(words []string) [][]byte {
	args := make([][]byte, len(words))
	for i, word := range words {
		args[i] = []byte(word)
	}
	return args
}

// Chance is true with a probability.
func (g *Generator) Chance(p float64) bool { return g.Float64() < p }

// Pick returns one of the words.
func (g *Generator) Pick(words ...string) string { return words[g.IntN(len(words))] }

// Line makes a command with arguments, one in twenty of them spoilt; nil if it has come out as
// one whose replies differ on purpose.
func (g *Generator) Line(c *Command) []string {
	line := g.Spoilt(g.arguments(g.Name(c), c.args))
	switch name := strings.ToUpper(line[0]); {
	case name == "SET" && len(line) > 3 && looksInteger(line[3]): // NubDB's short form
		return nil
	case name == "BITCOUNT" && len(line) == 3: // Redis 7.0 wants an end, too
		return nil
	case name == "SCAN" && len(line) > 1 && line[1] == "99999999999999": // a place in our order
		return nil
	case name == "SCAN" && len(line) > 1: // more than there is, so that the order makes no difference
		return append(line, "COUNT", "1000")
	}
	return line
}

// looksInteger tells whether a word is digits, however many, with or without a minus.
func looksInteger(word string) bool {
	digits := strings.TrimPrefix(word, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// ChangesNothing tells of a command that may be a change of a watched key to one side only,
// because the key is not there before or afterwards.
func ChangesNothing(line []string) bool {
	text := strings.ToUpper(strings.Join(line, " "))
	return strings.HasPrefix(text, "BITFIELD ") && strings.Contains(text, "FAIL") || strings.HasPrefix(text, "SET ") && strings.Contains(text, "XAT")
}

// Name is the words of a command's name, in any case of their letters.
func (g *Generator) Name(c *Command) []string {
	words := c.Words()
	for i, word := range words {
		words[i] = g.anyCase(strings.ToUpper(word))
	}
	return words
}

func (g *Generator) anyCase(word string) string {
	if g.Chance(0.5) {
		return strings.ToLower(word)
	}
	return word
}

// Spoilt drops, adds or replaces a word behind the name, once in twenty times.
func (g *Generator) Spoilt(line []string) []string {
	if !g.Chance(0.05) {
		return line
	}
	junk := g.Pick("", "abc", "NX", "xx", "GET", "KEEPTTL", "EX", "PXAT", "GT", "PERSIST", "99999999999999")
	i := 1 + g.IntN(len(line))
	switch {
	case i == len(line):
		return append(line, junk)
	case g.Chance(0.5):
		return append(line[:i:i], line[i+1:]...)
	}
	line[i] = junk
	return line
}

func (g *Generator) arguments(line []string, args []argument) []string {
	for i := range args {
		a := &args[i]
		if a.optional && g.Chance(0.6) {
			continue
		}
		line = g.argument(line, a)
		for a.multiple && g.Chance(0.5) {
			line = g.argument(line, a)
		}
	}
	return line
}

func (g *Generator) argument(line []string, a *argument) []string {
	if a.token != "" {
		line = append(line, g.anyCase(a.token))
	}
	switch a.kind {
	case "pure-token":
		return line
	case "oneof":
		return g.argument(line, &a.args[g.IntN(len(a.args))])
	case "block":
		return g.arguments(line, a.args)
	}
	return append(line, g.value(strings.ToUpper(line[0]), a))
}
