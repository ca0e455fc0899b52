//go:build darwin || freebsd

package server

import "golang.org/x/sys/unix"

// read reads from a descriptor that does not block.
func read(fd int, p []byte) (int, error) { return unix.Read(fd, p) }

// write writes to a descriptor that does not block.
func write(fd int, p []byte) (int, error) { return unix.Write(fd, p) }

// undelivered is nothing: a close delivers what was written, also while something is not read.
func undelivered(int) int { return 0 }

// accept takes a connection from a listener that does not block.
func accept(fd int) (int, unix.Sockaddr, error) {
	conn, addr, err := unix.Accept(fd)
	if err != nil {
		return -1, nil, err
	}
	unix.CloseOnExec(conn)
	if err := unix.SetNonblock(conn, true); err != nil {
		unix.Close(conn)
		return -1, nil, err
	}
	return conn, addr, nil
}
