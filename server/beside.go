package server

import "github.com/nubdb/nubdb/wire"

// runBeside ends the group of the connection and calls f, which runs a command that may
// take long and delivers its reply, in a goroutine of its own. Until it has ended nothing
// else of the connection is run. f may use what the Reader returned last.
func (c *conn) runBeside(f func()) {
	c.loop.endGroup()
	c.busy, c.more = true, true
	s := c.loop.server
	s.beside.Add(1)
	go func() {
		defer s.beside.Done()
		f()
		if err := s.harden(c.syncAlways); err != nil {
			s.fail(err)
		}
		c.mu.Lock()
		c.done = true
		c.mu.Unlock()
		c.news.Store(true)
		c.loop.post(c)
	}()
}

// deliver leaves the reply to a command that ran beside the loop.
func (c *conn) deliver(r wire.Reply) {
	f := c.formOf(form(c.shared.Load())&lfOnly == 0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forward != nil && r.IsError() && c.loop.server.stopping.Load() {
		c.undone = true // the client gives the command to the next owner of the database
		return
	}
	if !c.session.Silent() {
		c.pushed = f.append(c.pushed, &r)
	}
}

// push leaves a message for the client. It may be called from any goroutine.
func (c *conn) push(r *wire.Reply) {
	f := form(c.shared.Load())
	c.mu.Lock()
	if len(c.pushed) > maxPushed {
		c.flooded = true
	} else {
		c.pushed = f.append(c.pushed, r)
	}
	c.mu.Unlock()
	if !c.news.Swap(true) {
		c.loop.post(c)
	}
}

// kill ends the connection. It may be called from any goroutine.
func (c *conn) kill() {
	c.mu.Lock()
	c.killed = true
	c.mu.Unlock()
	c.news.Store(true)
	c.loop.post(c)
}

// takePushed moves what was pushed to the output of this turn.
func (c *conn) takePushed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loop.out = append(c.loop.out, c.pushed...)
	c.pushed = c.pushed[:0]
	if !c.done && !c.killed && !c.flooded {
		c.news.Store(false)
	}
}

// readMail deals with what other goroutines have left.
func (c *conn) readMail() {
	c.news.Store(false)
	c.mu.Lock()
	c.out = append(c.out, c.pushed...)
	c.pushed = nil
	done, dropped := c.done, c.killed || c.flooded || len(c.out)-c.sent > maxPushed && c.session.Subscribed()
	answered := done && !c.undone
	c.done = false
	c.mu.Unlock()
	if done {
		c.busy = false
		c.closing = c.closing || c.session.Quit()
		if c.forward != nil {
			c.forward.committing = false
			if answered {
				c.forward.answered++
			} else {
				c.more = false // and those behind it
			}
		}
	}
	if dropped || c.lost && !c.busy {
		c.drop()
		return
	}
	c.flush()
}
