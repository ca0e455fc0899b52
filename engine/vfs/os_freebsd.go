package vfs

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

func datasync(fd int) error { return unix.Fsync(fd) }

// msync of a part of a file leaves its size, so fsync follows.
func msync(fd int, b []byte) error {
	if err := unix.Msync(b, unix.MS_SYNC); err != nil {
		return err
	}
	return datasync(fd)
}

// reserve extends the size as well. The system call gives its error as its
// result, as the function of POSIX does.
func reserve(fd int, _, off, n int64) error {
	r, _, errno := unix.Syscall(unix.SYS_POSIX_FALLOCATE, uintptr(fd), uintptr(off), uintptr(n))
	if errno == 0 {
		errno = unix.Errno(r)
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// bootID is the time of the boot. A step of the clock moves it, which looks like
// a reboot: recovery then takes longer than it had to.
func bootID() string {
	t, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d.%06d", t.Sec, t.Usec)
}

func networkType(st *unix.Statfs_t) string {
	name := unix.ByteSliceToString(st.Fstypename[:])
	if slices.Contains([]string{"nfs", "oldnfs", "smbfs", "cifs", "p9fs"}, name) {
		return name
	}
	return ""
}
