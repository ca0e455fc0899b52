package engine

import "hash/crc32"

// hasSSE42 asks the processor for the instruction CRC32.
func hasSSE42() bool

var sse42 = hasSSE42()

// updateSSE42 uses the instruction CRC32, 8 bytes at a time.
//
//go:noescape
func updateSSE42(crc uint32, b []byte) uint32

func updateCRC(crc uint32, b []byte) uint32 {
	if sse42 {
		return updateSSE42(crc, b)
	}
	return crc32.Update(crc, crc32.MakeTable(crc32.Castagnoli), b)
}
