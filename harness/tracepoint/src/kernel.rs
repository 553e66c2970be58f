//! What programs must know of the kernel that they run in.

use harness_ebpf::asm::Assembler;
use harness_ebpf::btf::Btf;
use harness_ebpf::{Helper, PidNamespace, Program, Reg, Size};
use harness_sys::bpf;
use std::fs;
use std::os::linux::fs::MetadataExt;

/// The inode of the initial PID namespace: `PROC_PID_INIT_INO`, include/linux/proc_ns.h.
const INITIAL: u64 = 0xefff_fffc;

/// The offset of `thread_info.status` in `struct task_struct`, from BTF; `None` where the kernel has none
/// (`CONFIG_DEBUG_INFO_BTF`).
pub(crate) fn status_offset() -> Option<u32> {
    let bytes = fs::read("/sys/kernel/btf/vmlinux").ok()?;
    let btf = Btf::parse(&bytes).ok()?;
    btf.member_offset("task_struct", &["thread_info", "status"])
        .ok()
}

/// Whether a program can load the field at `offset` of `struct task_struct` itself, found out by loading
/// one that does (`bpf_get_current_task_btf`, Linux 5.11).
pub(crate) fn loads_fields(offset: u32) -> bool {
    let Ok(offset) = i16::try_from(offset) else {
        return false;
    };
    let mut asm = Assembler::new();
    asm.call(Helper::GetCurrentTaskBtf)
        .load(Size::W, Reg::R1, Reg::R0, offset)
        .ret(0);
    let program = Program {
        name: "loads_fields",
        tracepoint: None,
        insns: asm.finish(),
    };
    load(&program).is_ok()
}

/// Loads a program that uses no map.
pub(crate) fn load(program: &Program) -> Result<bpf::Program, bpf::LoadError> {
    let instructions = program.encode(|_| -1);
    bpf::Program::load(&bpf::ProgramSpec {
        name: program.name,
        instructions: &instructions,
    })
}

/// The PID namespace of this process; `None` for the initial one, in which the kernel gives ids without
/// being told.
pub(crate) fn pid_namespace() -> Option<PidNamespace> {
    let file = fs::metadata("/proc/self/ns/pid").ok()?;
    (file.st_ino() != INITIAL).then(|| PidNamespace {
        device: kernel_device(file.st_dev()),
        inode: file.st_ino(),
    })
}

/// A device number as the kernel has it (`MKDEV`, include/linux/kdev_t.h) from stat(2)'s.
fn kernel_device(device: u64) -> u64 {
    let major = (device >> 8) & 0xfff;
    let minor = (device & 0xff) | ((device >> 12) & 0xfff00);
    major << 20 | minor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_are_packed_differently_by_stat() {
        for (stat, kernel) in [(4, 4), (0x0010_0004, 0x104), (0x0801, 8 << 20 | 1)] {
            assert_eq!(kernel_device(stat), kernel, "{stat:#x}");
        }
    }
}
