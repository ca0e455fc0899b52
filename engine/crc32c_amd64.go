package engine

import (
	"hash/crc32"

	"golang.org/x/sys/cpu"
)

// updateSSE42 uses the instruction CRC32, 8 bytes at a time.
//
//go:noescape
func updateSSE42(crc uint32, b []byte) uint32

func updateCRC(crc uint32, b []byte) uint32 {
	if cpu.X86.HasSSE42 {
		return updateSSE42(crc, b)
	}
	return crc32.Update(crc, crc32.MakeTable(crc32.Castagnoli), b)
}
