package batch

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/nubdb/nubdb/command"
)

// atomic runs the inputs as one transaction. They are read to their end and
// linted first, so that slow input keeps nobody from the database and input that
// cannot succeed never touches it.
func (r *run) atomic() error {
	r.stop.listen() // to say that it was undone
	for _, src := range r.sources {
		copied := &spool{}
		src.rewind(io.TeeReader(src.bytes, copied))
		err := r.lint(src, command.CheckAtomic)
		if copied.file != nil {
			src.files = append(src.files, copied.file)
		}
		if err != nil {
			return err
		}
		src.rewind(copied.reader())
	}
	r.lintEnd()
	if r.counts.errors > 0 {
		r.note(StatusStopped)
		return nil
	}
	r.db.Atomic(r.writes)
	r.counts, r.ended, r.passed, r.current, r.begun = counts{}, false, 0, nil, nil
	return r.plain()
}

// spoolMemory is how much of an input is kept in memory, in bytes.
const spoolMemory = 8 << 20

// spool keeps an input until it is run: its beginning in memory, the rest in a
// temporary file that nobody else sees and that dies with the process.
type spool struct {
	memory bytes.Buffer
	file   *os.File
	size   int64 // of the file
}

func (s *spool) Write(p []byte) (int, error) {
	kept := min(len(p), spoolMemory-s.memory.Len())
	s.memory.Write(p[:kept])
	if kept == len(p) {
		return kept, nil
	}
	if err := s.open(); err != nil {
		return kept, err
	}
	n, err := s.file.Write(p[kept:])
	s.size += int64(n)
	if err != nil {
		err = fmt.Errorf("keeping the input until its end: %w", err)
	}
	return kept + n, err
}

func (s *spool) open() error {
	if s.file != nil {
		return nil
	}
	file, err := os.CreateTemp("", "nubdb")
	if err != nil {
		return fmt.Errorf("keeping the input until its end: %w", err)
	}
	s.file = file
	return os.Remove(file.Name())
}

// reader reads what was written, from the beginning.
func (s *spool) reader() io.Reader {
	if s.file == nil {
		return bytes.NewReader(s.memory.Bytes())
	}
	return io.MultiReader(bytes.NewReader(s.memory.Bytes()), io.NewSectionReader(s.file, 0, s.size))
}
