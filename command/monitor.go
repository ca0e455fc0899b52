package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// MONITOR
func monitor(s *Session, _ [][]byte, out *wire.Reply) error {
	if s.running > 0 {
		return errMonitorInMulti
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if !s.peer.monitor {
		s.peer.monitor = true
		s.in.monitors++
		s.in.attention.Or(monitored)
		s.monitoring.Store(true)
	}
	*out = wire.OK
	return nil
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

// report shows a command that the session has run to the monitors, without its secrets. If
// the session is one of them it has the line behind the reply, as in Valkey.
func (in *Instance) report(s *Session, args [][]byte) {
	now := time.Now().UnixMicro()
	line := fmt.Appendf(nil, "%d.%06d [0 %s]", now/1e6, now%1e6, monitorAddr(s.opt.Addr))
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
		switch {
		case !client.peer.monitor, client.mute.Load() != heard:
		case client == s:
			s.behind = append(s.behind, message)
		default:
			client.opt.Push(&message)
		}
	}
}

// addBehind adds to a reply what is to come behind it, which after QUIT is nothing.
func (s *Session) addBehind(r *wire.Reply) {
	if s.quit {
		return
	}
	*r = wire.Reply{Kind: wire.KindSeries, Elems: append([]wire.Reply{*r}, s.behind...)}
	s.behind = nil
}

// monitorAddr is how MONITOR shows an address: that of a unix socket as its path.
func monitorAddr(addr string) string {
	if path, ok := strings.CutSuffix(addr, ":0"); ok && strings.HasPrefix(path, "/") {
		return "unix:" + path
	}
	return addr
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
