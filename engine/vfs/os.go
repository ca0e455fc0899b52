package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// OS is the file system of the machine: Linux, macOS and FreeBSD on 64-bit
// processors.
//
// Files are bare descriptors, not *os.File: nothing is registered with the
// runtime's poller, which saves 40 % of the cost of opening one, and every short
// run opens several. So a File must not be used while it is being closed.
var OS FS = osFS{}

type osFS struct{}

func (osFS) OpenFile(name string, flag int) (File, error) {
	fd, err := open(name, flag)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &osFile{fd: fd, name: name}, nil
}

func (osFS) Mkdir(name string) error { return os.Mkdir(name, 0o700) }

func (osFS) ReadDir(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) Rename(from, to string) error {
	if err := retryErr(func() error { return unix.Rename(from, to) }); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func (osFS) Remove(name string) error { return os.Remove(name) }

func (osFS) SyncDir(name string) error {
	fd, err := open(name, os.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	// EINVAL is the answer of file systems that cannot sync a directory; there is
	// nothing that could be done instead (PostgreSQL ignores it as well).
	if err := retryErr(func() error { return unix.Fsync(fd) }); err != nil && err != unix.EINVAL {
		return &fs.PathError{Op: "fsync", Path: name, Err: err}
	}
	return nil
}

func (osFS) BootID() string { return bootID() }

func (osFS) Network(dir string) (string, error) {
	var st unix.Statfs_t
	if err := retryErr(func() error { return unix.Statfs(dir, &st) }); err != nil {
		return "", &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return networkType(&st), nil
}

// osFile is an open file of the machine.
type osFile struct {
	fd   int // -1 when closed
	name string
}

// maxIO is the most that is asked of one read or write: macOS refuses 2 GiB.
const maxIO = 1 << 30

func (f *osFile) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, f.fail("read", unix.EINVAL)
	}
	for n < len(p) {
		b := p[n:min(len(p), n+maxIO)]
		m, err := retry(func() (int, error) { return unix.Pread(f.fd, b, off+int64(n)) })
		if err != nil {
			return n, f.fail("read", err)
		}
		if m == 0 {
			return n, io.EOF
		}
		n += m
	}
	return n, nil
}

func (f *osFile) WriteAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, f.fail("write", unix.EINVAL)
	}
	for n < len(p) {
		b := p[n:min(len(p), n+maxIO)]
		m, err := retry(func() (int, error) { return unix.Pwrite(f.fd, b, off+int64(n)) })
		if err != nil {
			return n, f.fail("write", err)
		}
		if m == 0 {
			return n, f.fail("write", io.ErrUnexpectedEOF)
		}
		n += m
	}
	return n, nil
}

func (f *osFile) Close() error {
	fd := f.fd
	f.fd = -1
	// Not retried on EINTR: the descriptor is gone by then, and its number may
	// already be another file's.
	if err := unix.Close(fd); err != nil && err != unix.EINTR {
		return f.fail("close", err)
	}
	return nil
}

func (f *osFile) Datasync() error {
	return f.fail("sync", retryErr(func() error { return datasync(f.fd) }))
}

func (f *osFile) Size() (int64, error) {
	var st unix.Stat_t
	err := retryErr(func() error { return unix.Fstat(f.fd, &st) })
	return st.Size, f.fail("stat", err)
}

func (f *osFile) Truncate(size int64) error {
	return f.fail("truncate", retryErr(func() error { return unix.Ftruncate(f.fd, size) }))
}

func (f *osFile) Allocate(off, n int64) error {
	if off < 0 || n <= 0 {
		return f.fail("allocate", unix.EINVAL)
	}
	size, err := f.Size()
	if err != nil {
		return err
	}
	err = retryErr(func() error { return reserve(f.fd, size, off, n) })
	if err == unix.EOPNOTSUPP || err == unix.ENOTSUP || err == unix.ENOSYS || err == unix.EINVAL {
		// The file system cannot reserve (NFS before 4.2, ZFS on FreeBSD): zeros
		// do it. Never over what exists, which may be in use; holes in there
		// stay holes.
		err = f.writeZeros(max(size, off), off+n)
	}
	if err != nil {
		// ext4, for one, keeps what it could reserve, and the size with it.
		if now, _ := f.Size(); now > size {
			err = errors.Join(err, f.Truncate(size))
		}
	}
	return f.fail("allocate", err)
}

var zeros [64 << 10]byte

func (f *osFile) writeZeros(from, to int64) error {
	for from < to {
		n, err := f.WriteAt(zeros[:min(to-from, int64(len(zeros)))], from)
		if err != nil {
			return errors.Unwrap(err)
		}
		from += int64(n)
	}
	return nil
}

func (f *osFile) Map(off, n int64, writable bool) (*Mapping, error) {
	prot := unix.PROT_READ
	if writable {
		prot |= unix.PROT_WRITE
	}
	data, err := unix.Mmap(f.fd, off, int(n), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, f.fail("map", err)
	}
	m := &Mapping{Data: data}
	m.sync = func(off, n int) error { return f.syncMapped(data, off, n) }
	m.unmap = func() error { return f.fail("unmap", unix.Munmap(data)) }
	return m, nil
}

// syncMapped writes back the pages that hold [off, off+n) of a mapping.
func (f *osFile) syncMapped(data []byte, off, n int) error {
	if f.fd < 0 {
		return f.fail("sync", os.ErrClosed)
	}
	first := off &^ (os.Getpagesize() - 1)
	err := retryErr(func() error { return msync(f.fd, data[first:off+n]) })
	return f.fail("sync", err)
}

func (f *osFile) Identity() ([2]uint64, error) {
	var st unix.Stat_t
	err := retryErr(func() error { return unix.Fstat(f.fd, &st) })
	return [2]uint64{uint64(st.Dev), st.Ino}, f.fail("stat", err)
}

// fail names the operation and the file in an error.
func (f *osFile) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	if f.fd < 0 && err == unix.EBADF {
		err = os.ErrClosed
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// open opens a file close-on-exec. O_CREATE makes it with mode 0600.
func open(name string, flag int) (fd int, err error) {
	return retry(func() (int, error) { return unix.Open(name, flag|unix.O_CLOEXEC, 0o600) })
}

// retry calls a system call until no signal interrupts it.
func retry(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != unix.EINTR {
			return n, err
		}
	}
}

func retryErr(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
