package batch

import (
	"math"

	"github.com/nubdb/nubdb/wire"
)

// render adds the reply of a command to the output. cmd is nil for a place in
// the input that is not a command.
func (r *run) render(cmd *wire.Command, reply *wire.Reply) {
	if r.Quiet {
		return
	}
	if r.Echo && cmd != nil {
		r.out.buf = append(r.out.buf, "> "...)
		r.out.buf = appendCommand(r.out.buf, cmd.Args, math.MaxInt)
		r.out.buf = append(r.out.buf, '\n')
	}
	if reply.IsError() && !r.route.inPlace {
		return
	}
	r.out.buf = r.appendReply(r.out.buf, reply)
}

func (r *run) appendReply(dst []byte, reply *wire.Reply) []byte {
	switch r.Format {
	case JSON:
		file := ""
		if len(r.sources) > 1 {
			file = r.at.file
		}
		return wire.AppendJSON(dst, reply, file, r.at.line)
	case RESP:
		return wire.AppendRESP2(dst, reply)
	case Raw:
		return wire.AppendRaw(dst, reply, r.End)
	}
	if r.at.line == 0 { // the command of the command line
		return wire.AppendLines(dst, reply)
	}
	return wire.AppendPlain(dst, reply)
}
