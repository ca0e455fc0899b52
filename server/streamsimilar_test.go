package server

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/nubdb/nubdb/command/redistest"
	"github.com/nubdb/nubdb/wire"
)

// replies takes the complete replies out of what has come, without what the two sides cannot
// have in common: the time and the address in a line of MONITOR, the order of messages that
// one PUBLISH has made for several patterns, and what the control connection says.
func (p *peer) replies(socket string) (all [][]byte) {
	for {
		n := replyLength(p.in)
		if n == 0 {
			break
		}
		reply := p.in[:n:n]
		p.in = p.in[n:]
		if isMonitorLine(reply) {
			if bytes.Contains(reply, []byte(marker)) {
				continue
			}
			reply = append([]byte("+"), bytes.ReplaceAll(reply[19:], []byte(socket), []byte("socket"))...)
			reply = redacted.ReplaceAll(reply, []byte("$1\r\n"))
		}
		if reply[0] == '-' { // may show a word that was @addr
			reply = bytes.ReplaceAll(reply, []byte(socket), []byte("socket"))
		}
		all = append(all, reply)
	}
	sortMessages(all)
	sortGoodbyes(all)
	return all
}

// redacted is a line of MONITOR about what may have a password, of which more is hidden here.
var redacted = regexp.MustCompile(`(?i)("auth"|"hello").*\r\n`)

// sortMessages puts the messages one after the other that only differ in their pattern in the order of the patterns.
func sortMessages(all [][]byte) {
	isMessage := func(reply []byte) bool {
		return bytes.HasPrefix(reply[1:], []byte("4\r\n$8\r\npmessage\r\n"))
	}
	for from := 0; from < len(all); {
		to := from
		for to < len(all) && isMessage(all[to]) {
			to++
		}
		slices.SortFunc(all[from:to], bytes.Compare)
		from = max(to, from+1)
	}
}

// sortGoodbyes puts the names that an UNSUBSCRIBE of all confirms one after the other in order.
func sortGoodbyes(all [][]byte) {
	// name is where a confirmation has its name, between the kind and the number that is left,
	// which the names of three commands do not end in.
	name := func(reply []byte) (from, to int) {
		number := bytes.LastIndexByte(reply, ':')
		for _, kind := range []string{"3\r\n$11\r\nunsubscribe\r\n", "3\r\n$12\r\npunsubscribe\r\n"} {
			if number > len(kind) && bytes.HasPrefix(reply[1:], []byte(kind)) {
				return 1 + len(kind), number
			}
		}
		return -1, -1
	}
	for from := 0; from < len(all); {
		to := from
		var names []string
		for ; to < len(all); to++ {
			i, j := name(all[to])
			if i < 0 {
				break
			}
			names = append(names, string(all[to][i:j]))
		}
		slices.Sort(names)
		for k, n := range names {
			i, j := name(all[from+k])
			all[from+k] = slices.Concat(all[from+k][:i], []byte(n), all[from+k][j:])
		}
		from = max(to, from+1)
	}
}

// learn updates what is known of the client after a command, from what the real server has
// answered, and tells whether the command has worked.
func (c *streamClient) learn(name string, line []string, replies [][]byte) (worked bool) {
	reply := ""
	for _, r := range replies {
		if r[0] != '>' && !bytes.HasPrefix(r, []byte("+[")) {
			reply = string(r)
		}
	}
	hidden := c.mute != heard
	if c.mute == skipNext {
		c.mute = heard
	}
	c.refused = ""
	if strings.HasPrefix(reply, "-NOAUTH") || strings.Contains(reply, "allowed in this context") {
		c.refused = reply
	}
	ok := reply == "+OK\r\n"
	c.listen = c.listen || strings.HasSuffix(name, "subscribe")
	worked = len(replies) > 0 && !strings.HasPrefix(reply, "-") && reply != "+QUEUED\r\n"
	switch {
	case reply == "+QUEUED\r\n":
		c.queued = append(c.queued, name)
	case name == "multi" && ok:
		c.multi, c.queued = true, nil
	case name == "exec" && c.multi, name == "discard" && ok:
		c.multi, c.watch, c.queued = false, false, nil
	case name == "unwatch" && ok && !c.multi:
		c.watch = false
	case name == "watch":
		c.watch = true
	case reply == "+RESET\r\n":
		*c = streamClient{peers: c.peers}
	case name == "monitor" && (ok || hidden):
		c.monitor = true
	case name == "client|reply" && len(line) == 3:
		c.learnMute(strings.ToUpper(line[2]), reply)
	}
	return worked
}

