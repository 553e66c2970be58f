//! What this kernel gives to programs at tracepoints, each part found out by trying it.

use crate::error::{ATTACH, CREATE, Error, TEST_RUN};
use crate::kernel;
use crate::loaded::{map_error, program_error};
use crate::privileges::Privileges;
use harness_ebpf::asm::Assembler;
use harness_ebpf::{Map, Program, Tracepoint};
use harness_sys::{Errno, bpf, procfs};

/// What was found out about this kernel, and about this process in it.
#[derive(Debug)]
pub struct Survey {
    /// What this process may do.
    pub privileges: Privileges,
    /// Whether a program can be loaded.
    pub program: Result<OfProgram, Error>,
    /// Whether a ring buffer can be created (Linux 5.8).
    pub ring_buffer: Result<(), Error>,
    /// Whether calls of i386 can be told from those of x86-64, which takes BTF.
    pub tells_i386: bool,
    /// Whether a program can load a field of `struct task_struct` itself (Linux 5.11); else the kernel
    /// copies it, which takes longer.
    pub loads_fields: bool,
    /// Whether the kernel can be made to measure programs (Linux 5.8; CAP_SYS_ADMIN).
    pub statistics: Result<(), Errno>,
    /// Whether it measures all of them already (`kernel.bpf_stats_enabled`), which makes each more
    /// expensive.
    pub measures_all: bool,
    /// `kernel.unprivileged_bpf_disabled`.
    pub unprivileged_disabled: Option<u8>,
    /// Programs that others have attached at the tracepoints of system calls (Linux 5.8; CAP_SYS_ADMIN),
    /// but for those attached by perf_event_open(2).
    pub others: Result<Vec<Attached>, Errno>,
}

/// What was found out by a program that was loaded.
#[derive(Debug)]
pub struct OfProgram {
    /// Whether the kernel made machine code of it, and does not interpret it.
    pub jited: bool,
    /// Whether it can be run by hand (Linux 5.10).
    pub by_hand: Result<(), Error>,
    /// Whether it can be attached at each tracepoint.
    pub tracepoints: Vec<(Tracepoint, Result<(), Error>)>,
}

/// A program that somebody has attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The program's id.
    pub program: u32,
    /// Where.
    pub tracepoint: Tracepoint,
}

/// Loads a program that does nothing, runs it, attaches it at each tracepoint for a moment, creates a ring
/// buffer, and looks at who else has attached something. Nothing of it stays.
#[must_use]
pub fn survey() -> Survey {
    let others = others();
    let status_offset = kernel::status_offset();
    Survey {
        privileges: Privileges::own(),
        program: of_program(),
        ring_buffer: ring_buffer(),
        tells_i386: status_offset.is_some(),
        loads_fields: status_offset.is_some_and(kernel::loads_fields),
        statistics: bpf::enable_statistics().map(drop),
        measures_all: setting("kernel.bpf_stats_enabled") == Some(1),
        unprivileged_disabled: setting("kernel.unprivileged_bpf_disabled"),
        others,
    }
}

fn setting(name: &str) -> Option<u8> {
    procfs::sysctl(name)?.parse().ok()
}

fn of_program() -> Result<OfProgram, Error> {
    let mut asm = Assembler::new();
    asm.ret(0);
    let program = Program {
        name: "empty",
        tracepoint: None,
        insns: asm.finish(),
    };
    let loaded = kernel::load(&program).map_err(|source| Error::Load {
        program: program.name,
        source,
    })?;
    let info = loaded.info();
    let info = info.map_err(program_error("ask about", program.name))?;
    let run = loaded.test_run().map(drop);
    let attach = |tracepoint: Tracepoint| {
        let attached = loaded.attach(tracepoint.name()).map(drop);
        let attached = attached.map_err(program_error(ATTACH, tracepoint.name()));
        (tracepoint, attached)
    };
    Ok(OfProgram {
        jited: info.jited_bytes > 0,
        by_hand: run.map_err(program_error(TEST_RUN, program.name)),
        tracepoints: Tracepoint::ALL.into_iter().map(attach).collect(),
    })
}

fn ring_buffer() -> Result<(), Error> {
    // The least size: a page.
    let created = bpf::Map::create(&bpf::MapSpec {
        kind: bpf::MapKind::RingBuffer,
        name: Map::Ring.name(),
        key_size: 0,
        value_size: 0,
        max_entries: 4096,
    });
    created.map(drop).map_err(map_error(CREATE, Map::Ring))
}

fn others() -> Result<Vec<Attached>, Errno> {
    let mut found = Vec::new();
    for id in bpf::link_ids()? {
        let link = match bpf::link_info(id) {
            Ok(link) => link,
            // Gone since.
            Err(Errno::ENOENT) => continue,
            Err(errno) => return Err(errno),
        };
        let Some(name) = link.raw_tracepoint else {
            continue;
        };
        let mut of_calls = [Tracepoint::SysEnter, Tracepoint::SysExit].into_iter();
        if let Some(tracepoint) = of_calls.find(|tracepoint| tracepoint.name() == name) {
            found.push(Attached {
                program: link.program,
                tracepoint,
            });
        }
    }
    Ok(found)
}
