//! Links of the whole machine: where each attaches which program.

use super::{Command, bpf_descriptor, info};
use crate::Errno;
use std::ffi::CStr;
use std::os::fd::AsFd;

/// `BPF_LINK_TYPE_RAW_TRACEPOINT`, uapi/linux/bpf.h.
const RAW_TRACEPOINT: u32 = 1;

/// Where a program is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkInfo {
    /// The program, by which the kernel lists it ([`super::program_ids`]).
    pub program: u32,
    /// The raw tracepoint; `None` for a link of another kind.
    pub raw_tracepoint: Option<String>,
}

/// What the kernel knows of a link, by its id ([`super::link_ids`]), whoever made it
/// (`BPF_LINK_GET_FD_BY_ID`, `BPF_OBJ_GET_INFO_BY_FD`).
///
/// # Errors
/// `ENOENT`: it is gone; `EPERM` without CAP_SYS_ADMIN; `EINVAL` before Linux 5.8.
pub fn link_info(id: u32) -> Result<LinkInfo, Errno> {
    #[repr(C)]
    struct Attributes {
        id: u32,
    }
    /// `struct bpf_link_info` of a raw tracepoint.
    #[repr(C)]
    struct RawTracepoint {
        kind: u32,
        id: u32,
        program: u32,
        padding: u32,
        name: u64,
        name_length: u32,
        padding_of_name: u32,
    }
    let mut attributes = Attributes { id };
    // SAFETY: `link_id` is the only field; nothing is pointed to. It returns a descriptor.
    let link = unsafe { bpf_descriptor(Command::LinkDescriptor, &mut attributes) }?;
    let mut head = [0_u32; 4];
    // SAFETY: the structure of every kind begins with its kind, its id, and the id of its program.
    unsafe { info(link.as_fd(), &mut head) }?;
    let [kind, _, program, _] = head;
    if kind != RAW_TRACEPOINT {
        return Ok(LinkInfo {
            program,
            raw_tracepoint: None,
        });
    }
    let mut name = [0_u8; 128];
    let mut raw = RawTracepoint {
        kind: 0,
        id: 0,
        program: 0,
        padding: 0,
        name: name.as_mut_ptr() as u64,
        name_length: 128,
        padding_of_name: 0,
    };
    // SAFETY: the link is one of a raw tracepoint, for which `name` points to as many writable bytes as it
    // says, which live until the call returns.
    unsafe { info(link.as_fd(), &mut raw) }?;
    let text = CStr::from_bytes_until_nul(&name).unwrap_or_default();
    Ok(LinkInfo {
        program,
        raw_tracepoint: Some(text.to_string_lossy().into_owned()),
    })
}
