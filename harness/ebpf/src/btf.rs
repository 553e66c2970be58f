//! What the kernel says of its own types: BTF, as `/sys/kernel/btf/vmlinux` has it (Documentation/bpf/btf.rst).
//!
//! A program that reads a member of a kernel structure needs the member's offset, which differs from one kernel to the
//! next. This module finds it in the bytes and reads no file.

mod error;
mod format;

pub use error::BtfError;

use format::{Kind, Type, Types};
use std::collections::HashSet;

/// How many typedefs and qualifiers may lie between a member and its type: `MAX_RESOLVE_DEPTH`, kernel/bpf/btf.c.
const MAX_CHAIN: usize = 32;

/// The types of a kernel. It borrows the bytes and keeps no more than where each type begins.
///
/// ```
/// # use harness_ebpf::btf::{Btf, BtfError};
/// # fn offset(bytes: &[u8]) -> Result<u32, BtfError> {
/// Btf::parse(bytes)?.member_offset("task_struct", &["thread_info", "status"])
/// # }
/// ```
#[derive(Debug)]
pub struct Btf<'a> {
    types: Types<'a>,
}

/// A member of a structure.
struct Member {
    /// The id of its type.
    type_id: u32,
    /// Where it begins, in bits from the start of the outermost structure that was searched.
    bit_offset: u64,
    /// Whether the structure says how many bits it has.
    is_bit_field: bool,
}

impl<'a> Btf<'a> {
    /// The types in `bytes`, which are the whole of `/sys/kernel/btf/vmlinux` or of an ELF file's section `.BTF`.
    ///
    /// # Errors
    /// The bytes are not BTF in the byte order of x86-64, or they are cut short.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let types = Types::read(bytes)?;
        Ok(Self { types })
    }

    /// Where the member at the end of `path` begins, in bytes from the start of `structure`, a struct or union.
    ///
    /// Each name of `path` is a member of the one before. The members of anonymous structs and unions are found under the
    /// structure around them, as in C. An empty path is the structure itself, at 0.
    ///
    /// # Errors
    /// No such structure or member, a member of what is not a structure, a bit field, several structures of this name that
    /// disagree, or types that refer to each other in a way that no compiler writes.
    pub fn member_offset(&self, structure: &str, path: &[&str]) -> Result<u32, BtfError> {
        let mut found = None;
        for (id, candidate) in self.types.iter() {
            if !candidate.is_aggregate() || !self.types.has_name(candidate.name, structure) {
                continue;
            }
            let offset = self.offset_within(id, structure, path);
            match &found {
                None => found = Some(offset),
                Some(other) if *other == offset => {}
                Some(_) => {
                    return Err(BtfError::Ambiguous {
                        member: joined(structure, path),
                    });
                }
            }
        }
        found.unwrap_or_else(|| {
            Err(self.types.unknown().unwrap_or(BtfError::NoStructure {
                structure: structure.to_owned(),
            }))
        })
    }

    /// The offset in bytes of the member at the end of `path` in the structure with this id.
    fn offset_within(&self, id: u32, structure: &str, path: &[&str]) -> Result<u32, BtfError> {
        let (mut id, mut bits) = (id, 0_u64);
        for (depth, name) in path.iter().enumerate() {
            let parent = || joined(structure, &path[..depth]);
            let (inner, r#type) = self.types.resolve(id, MAX_CHAIN)?;
            if !r#type.is_aggregate() {
                return Err(BtfError::NotStructure {
                    member: parent(),
                    inner: (*name).to_owned(),
                });
            }
            let member = self
                .member(inner, name)?
                .ok_or_else(|| BtfError::NoMember {
                    structure: parent(),
                    member: (*name).to_owned(),
                })?;
            bits += member.bit_offset;
            if member.is_bit_field || bits % 8 != 0 || self.is_partial(member.type_id)? {
                return Err(BtfError::BitField {
                    member: joined(structure, &path[..=depth]),
                });
            }
            id = member.type_id;
        }
        u32::try_from(bits / 8).map_err(|_| BtfError::Malformed { id })
    }

    /// The member of that name in a structure or in the anonymous ones within it.
    fn member(&self, id: u32, name: &str) -> Result<Option<Member>, BtfError> {
        // Each structure is searched once, so types that contain themselves end the search, too.
        let mut seen = HashSet::new();
        let mut rest = vec![(id, 0_u64)];
        while let Some((id, base)) = rest.pop() {
            if !seen.insert(id) {
                continue;
            }
            for member in self.types.members(id)? {
                let bit_offset = base + u64::from(member.bit_offset);
                if self.types.has_name(member.name, name) {
                    return Ok(Some(Member {
                        type_id: member.type_id,
                        bit_offset,
                        is_bit_field: member.bits != 0,
                    }));
                }
                if member.name == 0 {
                    let (inner, r#type) = self.types.resolve(member.type_id, MAX_CHAIN)?;
                    if r#type.is_aggregate() {
                        rest.push((inner, bit_offset));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Whether it is an integer that fills a part of its bytes: how older compilers write a bit field
    /// (btf.rst, `BTF_KIND_INT`).
    fn is_partial(&self, id: u32) -> Result<bool, BtfError> {
        let (id, r#type) = self.types.resolve(id, MAX_CHAIN)?;
        if r#type.kind != Kind::INT {
            return Ok(false);
        }
        let (offset, bits) = self.types.integer(id)?;
        Ok(offset != 0 || u64::from(bits) != u64::from(r#type.size_or_id) * 8)
    }
}

impl Type {
    fn is_aggregate(self) -> bool {
        matches!(self.kind, Kind::STRUCT | Kind::UNION)
    }
}

/// As C writes it: `task_struct.thread_info.status`.
fn joined(structure: &str, path: &[&str]) -> String {
    let mut name = structure.to_owned();
    for member in path {
        name.push('.');
        name.push_str(member);
    }
    name
}
