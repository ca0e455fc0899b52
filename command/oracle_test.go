package command

import (
	"testing"

	"github.com/nubdb/nubdb/command/redistest"
)

// oracle is a real redis-server: its replies are the expectations.
type oracle struct {
	socket string
	conns  []*oracleConn // one for each session
}

type oracleConn struct{ *redistest.Conn }

// startOracle starts a redis-server and connects to it so many times.
func startOracle(t *testing.T, sessions int) *oracle {
	t.Helper()
	o := &oracle{socket: redistest.Start(t)}
	for range sessions {
		o.conns = append(o.conns, &oracleConn{redistest.Dial(t, o.socket)})
	}
	return o
}
