//! The compiled tables: rows generated from `data/`, laid out by number at compile time.

use crate::abi::Abi;
use crate::table::{Syscall, Table, dense, dense_with_subcalls, size};

mod v5_4;
mod v6_1;
mod v7_2;

/// strace's i386 table ends with ipc(2)'s highest call, 24, at 521 + 24.
const I386_WITH_SUBCALLS: usize = 546;

macro_rules! strace_table {
    ($table:ident, $version:ident, $name:literal) => {
        pub(crate) static $table: Table = {
            static X86_64: [Option<Syscall>; size($version::x86_64::ROWS)] =
                dense($version::x86_64::ROWS);
            static I386: [Option<Syscall>; I386_WITH_SUBCALLS] = dense_with_subcalls(
                $version::i386::ROWS,
                $version::socketcall::ROWS,
                $version::ipc::ROWS,
            );
            static X32: [Option<Syscall>; size($version::x32::ROWS)] = dense($version::x32::ROWS);
            static AARCH64: [Option<Syscall>; size($version::aarch64::ROWS)] =
                dense($version::aarch64::ROWS);
            static ARM: [Option<Syscall>; size($version::arm::ROWS)] = dense($version::arm::ROWS);
            Table {
                name: $name,
                as_strace: true,
                abis: [&X86_64, &I386, &X32, &AARCH64, &ARM],
                socketcall: $version::socketcall::ROWS,
                ipc: $version::ipc::ROWS,
            }
        };
    };
}

strace_table!(STRACE_5_4, v5_4, "strace-5.4");
strace_table!(STRACE_6_1, v6_1, "strace-6.1");
strace_table!(STRACE_7_2, v7_2, "strace-7.2");

static CURRENT_I386: [Option<Syscall>; size(v7_2::i386::ROWS)] = dense(v7_2::i386::ROWS);

pub(crate) static CURRENT: Table = Table {
    name: "current",
    as_strace: false,
    abis: [
        STRACE_7_2.abis[Abi::X86_64.index()],
        &CURRENT_I386,
        STRACE_7_2.abis[Abi::X32.index()],
        STRACE_7_2.abis[Abi::Aarch64.index()],
        STRACE_7_2.abis[Abi::Arm.index()],
    ],
    socketcall: v7_2::socketcall::ROWS,
    ipc: v7_2::ipc::ROWS,
};

pub(crate) static ALL: [&Table; 4] = [&CURRENT, &STRACE_5_4, &STRACE_6_1, &STRACE_7_2];
