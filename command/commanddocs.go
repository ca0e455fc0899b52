package command

import (
	"slices"
	"strings"

	"github.com/nubdb/nubdb/wire"
)

// COMMAND
func commandAll(_ *Session, _ [][]byte, out *wire.Reply) error {
	var all []wire.Reply
	for name, spec := range everyName {
		all = append(all, spec.info(name))
	}
	*out = wire.Array(all...)
	return nil
}

// COMMAND COUNT
func commandCount(_ *Session, _ [][]byte, out *wire.Reply) error {
	n := int64(0)
	for range everyName {
		n++
	}
	*out = wire.Integer(n)
	return nil
}

// COMMAND INFO [name ...]
func commandInfo(s *Session, args [][]byte, out *wire.Reply) error {
	if len(args) == 2 {
		return commandAll(s, args, out)
	}
	var found []wire.Reply
	for _, name := range args[2:] {
		if spec := findPath(name); spec != nil {
			found = append(found, spec.info(shownAs(spec, name)))
		} else {
			found = append(found, wire.Nil)
		}
	}
	*out = wire.Array(found...)
	return nil
}

// COMMAND DOCS [name ...] leaves out what is no command.
func commandDocs(_ *Session, args [][]byte, out *wire.Reply) error {
	var docs []wire.Reply
	for _, name := range args[2:] {
		if spec := findPath(name); spec != nil {
			docs = append(docs, wire.BulkString(shownAs(spec, name)), spec.docs())
		}
	}
	if len(args) == 2 {
		for name, spec := range everyName {
			docs = append(docs, wire.BulkString(name), spec.docs())
		}
	}
	*out = wire.Reply{Kind: wire.KindMap, Elems: docs}
	return nil
}

// COMMAND LIST [FILTERBY MODULE module | ACLCAT category | PATTERN pattern] has the
// subcommands, too, as in Valkey.
func commandList(_ *Session, args [][]byte, out *wire.Reply) error {
	wanted, err := parseCommandList(args)
	if err != nil {
		return err
	}
	var names []wire.Reply
	list := func(name string, spec *Spec) {
		if wanted(name, spec) {
			names = append(names, wire.BulkString(name))
		}
	}
	for spec := range everyRow {
		list(spec.path(), spec)
		for _, alias := range spec.Aliases {
			list(strings.ToLower(alias), spec)
		}
	}
	*out = wire.Array(names...)
	return nil
}

// parseCommandList returns what tells whether a command is wanted.
func parseCommandList(args [][]byte) (func(name string, spec *Spec) bool, error) {
	switch {
	case len(args) == 2:
		return func(string, *Spec) bool { return true }, nil
	case len(args) != 5 || !is(args[2], "FILTERBY"):
	case is(args[3], "MODULE"):
		return func(string, *Spec) bool { return false }, nil
	case is(args[3], "ACLCAT"):
		category := "@" + strings.ToLower(string(args[4]))
		return func(_ string, spec *Spec) bool { return slices.Contains(spec.categories(), category) }, nil
	case is(args[3], "PATTERN"):
		pattern := []byte(strings.ToLower(string(args[4])))
		return func(name string, _ *Spec) bool { return match(pattern, []byte(name)) }, nil
	}
	return nil, errSyntax
}

func checkCommandList(args [][]byte) error {
	_, err := parseCommandList(args)
	return err
}

// COMMAND GETKEYS command [arg ...]
func commandGetKeys(_ *Session, args [][]byte, out *wire.Reply) error {
	words := args[2:]
	spec := Find(words)
	switch {
	case spec == nil:
		return errGetKeysCommand
	case spec.Keys.First == 0:
		return errNoKeys
	case !spec.Accepts(len(words)):
		return errGetKeysArity
	}
	last := spec.Keys.Last
	if last < 0 {
		last += len(words)
	}
	var keys []wire.Reply
	for i := spec.Keys.First; i <= last; i += spec.Keys.Step {
		keys = append(keys, wire.Bulk(words[i]))
	}
	*out = wire.Array(keys...)
	return nil
}

// everyRow calls yield for every row, that of a container before those of its
// subcommands, HELP included.
func everyRow(yield func(*Spec) bool) {
	for spec := range All {
		if !yield(spec) {
			return
		}
		for i := range spec.Sub {
			if !yield(&spec.Sub[i]) {
				return
			}
		}
		if help := helpRow(spec); help != nil && !yield(help) {
			return
		}
	}
}

// everyName calls yield for every name of a command, aliases included, in small
// letters as Valkey shows them.
func everyName(yield func(name string, spec *Spec) bool) {
	for spec := range All {
		if !yield(spec.path(), spec) {
			return
		}
		for _, alias := range spec.Aliases {
			if !yield(strings.ToLower(alias), spec) {
				return
			}
		}
	}
}

// findPath finds a command by a name like get or client|list, nil if there is none.
func findPath(name []byte) *Spec {
	words := strings.SplitN(string(name), "|", 2)
	spec := Lookup([]byte(words[0]))
	if spec == nil || len(words) == 1 {
		return spec
	}
	for i := range spec.Sub {
		if strings.EqualFold(spec.Sub[i].path(), string(name)) {
			return &spec.Sub[i]
		}
	}
	return nil
}

// shownAs is the name of a command that was asked for by this one: an alias stays one.
func shownAs(spec *Spec, asked []byte) string {
	if slices.Contains(spec.Aliases, strings.ToUpper(string(asked))) {
		return strings.ToLower(string(asked))
	}
	return spec.path()
}

