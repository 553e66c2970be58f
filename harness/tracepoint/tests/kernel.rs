//! What the running kernel says of `harness-ebpf`: it takes every program, and writes instructions as we do; its BTF has
//! the offsets that programs need. Programs need the privilege to load them.

#[path = "../../ebpf/tests/common/mod.rs"]
mod common;

use common::{LEVELS, NAMESPACE, VARIATIONS, Variation, config, instructions};
use harness_ebpf::btf::Btf;
use harness_ebpf::layout::maps;
use harness_ebpf::programs::programs;
use harness_ebpf::{Alu, Config, Helper, Insn, Kind, Map, Reg, Size, Wide, Width};
use harness_sys::bpf::{self, MapKind, ProgramSpec};
use harness_sys::process;
use harness_testing::{Missing, skip};
use std::collections::BTreeSet;
use std::os::fd::{AsFd, AsRawFd};

fn load(instructions: &[u64]) -> Result<bpf::Program, bpf::LoadError> {
    let name = "harness_test";
    bpf::Program::load(&ProgramSpec { name, instructions })
}

const fn mov(dst: Reg, imm: i32) -> Insn {
    Insn::Alu {
        op: Alu::Mov,
        width: Width::W64,
        dst,
        src: harness_ebpf::Operand::Imm(imm),
    }
}

/// Whether programs can be loaded; says what is skipped where they cannot.
#[track_caller]
fn may_load(what: &str) -> bool {
    let Err(error) = load(&common::encode(&[mov(Reg::R0, 0), Insn::Exit])) else {
        return true;
    };
    let is_root = process::effective_user() == 0;
    let missing = if is_root {
        Missing::Host
    } else {
        Missing::Root
    };
    skip(missing, &format!("{what}: loading a program: {error}"));
    false
}

/// The maps of a configuration, in the kernel.
fn create(config: &Config) -> Vec<(Map, bpf::Map)> {
    let create = |spec: &harness_ebpf::MapSpec| {
        let kind = match spec.kind {
            Kind::Hash => MapKind::Hash,
            Kind::Array => MapKind::Array,
            Kind::PerCpuArray => MapKind::PerCpuArray,
            Kind::RingBuffer => MapKind::RingBuffer,
        };
        let created = bpf::Map::create(&bpf::MapSpec {
            kind,
            name: spec.map.name(),
            key_size: spec.key_size,
            value_size: spec.value_size,
            max_entries: spec.max_entries,
        });
        let created = created.unwrap_or_else(|error| panic!("{spec:?}: {error}"));
        (spec.map, created)
    };
    maps(config).iter().map(create).collect()
}

/// Beside the variations, so that each has a part in half of the configurations.
const NAMESPACED: Variation = ("namespace", |config| config.pid_namespace = Some(NAMESPACE));

#[test]
fn the_kernel_takes_every_program() {
    if !may_load("every program in the running kernel") {
        return;
    }
    // Programs that load a field themselves are chosen only where the kernel takes them.
    let loads_fields = harness_tracepoint::survey().loads_fields;
    let variations: Vec<_> = VARIATIONS.into_iter().skip(1).chain([NAMESPACED]).collect();
    let mut seen = BTreeSet::new();
    for level in LEVELS {
        for bits in 0..1 << variations.len() {
            let mut config = Config {
                max_tasks: 16,
                ring_bytes: 4096,
                ..config(level)
            };
            for (at, (_, change)) in variations.iter().enumerate() {
                if bits & 1 << at != 0 {
                    change(&mut config);
                }
            }
            config.typed_task &= loads_fields;
            // The same instructions on the same maps are the same program.
            let mut programs = programs(&config);
            programs.retain(|program| {
                let text = harness_ebpf::disassemble(&program.insns);
                seen.insert(format!("{:?}{text}", maps(&config)))
            });
            if programs.is_empty() {
                continue;
            }
            let maps = create(&config);
            let descriptor = |map| {
                let mut maps = maps.iter();
                let found = maps.find(|(known, _)| *known == map);
                found
                    .expect("a map of the configuration")
                    .1
                    .as_fd()
                    .as_raw_fd()
            };
            for program in programs {
                if let Err(error) = load(&program.encode(descriptor)) {
                    panic!("{} of {config:?}: {error}\n{}", program.name, error.log);
                }
            }
        }
    }
    assert!(seen.len() > 100, "{}", seen.len());
}

