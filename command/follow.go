package command

import (
	"errors"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// Follow runs a command with the flag Stream and gives each reply and message to deliver,
// where it is valid only during the call, until Interrupt. They come from the server that
// has the database, over a connection of their own. Without a server and in MULTI there
// is one reply, an error, and Follow returns nil. An error of Follow means that the server
// is gone.
func (d *Database) Follow(args [][]byte, deliver func(*wire.Reply)) error {
	if err := d.Open(); err != nil {
		return err
	}
	if d.forwarding.peer == nil || d.InMulti() {
		r := d.session.Do(args)
		deliver(&r)
		return nil
	}
	o := d.peerOptions()
	o.Messages = true
	stream := d.opt.Connect(o)
	if stream == nil {
		return engine.ErrBusy
	}
	defer stream.Close()
	d.setStream(stream)
	defer d.setStream(nil)
	stream.Send(args)
	for {
		r, err := stream.Receive()
		switch {
		case errors.Is(err, ErrInterrupted):
			return nil
		case err != nil:
			return err
		}
		deliver(r)
		if r.IsError() {
			return nil
		}
	}
}

func (d *Database) setStream(stream Peer) {
	f := &d.forwarding
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stream = stream
}
