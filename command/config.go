package command

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// config is what CONFIG SET can change.
type config struct {
	requirePass      string
	maxClients       int
	timeout          time.Duration
	slowerThan       time.Duration // commands that take as long go to the slow log; negative: none
	slowLogMax       int           // its entries
	latencyThreshold time.Duration // commands that take as long go to LATENCY; 0: none
}

// defaultSlowerThan is slowlog-log-slower-than as it begins, Redis's.
const defaultSlowerThan = 10 * time.Millisecond

func newConfig(o *Settings) config {
	return config{
		requirePass: o.RequirePass, maxClients: o.MaxClients, timeout: o.Timeout,
		slowerThan: defaultSlowerThan, slowLogMax: 128,
	}
}

// maxSlowLog is the largest slowlog-max-len.
const maxSlowLog = 1 << 20

// setting is a parameter of CONFIG.
type setting struct {
	name  string
	fixed string // what it always is, if get is nil
	get   func(in *Instance, c *config) string
	set   func(c *config, value []byte) error // nil: not while the process runs
}

func (p *setting) value(in *Instance, c *config) string {
	if p.get == nil {
		return p.fixed
	}
	return p.get(in, c)
}

// settings are the parameters that clients ask for. Those without set tell how
// NubDB works, in the words of Valkey's configuration.
var settings = [...]setting{
	{name: "appendfsync", get: func(in *Instance, _ *config) string { return in.set.Sync().valkey() }},
	{name: "appendonly", fixed: "yes"},
	{name: "bind", fixed: ""},
	{name: "client-query-buffer-limit", get: func(in *Instance, _ *config) string { return decimal(in.set.MaxRequest) }},
	{name: "cluster-enabled", fixed: "no"},
	{name: "databases", fixed: "1"},
	{name: "dbfilename", get: func(in *Instance, _ *config) string { return filepath.Base(in.set.Path) }},
	{name: "dir", get: func(in *Instance, _ *config) string { return directory(in.set.Path) }},
	{name: "latency-monitor-threshold", get: func(_ *Instance, c *config) string { return decimal(c.latencyThreshold.Milliseconds()) },
		set: func(c *config, v []byte) error {
			return setDuration(&c.latencyThreshold, v, 0, math.MaxInt64, time.Millisecond)
		}},
	{name: "maxclients", get: func(_ *Instance, c *config) string { return decimal(int64(c.maxClients)) },
		set: func(c *config, v []byte) error { return setInteger(&c.maxClients, v, 1, 1<<32-1) }},
	{name: "maxmemory", get: func(in *Instance, _ *config) string { return decimal(in.set.MaxSize) }},
	{name: "maxmemory-policy", fixed: "noeviction"},
	{name: "notify-keyspace-events", fixed: ""},
	{name: "port", get: func(in *Instance, _ *config) string { return decimal(int64(in.set.Port)) }},
	{name: "proto-max-bulk-len", fixed: "536870912"},
	{name: "protected-mode", fixed: "yes"},
	{name: "requirepass", get: func(_ *Instance, c *config) string { return c.requirePass },
		set: func(c *config, v []byte) error { c.requirePass = string(v); return nil }},
	{name: "save", fixed: ""},
	{name: "slowlog-log-slower-than", get: func(_ *Instance, c *config) string { return decimal(c.slowerThan.Microseconds()) },
		set: func(c *config, v []byte) error {
			return setDuration(&c.slowerThan, v, -1, math.MaxInt64, time.Microsecond)
		}},
	{name: "slowlog-max-len", get: func(_ *Instance, c *config) string { return decimal(int64(c.slowLogMax)) },
		set: func(c *config, v []byte) error { return setInteger(&c.slowLogMax, v, 0, maxSlowLog) }},
	{name: "tcp-keepalive", fixed: "300"},
	{name: "timeout", get: func(_ *Instance, c *config) string { return decimal(int64(c.timeout.Seconds())) },
		set: func(c *config, v []byte) error { return setDuration(&c.timeout, v, 0, math.MaxInt32, time.Second) }},
	{name: "unixsocket", get: func(in *Instance, _ *config) string { return in.set.Socket }},
}

