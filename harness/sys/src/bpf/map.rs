//! Maps: made, read and written from user space.

use super::{
    Command, Name, address, bpf, bpf_descriptor, charged, id, name, number, possible_processors,
};
use crate::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a map is: `enum bpf_map_type`, uapi/linux/bpf.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// By key. All of its entries are allocated when it is made, so an insertion by a program fails only
    /// where the map is full (`E2BIG`).
    Hash,
    /// By an index of four bytes; always full, begins as zeros.
    Array,
    /// An array with a value for each possible CPU.
    PerCpuArray,
    /// Records from programs to user space, read with [`super::RingBuffer`] (Linux 5.8).
    RingBuffer,
}

impl MapKind {
    fn number(self) -> u32 {
        match self {
            Self::Hash => 1,
            Self::Array => 2,
            Self::PerCpuArray => 6,
            Self::RingBuffer => 27,
        }
    }
}

/// A map to be made.
#[derive(Debug, Clone, Copy)]
pub struct MapSpec<'a> {
    /// What it is.
    pub kind: MapKind,
    /// What tools such as bpftool show; cut to 15 bytes.
    pub name: &'a str,
    /// Bytes of a key: 4 for an array, 0 for a ring buffer.
    pub key_size: u32,
    /// Bytes of a value: 0 for a ring buffer.
    pub value_size: u32,
    /// How many entries it holds; of a ring buffer the bytes, a power of two and at least 4096.
    pub max_entries: u32,
}

/// A map.
#[derive(Debug)]
pub struct Map {
    pub(super) descriptor: OwnedFd,
    pub(super) kind: MapKind,
    pub(super) max_entries: u32,
    key_size: usize,
    value_size: usize,
    /// Bytes from the value of one CPU to that of the next.
    stride: usize,
    /// How many values a key has.
    processors: usize,
}

/// `BPF_MAP_CREATE` in `union bpf_attr`, up to the name.
#[repr(C)]
struct CreateAttributes {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
    inner_map: u32,
    numa_node: u32,
    name: Name,
}

/// `BPF_MAP_*_ELEM` in `union bpf_attr`.
#[repr(C)]
struct ElementAttributes {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

impl Map {
    /// Makes one (`BPF_MAP_CREATE`).
    ///
    /// # Errors
    /// `EPERM` without the privilege, and before Linux 5.11 where `RLIMIT_MEMLOCK` is too low and may
    /// not be raised; `EINVAL` where the kernel has no such kind or a size is none of its; `E2BIG`;
    /// `ENOMEM`.
    pub fn create(spec: &MapSpec<'_>) -> Result<Self, Errno> {
        let value_size = spec.value_size as usize;
        // The kernel rounds the value of a CPU up to 8 bytes (`bpf_percpu_array_copy`).
        let (stride, processors) = match spec.kind {
            MapKind::PerCpuArray => (value_size.next_multiple_of(8), possible_processors()?),
            MapKind::Hash | MapKind::Array | MapKind::RingBuffer => (value_size, 1),
        };
        let mut attributes = CreateAttributes {
            kind: spec.kind.number(),
            key_size: spec.key_size,
            value_size: spec.value_size,
            max_entries: spec.max_entries,
            flags: 0,
            inner_map: 0,
            numa_node: 0,
            name: name(spec.name),
        };
        // SAFETY: the attributes point to nothing, and a descriptor is returned.
        let make = || unsafe { bpf_descriptor(Command::MapCreate, &mut attributes) };
        Ok(Self {
            descriptor: charged(make)?,
            kind: spec.kind,
            max_entries: spec.max_entries,
            key_size: spec.key_size as usize,
            value_size,
            stride,
            processors,
        })
    }