/// The verifier writes each instruction that it looks at; it comes to all of them, as each jump goes to the next one, and
/// stops at the last. The operands are unknown to it, as Linux 7.2 makes a `goto` of a branch on constants beforehand
/// (`bpf_prune_dead_branches`, kernel/bpf/const_fold.c).
#[test]
fn the_kernel_writes_instructions_as_we_do() {
    if !may_load("our listings beside the kernel's") {
        return;
    }
    let (unknown, copy) = (Reg::R6, |dst, src: Reg| Insn::Alu {
        op: Alu::Mov,
        width: Width::W64,
        dst,
        src: src.into(),
    });
    let mut insns = vec![Insn::Call(Helper::KtimeGetNs), copy(unknown, Reg::R0)];
    for at in [-8, -512] {
        let (size, base) = (Size::Dw, Reg::R10);
        insns.push(Insn::Store {
            size,
            base,
            offset: at,
            src: 0.into(),
        });
    }
    for mut insn in instructions() {
        match &mut insn {
            Insn::Jump { offset } | Insn::Branch { offset, .. } => *offset = 0,
            Insn::Call(Helper::KtimeGetNs | Helper::GetCurrentTask | Helper::GetCurrentPidTgid) => {
            }
            // Others need arguments, maps are addresses, and after the end there is nothing.
            Insn::Call(_) | Insn::Exit => continue,
            Insn::LoadWide { value, .. } if !matches!(value, Wide::Constant(_)) => continue,
            _ => {}
        }
        insns.extend([copy(Reg::R3, unknown), copy(Reg::R4, unknown), insn]);
    }
    // Of a register that was never set.
    insns.extend([copy(Reg::R0, Reg::R9), Insn::Exit]);
    let error = load(&common::encode(&insns)).expect_err("R9 is not set");
    assert!(error.log.contains("R9 !read_ok"), "{}", error.log);
    let line = |line: &str| {
        // Behind it, what is known of the registers.
        let (number, text) = line.split(';').next()?.trim().split_once(": (")?;
        Some(format!("{}: ({text}", number.parse::<u32>().ok()?))
    };
    let found: Vec<_> = error.log.lines().filter_map(line).collect();
    let ours = harness_ebpf::disassemble(&insns);
    let expected: Vec<_> = ours.lines().map(str::trim).collect();
    let (_exit, looked_at) = expected.split_last().expect("instructions");
    for (found, ours) in found.iter().zip(looked_at) {
        assert_eq!(found, ours);
    }
    assert_eq!(found.len(), looked_at.len(), "{}", error.log);
}

/// `thread_info` is the first member of `task_struct` (`CONFIG_THREAD_INFO_IN_TASK`), and its `status` lies behind `flags`
/// and, from Linux 5.11 on, `syscall_work` (arch/x86/include/asm/thread_info.h).
#[test]
fn the_kernels_own_types_are_read() {
    let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else {
        let what = "offsets in the running kernel: it has no /sys/kernel/btf/vmlinux";
        return skip(Missing::Host, what);
    };
    let btf = Btf::parse(&bytes).expect("BTF");
    let offset = |path: &[&str]| btf.member_offset("task_struct", path);
    assert_eq!(offset(&["thread_info", "flags"]), Ok(0));
    let has_work = offset(&["thread_info", "syscall_work"]).is_ok();
    let expected = if has_work { 16 } else { 8 };
    assert_eq!(offset(&["thread_info", "status"]), Ok(expected));
    // Ids of thread and process are neighbours, and not at the start.
    let ids = ["pid", "tgid"].map(|name| offset(&[name]).expect("an id"));
    assert!(ids[0] > 0 && ids[1] == ids[0] + 4, "{ids:?}");
}