// directory is where the database is, as an absolute path if the system knows it.
func directory(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return filepath.Dir(path)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// valkey is the name that Valkey's appendfsync has for a policy.
func (p SyncPolicy) valkey() string {
	switch p {
	case SyncAlways:
		return "always"
	case SyncNo:
		return "no"
	}
	return "everysec"
}

func setInteger(to *int, value []byte, low, high int64) error {
	n, err := parseSetting(value, low, high)
	if err == nil {
		*to = int(n)
	}
	return err
}

// setDuration reads a number of units; more than the longest Duration, 292 years, is that.
func setDuration(to *time.Duration, value []byte, low, high int64, unit time.Duration) error {
	n, err := parseSetting(value, low, high)
	if err == nil {
		*to = time.Duration(min(n, math.MaxInt64/int64(unit))) * unit
	}
	return err
}

func parseSetting(value []byte, low, high int64) (int64, error) {
	n, err := parseInteger(value)
	switch {
	case err != nil:
		return 0, replyError("argument couldn't be parsed into an integer")
	case n < low || n > high:
		return 0, replyError(fmt.Sprintf("argument must be between %d and %d inclusive", low, high))
	}
	return n, nil
}

// CONFIG GET pattern [pattern ...]. As in Valkey, a name that is no pattern is shown as
// it was written.
func configGet(s *Session, args [][]byte, out *wire.Reply) error {
	now := s.in.current()
	var found []wire.Reply
	for i := range settings {
		for _, pattern := range args[2:] {
			if !match(bytes.ToLower(pattern), []byte(settings[i].name)) {
				continue
			}
			name := wire.BulkString(settings[i].name)
			if !bytes.ContainsAny(pattern, "*?[") {
				name = wire.Bulk(pattern)
			}
			found = append(found, name, wire.BulkString(settings[i].value(s.in, &now)))
			break
		}
	}
	*out = wire.Reply{Kind: wire.KindMap, Elems: found}
	return nil
}

// CONFIG SET parameter value [parameter value ...] sets all or, if one is wrong, none.
func configSet(s *Session, args [][]byte, out *wire.Reply) error {
	if err := checkConfigSet(args); err != nil {
		return err
	}
	if s.in.set.Shutdown == nil {
		return notServer("CONFIG SET")
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	changed := s.in.config
	for words := args[2:]; len(words) > 0; words = words[2:] {
		if err := s.in.configure(&changed, findSetting(words[0]), words[1]); err != nil {
			return configSetFailed(words[0], err)
		}
	}
	s.in.config = changed
	s.in.apply()
	*out = wire.OK
	return nil
}

// configure changes one setting of c. One that cannot be changed may be set to
// what it is.
func (in *Instance) configure(c *config, p *setting, value []byte) error {
	switch {
	case p.set != nil:
		return p.set(c, value)
	case p.value(in, c) != string(value):
		return replyError("can't set immutable config")
	}
	return nil
}

// checkConfigSet finds what is wrong without knowing the process.
func checkConfigSet(args [][]byte) error {
	words := args[2:]
	if len(words)%2 != 0 {
		return errSyntax
	}
	for i := 0; i < len(words); i += 2 {
		p := findSetting(words[i])
		if p == nil {
			return replyError(fmt.Sprintf("ERR Unknown option or number of arguments for CONFIG SET - '%s'", clip(words[i], 128)))
		}
		for j := 0; j < i; j += 2 {
			if findSetting(words[j]) == p {
				return configSetFailed(words[i], replyError("duplicate parameter"))
			}
		}
	}
	return nil
}

func configSetFailed(name []byte, err error) error {
	return replyError(fmt.Sprintf("ERR CONFIG SET failed (possibly related to argument '%s') - %s", clip(name, 128), err))
}

func findSetting(name []byte) *setting {
	for i := range settings {
		if strings.EqualFold(settings[i].name, string(name)) {
			return &settings[i]
		}
	}
	return nil
}

// secretsOfConfigSet is Spec.secret of CONFIG SET: the values from that of the
// password on, and of what might be one written wrong.
func secretsOfConfigSet(args [][]byte) int {
	for i := 2; i < len(args); i += 2 {
		if p := findSetting(args[i]); p == nil || p.name == "requirepass" {
			return i + 1
		}
	}
	return len(args)
}

// CONFIG REWRITE
func configRewrite(*Session, [][]byte, *wire.Reply) error { return errNoConfigFile }

// CONFIG RESETSTAT
func configResetStat(s *Session, _ [][]byte, out *wire.Reply) error {
	in := s.in
	for _, sum := range []interface{ Store(int64) }{&in.totals.calls, &in.totals.hits, &in.totals.misses, &in.totals.errors, &in.totals.connections} {
		sum.Store(0)
	}
	for i := range in.stats {
		stat := &in.stats[i]
		for _, sum := range []interface{ Store(int64) }{&stat.calls, &stat.nanos, &stat.failed, &stat.rejected} {
			sum.Store(0)
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.errors = nil
	*out = wire.OK
	return nil
}
