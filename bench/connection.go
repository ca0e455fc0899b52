package main

import (
	"fmt"
	"net"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// connection is one of a client of Redis to a server.
type connection struct {
	net.Conn
	replies *wire.ReplyReader
}

func dial(network, address string) (*connection, error) {
	conn, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(time.Minute))
	return &connection{conn, wire.NewReplyReader(conn)}, nil
}

// do sends commands and returns the reply to the last.
func (c *connection) do(commands ...[]string) (reply wire.Reply, err error) {
	var b []byte
	for _, words := range commands {
		b = fmt.Appendf(b, "*%d\r\n", len(words))
		for _, w := range words {
			b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(w), w)
		}
	}
	if _, err := c.Write(b); err != nil {
		return reply, err
	}
	for range commands {
		if reply, err = c.replies.Read(); err != nil {
			return reply, err
		}
	}
	return reply, nil
}

// get returns the value of a key, "" if there is none.
func (c *connection) get(key string) (string, error) {
	reply, err := c.do([]string{"GET", key})
	if err == nil && reply.IsError() {
		err = fmt.Errorf("%w: GET answers %s", errWrong, reply.Str)
	}
	return string(reply.Str), err
}