// learnMute takes down what CLIENT REPLY has changed, unless it was refused.
func (c *streamClient) learnMute(word, reply string) {
	switch {
	case word == "ON" && reply == "+OK\r\n":
		c.mute = heard
	case word == "OFF" && reply == "":
		c.mute = muted
	case word == "SKIP" && reply == "" && c.mute == heard:
		c.mute = skipNext
	}
}

// similar compares the replies to a command where bytes need not be equal, because they tell
// of a server, a time or chance: docs/COMMANDS.md says where. Their types must be the same,
// and all that does not depend on that.
func (s *stream) similar(c *streamClient, name string, got, want []byte) bool {
	g, w := redistest.Parse(s.t, got), redistest.Parse(s.t, want)
	if name == "exec" && slices.ContainsFunc(c.queued, func(name string) bool { return strings.HasSuffix(name, "subscribe") }) {
		// Which have several replies: those to the last commands stand behind the array.
		return redistest.SimilarExec(c.queued, g, w, s.alike) || slices.ContainsFunc(c.queued, func(name string) bool { return s.alike(name, g, w) })
	}
	if name == "exec" {
		return redistest.SimilarExec(c.queued, g, w, s.alike)
	}
	return s.alike(name, g, w)
}

func (s *stream) alike(name string, got, want wire.Reply) bool {
	switch {
	case redistest.Similar(name, got, want):
		return true
	case name == "select" || name == "copy":
		return string(got.Str) == string(want.Str)+": there is one database, number 0"
	case name == "hello" && strings.HasPrefix(string(got.Str), "NOAUTH"):
		return strings.Replace(string(got.Str), "<proto> AUTH", "AUTH", 1) == string(want.Str) // as in Redis 7.0
	case name == "debug":
		return string(got.Str) == "ERR DEBUG knows SLEEP only" && want.IsError()
	case got.Kind != want.Kind || got.IsError():
		return false
	}
	if name == "command|list" || name == "command|docs" {
		return slices.Equal(s.known(got), s.known(want))
	}
	if compare := likenesses[name]; compare != nil {
		return compare(got, want)
	}
	return strings.HasSuffix(name, "|help") && len(got.Elems) > 0
}

// known are the elements of a reply that are names of commands that both have, in order.
func (s *stream) known(r wire.Reply) []string {
	return slices.DeleteFunc(redistest.Sorted(r), func(name string) bool {
		return !slices.ContainsFunc(s.both, func(c *redistest.Command) bool { return c.Name == name })
	})
}

// likenesses compare the replies to single commands, which are of one kind and no errors.
var likenesses = map[string]func(got, want wire.Reply) bool{
	"client|id":       anything,
	"time":            func(got, want wire.Reply) bool { return len(got.Elems) == 2 && len(want.Elems) == 2 },
	"randomkey":       anything,
	"lastsave":        anything,
	"memory|usage":    anything,
	"memory|stats":    func(got, want wire.Reply) bool { return len(got.Elems) > 0 },
	"memory|doctor":   anything,
	"latency|doctor":  anything,
	"slowlog|get":     entriesAlike,
	"slowlog|len":     anything,
	"object|idletime": anything,
	"object|refcount": anything,
	"command|count":   anything,
	"command":         commandsAlike,
	"command|info":    commandsAlike,
	"hello":           func(got, want wire.Reply) bool { return likeFields(got, want, "proto", "mode", "role", "modules") },
	"client|list":     clientsAlike,
	"client|info":     clientsAlike,
	"config|get":      configAlike,
	"pubsub|channels": sameElements,
	"info":            infoAlike,
}

