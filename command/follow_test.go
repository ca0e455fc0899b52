package command

import (
	"errors"
	"slices"
	"testing"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/engine/vfs"
	"github.com/nubdb/nubdb/wire"
)

// talker is a server that says the same to everybody who listens.
type talker struct {
	says        []wire.Reply
	end         error
	messages    bool
	interrupted bool
	sent        int
}

func (p *talker) Send([][]byte) { p.sent++ }

func (p *talker) Receive() (*wire.Reply, error) {
	if p.interrupted {
		return nil, ErrInterrupted
	}
	if len(p.says) == 0 {
		return nil, p.end
	}
	r := p.says[0]
	p.says = p.says[1:]
	return &r, nil
}

func (p *talker) Interrupt()      { p.interrupted = true }
func (p *talker) ClearInterrupt() { p.interrupted = false }
func (p *talker) Close()          {}

func TestFollow(t *testing.T) {
	lost := errors.New("connection reset")
	for _, test := range []struct {
		name      string
		says      []wire.Reply
		end, want error
		interrupt int // after so many
		delivered []string
	}{
		{"until the server leaves", []wire.Reply{wire.Status("a"), wire.Status("b")}, ErrLeft, ErrLeft, 0, []string{"a", "b"}},
		{"until the connection is lost", []wire.Reply{wire.Status("a")}, lost, lost, 0, []string{"a"}},
		{"until Interrupt", []wire.Reply{wire.Status("a"), wire.Status("b"), wire.Status("c")}, lost, nil, 2, []string{"a", "b"}},
		{"not at all", []wire.Reply{wire.Error("ERR no"), wire.Status("b")}, lost, nil, 0, []string{"ERR no"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := vfs.NewMem()
			owner, err := engine.Open("/db", engine.Options{FS: fs, Inline: true})
			if err != nil {
				t.Fatal(err)
			}
			defer owner.Close()
			if tx, err := owner.Begin(true); err != nil || tx.Commit() != nil {
				t.Fatal(err)
			}
			var stream *talker
			d := NewDatabase(DatabaseOptions{Path: "/db", Engine: engine.Options{FS: fs, Inline: true}, Connect: func(o PeerOptions) Peer {
				p := &talker{messages: o.Messages}
				if o.Messages {
					p.says, p.end, stream = test.says, test.end, p
				}
				return p
			}})
			var delivered []string
			err = d.Follow([][]byte{[]byte("SUBSCRIBE"), []byte("news")}, func(r *wire.Reply) {
				if delivered = append(delivered, string(r.Str)); len(delivered) == test.interrupt {
					d.Interrupt()
				}
			})
			if !errors.Is(err, test.want) || !slices.Equal(delivered, test.delivered) {
				t.Errorf("delivered %q, %v; want %q, %v", delivered, err, test.delivered, test.want)
			}
			if stream == nil || stream.sent != 1 {
				t.Errorf("the connection for messages: %+v, want one request", stream)
			}
		})
	}
}

// Without a server there is nobody to listen to.
func TestFollowAlone(t *testing.T) {
	d := NewDatabase(DatabaseOptions{Path: "/db", Engine: engine.Options{FS: vfs.NewMem(), Inline: true}})
	defer d.Close()
	var got []string
	if err := d.Follow([][]byte{[]byte("MONITOR")}, func(r *wire.Reply) { got = append(got, string(r.Str)) }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"ERR MONITOR needs a connection to a server"}; !slices.Equal(got, want) {
		t.Errorf("answers %q, want %q", got, want)
	}
}
