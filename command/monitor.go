package command

import (
	"fmt"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// MONITOR
func monitor(s *Session, _ [][]byte) (wire.Reply, error) {
	if s.executing {
		return wire.Reply{}, errMonitorInMulti
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if !s.peer.monitor {
		s.peer.monitor = true
		s.in.monitors++
		s.in.attention.Or(monitored)
		s.monitoring.Store(true)
	}
	return wire.OK, nil
}

// stopMonitor ends MONITOR. in.mu is held.
func (s *Session) stopMonitor() {
	if !s.peer.monitor {
		return
	}
	s.peer.monitor = false
	s.monitoring.Store(false)
	if s.in.monitors--; s.in.monitors == 0 {
		s.in.attention.And(^monitored)
	}
}

// report shows a command of the session to the monitors, without its secrets.
func (in *Instance) report(s *Session, args [][]byte) {
	now := time.Now().UnixMicro()
	line := fmt.Appendf(nil, "%d.%06d [0 %s]", now/1e6, now%1e6, s.opt.Addr)
	shown := Visible(args)
	for i, arg := range args {
		if i >= shown {
			arg = redacted
		}
		line = appendRepr(append(line, ' '), arg)
	}
	message := wire.Reply{Kind: wire.KindStatus, Str: line}
	in.mu.Lock()
	defer in.mu.Unlock()
	for client := range in.sessions {
		if client.peer.monitor {
			client.opt.Push(&message)
		}
	}
}

// redacted stands for a secret in MONITOR and SLOWLOG, as in Valkey.
var redacted = []byte("(redacted)")

// appendRepr appends a word in quotes, all bytes but printable ASCII escaped, as
// MONITOR shows it.
func appendRepr(dst, b []byte) []byte {
	dst = append(dst, '"')
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\a':
			dst = append(dst, '\\', 'a')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c < ' ' || c > '~':
			dst = fmt.Appendf(dst, `\x%02x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
