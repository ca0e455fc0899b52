package command

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// section is a part of INFO.
type section struct {
	name  string
	usual bool // is a part of INFO without arguments
	write func(b []byte, s *Session, f *figures) []byte
}

// figures are what several sections tell about.
type figures struct {
	db      engine.Stats
	process processFigures
	now     time.Time
	uptime  int64 // seconds
}

// sections are in Valkey's order.
var sections = [...]section{
	{"server", true, infoServer},
	{"clients", true, infoClients},
	{"memory", true, infoMemory},
	{"persistence", true, infoPersistence},
	{"stats", true, infoStats},
	{"replication", true, infoReplication},
	{"cpu", true, infoCPU},
	{"modules", true, func(b []byte, _ *Session, _ *figures) []byte { return b }},
	{"commandstats", false, infoCommandStats},
	{"errorstats", true, infoErrorStats},
	{"cluster", true, func(b []byte, _ *Session, _ *figures) []byte { return append(b, "cluster_enabled:0\r\n"...) }},
	{"keyspace", true, infoKeyspace},
}

// INFO [section ...]
func info(s *Session, args [][]byte, out *wire.Reply) error {
	st, err := s.db.Stats()
	if err != nil {
		return err
	}
	s.note()
	f := &figures{db: st, process: measureProcess(), now: time.Now(), uptime: int64(s.in.elapsed().Seconds())}
	text := s.scratch[:0]
	for i := range sections {
		if !sections[i].wanted(args[1:]) {
			continue
		}
		if len(text) > 0 {
			text = append(text, '\r', '\n')
		}
		text = fmt.Appendf(text, "# %s\r\n", title(sections[i].name))
		text = sections[i].write(text, s, f)
	}
	s.scratch = text
	*out = wire.Reply{Kind: wire.KindVerbatim, Str: text}
	return nil
}

// wanted tells whether the arguments of INFO ask for the section.
func (c *section) wanted(names [][]byte) bool {
	if len(names) == 0 {
		return c.usual
	}
	return slices.ContainsFunc(names, func(name []byte) bool {
		return strings.EqualFold(string(name), c.name) || is(name, "ALL") || is(name, "EVERYTHING") || is(name, "DEFAULT") && c.usual
	})
}

