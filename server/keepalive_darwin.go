package server

import "golang.org/x/sys/unix"

// keepIdle is the option for the time after which the kernel asks whether a silent peer
// is still there.
const keepIdle = unix.TCP_KEEPALIVE
