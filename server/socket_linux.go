package server

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawLimit is how many bytes a call may copy without telling Go's scheduler, which costs
// as much as copying a few hundred bytes. The descriptors never block.
const rawLimit = 64 << 10

// read reads from a descriptor that does not block.
func read(fd int, p []byte) (int, error) {
	if len(p) == 0 || len(p) > rawLimit {
		return unix.Read(fd, p)
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// write writes to a descriptor that does not block.
func write(fd int, p []byte) (int, error) {
	if len(p) == 0 || len(p) > rawLimit {
		return unix.Write(fd, p)
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// undelivered is how many bytes that were written to a TCP socket have not reached the peer.
func undelivered(fd int) int {
	n, _ := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	return n
}

// accept takes a connection from a listener that does not block.
func accept(fd int) (int, unix.Sockaddr, error) {
	return unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
}

// keepIdle is the option for the time after which the kernel asks whether a silent peer
// is still there.
const keepIdle = unix.TCP_KEEPIDLE
