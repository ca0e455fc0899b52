package server

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/command/redistest"
)

// What is not sent, and why. All else that both have is.
//
//	DEBUG             another than SLEEP that there is: the real server's may end it or corrupt its data
//	SHUTDOWN          but for what is an error
//	CLIENT REPLY,     between MULTI and EXEC: the real server breaks off in the reply of EXEC, as it
//	CLIENT KILL       does for a client that kills itself
//	HELLO             with a version between MULTI and EXEC: documented, the reply of EXEC is in the last one
//	QUIT, CLIENT KILL after CLIENT REPLY OFF: the real server waits with the end for a reply that it does not send
//	MULTI             after CLIENT REPLY OFF, when the test cannot know what is queued
//	MONITOR           again: the real server answers nothing
//	MULTI, WAIT,      by a client that monitors: the real server shows lines within the reply of EXEC, before
//	CLIENT REPLY SKIP that of WAIT, and the one about SKIP
//	HELLO             SETNAME without AUTH, or with a fault behind it: Redis 7.0 gives the name all the same
//	PUBLISH           to itself between MULTI and EXEC: Redis 7.0 puts the message into the reply of EXEC
//	UNSUBSCRIBE       of all between MULTI and EXEC: the order of names within a reply
//	CLIENT PAUSE      WRITE, or for long, and what it holds up, but in scenes that end it
//	WAIT              for replicas without a limit of time
//	SET, BITFIELD,    and all that delete while another client watches keys, where changes of what is not
//	                  there differ: documented
//	MEMORY STATS, ... between MULTI and EXEC, where NubDB refuses some that the real server does not: documented
func (s *stream) allowed(c *streamClient, what *redistest.Command) bool {
	spec := command.Find(redistest.Bytes(what.Words()))
	writes := what.Has("write") || what.Name == "publish"
	switch {
	case s.paused && (writes || what.Name == "exec" || what.Name == "client|pause" || what.Name == "client|unpause" || c.mute != heard):
		return false
	case c.mute != heard && (slices.Contains([]string{"quit", "client|kill", "multi", "wait"}, what.Name) || spec.Flags&(command.OutsideTx|command.Long) != 0):
		return false
	case c.multi && c.listen && what.Name == "publish":
		return false
	case c.multi && (what.Name == "client|reply" || what.Name == "client|kill" || spec.Has(command.NoMulti) && !what.Has("no_multi")):
		return false
	case what.Name == "watch" && slices.ContainsFunc(s.clients, func(other *streamClient) bool { return other != c && other.multi }):
		return false
	case s.watched(c) && writes && !slices.Contains([]string{"set", "mset", "append", "incr", "setnx", "setbit", "bitfield", "publish"}, what.Name):
		return false
	case c.monitor && slices.Contains([]string{"monitor", "multi", "wait"}, what.Name):
		return false
	case spec.Has(command.Confirm): // would leave little to work on
		return s.Chance(0.1)
	case slices.Contains([]string{"quit", "client|kill", "reset"}, what.Name):
		return s.Chance(0.3)
	case slices.Contains([]string{"save", "bgsave", "bgrewriteaof"}, what.Name): // take long
		return s.Chance(0.1)
	}
	return true
}

// watched tells whether another client may watch keys.
func (s *stream) watched(c *streamClient) bool {
	return slices.ContainsFunc(s.clients, func(other *streamClient) bool { return other != c && other.watch })
}

// next chooses a client and makes a command for it.
func (s *stream) next() (c *streamClient, what *redistest.Command, line []string) {
	for line == nil {
		c = s.clients[s.IntN(len(s.clients))]
		what = s.wayOut(c)
		if what == nil {
			what = s.both[s.IntN(len(s.both))]
		}
		if !s.allowed(c, what) {
			continue
		}
		line = s.line(c, what)
		if (c.watch || s.watched(c)) && redistest.ChangesNothing(line) {
			line = nil
		}
		if c.multi && len(line) == 1 && strings.HasSuffix(what.Name, "unsubscribe") {
			line = nil
		}
	}
	return c, what, line
}

// wayOut chooses, now and then, what brings a client out of a state in which it can do little.
func (s *stream) wayOut(c *streamClient) *redistest.Command {
	var names []string
	switch {
	case !s.Chance(0.2):
		return nil
	case c.mute == muted:
		names = []string{"client|reply"}
	case strings.HasPrefix(c.refused, "-NOAUTH"):
		names = []string{"auth", "hello"}
	case strings.Contains(c.refused, "allowed in this context"):
		names = []string{"unsubscribe", "punsubscribe", "unsubscribe", "punsubscribe", "ping", "subscribe", "psubscribe", "reset", "hello"}
	case c.monitor:
		names = []string{"reset", "ping", "quit"}
	case c.multi:
		names = []string{"exec"}
	default:
		return nil
	}
	return s.named(s.Pick(names...))
}

