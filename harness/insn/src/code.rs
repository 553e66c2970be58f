//! Opcodes that `seccomp_check_filter` (`kernel/seccomp.c`) accepts, composed as in
//! `include/uapi/linux/bpf_common.h` and `include/uapi/linux/filter.h`.
//!
//! A is the accumulator, X the index register, M the 16 words of scratch memory.

const LD: u16 = 0x00;
const LDX: u16 = 0x01;
const ST: u16 = 0x02;
const STX: u16 = 0x03;
const ALU: u16 = 0x04;
const JMP: u16 = 0x05;
const RET: u16 = 0x06;
const MISC: u16 = 0x07;

const W: u16 = 0x00;
const IMM: u16 = 0x00;
const ABS: u16 = 0x20;
const MEM: u16 = 0x60;
const LEN: u16 = 0x80;

const K: u16 = 0x00;
const X: u16 = 0x08;
const A: u16 = 0x10;

/// `A = data[k]`, a word of `struct seccomp_data`.
pub const LD_ABS: u16 = LD | W | ABS;
/// `A = sizeof(struct seccomp_data)`.
pub const LD_LEN: u16 = LD | W | LEN;
/// `A = k`.
pub const LD_IMM: u16 = LD | IMM;
/// `A = M[k]`.
pub const LD_MEM: u16 = LD | MEM;
/// `X = sizeof(struct seccomp_data)`.
pub const LDX_LEN: u16 = LDX | W | LEN;
/// `X = k`.
pub const LDX_IMM: u16 = LDX | IMM;
/// `X = M[k]`.
pub const LDX_MEM: u16 = LDX | MEM;
/// `M[k] = A`.
pub const ST_MEM: u16 = ST;
/// `M[k] = X`.
pub const STX_MEM: u16 = STX;

/// `A += k`.
pub const ADD_K: u16 = ALU | K;
/// `A += X`.
pub const ADD_X: u16 = ALU | X;
/// `A -= k`.
pub const SUB_K: u16 = ALU | 0x10 | K;
/// `A -= X`.
pub const SUB_X: u16 = ALU | 0x10 | X;
/// `A *= k`.
pub const MUL_K: u16 = ALU | 0x20 | K;
/// `A *= X`.
pub const MUL_X: u16 = ALU | 0x20 | X;
/// `A /= k`.
pub const DIV_K: u16 = ALU | 0x30 | K;
/// `A /= X`; returns 0 where X is 0.
pub const DIV_X: u16 = ALU | 0x30 | X;
/// `A |= k`.
pub const OR_K: u16 = ALU | 0x40 | K;
/// `A |= X`.
pub const OR_X: u16 = ALU | 0x40 | X;
/// `A &= k`.
pub const AND_K: u16 = ALU | 0x50 | K;
/// `A &= X`.
pub const AND_X: u16 = ALU | 0x50 | X;
/// `A <<= k`.
pub const LSH_K: u16 = ALU | 0x60 | K;
/// `A <<= X`.
pub const LSH_X: u16 = ALU | 0x60 | X;
/// `A >>= k`.
pub const RSH_K: u16 = ALU | 0x70 | K;
/// `A >>= X`.
pub const RSH_X: u16 = ALU | 0x70 | X;
/// `A = -A`.
pub const NEG: u16 = ALU | 0x80;
/// `A ^= k`.
pub const XOR_K: u16 = ALU | 0xa0 | K;
/// `A ^= X`.
pub const XOR_X: u16 = ALU | 0xa0 | X;

/// Skips `k` instructions.
pub const JA: u16 = JMP;
/// Jumps on `A == k`.
pub const JEQ_K: u16 = JMP | 0x10 | K;
/// Jumps on `A == X`.
pub const JEQ_X: u16 = JMP | 0x10 | X;
/// Jumps on `A > k`.
pub const JGT_K: u16 = JMP | 0x20 | K;
/// Jumps on `A > X`.
pub const JGT_X: u16 = JMP | 0x20 | X;
/// Jumps on `A >= k`.
pub const JGE_K: u16 = JMP | 0x30 | K;
/// Jumps on `A >= X`.
pub const JGE_X: u16 = JMP | 0x30 | X;
/// Jumps on `A & k`.
pub const JSET_K: u16 = JMP | 0x40 | K;
/// Jumps on `A & X`.
pub const JSET_X: u16 = JMP | 0x40 | X;

/// Returns `k`.
pub const RET_K: u16 = RET | K;
/// Returns A.
pub const RET_A: u16 = RET | A;

/// `X = A`.
pub const TAX: u16 = MISC;
/// `A = X`.
pub const TXA: u16 = MISC | 0x80;

/// Every one of them.
pub const ALL: [u16; 41] = [
    LD_ABS, LD_LEN, LD_IMM, LD_MEM, LDX_LEN, LDX_IMM, LDX_MEM, ST_MEM, STX_MEM, ADD_K, ADD_X,
    SUB_K, SUB_X, MUL_K, MUL_X, DIV_K, DIV_X, OR_K, OR_X, AND_K, AND_X, LSH_K, LSH_X, RSH_K, RSH_X,
    NEG, XOR_K, XOR_X, JA, JEQ_K, JEQ_X, JGT_K, JGT_X, JGE_K, JGE_X, JSET_K, JSET_X, RET_K, RET_A,
    TAX, TXA,
];