// info is what COMMAND INFO says of a command.
func (c *Spec) info(name string) wire.Reply {
	subcommands := setOf() // Redis answers an empty set, but an array of those that there are
	for i := range c.Sub {
		subcommands.Kind = wire.KindArray
		subcommands.Elems = append(subcommands.Elems, c.Sub[i].info(c.Sub[i].path()))
	}
	return wire.Array(
		wire.BulkString(name), wire.Integer(int64(c.Arity)), statuses(c.flagNames()),
		wire.Integer(int64(c.Keys.First)), wire.Integer(int64(c.Keys.Last)), wire.Integer(int64(c.Keys.Step)),
		statuses(c.categories()), setOf(), c.keySpecs(), subcommands)
}

// flagNames are the flags in Redis's words.
func (c *Spec) flagNames() (names []string) {
	for _, flag := range [...]struct {
		flag Flag
		name string
	}{
		{Write, "write"}, {Read, "readonly"}, {Admin, "admin"}, {PubSub, "pubsub"}, {NoMulti, "no_multi"}, {NoAuth, "no_auth"},
	} {
		if c.Has(flag.flag) {
			names = append(names, flag.name)
		}
	}
	if strings.HasPrefix(c.Complexity, "O(1)") {
		names = append(names, "fast")
	}
	return names
}

// categories are the categories of access control in Redis's words.
func (c *Spec) categories() (names []string) {
	switch {
	case c.Has(Write):
		names = append(names, "@write")
	case c.Has(Read):
		names = append(names, "@read")
	}
	switch c.Group {
	case Keys:
		names = append(names, "@keyspace")
	case Transactions:
		names = append(names, "@transaction")
	case Server:
	default:
		names = append(names, "@"+string(c.Group))
	}
	if c.Has(Admin) {
		names = append(names, "@admin", "@dangerous")
	}
	if strings.HasPrefix(c.Complexity, "O(1)") {
		return append(names, "@fast")
	}
	return append(names, "@slow")
}

// keySpecs tells in the form of Redis 7 which words are keys.
func (c *Spec) keySpecs() wire.Reply {
	if c.Keys.First == 0 {
		return setOf()
	}
	access := []string{"RO", "access"}
	if c.Has(Write) {
		access = []string{"RW", "update"}
	}
	last := c.Keys.Last
	if last > 0 {
		last -= c.Keys.First // counted from the first key here
	}
	return setOf(mapOf(
		"flags", statuses(access),
		"begin_search", mapOf("type", wire.BulkString("index"), "spec", mapOf("index", wire.Integer(int64(c.Keys.First)))),
		"find_keys", mapOf("type", wire.BulkString("range"), "spec", mapOf(
			"lastkey", wire.Integer(int64(last)), "keystep", wire.Integer(int64(c.Keys.Step)), "limit", wire.Integer(0)))))
}

// docs is what COMMAND DOCS says of a command.
func (c *Spec) docs() wire.Reply {
	docs := mapOf("summary", wire.BulkString(c.Summary), "since", wire.BulkString(c.Since), "group", wire.BulkString(c.Group.redis()),
		"complexity", wire.BulkString(c.Complexity))
	if len(c.Args) > 0 {
		docs.Elems = append(docs.Elems, wire.BulkString("arguments"), argsDocs(c.Args))
	}
	if len(c.Sub) > 0 {
		var subcommands []wire.Reply
		for i := range c.Sub {
			subcommands = append(subcommands, wire.BulkString(c.Sub[i].path()), c.Sub[i].docs())
		}
		docs.Elems = append(docs.Elems, wire.BulkString("subcommands"), wire.Reply{Kind: wire.KindMap, Elems: subcommands})
	}
	return docs
}

// redis is the name of the group in Redis's documentation.
func (g Group) redis() string {
	if g == Keys {
		return "generic"
	}
	return string(g)
}

func argsDocs(args []Arg) wire.Reply {
	docs := []wire.Reply{}
	for i := range args {
		docs = append(docs, args[i].docs())
	}
	return wire.Array(docs...)
}

func (a *Arg) docs() wire.Reply {
	docs := mapOf("name", wire.BulkString(a.Name), "type", wire.BulkString(a.Type.redis()))
	add := func(key string, value wire.Reply) { docs.Elems = append(docs.Elems, wire.BulkString(key), value) }
	if a.Type == Key {
		add("key_spec_index", wire.Integer(0))
	}
	if a.Token != "" {
		add("token", wire.BulkString(a.Token))
	}
	if a.Since != "" {
		add("since", wire.BulkString(a.Since))
	}
	var flags []string
	if a.Optional {
		flags = append(flags, "optional")
	}
	if a.Multiple {
		flags = append(flags, "multiple")
	}
	if flags != nil {
		add("flags", statuses(flags))
	}
	if a.Args != nil {
		add("arguments", argsDocs(a.Args))
	}
	return docs
}

// redis is the name of the type in Redis's documentation.
func (t ArgType) redis() string {
	return [...]string{"string", "key", "integer", "double", "unix-time", "pattern", "pure-token", "oneof", "block"}[t]
}

func statuses(words []string) wire.Reply {
	var elems []wire.Reply
	for _, word := range words {
		elems = append(elems, wire.Status(word))
	}
	return setOf(elems...)
}

func setOf(elems ...wire.Reply) wire.Reply { return wire.Reply{Kind: wire.KindSet, Elems: elems} }

// mapOf makes a map of keys, which are strings, and their values in turn.
func mapOf(pairs ...any) wire.Reply {
	m := wire.Reply{Kind: wire.KindMap}
	for _, p := range pairs {
		if key, ok := p.(string); ok {
			m.Elems = append(m.Elems, wire.BulkString(key))
		} else if value, ok := p.(wire.Reply); ok {
			m.Elems = append(m.Elems, value)
		}
	}
	return m
}
