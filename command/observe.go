package command

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// What Instance.attention asks of the sessions.
const (
	measured  uint32 = 1 << iota // the time of each command
	monitored                    // each command is shown to a MONITOR
	paused                       // commands may have to wait: CLIENT PAUSE
)

// commandStat is what INFO commandstats says of a command.
type commandStat struct {
	calls, failed, rejected atomic.Int64
	nanos                   atomic.Int64
}

// tally is what a session has counted since it last added to the sums of its
// instance, which it does once a group.
type tally struct {
	calls, hits, misses int64 // commands; keys that were found when read, or not

	spec    *Spec // with Settings.Measure: the command that the following are about
	runs    int64
	failed  int64
	nanos   int64 // without the untimed ones
	untimed int   // the last runs, which have not been timed yet: they began at Session.clock
}

// totals are the sums of all sessions since the start or CONFIG RESETSTAT.
type totals struct {
	calls, hits, misses, errors, connections atomic.Int64
}

// execute runs a command in the transaction that it needs, and lets the instance
// know of it as far as it asks.
func (s *Session) execute(spec *Spec, args [][]byte, r *wire.Reply) error {
	s.tally.calls++
	attention := s.in.attention.Load()
	if attention == 0 {
		return s.perform(spec, args, r)
	}
	var err error
	if attention&measured != 0 {
		err = s.measure(spec, args, r)
	} else {
		err = s.perform(spec, args, r)
	}
	if attention&monitored != 0 && !spec.Has(Admin) {
		s.in.report(s, args)
	}
	return err
}

// elapsed is the time since the instance began, from the monotonic clock.
func (in *Instance) elapsed() time.Duration { return time.Since(in.started) }

// measure runs a command and takes down how long that took.
func (s *Session) measure(spec *Spec, args [][]byte, r *wire.Reply) error {
	s.about(spec)
	if s.clock == 0 {
		s.clock = s.in.elapsed()
	}
	start := s.clock // EXEC moves it
	err := s.perform(spec, args, r)
	s.about(spec) // EXEC has run others
	t := &s.tally
	t.runs++
	t.untimed++
	if err != nil {
		t.failed++
	}
	if s.coming > 0 {
		s.coming--
	}
	if !s.timedTogether(spec, args, r) {
		s.stopClock(start, args)
	}
	return err
}

// Commands of a pipeline are timed together, since to look at the clock takes 5 % of the time
// of a GET there, unless the slow log or the latency monitor shall have what takes less than
// exactBelow, or one has an argument or a reply of more than togetherBytes.
const (
	exactBelow    = defaultSlowerThan
	togetherBytes = 4 << 10
)

// timedTogether tells whether a command that has just run is to be timed with those to come.
func (s *Session) timedTogether(spec *Spec, args [][]byte, r *wire.Reply) bool {
	return s.coming > 0 && s.running == 0 && s.in.slowest.Load() >= int64(exactBelow) &&
		spec.Complexity == "O(1)" && spec.Flags&(Read|Write) != 0 &&
		len(args[len(args)-1]) <= togetherBytes && len(r.Str) <= togetherBytes
}

// about makes the tally about a command.
func (s *Session) about(spec *Spec) {
	if s.tally.spec != spec {
		s.flushRun()
		s.tally.spec = spec
	}
}

// stopClock takes down the time of the untimed runs, which began at start. args are the words of
// the last one; nil if they are not known any more.
func (s *Session) stopClock(start time.Duration, args [][]byte) {
	t := &s.tally
	s.clock = s.in.elapsed()
	took := s.clock - start
	t.nanos += int64(took)
	if took >= time.Duration(s.in.slowest.Load()) {
		if args == nil || t.untimed > 1 {
			args = [][]byte{[]byte(t.spec.Name), fmt.Appendf(nil, "... (%d in a pipeline)", t.untimed)}
		}
		s.tookLong(t.spec, args, took)
	}
	t.untimed = 0
}

// tookLong puts a command into the slow log, the latency monitor or both. The
// commands of an EXEC are there by themselves.
func (s *Session) tookLong(spec *Spec, args [][]byte, took time.Duration) {
	if spec.Has(EndsMulti) {
		return
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	now := time.Now()
	if c := &s.in.config; c.slowerThan >= 0 && took >= c.slowerThan {
		s.in.slow.add(slowCommand{at: now, took: took, args: slowWords(args), client: s.opt.Addr, name: s.peer.name}, c.slowLogMax)
	}
	if limit := s.in.config.latencyThreshold; limit > 0 && took >= limit {
		s.in.latency.add("command", now, took)
	}
}

// flushRun adds what was counted about one command to its sums.
func (s *Session) flushRun() {
	t := &s.tally
	if t.spec == nil {
		return
	}
	if t.untimed > 0 {
		s.stopClock(s.clock, nil)
	}
	stat := &s.in.stats[t.spec.number]
	stat.calls.Add(t.runs)
	stat.nanos.Add(t.nanos)
	stat.failed.Add(t.failed)
	t.spec, t.runs, t.nanos, t.failed = nil, 0, 0, 0
}

// seen counts a key that a command wanted to read.
func (s *Session) seen(found bool) {
	if found {
		s.tally.hits++
	} else {
		s.tally.misses++
	}
}

// note shows others how far the session is: what it ran last, and its counts. It is
// called once a group, because other processors look at what it writes.
func (s *Session) note() {
	s.flushRun()
	t := &s.tally
	if t.calls > 0 {
		s.in.totals.calls.Add(t.calls)
	}
	if t.hits > 0 {
		s.in.totals.hits.Add(t.hits)
	}
	if t.misses > 0 {
		s.in.totals.misses.Add(t.misses)
	}
	t.calls, t.hits, t.misses = 0, 0, 0
	s.coming = 0
	now := s.clock
	s.clock = 0
	if s.opt.Addr == "" {
		return // nobody is interested in a session without a connection
	}
	if now == 0 {
		now = s.in.elapsed()
	}
	s.peer.used.Store(int64(now))
	s.peer.last.Store(s.last)
	queued := int32(-1)
	switch {
	case s.running > 0:
		queued = s.running
	case s.multi.open:
		queued = int32(len(s.multi.commands))
	}
	s.peer.queued.Store(queued)
	s.peer.watches.Store(int32(len(s.watched.keys)))
}

// noteError counts an error that a command answers, by its code.
func (in *Instance) noteError(text string) {
	code, _, _ := strings.Cut(text, " ")
	in.totals.errors.Add(1)
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.errors == nil {
		in.errors = map[string]int64{}
	}
	in.errors[code]++
}

// noteRejected counts a command that was not admitted.
func (in *Instance) noteRejected(spec *Spec) {
	if in.stats != nil {
		in.stats[spec.number].rejected.Add(1)
	}
}
