//! The layout of BTF in bytes: include/uapi/linux/btf.h.

use super::BtfError;
use std::ffi::CStr;

/// `BTF_MAGIC` in the byte order of x86-64.
const MAGIC: [u8; 2] = [0x9f, 0xeb];

/// `struct btf_header`.
const HEADER: usize = 24;

/// `struct btf_type`.
const TYPE: usize = 12;

/// `struct btf_member`.
const MEMBER: usize = 12;

/// `BTF_KIND_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    pub(super) const INT: Self = Self(1);
    pub(super) const STRUCT: Self = Self(4);
    pub(super) const UNION: Self = Self(5);
    const TYPEDEF: Self = Self(8);
    const VOLATILE: Self = Self(9);
    const CONST: Self = Self(10);
    const RESTRICT: Self = Self(11);
    const TYPE_TAG: Self = Self(18);

    /// The bytes that follow `struct btf_type`: once, and for each of the `vlen` elements.
    const fn tail(self) -> Option<(usize, usize)> {
        Some(match self.0 {
            // INT, VAR, DECL_TAG
            1 | 14 | 17 => (4, 0),
            // PTR, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FLOAT, TYPE_TAG
            2 | 7..=12 | 16 | 18 => (0, 0),
            // ARRAY
            3 => (12, 0),
            // STRUCT, UNION, DATASEC, ENUM64
            4 | 5 | 15 | 19 => (0, 12),
            // ENUM, FUNC_PROTO
            6 | 13 => (0, 8),
            _ => return None,
        })
    }

    /// Whether it is another name for a type, or a qualifier of one.
    const fn is_transparent(self) -> bool {
        matches!(
            self,
            Self::TYPEDEF | Self::VOLATILE | Self::CONST | Self::RESTRICT | Self::TYPE_TAG
        )
    }
}

/// `struct btf_type`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    pub(super) kind: Kind,
    /// Offset into the strings; 0 if it has none.
    pub(super) name: u32,
    /// In bytes, or the id of a type: as the kind says.
    pub(super) size_or_id: u32,
    vlen: usize,
    /// Whether its members' offsets hold the sizes of bit fields.
    kind_flag: bool,
}

impl Type {
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let info = word(bytes, at + 4)?;
        Some(Self {
            kind: Kind((info >> 24 & 0x1f) as u8),
            name: word(bytes, at)?,
            size_or_id: word(bytes, at + 8)?,
            vlen: (info & 0xffff) as usize,
            kind_flag: info >> 31 == 1,
        })
    }
}

/// `struct btf_member`, taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawMember {
    /// Offset into the strings; 0 if it has none.
    pub(super) name: u32,
    pub(super) type_id: u32,
    pub(super) bit_offset: u32,
    /// How many bits a bit field has; 0 if the member is not one.
    pub(super) bits: u32,
}

/// All types, each found by its id.
#[derive(Debug)]
pub(super) struct Types<'a> {
    bytes: &'a [u8],
    strings: &'a [u8],
    /// Where the type with the id that is one more than the index begins. Id 0 is `void` and has no bytes.
    starts: Vec<u32>,
    /// The first type of a kind that is not known, as its length is not known either.
    unknown: Option<(u32, u8)>,
}

