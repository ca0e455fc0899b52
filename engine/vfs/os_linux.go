package vfs

import "golang.org/x/sys/unix"

func datasync(fd int) error { return unix.Fdatasync(fd) }

// msync is enough on Linux: with MS_SYNC it is an fdatasync of a part of the file,
// waits for the disk, cache included, and makes the size durable.
func msync(_ int, b []byte) error { return unix.Msync(b, unix.MS_SYNC) }

// reserve extends the size as well: mode is 0.
func reserve(fd int, _, off, n int64) error { return unix.Fallocate(fd, 0, off, n) }

// bootID is the kernel's random identity of this boot. Containers share it with
// their host, as they share its page cache.
func bootID() string {
	fd, err := open("/proc/sys/kernel/random/boot_id", unix.O_RDONLY)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var b [36]byte
	if n, _ := retry(func() (int, error) { return unix.Read(fd, b[:]) }); n != len(b) {
		return ""
	}
	return string(b[:])
}

// networkType knows file systems by the numbers of statfs(2). Network file
// systems in user space (sshfs, GlusterFS) cannot be told from local ones.
func networkType(st *unix.Statfs_t) string {
	const lustre = 0x0bd00bd0
	switch uint32(st.Type) {
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC:
		return "cifs"
	case unix.SMB_SUPER_MAGIC:
		return "smb"
	case unix.V9FS_MAGIC:
		return "9p"
	case unix.CEPH_SUPER_MAGIC:
		return "ceph"
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "afs"
	case unix.CODA_SUPER_MAGIC:
		return "coda"
	case unix.NCP_SUPER_MAGIC:
		return "ncp"
	case lustre:
		return "lustre"
	}
	return ""
}
