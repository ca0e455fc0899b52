package batch

import (
	"strconv"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// summarize writes the line of --summary:
//
//	{"database":"nubdb.db","commands":4,"errors":0,"nils":0,"seconds":0.002,"rate":2000}
//
// rate is in commands per second.
func (r *run) summarize() {
	seconds := time.Since(r.began).Seconds()
	b := append(r.err.buf, `{"database":`...)
	b = wire.AppendJSONString(b, []byte(r.DB))
	b = strconv.AppendInt(append(b, `,"commands":`...), r.counts.commands, 10)
	b = strconv.AppendInt(append(b, `,"errors":`...), r.counts.errors, 10)
	b = strconv.AppendInt(append(b, `,"nils":`...), r.counts.nils, 10)
	b = strconv.AppendFloat(append(b, `,"seconds":`...), seconds, 'f', 6, 64)
	b = strconv.AppendFloat(append(b, `,"rate":`...), float64(r.counts.commands)/seconds, 'f', 0, 64)
	r.err.buf = append(b, "}\n"...)
	r.flushErr()
}