// entriesAlike compares the form of the entries of SLOWLOG.
func entriesAlike(got, want wire.Reply) bool {
	for _, entry := range slices.Concat(got.Elems, want.Elems) {
		var kinds []wire.Kind
		for _, e := range entry.Elems {
			kinds = append(kinds, e.Kind)
		}
		if !slices.Equal(kinds, []wire.Kind{wire.KindInteger, wire.KindInteger, wire.KindInteger, wire.KindArray, wire.KindBulk, wire.KindBulk}) {
			return false
		}
	}
	return true
}

func anything(got, want wire.Reply) bool { return true }

func sameElements(got, want wire.Reply) bool {
	return slices.Equal(redistest.Sorted(got), redistest.Sorted(want))
}

// likeFields compares fields of maps that both have.
func likeFields(got, want wire.Reply, names ...string) bool {
	return len(got.Elems) == len(want.Elems) && !slices.ContainsFunc(names, func(name string) bool {
		return !redistest.Equal(redistest.Field(got, name), redistest.Field(want, name))
	})
}

// commandsAlike compares which commands there are, of those that were asked for.
func commandsAlike(got, want wire.Reply) bool {
	for i := range got.Elems {
		if i < len(want.Elems) && len(got.Elems[i].Elems) != len(want.Elems[i].Elems) {
			return false
		}
	}
	return true
}

// clientsAlike compares the lines of CLIENT LIST.
func clientsAlike(got, want wire.Reply) bool {
	outline := func(r wire.Reply) (lines []string) {
		for line := range strings.Lines(string(r.Str)) {
			lines = append(lines, clientOutline(line))
		}
		return lines
	}
	g, w := outline(got), outline(want)
	slices.Sort(w) // Redis 7.0 keeps the order of the numbers behind ID, and repeats one
	slices.Sort(g)
	return slices.Equal(slices.Compact(g), slices.Compact(w))
}

// clientOutline is the fields of a line of CLIENT LIST that do not depend on the server.
func clientOutline(line string) string {
	var fields []string
	for _, field := range strings.Fields(line) {
		name, _, _ := strings.Cut(field, "=")
		if name == "flags" { // d: a key that it watches has changed, which it finds out later here. e: Redis 7.0 keeps that in RESET
			if field = strings.NewReplacer("d", "", "e", "").Replace(strings.TrimPrefix(field, "flags=")); field == "" {
				field = "N"
			}
		}
		if name == "multi" && field != "multi=-1" { // Redis queues nothing when a watched key has changed
			field = "multi"
		}
		if slices.Contains([]string{"name", "flags", "db", "sub", "psub", "ssub", "multi", "cmd", "user", "redir", "resp"}, name) {
			fields = append(fields, field)
		}
	}
	return strings.Join(fields, " ")
}

// own are the parameters of CONFIG whose values are the server's own.
var own = []string{"appendonly", "bind", "client-query-buffer-limit", "dbfilename", "dir", "unixsocket", "port"}

// configAlike compares the parameters that both have.
func configAlike(got, want wire.Reply) bool {
	for i := 0; i+1 < len(got.Elems); i += 2 {
		name := string(got.Elems[i].Str)
		if value := redistest.Field(want, name); value.Kind != wire.KindBulk || !redistest.Equal(value, got.Elems[i+1]) && !slices.Contains(own, name) {
			return false
		}
	}
	for _, name := range parameters {
		if redistest.Field(want, name).Kind != redistest.Field(got, name).Kind {
			return false
		}
	}
	return true
}

// infoAlike compares which sections there are.
func infoAlike(got, want wire.Reply) bool {
	sections := func(r wire.Reply) (names []string) {
		for line := range strings.Lines(string(r.Str)) {
			if strings.HasPrefix(line, "# ") && line != "# Latencystats\r\n" { // NubDB has none
				names = append(names, line)
			}
		}
		slices.SortFunc(names, cmp.Compare[string])
		return names
	}
	return slices.Equal(sections(got), sections(want))
}
