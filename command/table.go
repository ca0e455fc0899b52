package command

import (
	"slices"
	"sync"
)

// tables are the rows of all groups. The variable is filled by init and not by
// its declaration, which handlers that list the commands would make circular.
var tables [7][]Spec

func init() {
	tables = [...][]Spec{stringTable, bitmapTable, keyTable, transactionTable, connectionTable, messageTable, serverTable}
	for spec := range All {
		enter(spec.Name, spec)
		for _, alias := range spec.Aliases {
			enter(alias, spec)
		}
	}
}

// rows is how many rows there are, subcommands included, once they are numbered.
var rows struct {
	once  sync.Once
	count int
}

// numberRows numbers all rows, for whoever counts by them, and returns how many there are.
// Not in init: what only reads the table need not copy its pages, which took 0.04 ms of each
// start. Nor by sync.OnceValue: a variable that a call initializes keeps the compiler from
// laying the tables out itself.
func numberRows() int {
	rows.once.Do(func() {
		for spec := range everyRow {
			spec.number = rows.count
			rows.count++
		}
	})
	return rows.count
}

// maxName bounds the length of a command's name in bytes.
const maxName = 16

// slots is the size of the index, a power of two well above the number of names
// so that probes are short. A map would cost more, at every start and every look-up.
const slots = 512

// index finds a command by its name: open addressing with linear probing. It lies in one
// page of memory, written before it is read: at the start of a process each page that is
// touched takes more time than hashing all the names, and twice that if it is read first.
var index struct {
	specs  [maxNames]*Spec
	used   uint8
	places [slots]uint8 // of a name's command in specs, counted from 1; 0: none
}

// maxNames bounds how many names of commands there are, aliases included.
const maxNames = 200

func enter(name string, spec *Spec) {
	x := &index
	x.specs[x.used] = spec
	x.used++
	i := hash([]byte(name))
	for x.places[i] != 0 {
		i = (i + 1) % slots
	}
	x.places[i] = x.used
}

// isCalled tells whether name, in upper case, is a command's name or an alias.
func (c *Spec) isCalled(name []byte) bool {
	return c.Name == string(name) || slices.ContainsFunc(c.Aliases, func(alias string) bool { return alias == string(name) })
}

// hash is FNV-1a, folded to the size of the index.
func hash(name []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range name {
		h = (h ^ uint32(c)) * 16777619
	}
	return (h ^ h>>16) % slots
}

// Lookup finds a command by its name or an alias, in any case of its letters;
// nil if there is none. It allocates nothing.
func Lookup(name []byte) *Spec {
	var buf [maxName]byte
	if len(name) > maxName {
		return nil
	}
	folded := buf[:len(name)]
	for i, c := range name {
		folded[i] = upper(c)
	}
	for i := hash(folded); index.places[i] != 0; i = (i + 1) % slots {
		if spec := index.specs[index.places[i]-1]; spec.isCalled(folded) {
			return spec
		}
	}
	return nil
}

// Find is Lookup for a whole command: it finds the row of the subcommand where
// there are any. nil if there is none.
func Find(args [][]byte) *Spec {
	spec, _ := find(args)
	return spec
}

// find is Find with the error that the command answers if there is none. A
// container without a second word is found as itself, for the error of its arity.
func find(args [][]byte) (*Spec, error) {
	spec := Lookup(args[0])
	switch {
	case spec == nil:
		return nil, unknownCommand(args)
	case spec.Sub == nil || len(args) == 1:
		return spec, nil
	}
	for i := range spec.Sub {
		if is(args[1], spec.Sub[i].Name[len(spec.Name)+1:]) {
			return &spec.Sub[i], nil
		}
	}
	if is(args[1], "HELP") {
		return helpRow(spec), nil
	}
	return nil, unknownSubcommand(spec, args[1])
}

// Visible is the number of words of a command that may be shown to people: what
// comes behind them may hold a password. What is no command is shown whole.
func Visible(args [][]byte) int {
	if spec := Find(args); spec != nil && spec.secret != nil {
		return min(spec.secret(args), len(args))
	}
	return len(args)
}

// helps are the rows of the subcommand HELP of every container. They are made when they
// are first asked for: hardly anybody does.
var helps struct {
	once sync.Once
	rows map[*Spec]*Spec // by container
}

// helpRow is the row of a container's HELP, nil for what is no container.
func helpRow(container *Spec) *Spec {
	helps.once.Do(func() {
		helps.rows = map[*Spec]*Spec{}
		for spec := range All {
			if spec.Sub != nil {
				helps.rows[spec] = newHelpRow(spec.Name)
			}
		}
	})
	return helps.rows[container]
}

func newHelpRow(container string) *Spec {
	return &Spec{
		Name: container + " HELP", Group: Server,
		Summary:    "Lists the subcommands",
		Complexity: "O(1)", Since: "5.0.0",
		Arity:   2,
		Example: container + " HELP",
		run:     helpContainer,
	}
}

// All calls yield for every command, group by group, until it returns false.
// Subcommands are in Spec.Sub of theirs.
func All(yield func(*Spec) bool) {
	for _, table := range tables {
		for i := range table {
			if !yield(&table[i]) {
				return
			}
		}
	}
}