// title is the name of a section as its heading has it.
func title(name string) string {
	if name == "cpu" {
		return "CPU"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

func infoServer(b []byte, s *Session, f *figures) []byte {
	executable, _ := os.Executable()
	b = fmt.Appendf(b, "redis_version:%s\r\nserver_name:%s\r\nvalkey_version:%s\r\nnubdb_version:%s\r\n", redisVersion, serverName, valkeyVersion, Version)
	b = fmt.Appendf(b, "redis_mode:standalone\r\nos:%s %s\r\narch_bits:%d\r\n", runtime.GOOS, runtime.GOARCH, 32<<(^uint(0)>>63))
	b = fmt.Appendf(b, "process_id:%d\r\nrun_id:%s\r\ntcp_port:%d\r\n", os.Getpid(), s.in.run(), s.in.set.Port)
	b = fmt.Appendf(b, "server_time_usec:%d\r\nuptime_in_seconds:%d\r\nuptime_in_days:%d\r\n", f.now.UnixMicro(), f.uptime, f.uptime/86400)
	return fmt.Appendf(b, "executable:%s\r\nconfig_file:\r\n", executable)
}

// run is 40 hexadecimal digits that no other process has.
func (in *Instance) run() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.runID == "" {
		in.runID = fmt.Sprintf("%016x%016x%08x", rand.Uint64(), rand.Uint64(), rand.Uint32())
	}
	return in.runID
}

func infoClients(b []byte, s *Session, _ *figures) []byte {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	connected, subscribed := 0, 0
	for client := range s.in.sessions {
		if client.opt.Push != nil {
			connected++
		}
		if client.subscriptions.Load() > 0 {
			subscribed++
		}
	}
	return fmt.Appendf(b, "connected_clients:%d\r\nmaxclients:%d\r\nblocked_clients:0\r\ntracking_clients:0\r\npubsub_clients:%d\r\n",
		connected, s.in.config.maxClients, subscribed)
}

func infoMemory(b []byte, s *Session, f *figures) []byte {
	p := &f.process
	b = fmt.Appendf(b, "used_memory:%d\r\nused_memory_human:%s\r\n", p.heap, human(p.heap))
	b = fmt.Appendf(b, "used_memory_rss:%d\r\nused_memory_rss_human:%s\r\n", p.resident, human(p.resident))
	b = fmt.Appendf(b, "used_memory_peak:%d\r\nused_memory_peak_human:%s\r\n", p.peak, human(p.peak))
	b = fmt.Appendf(b, "used_memory_dataset:%d\r\nmaxmemory:%d\r\nmaxmemory_human:%s\r\n", f.db.LiveBytes, s.in.set.MaxSize, human(s.in.set.MaxSize))
	return append(b, "maxmemory_policy:noeviction\r\nmem_allocator:go\r\nlazyfree_pending_objects:0\r\n"...)
}

// human is a number of bytes as Valkey shows it to people.
func human(n int64) string {
	for i, unit := range [...]string{"B", "K", "M", "G"} {
		if n < 1<<(10*(i+1)) || unit == "G" {
			if i == 0 {
				return fmt.Sprintf("%dB", n)
			}
			return fmt.Sprintf("%.2f%s", float64(n)/float64(int64(1)<<(10*i)), unit)
		}
	}
	return ""
}

// infoPersistence tells of NubDB's log in the words that there are for an
// append-only file.
func infoPersistence(b []byte, s *Session, f *figures) []byte {
	s.in.mu.Lock()
	saved := s.in.saved.Unix()
	s.in.mu.Unlock()
	b = fmt.Appendf(b, "loading:0\r\nasync_loading:0\r\nrdb_changes_since_last_save:0\r\nrdb_bgsave_in_progress:0\r\nrdb_last_save_time:%d\r\n", saved)
	b = append(b, "rdb_last_bgsave_status:ok\r\naof_enabled:1\r\naof_rewrite_in_progress:0\r\naof_last_bgrewrite_status:ok\r\naof_last_write_status:ok\r\n"...)
	return fmt.Appendf(b, "aof_current_size:%d\r\naof_buffer_length:%d\r\n", f.db.LogBytes, f.db.Pending)
}

func infoStats(b []byte, s *Session, f *figures) []byte {
	t := &s.in.totals
	s.in.mu.Lock()
	channels, patterns := len(s.in.channels), len(s.in.patterns)
	s.in.mu.Unlock()
	b = fmt.Appendf(b, "total_connections_received:%d\r\ntotal_commands_processed:%d\r\n", t.connections.Load(), t.calls.Load())
	b = append(b, "instantaneous_ops_per_sec:0\r\nrejected_connections:0\r\nexpired_keys:0\r\nevicted_keys:0\r\n"...)
	b = fmt.Appendf(b, "keyspace_hits:%d\r\nkeyspace_misses:%d\r\n", t.hits.Load(), t.misses.Load())
	b = fmt.Appendf(b, "pubsub_channels:%d\r\npubsub_patterns:%d\r\n", channels, patterns)
	return fmt.Appendf(b, "latest_fork_usec:0\r\ntotal_error_replies:%d\r\n", t.errors.Load())
}

func infoReplication(b []byte, s *Session, _ *figures) []byte {
	return fmt.Appendf(b, "role:master\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\nmaster_replid:%s\r\nmaster_repl_offset:0\r\n", s.in.run())
}

func infoCPU(b []byte, _ *Session, f *figures) []byte {
	return fmt.Appendf(b, "used_cpu_sys:%.6f\r\nused_cpu_user:%.6f\r\nused_cpu_sys_children:0.000000\r\nused_cpu_user_children:0.000000\r\n",
		f.process.system.Seconds(), f.process.user.Seconds())
}

func infoCommandStats(b []byte, s *Session, _ *figures) []byte {
	for spec := range everyRow {
		if s.in.stats == nil {
			break
		}
		stat := &s.in.stats[spec.number]
		calls, rejected, micros := stat.calls.Load(), stat.rejected.Load(), stat.nanos.Load()/1000
		if calls == 0 && rejected == 0 {
			continue
		}
		b = fmt.Appendf(b, "cmdstat_%s:calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d\r\n",
			spec.path(), calls, micros, float64(micros)/float64(max(calls, 1)), rejected, stat.failed.Load())
	}
	return b
}

func infoErrorStats(b []byte, s *Session, _ *figures) []byte {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	for _, code := range slices.SortedFunc(maps.Keys(s.in.errors), cmp.Compare[string]) {
		b = fmt.Appendf(b, "errorstat_%s:count=%d\r\n", code, s.in.errors[code])
	}
	return b
}

func infoKeyspace(b []byte, _ *Session, f *figures) []byte {
	if f.db.Keys == 0 {
		return b
	}
	return fmt.Appendf(b, "db0:keys=%d,expires=%d,avg_ttl=0\r\n", f.db.Keys, f.db.Expiring)
}
