package engine

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/nubdb/nubdb/engine/vfs"
)

// MANIFEST says what a database directory is. It is replaced as a whole: written
// as MANIFEST.tmp, synced, renamed, and the directory synced. 96 bytes:
//
//	 0        8         12         16     32     48     56        64     68     92
//	+--------+---------+----------+------+------+------+---------+------+------+-----+
//	| magic  | version | features | uuid | seed | head | created | bits | 0    | crc |
//	| 8 B    | u32     | u32      | 16 B | 16 B | u64  | u64 ms  | u32  | 24 B | u32 |
//	+--------+---------+----------+------+------+------+---------+------+------+-----+
//
// A reader refuses a version above its own and any feature bit it does not know.
// head is the number of the first segment that still counts; a segment has 2^bits bytes.
const (
	manifestName  = "MANIFEST"
	tmpSuffix     = ".tmp" // of a file that will be renamed once it is complete
	manifestMagic = "NubDB\r\n\x1a"
	manifestSize  = 96

	formatVersion = 1
	knownFeatures = 0
)

type manifest struct {
	features uint32
	uuid     [16]byte
	seed     [16]byte // key of the index's hash function
	head     uint64
	created  int64
	// segmentBits says how long segments are.
	segmentBits uint32
}

// newManifest returns the manifest of a new database with random identity and seed.
func newManifest(now int64, bits uint32) manifest {
	m := manifest{head: 1, created: now, segmentBits: bits}
	rand.Read(m.uuid[:]) // cannot fail since Go 1.24
	rand.Read(m.seed[:])
	return m
}

// hashSeed is the key of the index's hash function.
func (m *manifest) hashSeed() [2]uint64 {
	le := binary.LittleEndian
	return [2]uint64{le.Uint64(m.seed[:]), le.Uint64(m.seed[8:])}
}

func (m *manifest) encode() []byte {
	b := make([]byte, manifestSize)
	le := binary.LittleEndian
	copy(b, manifestMagic)
	le.PutUint32(b[8:], formatVersion)
	le.PutUint32(b[12:], m.features)
	copy(b[16:], m.uuid[:])
	copy(b[32:], m.seed[:])
	le.PutUint64(b[48:], m.head)
	le.PutUint64(b[56:], uint64(m.created))
	le.PutUint32(b[64:], m.segmentBits)
	le.PutUint32(b[92:], crc32c(0, b[:92]))
	return b
}

func decodeManifest(b []byte) (m manifest, err error) {
	le := binary.LittleEndian
	if len(b) < 16 || string(b[:8]) != manifestMagic {
		return m, fmt.Errorf("%w: no %s of ours", ErrNotOurs, manifestName)
	}
	// The version comes before the checksum: a newer one may have another layout.
	if v := le.Uint32(b[8:]); v > formatVersion {
		return m, fmt.Errorf("%w: format %d, this program knows up to %d", ErrVersion, v, formatVersion)
	}
	if len(b) != manifestSize || le.Uint32(b[92:]) != crc32c(0, b[:92]) {
		return m, fmt.Errorf("%w: %s: %w", ErrCorrupt, manifestName, errChecksum)
	}
	m.features = le.Uint32(b[12:])
	if unknown := m.features &^ knownFeatures; unknown != 0 {
		return m, fmt.Errorf("%w: feature bits %#x", ErrVersion, unknown)
	}
	copy(m.uuid[:], b[16:])
	copy(m.seed[:], b[32:])
	m.head = le.Uint64(b[48:])
	m.created = int64(le.Uint64(b[56:]))
	m.segmentBits = le.Uint32(b[64:])
	if m.segmentBits < minSegmentBits || m.segmentBits > maxSegmentBits {
		return m, fmt.Errorf("%w: segments of 2^%d bytes", ErrVersion, m.segmentBits)
	}
	return m, nil
}

// readManifest reads the manifest in dir; fs.ErrNotExist if there is none.
func readManifest(fs vfs.FS, dir string) (manifest, error) {
	f, err := fs.OpenFile(join(dir, manifestName), os.O_RDONLY)
	if err != nil {
		return manifest{}, err
	}
	defer f.Close()
	var buf [manifestSize]byte
	b := buf[:]
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return manifest{}, err
	}
	return decodeManifest(b[:n])
}

// writeManifest replaces the manifest in dir. When it returns nil the new one is durable.
func writeManifest(fs vfs.FS, dir string, m *manifest) error {
	tmp := join(dir, manifestName+tmpSuffix)
	f, err := fs.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(m.encode(), 0)
	if err == nil {
		err = f.Datasync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fs.Rename(tmp, join(dir, manifestName))
	}
	if err == nil {
		err = fs.SyncDir(dir)
	}
	return err
}

// join is filepath.Join for clean parts, without its cost.
func join(dir, name string) string { return dir + "/" + name }