    /// Sets the value of a key, whether or not it has one (`BPF_MAP_UPDATE_ELEM`, `BPF_ANY`); in a
    /// per-CPU array on every CPU.
    ///
    /// # Errors
    /// `E2BIG`: the map is full, or an array has no such index; `EOPNOTSUPP`: a ring buffer.
    ///
    /// # Panics
    /// The key or the value is not as long as the map's.
    pub fn update(&self, key: &[u8], value: &[u8]) -> Result<(), Errno> {
        assert_eq!(value.len(), self.value_size, "bytes of a value");
        let mut values = vec![0; self.stride * self.processors];
        for place in values.chunks_exact_mut(self.stride.max(1)) {
            place[..value.len()].copy_from_slice(value);
        }
        self.element(Command::MapUpdate, Some(key), &mut values)
    }

    /// The value of a key (`BPF_MAP_LOOKUP_ELEM`); `None` where it has none.
    ///
    /// # Errors
    /// `EOPNOTSUPP`: a ring buffer.
    ///
    /// # Panics
    /// The key is not as long as the map's; or it is a per-CPU array.
    pub fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        assert!(self.kind != MapKind::PerCpuArray, "one value of a key");
        let mut value = vec![0; self.value_size];
        match self.element(Command::MapLookup, Some(key), &mut value) {
            Ok(()) => Ok(Some(value)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// The values of an index of a per-CPU array, one for each possible CPU (`BPF_MAP_LOOKUP_ELEM`).
    /// They are read one after the other, while programs may be changing them.
    ///
    /// # Errors
    /// `ENOENT`: it has no such index.
    ///
    /// # Panics
    /// The key is not as long as the map's; or it is no per-CPU array.
    pub fn lookup_per_cpu(&self, key: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
        assert_eq!(self.kind, MapKind::PerCpuArray, "a value for each CPU");
        let mut values = vec![0; self.stride * self.processors];
        self.element(Command::MapLookup, Some(key), &mut values)?;
        let each = values.chunks_exact(self.stride);
        Ok(each
            .map(|value| value[..self.value_size].to_vec())
            .collect())
    }

    /// Removes a key (`BPF_MAP_DELETE_ELEM`); `false` where it was not there.
    ///
    /// # Errors
    /// `EINVAL`: an array; `EOPNOTSUPP`: a ring buffer.
    ///
    /// # Panics
    /// The key is not as long as the map's.
    pub fn delete(&self, key: &[u8]) -> Result<bool, Errno> {
        match self.element(Command::MapDelete, Some(key), &mut []) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// The key after this one, or the first one (`BPF_MAP_GET_NEXT_KEY`); `None` after the last. Where
    /// `after` was removed meanwhile a hash begins again with its first key.
    ///
    /// # Errors
    /// `EOPNOTSUPP`: a ring buffer.
    ///
    /// # Panics
    /// The key is not as long as the map's.
    pub fn next_key(&self, after: Option<&[u8]>) -> Result<Option<Vec<u8>>, Errno> {
        let mut next = vec![0; self.key_size];
        match self.element(Command::MapNextKey, after, &mut next) {
            Ok(()) => Ok(Some(next)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// By which the kernel lists it ([`super::map_ids`]).
    ///
    /// # Errors
    /// None is known: the descriptor is a map's.
    pub fn id(&self) -> Result<u32, Errno> {
        id(self.as_fd())
    }

    /// One of the commands for an entry. `other` is the value, or the room for the next key, and has as
    /// many bytes as the command takes of this map.
    fn element(&self, command: Command, key: Option<&[u8]>, other: &mut [u8]) -> Result<(), Errno> {
        if let Some(key) = key {
            assert_eq!(key.len(), self.key_size, "bytes of a key");
        }
        let mut attributes = ElementAttributes {
            map: number(self.as_fd()),
            padding: 0,
            key: key.map_or(0, |key| address(key.as_ptr(), key.len())),
            value: address(other.as_mut_ptr(), other.len()),
            flags: 0,
        };
        // SAFETY: the key is as long as the map's or null, which only `MapNextKey` takes; `other` is as
        // long as what the command reads or writes there.
        unsafe { bpf(command, &mut attributes) }.map(drop)
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
