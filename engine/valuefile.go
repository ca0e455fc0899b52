package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"strconv"

	"github.com/nubdb/nubdb/engine/vfs"
)

// A long value (geometry.maxInline) lies in a file of its own, which no compaction copies;
// the log's record holds its id and length. The id, also the file's name, is the
// address that the first record about it got, so it is never used twice. The file is
// synced before the frame of its record is, and removed when a record that replaces
// its own is durable.
//
//	+-------------------+--------------------------------+--------------------+
//	| the value         | CRC-32C of each 64 KiB of it,  | trailer, 32 bytes  |
//	| length bytes      | seeded with its number; u32    |                    |
//	+-------------------+--------------------------------+--------------------+
//
// The trailer: magic "NubValue", id u64, length u64, zero u32, and the CRC-32C of
// the checksums and the trailer up to here, u32.
const (
	valueChunk      = 64 << 10
	valueTrailer    = 32
	valueMagic      = "NubValue"
	valueReference  = 16 // bytes of a value in the log that is in a file
	valueNameSuffix = ".val"
)

func valueFileName(id uint64) string { return fmt.Sprintf("%016x%s", id, valueNameSuffix) }

func parseValueFileName(name string) (uint64, bool) {
	if len(name) != 20 || name[16:] != valueNameSuffix {
		return 0, false
	}
	id, err := strconv.ParseUint(name[:16], 16, 64)
	return id, err == nil && name == valueFileName(id)
}

// reference is what a record holds in place of a value that is in a file.
type reference struct {
	id     uint64
	length int64
}

func (v reference) encode() []byte {
	b := binary.LittleEndian.AppendUint64(nil, v.id)
	return binary.LittleEndian.AppendUint64(b, uint64(v.length))
}

func decodeReference(b []byte) (v reference, err error) {
	if len(b) != valueReference {
		return v, errBadRecord
	}
	v.id = binary.LittleEndian.Uint64(b)
	v.length = int64(binary.LittleEndian.Uint64(b[8:]))
	if v.length < 0 || v.length > MaxValue {
		return v, errBadRecord
	}
	return v, nil
}

// valueFileSize is the size of the file for a value of this length.
func valueFileSize(length int64) int64 {
	return length + (length+valueChunk-1)/valueChunk*4 + valueTrailer
}

// filePages is how many pages of the disk a value takes that is in a file, 0 for one that
// is not; the database keeps the sum, so that compaction knows what of the live bytes is
// in the log.
func filePages(length int64) uint32 { return uint32((length + pageSize - 1) / pageSize) }

// valueSums are the checksums and the trailer that follow a value.
func valueSums(id uint64, value []byte) []byte {
	le := binary.LittleEndian
	var b []byte
	for i := 0; i < len(value); i += valueChunk {
		chunk := value[i:min(i+valueChunk, len(value))]
		b = le.AppendUint32(b, crc32c(uint32(i/valueChunk), chunk))
	}
	b = append(b, valueMagic...)
	b = le.AppendUint64(b, id)
	b = le.AppendUint64(b, uint64(len(value)))
	b = le.AppendUint32(b, 0)
	return le.AppendUint32(b, crc32c(0, b))
}

// newValues are value files that are not yet on stable storage.
type newValues struct {
	files []uint64
	bytes int64
}

// noteValueFiles notes, for the case that this process dies, that there may be value files
// of which nothing is in the log.
func (db *DB) noteValueFiles() error {
	if db.idx.h.flags&flagValues != 0 {
		return nil
	}
	db.idx.h.flags |= flagValues
	return db.idx.writeSoft()
}

// writeValueFile makes the file for a value. It is not synced yet.
func writeValueFile(fs vfs.FS, dir string, id uint64, value []byte) error {
	name := join(dir, valueFileName(id))
	f, err := fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	if err = f.Allocate(0, valueFileSize(int64(len(value)))); err == nil {
		_, err = f.WriteAt(value, 0)
	}
	if err == nil {
		_, err = f.WriteAt(valueSums(id, value), int64(len(value)))
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		fs.Remove(name)
	}
	return err
}

// withValueFile calls do for a value file, unless it is gone.
func (db *DB) withValueFile(id uint64, do func(vfs.File) error) error {
	f, err := db.fs.OpenFile(join(db.dir, valueFileName(id)), os.O_RDWR)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return do(f)
}

// mapValueFile maps a value file and verifies it. The value is the mapping's first
// length bytes.
func mapValueFile(fs vfs.FS, dir string, v reference) (*vfs.Mapping, error) {
	name := valueFileName(v.id)
	damaged := func(cause error) error { return fmt.Errorf("%w: %s: %w", ErrCorrupt, name, cause) }
	f, err := fs.OpenFile(join(dir, name), os.O_RDONLY)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, damaged(err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if want := valueFileSize(v.length); size != want {
		return nil, damaged(fmt.Errorf("%w: %d bytes, want %d", errLength, size, want))
	}
	m, err := f.Map(0, size, false)
	if err != nil {
		return nil, err
	}
	if string(valueSums(v.id, m.Data[:v.length])) != string(m.Data[v.length:size]) {
		m.Unmap()
		return nil, damaged(errChecksum)
	}
	return m, nil
}
