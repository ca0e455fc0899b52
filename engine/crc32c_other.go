//go:build !amd64

package engine

import "hash/crc32"

// The other processors that this program is built for need no large tables.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func updateCRC(crc uint32, b []byte) uint32 { return crc32.Update(crc, castagnoli, b) }
