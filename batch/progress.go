package batch

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
)

// ProgressMode says when the progress of a run is shown on stderr (--progress).
type ProgressMode int

const (
	ProgressAuto   ProgressMode = iota // on a terminal, when stdout is none and the run takes over a second
	ProgressAlways                     // from the start, whatever stdout and stderr are
	ProgressNever
)

// The progress appears after progressAfter and is redrawn every progressEvery.
const (
	progressAfter = time.Second
	progressEvery = 250 * time.Millisecond
)

// position is how far a run is.
type position struct {
	bytes    int64 // of the input
	commands int64 // -1 where there are none
}

// progress draws how far a run is on one line of a terminal, which stays below 80
// columns.
type progress struct {
	w       io.Writer
	total   int64 // bytes of all inputs, -1 if unknown
	begun   time.Time
	next    time.Time // of the next drawing, zero for never
	visible bool      // the line is on the terminal now
	shown   bool      // the line has been there
}

func newProgress(w io.Writer, mode ProgressMode, stdout, stderr *os.File, total int64, now time.Time) progress {
	p := progress{w: w, total: total, begun: now}
	switch {
	case mode == ProgressAlways:
		p.next = now
	case mode == ProgressAuto && isatty.IsTerminal(stderr.Fd()) && !isatty.IsTerminal(stdout.Fd()):
		p.next = now.Add(progressAfter)
	}
	return p
}

// due is the time until the next drawing, negative for never.
func (p *progress) due(now time.Time) time.Duration {
	if p.next.IsZero() {
		return -1
	}
	return max(0, p.next.Sub(now))
}

// clearLine takes away what is on the line and leaves the cursor at its beginning.
const clearLine = "\r\x1b[K"

// draw shows the line, in the place of what it was.
func (p *progress) draw(now time.Time, at position) {
	p.next = now.Add(progressEvery)
	p.visible, p.shown = true, true
	p.w.Write(p.append([]byte(clearLine), now.Sub(p.begun).Seconds(), at))
}

// clear takes the line away, so that another can be written.
func (p *progress) clear() {
	if p.visible {
		p.visible = false
		io.WriteString(p.w, clearLine)
	}
}

// finish leaves the line as it is at the end, if it was ever there.
func (p *progress) finish(now time.Time, at position) {
	if p.shown {
		p.draw(now, at)
		p.visible = false
		io.WriteString(p.w, "\n")
	}
}

// append writes the line itself:
//
//	 41% [========            ] 12.3 of 30.0 MB, 1,234,567 commands, 2,150,000/s, 0:03 left
//	12.3 MB, 1,234,567 commands, 2,150,000/s
//	 41% [========            ] 12.3 of 30.0 MB, 0:03 left
func (p *progress) append(dst []byte, seconds float64, at position) []byte {
	const width = 20
	if p.total > 0 {
		part := min(1, float64(at.bytes)/float64(p.total))
		done := int(part * width)
		dst = fmt.Appendf(dst, "%3.0f%% [%s%s] %s of ", part*100, strings.Repeat("=", done), strings.Repeat(" ", width-done), megabytes(at.bytes))
		dst = fmt.Appendf(dst, "%s MB", megabytes(p.total))
	} else {
		dst = fmt.Appendf(dst, "%s MB", megabytes(at.bytes))
	}
	if at.commands >= 0 {
		dst = append(append(dst, ", "...), thousands(at.commands)...)
		dst = append(dst, " commands"...)
	}
	if at.commands >= 0 && seconds > 0 {
		dst = fmt.Appendf(dst, ", %s/s", thousands(int64(float64(at.commands)/seconds)))
	}
	if p.total > 0 && at.bytes > 0 {
		left := int64(seconds * float64(p.total-at.bytes) / float64(at.bytes))
		dst = fmt.Appendf(dst, ", %d:%02d left", left/60, left%60)
	}
	return dst
}

func megabytes(n int64) string { return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) }

// thousands writes a number with commas between groups of three digits.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}
