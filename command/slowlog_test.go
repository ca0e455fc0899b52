package command

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// measuring runs f in a bubble of time with a client of an instance that measures.
func measuring(t *testing.T, f func(in *Instance, c *client)) {
	synctest.Test(t, func(t *testing.T) {
		db, err := engine.Open(engine.Memory, engine.Options{Inline: true})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		in := NewInstance(db, Settings{Measure: true, Shutdown: func(bool) {}})
		f(in, newClient(in, "127.0.0.1:1000"))
	})
}

func TestSlowLog(t *testing.T) {
	measuring(t, func(in *Instance, c *client) {
		start := time.Now().Unix()
		expect(t, c.Session, [2]string{"CLIENT SETNAME me", "OK"}, [2]string{"SLEEP 0.009", "OK"}, [2]string{"SLOWLOG GET", "[]"})
		c.do("SLEEP 2")
		c.do("SLEEP 3.5")
		entries := c.Do(words("SLOWLOG GET")).Elems
		if len(entries) != 2 {
			t.Fatal(entries)
		}
		if got := show(entries[0]); got != "[:1 :"+decimal(start+5)+" :3500000 [$SLEEP $3.5] $127.0.0.1:1000 $me]" {
			t.Error(got)
		}
		expect(t, c.Session, [2]string{"SLOWLOG LEN", ":2"}, [2]string{"CONFIG SET slowlog-max-len 1", "OK"}, [2]string{"SLOWLOG LEN", ":1"},
			[2]string{"CONFIG SET slowlog-log-slower-than -1", "OK"}, [2]string{"SLEEP 1", "OK"}, [2]string{"SLOWLOG RESET", "OK"},
			[2]string{"SLOWLOG LEN", ":0"}, [2]string{"CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 100", "OK"}, [2]string{"SLOWLOG RESET", "OK"})
		// The words are clipped and without secrets; EXEC is there by its commands.
		c.do("SET k " + strings.Repeat("x", 200))
		c.do("DEL " + strings.Repeat("key ", 40))
		c.do("AUTH default secret")
		c.do("CONFIG SET timeout 0 requirepass secret")
		c.do("CONFIG SET requirepass \"\"")
		c.do("MULTI")
		c.do("GET k")
		c.do("EXEC")
		var got []string
		for _, entry := range c.Do(words("SLOWLOG GET -1")).Elems {
			got = append([]string{show(entry.Elems[3])}, got...)
		}
		want := []string{
			"[$SLOWLOG $RESET]", "[$SET $k $" + strings.Repeat("x", 128) + "... (72 more bytes)]",
			"[$DEL" + strings.Repeat(" $key", 30) + " $... (10 more arguments)]", "[$AUTH $(redacted) $(redacted)]",
			"[$CONFIG $SET $timeout $0 $requirepass $(redacted)]", "[$CONFIG $SET $requirepass $(redacted)]", "[$MULTI]", "[$GET $k]",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestGroupIsMeasured: each command of a group has its own time.
func TestGroupIsMeasured(t *testing.T) {
	measuring(t, func(in *Instance, c *client) {
		c.Begin()
		c.do("GET k")
		c.do("SLEEP 1")
		c.do("GET k")
		end(t, c.Session)
		time.Sleep(time.Hour) // between groups nobody is slow
		c.Begin()
		c.do("GET k")
		end(t, c.Session)
		if got := c.do("INFO commandstats"); !strings.Contains(got, "cmdstat_get:calls=3,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0\r\n") ||
			!strings.Contains(got, "cmdstat_sleep:calls=1,usec=1000000,usec_per_call=1000000.00,rejected_calls=0,failed_calls=0\r\n") {
			t.Error(got)
		}
		expect(t, c.Session, [2]string{"SLOWLOG LEN", ":1"})
	})
}

func TestLatency(t *testing.T) {
	measuring(t, func(in *Instance, c *client) {
		start := time.Now().Unix()
		expect(t, c.Session, [2]string{"SLEEP 1", "OK"}, [2]string{"LATENCY LATEST", "[]"})
		if got := c.do("LATENCY DOCTOR"); !strings.Contains(got, "not monitored") {
			t.Error(got)
		}
		expect(t, c.Session, [2]string{"CONFIG SET latency-monitor-threshold 100", "OK"}, [2]string{"SLEEP 0.05", "OK"}, [2]string{"LATENCY LATEST", "[]"},
			[2]string{"SLEEP 3", "OK"}, [2]string{"SLEEP 0.2", "OK"}, [2]string{"SLEEP 0.1", "OK"})
		at, last := decimal(start+4), decimal(start+4)
		expect(t, c.Session, [2]string{"LATENCY LATEST", "[[$command :" + last + " :3000 :3000]]"}, [2]string{"LATENCY HISTORY command", "[[:" + at + " :3000]]"})
		c.do("SLEEP 1")
		last = decimal(start + 5)
		expect(t, c.Session, [2]string{"LATENCY LATEST", "[[$command :" + last + " :1000 :3000]]"},
			[2]string{"LATENCY HISTORY command", "[[:" + at + " :3000] [:" + last + " :1000]]"}, [2]string{"LATENCY HISTORY other", "[]"})
		if got := c.do("LATENCY DOCTOR"); !strings.Contains(got, "command: 2 slow seconds") || !strings.Contains(got, "worst 3000 ms") {
			t.Error(got)
		}
		expect(t, c.Session, [2]string{"LATENCY RESET other", ":0"}, [2]string{"LATENCY RESET command", ":1"}, [2]string{"LATENCY LATEST", "[]"})
		for range 2 * maxLatencySamples {
			c.do("SLEEP 1")
		}
		if n := len(c.Do(words("LATENCY HISTORY command")).Elems); n != maxLatencySamples {
			t.Error(n, "samples are kept")
		}
	})
}

// TestInfo: the sections that are asked for, and in them what monitoring programs read.
func TestInfo(t *testing.T) {
	in := server(t, Settings{Measure: true, Port: 7000, MaxClients: 77})
	c := newClient(in, "127.0.0.1:1000")
	for _, line := range []string{"MSET a 1 b 2", "EXPIRE a 100", "GET a", "GET x", "MGET a x y", "GET", "FOO", "INCR a b"} {
		c.do(line)
	}
	headings := regexp.MustCompile(`(?m)^\$?# (\w+)\r$`)
	for args, want := range map[string]string{
		"":                         "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace",
		" all":                     "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats Cluster Keyspace",
		" everything":              "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats Cluster Keyspace",
		" KEYSPACE server":         "Server Keyspace",
		" default commandstats":    "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats Cluster Keyspace",
		" nothing":                 "",
		" clients nothing clients": "Clients",
	} {
		var got []string
		for _, found := range headings.FindAllStringSubmatch(c.do("INFO"+args), -1) {
			got = append(got, found[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("INFO%s: %v", args, got)
		}
	}
	all := c.do("INFO everything")
	for _, line := range []string{
		"redis_version:7.2.4", "valkey_version:8.1.0", "server_name:valkey", "nubdb_version:" + Version, "redis_mode:standalone", "tcp_port:7000",
		`process_id:\d+`, "run_id:[0-9a-f]{40}", `uptime_in_seconds:\d+`, "connected_clients:1", "maxclients:77", "blocked_clients:0",
		`used_memory:[1-9]\d*`, `used_memory_rss:[1-9]\d*`, `used_memory_peak:[1-9]\d*`, "maxmemory:0", "loading:0", `rdb_last_save_time:\d{10}`, "aof_enabled:1",
		"total_connections_received:1", "keyspace_hits:2", "keyspace_misses:3", "evicted_keys:0", "role:master", "connected_slaves:0",
		`used_cpu_sys:\d+\.\d{6}`, `used_cpu_user:\d+\.\d{6}`, "cluster_enabled:0", "db0:keys=2,expires=1,avg_ttl=0",
		`cmdstat_get:calls=2,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=1,failed_calls=0`, "errorstat_ERR:count=3", "total_error_replies:3",
	} {
		if !regexp.MustCompile("(?m)^" + line + "\r$").MatchString(all) {
			t.Errorf("no line %s in\n%s", line, all)
		}
	}
	c.do("CONFIG RESETSTAT")
	all = c.do("INFO everything")
	for _, line := range []string{"keyspace_hits:0", "total_error_replies:0"} {
		if !strings.Contains(all, line+"\r\n") {
			t.Error("after CONFIG RESETSTAT no", line)
		}
	}
	if strings.Contains(all, "errorstat_") || strings.Contains(all, "cmdstat_get") {
		t.Error(all)
	}
}

// TestPipelineIsTimedTogether: commands of a pipeline that are alike are timed together, so
// the log cannot say which of them it was; those that differ, that may be slow by themselves
// or that are to be measured exactly are not.
func TestPipelineIsTimedTogether(t *testing.T) {
	pipeline := func(c *client, lines ...string) {
		commands := make([]*wire.Command, len(lines))
		for i, line := range lines {
			commands[i] = &wire.Command{Args: words(line)}
		}
		c.Begin()
		c.Prefetch(len(commands), func(i int) *wire.Command { return commands[i] })
		for _, line := range lines {
			c.do(line)
			time.Sleep(4 * time.Millisecond)
		}
		end(t, c.Session)
	}
	entries := func(c *client) (got []string) {
		for _, entry := range c.Do(words("SLOWLOG GET -1")).Elems {
			got = append([]string{show(entry.Elems[2]) + " " + show(entry.Elems[3])}, got...)
		}
		c.do("SLOWLOG RESET")
		return got
	}
	long := strings.Repeat("x", togetherBytes+1)
	for _, test := range []struct {
		config string
		lines  []string
		want   []string
	}{
		{"", []string{"GET a", "GET b", "GET c", "GET d", "GET e"}, []string{":16000 [$GET $... (5 in a pipeline)]"}},
		{"", []string{"GET a", "GET b", "GET c"}, nil},
		{"", []string{"GET a", "GET b", "SET a 1", "GET a"}, nil},
		{"", []string{"GET a", "GET b", "GET c", "GET d", "SET a 1", "GET a"}, []string{":16000 [$GET $... (4 in a pipeline)]"}},
		{"", []string{"SET a " + long, "SET b " + long, "SET c " + long, "SET d " + long}, nil},
		{"", []string{"GET long", "GET long", "GET long", "GET long"}, nil},
		{"9999", []string{"GET a", "GET b", "GET c", "GET d", "GET e"}, nil},
	} {
		measuring(t, func(in *Instance, c *client) {
			time.Sleep(time.Second) // the clock of an instance begins at 0
			c.do("SET long " + long)
			if test.config != "" {
				c.do("CONFIG SET slowlog-log-slower-than " + test.config)
			}
			pipeline(c, test.lines...)
			if got := entries(c); !slices.Equal(got, test.want) {
				t.Errorf("%.60q: got %q, want %q", test.lines, got, test.want)
			}
			if got, want := c.do("INFO commandstats"), "calls="+decimal(int64(strings.Count(strings.Join(test.lines, "\n"), "GET")))+","; strings.Contains(test.lines[0], "GET") && !strings.Contains(got, "cmdstat_get:"+want) {
				t.Errorf("%q: %s", test.lines, got)
			}
		})
	}
}
