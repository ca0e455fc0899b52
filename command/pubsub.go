package command

import (
	"maps"
	"slices"

	"github.com/nubdb/nubdb/wire"
)

// subscribers are the sessions that listen to a channel or to a pattern.
type subscribers map[*Session]struct{}

// topics are channels or patterns with who listens to them. Instance.mu guards it.
type topics map[string]subscribers

// SUBSCRIBE channel [channel ...]
func subscribe(s *Session, args [][]byte, out *wire.Reply) error {
	*out = s.subscribe("subscribe", &s.in.channels, &s.peer.channels, args[1:])
	return nil
}

// PSUBSCRIBE pattern [pattern ...]
func pSubscribe(s *Session, args [][]byte, out *wire.Reply) error {
	*out = s.subscribe("psubscribe", &s.in.patterns, &s.peer.patterns, args[1:])
	return nil
}

// UNSUBSCRIBE [channel ...]
func unsubscribe(s *Session, args [][]byte, out *wire.Reply) error {
	*out = s.unsubscribe("unsubscribe", s.in.channels, s.peer.channels, args[1:])
	return nil
}

// PUNSUBSCRIBE [pattern ...]
func pUnsubscribe(s *Session, args [][]byte, out *wire.Reply) error {
	*out = s.unsubscribe("punsubscribe", s.in.patterns, s.peer.patterns, args[1:])
	return nil
}

// subscribe adds the session to the topics of that kind, of the instance and its
// own, and confirms each.
func (s *Session) subscribe(confirmation string, all *topics, own *map[string]struct{}, names [][]byte) wire.Reply {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if *all == nil {
		*all = topics{}
	}
	if *own == nil {
		*own = map[string]struct{}{}
	}
	var confirmed []wire.Reply
	for _, name := range names {
		topic := string(name)
		if (*all)[topic] == nil {
			(*all)[topic] = subscribers{}
		}
		(*all)[topic][s] = struct{}{}
		(*own)[topic] = struct{}{}
		confirmed = append(confirmed, s.confirm(confirmation, wire.BulkString(topic)))
	}
	return s.series(confirmed)
}

// unsubscribe takes the session from the topics, all of that kind if none is
// named, and confirms each.
func (s *Session) unsubscribe(confirmation string, all topics, own map[string]struct{}, names [][]byte) wire.Reply {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if len(names) == 0 {
		for _, topic := range slices.Sorted(maps.Keys(own)) {
			names = append(names, []byte(topic))
		}
	}
	var confirmed []wire.Reply
	for _, name := range names {
		topic := string(name)
		all.leave(topic, s)
		delete(own, topic)
		confirmed = append(confirmed, s.confirm(confirmation, wire.BulkString(topic)))
	}
	if len(names) == 0 {
		confirmed = append(confirmed, s.confirm(confirmation, wire.Nil))
	}
	return s.series(confirmed)
}

func (t topics) leave(topic string, s *Session) {
	delete(t[topic], s)
	if len(t[topic]) == 0 {
		delete(t, topic)
	}
}

// confirm tells the client how many subscriptions it has after one more or less.
// in.mu is held.
func (s *Session) confirm(confirmation string, topic wire.Reply) wire.Reply {
	n := int64(len(s.peer.channels) + len(s.peer.patterns))
	s.subscriptions.Store(n)
	return wire.Reply{Kind: wire.KindPush, Elems: []wire.Reply{wire.BulkString(confirmation), topic, wire.Integer(n)}}
}

// series answers confirmations, which are sent even after CLIENT REPLY OFF.
func (s *Session) series(confirmed []wire.Reply) wire.Reply {
	s.silent = false
	return wire.Reply{Kind: wire.KindSeries, Elems: confirmed}
}

// leaveAll drops all subscriptions without a word. in.mu is held.
func (s *Session) leaveAll() {
	for topic := range s.peer.channels {
		s.in.channels.leave(topic, s)
	}
	for topic := range s.peer.patterns {
		s.in.patterns.leave(topic, s)
	}
	s.peer.channels, s.peer.patterns = nil, nil
	s.subscriptions.Store(0)
}

// PUBLISH channel message. Messages reach every subscriber in the same order.
func publish(s *Session, args [][]byte, out *wire.Reply) error {
	channel, payload := wire.Bulk(args[1]), wire.Bulk(args[2])
	n := int64(0)
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if to := s.in.channels[string(args[1])]; len(to) > 0 {
		n += to.deliver(wire.BulkString("message"), channel, payload)
	}
	for pattern, to := range s.in.patterns {
		if match([]byte(pattern), args[1]) {
			n += to.deliver(wire.BulkString("pmessage"), wire.BulkString(pattern), channel, payload)
		}
	}
	*out = wire.Integer(n)
	return nil
}

func (to subscribers) deliver(elems ...wire.Reply) int64 {
	message := wire.Reply{Kind: wire.KindPush, Elems: elems}
	for s := range to {
		s.opt.Push(&message)
	}
	return int64(len(to))
}

// PUBSUB CHANNELS [pattern]
func pubSubChannels(s *Session, args [][]byte, out *wire.Reply) error {
	if err := checkPubSubChannels(args); err != nil {
		return err
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	var found []wire.Reply
	for _, channel := range slices.Sorted(maps.Keys(s.in.channels)) {
		if len(args) == 2 || match(args[2], []byte(channel)) {
			found = append(found, wire.BulkString(channel))
		}
	}
	*out = wire.Array(found...)
	return nil
}

func checkPubSubChannels(args [][]byte) error {
	if len(args) > 3 {
		return subcommandArity(args)
	}
	return nil
}

// PUBSUB NUMSUB [channel ...]
func pubSubNumSub(s *Session, args [][]byte, out *wire.Reply) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	counts := make([]wire.Reply, 0, 2*len(args))
	for _, channel := range args[2:] {
		counts = append(counts, wire.Bulk(channel), wire.Integer(int64(len(s.in.channels[string(channel)]))))
	}
	*out = wire.Array(counts...)
	return nil
}

// PUBSUB NUMPAT
func pubSubNumPat(s *Session, _ [][]byte, out *wire.Reply) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	*out = wire.Integer(int64(len(s.in.patterns)))
	return nil
}