impl<'a> Types<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, BtfError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(BtfError::Magic {
                found: bytes[..bytes.len().min(MAGIC.len())].to_vec(),
            });
        }
        let truncated = |part| BtfError::Truncated { part };
        let header = bytes.get(..HEADER).ok_or(truncated("header"))?;
        let header = |at| word(header, at).ok_or(truncated("header"));
        let (version, header_len) = (header(0)?.to_le_bytes()[2], header(4)?);
        if version != 1 || (header_len as usize) < HEADER {
            return Err(BtfError::Version {
                version,
                header_len,
            });
        }
        let section = |at, part| {
            let (offset, len) = (header(at)? as usize, header(at + 4)? as usize);
            // Of 32 bits each.
            let start = header_len as usize + offset;
            bytes.get(start..start + len).ok_or(truncated(part))
        };
        let mut this = Self {
            bytes: section(8, "types")?,
            strings: section(16, "strings")?,
            starts: Vec::new(),
            unknown: None,
        };
        this.index()?;
        Ok(this)
    }

    /// Finds where each type begins.
    fn index(&mut self) -> Result<(), BtfError> {
        // A kernel's types have about 21 bytes each.
        self.starts.reserve(self.bytes.len() / 20);
        let truncated = BtfError::Truncated { part: "types" };
        let mut at = 0;
        while at < self.bytes.len() {
            let found = Type::read(self.bytes, at).ok_or_else(|| truncated.clone())?;
            // The section's length has 32 bits.
            let start = u32::try_from(at).map_err(|_| truncated.clone())?;
            let Some((once, each)) = found.kind.tail() else {
                let id = u32::try_from(self.starts.len() + 1).map_err(|_| truncated.clone())?;
                self.unknown = Some((id, found.kind.0));
                return Ok(());
            };
            at += TYPE + once + each * found.vlen;
            if at > self.bytes.len() {
                return Err(truncated);
            }
            self.starts.push(start);
        }
        Ok(())
    }

    /// Why types may be missing.
    pub(super) fn unknown(&self) -> Option<BtfError> {
        self.unknown
            .map(|(id, kind)| BtfError::UnknownKind { id, kind })
    }

    /// Every type with its id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Type)> + '_ {
        (1..).zip(&self.starts).filter_map(|(id, &start)| {
            Type::read(self.bytes, start as usize).map(|found| (id, found))
        })
    }

    /// The type with this id, and where it begins.
    fn get(&self, id: u32) -> Result<(usize, Type), BtfError> {
        let index = (id as usize).checked_sub(1);
        let start = index.and_then(|index| self.starts.get(index));
        let found = start.and_then(|&start| {
            let start = start as usize;
            Some((start, Type::read(self.bytes, start)?))
        });
        found.ok_or_else(|| self.unknown().unwrap_or(BtfError::Malformed { id }))
    }

    /// The type that this id stands for behind at most `limit` typedefs and qualifiers. A structure has no member of type
    /// `void`.
    pub(super) fn resolve(&self, id: u32, limit: usize) -> Result<(u32, Type), BtfError> {
        let mut current = id;
        for _ in 0..=limit {
            let (_, found) = self.get(current)?;
            if !found.kind.is_transparent() {
                return Ok((current, found));
            }
            current = found.size_or_id;
        }
        Err(BtfError::Malformed { id })
    }

    /// The members of the structure with this id.
    pub(super) fn members(
        &self,
        id: u32,
    ) -> Result<impl Iterator<Item = RawMember> + '_, BtfError> {
        let (start, found) = self.get(id)?;
        let first = start + TYPE;
        // `index` has seen that they are there.
        let bytes = self.bytes.get(first..first + found.vlen * MEMBER);
        let bytes = bytes.unwrap_or_default();
        Ok(bytes.chunks_exact(MEMBER).filter_map(move |member| {
            let offset = word(member, 8)?;
            let (bit_offset, bits) = if found.kind_flag {
                (offset & 0x00ff_ffff, offset >> 24)
            } else {
                (offset, 0)
            };
            Some(RawMember {
                name: word(member, 0)?,
                type_id: word(member, 4)?,
                bit_offset,
                bits,
            })
        }))
    }

    /// The integer with this id: at which bit of its bytes it begins, and how many bits it has.
    pub(super) fn integer(&self, id: u32) -> Result<(u8, u8), BtfError> {
        let (start, _) = self.get(id)?;
        let [bits, _, offset, _] = word(self.bytes, start + TYPE)
            .ok_or(BtfError::Malformed { id })?
            .to_le_bytes();
        Ok((offset, bits))
    }

    /// Whether the string at this offset is `name`, which is not empty.
    pub(super) fn has_name(&self, offset: u32, name: &str) -> bool {
        offset != 0
            && (self.strings.get(offset as usize..))
                .and_then(|rest| CStr::from_bytes_until_nul(rest).ok())
                .is_some_and(|found| found.to_bytes() == name.as_bytes())
    }
}

/// The `__u32` at this place.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}