// line makes the words of a command; nil for the next try.
func (s *stream) line(c *streamClient, what *redistest.Command) []string {
	make := writers[what.Name]
	if make == nil {
		return s.Line(what)
	}
	line := append(s.Name(what), make(s, c)...)
	if slices.Contains([]string{"hello", "client|reply", "command|getkeys", "shutdown", "debug", "wait", "client|pause", "config|set"}, what.Name) { // anything else might end or hold up the server
		return line
	}
	return s.Spoilt(line)
}

// password is the one that the servers may have.
const password = "secret"

// writers make the arguments of commands that are about servers and connections.
var writers = map[string]func(s *stream, c *streamClient) []string{
	"auth": func(s *stream, _ *streamClient) []string {
		return s.oneOf("secret", "wrong", "default secret", "default secret", "default wrong", "foo secret", "a b c", "")
	},
	"hello": func(s *stream, c *streamClient) []string {
		if c.multi {
			return s.oneOf("", "x", "4", "2 FOO x")
		}
		words := s.oneOf("2", "3", "2", "3", "2", "3", "", "4", "1", "x", "-1", "99999999999999999999")
		switch {
		case len(words) == 0:
		case s.Chance(0.3): // with a password, or Redis 7.0 may give the name although it answers an error
			return append(words, "AUTH", "default", password, "SETNAME", s.Pick("me", "you", ""))
		default:
			words = append(words, s.oneOf("", "", "AUTH default secret", "auth default secret", "AUTH default wrong", "AUTH foo x", "AUTH x", "FOO", "SETNAME", "SETNAME é")...)
		}
		return words
	},
	"client|setname": func(s *stream, _ *streamClient) []string { return []string{s.connectionName()} },
	"client|reply": func(s *stream, c *streamClient) []string {
		if c.monitor { // whose line about a SKIP is not skipped in Redis
			return s.oneOf("ON", "OFF", "off", "FOO", "")
		}
		switch c.mute {
		case skipNext: // which hides whether another is refused
			return s.oneOf("ON", "FOO")
		case muted:
			return s.oneOf("ON", "on", "ON", "ON", "SKIP", "OFF")
		}
		return s.oneOf("ON", "OFF", "SKIP", "skip", "FOO", "")
	},
	"client|pause": func(s *stream, _ *streamClient) []string {
		return s.oneOf("0", "1", "3", "2 ALL", "1 all", "0 WRITE", "x", "-1", "1 FOO", "9223372036854775808", "")
	},
	"client|list": func(s *stream, _ *streamClient) []string {
		return s.oneOf("", "", "TYPE normal", "TYPE pubsub", "type PUBSUB", "TYPE master", "TYPE replica", "TYPE foo", "ID @id0", "ID @id1 @id2", "ID @id3 99999", "ID x", "ID -1", "ID", "FOO")
	},
	"client|kill": (*stream).kill,
	"config|get":  (*stream).configGet,
	"config|set":  (*stream).configSet,
	"debug": func(s *stream, _ *streamClient) []string {
		return s.oneOf("SLEEP 0", "sleep 0.001", "SLEEP 0", "FOO", "FOO bar", "")
	},
	"select": func(s *stream, _ *streamClient) []string {
		return s.oneOf("0", "0", "1", "15", "-1", "x", "1.5", "2147483648", "99999999999999999999", "")
	},
	"wait": func(s *stream, _ *streamClient) []string {
		return s.oneOf("0 0", "0 1", "-1 0", "1 1", "2 1", "x 1", "1 x", "1 -1", "0 9223372036854775807", "")
	},
	"shutdown": func(s *stream, _ *streamClient) []string {
		return s.oneOf("ABORT", "abort", "FOO", "SAVE NOSAVE", "NOSAVE ABORT", "NOW FOO", "ABORT NOW", "SAVE NOW FORCE x")
	},
	"info": func(s *stream, _ *streamClient) []string {
		return s.oneOf("", "", "server", "CLIENTS", "memory", "persistence", "stats", "replication", "cpu", "commandstats",
			"errorstats", "keyspace", "cluster", "modules", "all", "everything", "default", "foo", "server clients", "foo keyspace")
	},
	"memory|usage": func(s *stream, _ *streamClient) []string {
		return append([]string{s.Key()}, s.oneOf("", "", "SAMPLES 0", "samples 5", "SAMPLES -1", "SAMPLES x", "SAMPLES", "FOO 1")...)
	},
	"subscribe":     func(s *stream, _ *streamClient) []string { return s.channels(1) },
	"unsubscribe":   func(s *stream, _ *streamClient) []string { return s.channels(0) },
	"publish":       func(s *stream, _ *streamClient) []string { return append(s.channels(1)[:1], s.Text()) },
	"pubsub|numsub": func(s *stream, _ *streamClient) []string { return s.channels(0) },

	"command":       func(s *stream, _ *streamClient) []string { return nil },
	"command|count": func(s *stream, _ *streamClient) []string { return nil },
	"command|docs":  (*stream).commandNames,
	"command|info":  (*stream).commandNames,
	"command|list": func(s *stream, _ *streamClient) []string {
		return s.oneOf("", "FILTERBY PATTERN get*", "filterby pattern *|*", "FILTERBY PATTERN X",
			"FILTERBY MODULE foo", "FILTERBY ACLCAT foo", "FILTERBY ACLCAT transaction", "FILTERBY FOO x", "FILTERBY", "FOO")
	},
	"command|getkeys": (*stream).someCommand,
}

