//! Why an offset cannot be found.

/// What is wrong with the bytes, or what they do not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BtfError {
    /// The bytes do not begin as BTF does.
    #[error(
        "these bytes are not BTF of this machine: they begin with {found:02x?} instead of [9f, eb]; read /sys/kernel/btf/vmlinux"
    )]
    Magic {
        /// The first two bytes, or fewer.
        found: Vec<u8>,
    },
    /// A version of the format that is not 1, or a header shorter than that of version 1.
    #[error(
        "BTF of version {version} with a header of {header_len} bytes is not supported, only version 1 with 24 bytes or \
         more; a newer harness may know it"
    )]
    Version {
        /// What the header says.
        version: u8,
        /// Its length in bytes, as it says itself.
        header_len: u32,
    },
    /// The bytes end early.
    #[error("the BTF ends within its {part}; read all of /sys/kernel/btf/vmlinux")]
    Truncated {
        /// What ends early: the header, the types or the strings.
        part: &'static str,
    },
    /// The structure is not among the types before one of a kind that came later than this code.
    #[error(
        "type {id} of the BTF is of the unknown kind {kind}, and what is looked for is not among the types before it; a newer \
         harness may know it"
    )]
    UnknownKind {
        /// The id of the type.
        id: u32,
        /// `BTF_KIND_*`, uapi/linux/btf.h.
        kind: u8,
    },
    /// No struct or union has the name.
    #[error("the BTF has no struct or union `{structure}`; take that of a running kernel")]
    NoStructure {
        /// The name.
        structure: String,
    },
    /// The structure has no member of the name.
    #[error("the kernel's `{structure}` has no member `{member}`; this kernel is not supported")]
    NoMember {
        /// The structure, with the path to it.
        structure: String,
        /// The name.
        member: String,
    },
    /// A member is looked for in a type that has none.
    #[error("`{member}` is not a struct or union, so it has no member `{inner}`; shorten the path")]
    NotStructure {
        /// What has no members, with the path to it.
        member: String,
        /// The name that was looked for in it.
        inner: String,
    },
    /// The member does not begin at a byte or does not fill its bytes.
    #[error(
        "`{member}` is a bit field, which has no offset in bytes; read the member that it is a part of"
    )]
    BitField {
        /// The member, with the path to it.
        member: String,
    },
    /// Several types have the name, and the member is not at the same place in all.
    #[error(
        "the kernel has several structs of one name, and `{member}` is not at the same place in all; its offset cannot be known"
    )]
    Ambiguous {
        /// The member, with the path to it.
        member: String,
    },
    /// A type refers to one that is not there, or to itself, or reaches beyond what an offset can hold.
    #[error(
        "type {id} of the BTF is inconsistent with those it refers to; read /sys/kernel/btf/vmlinux anew"
    )]
    Malformed {
        /// The id of the type.
        id: u32,
    },
}
