#include "textflag.h"

// func updateSSE42(crc uint32, b []byte) uint32
TEXT ·updateSSE42(SB), NOSPLIT, $0-36
	MOVL crc+0(FP), AX
	MOVQ b_base+8(FP), SI
	MOVQ b_len+16(FP), CX
	NOTL AX
	SUBQ $8, CX
	JLT  rest

words:
	CRC32Q (SI), AX
	ADDQ   $8, SI
	SUBQ   $8, CX
	JGE    words

rest:
	ADDQ $8, CX
	JEQ  done

bytes:
	CRC32B (SI), AX
	INCQ   SI
	DECQ   CX
	JNE    bytes

done:
	NOTL AX
	MOVL AX, ret+32(FP)
	RET

// func hasSSE42() bool
TEXT ·hasSSE42(SB), NOSPLIT, $0-1
	MOVL $1, AX
	XORL CX, CX
	CPUID
	SHRL $20, CX // SSE4.2 is bit 20 of ECX
	ANDL $1, CX
	MOVB CX, ret+0(FP)
	RET
