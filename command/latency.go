package command

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// latencyLog holds the newest slow moments by the event that they belong to.
// There is one event, "command". Instance.mu guards it.
type latencyLog map[string]*latencyEvent

type latencyEvent struct {
	samples []latencySample // oldest first, at most maxLatencySamples
	worst   time.Duration
}

type latencySample struct {
	at   time.Time
	took time.Duration
}

// maxLatencySamples of an event are kept, as in Valkey.
const maxLatencySamples = 160

// add keeps a sample; of those in one second the longest, as Valkey does.
func (l *latencyLog) add(event string, at time.Time, took time.Duration) {
	if *l == nil {
		*l = latencyLog{}
	}
	e := (*l)[event]
	if e == nil {
		e = &latencyEvent{}
		(*l)[event] = e
	}
	e.worst = max(e.worst, took)
	if n := len(e.samples); n > 0 && e.samples[n-1].at.Unix() == at.Unix() {
		e.samples[n-1].took = max(e.samples[n-1].took, took)
		return
	}
	e.samples = append(e.samples, latencySample{at, took})
	if over := len(e.samples) - maxLatencySamples; over > 0 {
		e.samples = append(e.samples[:0], e.samples[over:]...)
	}
}

// LATENCY LATEST
func latencyLatest(s *Session, _ [][]byte, out *wire.Reply) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	var events []wire.Reply
	for _, name := range slices.Sorted(maps.Keys(s.in.latency)) {
		e := s.in.latency[name]
		last := e.samples[len(e.samples)-1]
		events = append(events, wire.Array(wire.BulkString(name), wire.Integer(last.at.Unix()),
			wire.Integer(last.took.Milliseconds()), wire.Integer(e.worst.Milliseconds())))
	}
	*out = wire.Array(events...)
	return nil
}

// LATENCY HISTORY event
func latencyHistory(s *Session, args [][]byte, out *wire.Reply) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	var samples []wire.Reply
	if e := s.in.latency[string(args[2])]; e != nil {
		for _, sample := range e.samples {
			samples = append(samples, wire.Array(wire.Integer(sample.at.Unix()), wire.Integer(sample.took.Milliseconds())))
		}
	}
	*out = wire.Array(samples...)
	return nil
}

// LATENCY RESET [event ...]
func latencyReset(s *Session, args [][]byte, out *wire.Reply) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	before := len(s.in.latency)
	if len(args) == 2 {
		s.in.latency = nil
	}
	for _, event := range args[2:] {
		delete(s.in.latency, string(event))
	}
	*out = wire.Integer(int64(before - len(s.in.latency)))
	return nil
}

// LATENCY DOCTOR
func latencyDoctor(s *Session, _ [][]byte, out *wire.Reply) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	text := s.scratch[:0]
	switch {
	case s.in.stats == nil || s.in.config.latencyThreshold == 0:
		text = append(text, "Latency is not monitored. A server starts with CONFIG SET latency-monitor-threshold <milliseconds>.\n"...)
	case len(s.in.latency) == 0:
		text = fmt.Appendf(text, "No command took %d ms or longer.\n", s.in.config.latencyThreshold.Milliseconds())
	}
	for _, name := range slices.Sorted(maps.Keys(s.in.latency)) {
		e := s.in.latency[name]
		text = fmt.Appendf(text, "%s: %d slow seconds since %s, the worst %d ms. SLOWLOG GET shows which commands.\n",
			name, len(e.samples), e.samples[0].at.UTC().Format(time.RFC3339), e.worst.Milliseconds())
	}
	s.scratch = text
	*out = wire.Reply{Kind: wire.KindVerbatim, Str: text}
	return nil
}
