package vfs

import (
	"slices"

	"golang.org/x/sys/unix"
)

// datasync asks the drive to empty its cache too: fsync does not on macOS. Some
// file systems (FAT, network ones) know only fsync.
func datasync(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_FULLFSYNC, 0)
	if err == unix.ENOTSUP || err == unix.EOPNOTSUPP || err == unix.EINVAL || err == unix.ENOTTY {
		return unix.Fsync(fd)
	}
	return err
}

// msync hands the pages to the drive, datasync empties its cache.
func msync(fd int, b []byte) error {
	if err := unix.Msync(b, unix.MS_SYNC); err != nil {
		return err
	}
	return datasync(fd)
}

// reserve allocates what lies beyond the end of the file, then moves the end.
// Holes before the end cannot be filled.
func reserve(fd int, size, off, n int64) error {
	if off+n <= size {
		return nil
	}
	st := unix.Fstore_t{Flags: unix.F_ALLOCATEALL, Posmode: unix.F_PEOFPOSMODE, Length: off + n - size}
	if err := unix.FcntlFstore(uintptr(fd), unix.F_PREALLOCATE, &st); err != nil {
		return err
	}
	return unix.Ftruncate(fd, off+n)
}

func bootID() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}

func networkType(st *unix.Statfs_t) string {
	name := unix.ByteSliceToString(st.Fstypename[:])
	if slices.Contains([]string{"nfs", "smbfs", "cifs", "afpfs", "webdav", "ftp", "9p"}, name) {
		return name
	}
	return ""
}
