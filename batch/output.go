package batch

import "io"

// output collects what is to be written to a file, so that it is written in one piece.
type output struct {
	buf []byte
	w   io.Writer
}

// keepOutput is how much memory in bytes an output keeps for its next piece.
const keepOutput = 1 << 20

// flush writes everything collected. What could not be written is dropped.
func (o *output) flush() error {
	if len(o.buf) == 0 {
		return nil
	}
	_, err := o.w.Write(o.buf)
	o.drop()
	return err
}

// drop forgets everything collected.
func (o *output) drop() {
	if cap(o.buf) > keepOutput {
		o.buf = nil
	}
	o.buf = o.buf[:0]
}