// oneOf returns the words of one of the texts.
func (s *stream) oneOf(texts ...string) []string { return strings.Fields(s.Pick(texts...)) }

func (s *stream) connectionName() string {
	return s.Pick("me", "you", "a-longer.name", "", "a b", "a\nb", "é")
}

// channels makes names of channels, at least so many.
func (s *stream) channels(least int) (names []string) {
	for len(names) < least || s.Chance(0.4) {
		names = append(names, s.Pick("a", "b", "c", "ab", "abc", ""))
	}
	return names
}

// kill makes the arguments of CLIENT KILL, each filter once.
func (s *stream) kill(*streamClient) (words []string) {
	if s.Chance(0.2) {
		return s.oneOf("1.2.3.4:5", "@addr", "foo", "")
	}
	filters := []string{"ID @id" + strconv.Itoa(s.IntN(len(s.clients))), "TYPE normal", "TYPE pubsub", "TYPE replica", "USER default", "ADDR @addr", "LADDR @addr", "SKIPME yes", "SKIPME no",
		"ID 99999", "TYPE master", "type foo", "USER foo", "ADDR 1.1.1.1:1", "ID x", "ID 0", "ID -1", "SKIPME foo", "FOO bar", "ID"}
	kinds := map[string]bool{}
	for len(words) == 0 || s.Chance(0.6) {
		filter := strings.Fields(s.Pick(filters...))
		if kind := strings.ToUpper(filter[0]); !kinds[kind] {
			kinds[kind] = true
			words = append(words, filter...)
		}
	}
	return words
}

// parameters are those of CONFIG that mean the same to both, or nothing.
var parameters = []string{"timeout", "slowlog-max-len", "SLOWLOG-MAX-LEN", "slowlog-log-slower-than", "latency-monitor-threshold", "maxclients", "requirepass", "maxmemory",
	"databases", "save", "foo", "slowlog*", "max[a-m]*", "*", "maxmemory-polic?"}

func (s *stream) configGet(*streamClient) (words []string) {
	for len(words) == 0 || s.Chance(0.4) {
		words = append(words, s.Pick(parameters...))
	}
	return words
}

func (s *stream) configSet(*streamClient) (words []string) {
	for len(words) == 0 || s.Chance(0.3) {
		words = append(words, s.oneOf("timeout 0", "timeout 10000", "TIMEOUT 20000", "timeout -1", "slowlog-max-len 10", "slowlog-max-len 128", "slowlog-max-len x",
			"slowlog-log-slower-than 1000000", "slowlog-log-slower-than -1", "slowlog-log-slower-than -2", "latency-monitor-threshold 0", "latency-monitor-threshold 100000",
			"latency-monitor-threshold -1", "maxclients 100", "maxclients 1000", "maxclients 0", "maxclients x", "requirepass "+password, "foo bar", "foo", "timeout 1.5")...)
	}
	if s.Chance(0.2) {
		return []string{"requirepass", ""}
	}
	return words
}

// commandNames makes names of commands, of those that both have or nobody has.
func (s *stream) commandNames(*streamClient) (names []string) {
	for len(names) == 0 || s.Chance(0.4) {
		name := s.Pick(s.both[s.IntN(len(s.both))].Name, s.both[s.IntN(len(s.both))].Name, "foo", "client|foo", "")
		if !strings.HasSuffix(name, "|help") { // no rows of NubDB's table
			names = append(names, name)
		}
	}
	return names
}

// someCommand makes a command that is not to be run.
func (s *stream) someCommand(c *streamClient) []string {
	what := s.both[s.IntN(len(s.both))]
	if line := s.Line(what); len(line) > 1 { // Redis 7.0 wants two words
		return line
	}
	return s.oneOf("foo bar", "get a b", "mset a", "get a")
}
