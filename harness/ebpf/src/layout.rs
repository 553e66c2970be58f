//! The structures that programs and user space share, and the maps that hold them.
//!
//! Programs take offsets from here by `offset_of!`; user space reads and writes the same bytes.

use crate::{Attachment, Config, Kind, Level, Map, MapSpec, Scope};
use std::mem::offset_of;

/// Numbers of an ABI that are told apart; all from the last one on share it.
pub const NUMBERS: usize = 1024;

/// The ABIs of x86, in the order of their numbers in [`Slots`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// x86-64.
    X86_64,
    /// i386.
    I386,
    /// x32.
    X32,
}

impl Row {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::X86_64, Self::I386, Self::X32];

    /// Where its numbers begin.
    #[must_use]
    pub const fn start(self) -> usize {
        self as usize * NUMBERS
    }
}

/// Which calls are traced: the value of [`Map::Slots`].
#[repr(C)]
pub struct Slots {
    /// Where each call is counted, by [`Row`] and number; 0 where it is not traced.
    pub slot: [u16; Row::ALL.len() * NUMBERS],
    /// Whether a number is traced in any ABI.
    pub any: [u8; NUMBERS],
}

/// Which calls are traced, as user space makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotTable {
    /// The value of [`Map::Slots`].
    pub bytes: Vec<u8>,
    /// The call of each slot; nothing is counted in slot 0.
    pub calls: Vec<Option<(Row, u32)>>,
}

impl SlotTable {
    /// Gives a slot to each call of a set.
    ///
    /// # Panics
    /// Never: there are fewer calls than slots.
    #[must_use]
    pub fn new(contains: impl Fn(Row, u32) -> bool) -> Self {
        let mut bytes = vec![0; size_of::<Slots>()];
        let mut calls = vec![None];
        for row in Row::ALL {
            for number in 0..NUMBERS {
                let call = (row, u32::try_from(number).expect("a small number"));
                if !contains(call.0, call.1) {
                    continue;
                }
                let slot = u16::try_from(calls.len()).expect("fewer slots than 65536");
                let at = offset_of!(Slots, slot) + (row.start() + number) * size_of::<u16>();
                bytes[at..at + 2].copy_from_slice(&slot.to_ne_bytes());
                bytes[offset_of!(Slots, any) + number] = 1;
                calls.push(Some(call));
            }
        }
        Self { bytes, calls }
    }

    /// How many slots are in use, slot 0 included.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }

    /// Whether no call is traced.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.len() == 1
    }

    /// Whether most numbers are traced in no ABI.
    #[must_use]
    pub fn is_sparse(&self) -> bool {
        let any = &self.bytes[offset_of!(Slots, any)..];
        any.iter().filter(|&&any| any != 0).count() < NUMBERS / 8
    }
}

/// The call that a task is in: the value of [`Map::Tasks`].
#[repr(C)]
pub struct Task {
    /// When it was entered, ns of CLOCK_MONOTONIC.
    pub entered_ns: u64,
    /// Its slot; 0 where the task is in no call that is traced.
    pub slot: u32,
    /// Its number, as the kernel has it.
    pub number: u32,
    /// Its arguments; a value has them for [`Level::Stream`] alone.
    pub arguments: [u64; 6],
}

/// Buckets of a histogram: bucket 0 holds 0 and 1 ns, bucket i from 2^i to 2^(i+1) - 1 ns, and the last one
/// everything longer.
pub const BUCKETS: usize = 40;

/// What is known of the calls of a slot on one CPU: the value of [`Map::Calls`]. A value is only as long as
/// its level needs.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Calls that were entered.
    pub calls: u64,
    /// Calls that returned -4095 to -1.
    pub errors: u64,
    /// How long those that returned took, ns.
    pub total_ns: u64,
    /// How many of them took how long.
    pub latency: [u64; BUCKETS],
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            calls: 0,
            errors: 0,
            total_ns: 0,
            latency: [0; BUCKETS],
        }
    }
}

fn word(bytes: &[u8], offset: usize) -> u64 {
    let word = bytes.get(offset..offset + 8);
    word.map_or(0, |word| {
        u64::from_ne_bytes(word.try_into().unwrap_or_default())
    })
}

fn half(bytes: &[u8], offset: usize) -> u32 {
    let half = bytes.get(offset..offset + 4);
    half.map_or(0, |half| {
        u32::from_ne_bytes(half.try_into().unwrap_or_default())
    })
}

impl Totals {
    /// From the bytes of a value; what it is too short for is 0.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        Self {
            calls: word(bytes, offset_of!(Self, calls)),
            errors: word(bytes, offset_of!(Self, errors)),
            total_ns: word(bytes, offset_of!(Self, total_ns)),
            latency: std::array::from_fn(|i| word(bytes, offset_of!(Self, latency) + i * 8)),
        }
    }

    /// Adds those of another CPU.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.total_ns += other.total_ns;
        for (sum, count) in self.latency.iter_mut().zip(other.latency) {
            *sum += count;
        }
    }
}

/// What programs and user space tell each other: the value of [`Map::Control`].
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Control {
    /// The `struct task_struct` of the harness, by the program that it runs by hand.
    pub own_task: u64,
    /// The task whose next child is wanted; 0 for none.
    pub parent: u64,
    /// Its last child.
    pub child: u64,
    /// Tasks enrolled by programs.
    pub tasks: u64,
    /// Tasks that found no room among [`Map::Tasks`].
    pub lost_tasks: u64,
    /// Records that found no room in the ring buffer.
    pub lost_records: u64,
}

impl Control {
    /// From the bytes of the value.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        Self {
            own_task: word(bytes, offset_of!(Self, own_task)),
            parent: word(bytes, offset_of!(Self, parent)),
            child: word(bytes, offset_of!(Self, child)),
            tasks: word(bytes, offset_of!(Self, tasks)),
            lost_tasks: word(bytes, offset_of!(Self, lost_tasks)),
            lost_records: word(bytes, offset_of!(Self, lost_records)),
        }
    }

    /// The bytes of the value.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let words = [
            self.own_task,
            self.parent,
            self.child,
            self.tasks,
            self.lost_tasks,
            self.lost_records,
        ];
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }
}

/// A call that a task made: a record of the ring buffer.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// When it was entered, ns of CLOCK_MONOTONIC.
    pub entered_ns: u64,
    /// When it returned; 0 where the task ended in it.
    pub returned_ns: u64,
    /// What it returned.
    pub result: i64,
    /// Its arguments; those of i386 are 32 bits wide.
    pub arguments: [u64; 6],
    /// The thread; 0 where its PID namespace is not the harness's.
    pub tid: u32,
    /// Its number, as the kernel has it.
    pub number: u32,
    /// Its slot.
    pub slot: u32,
    /// For the next record's alignment.
    pub padding: u32,
}

impl Record {
    /// From the bytes of a record.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        Self {
            entered_ns: word(bytes, offset_of!(Self, entered_ns)),
            returned_ns: word(bytes, offset_of!(Self, returned_ns)),
            result: word(bytes, offset_of!(Self, result)).cast_signed(),
            arguments: std::array::from_fn(|i| word(bytes, offset_of!(Self, arguments) + i * 8)),
            tid: half(bytes, offset_of!(Self, tid)),
            number: half(bytes, offset_of!(Self, number)),
            slot: half(bytes, offset_of!(Self, slot)),
            padding: 0,
        }
    }
}

/// Bytes of the value of [`Map::Tasks`].
#[must_use]
pub fn task_size(level: Level) -> usize {
    if level == Level::Stream {
        size_of::<Task>()
    } else {
        offset_of!(Task, arguments)
    }
}

/// Bytes of the value of [`Map::Calls`].
fn totals_size(level: Level) -> usize {
    match level {
        Level::Empty | Level::Tree | Level::Stream | Level::Count => offset_of!(Totals, errors),
        Level::Errors => offset_of!(Totals, total_ns),
        Level::Time => offset_of!(Totals, latency),
        Level::Histogram => size_of::<Totals>(),
    }
}

/// The maps that the programs of a configuration use.
#[must_use]
pub fn maps(config: &Config) -> Vec<MapSpec> {
    let bytes = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
    let array = |map, value_size| MapSpec {
        map,
        kind: Kind::Array,
        key_size: 4,
        value_size: bytes(value_size),
        max_entries: 1,
    };
    let mut maps = Vec::new();
    if config.level == Level::Empty {
        return maps;
    }
    let task_size = bytes(task_size(config.level));
    maps.push(match config.scope {
        Scope::Tree => MapSpec {
            map: Map::Tasks,
            kind: Kind::Hash,
            key_size: 8,
            value_size: task_size,
            max_entries: config.max_tasks,
        },
        Scope::Unchecked => MapSpec {
            map: Map::Tasks,
            kind: Kind::PerCpuArray,
            key_size: 4,
            value_size: task_size,
            max_entries: 1,
        },
    });
    maps.push(array(Map::Control, size_of::<Control>()));
    if config.attachment == Attachment::Running {
        maps.push(MapSpec {
            map: Map::Processes,
            kind: Kind::Hash,
            key_size: 4,
            value_size: 4,
            max_entries: config.max_tasks,
        });
    }
    if config.level > Level::Tree {
        maps.push(array(Map::Slots, size_of::<Slots>()));
    }
    if config.level == Level::Stream {
        maps.push(MapSpec {
            map: Map::Ring,
            kind: Kind::RingBuffer,
            key_size: 0,
            value_size: 0,
            max_entries: config.ring_bytes,
        });
    } else if config.level > Level::Tree {
        maps.push(MapSpec {
            map: Map::Calls,
            kind: Kind::PerCpuArray,
            key_size: 4,
            value_size: bytes(totals_size(config.level)),
            max_entries: config.slots,
        });
    }
    maps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_a_set_get_slots_in_order() {
        let table = SlotTable::new(|row, number| {
            matches!(
                (row, number),
                (Row::X86_64, 42) | (Row::I386, 362) | (Row::X32, 1023)
            )
        });
        let calls = [
            None,
            Some((Row::X86_64, 42)),
            Some((Row::I386, 362)),
            Some((Row::X32, 1023)),
        ];
        assert_eq!(table.calls, calls);
        assert_eq!(table.bytes.len(), size_of::<Slots>());
        assert_eq!(table.bytes[2 * 42], 1);
        assert_eq!(table.bytes[2 * (NUMBERS + 362)], 2);
        assert!(table.is_sparse());
        assert!(!SlotTable::new(|_, _| true).is_sparse());
        assert!(SlotTable::new(|_, _| false).is_empty());
    }

    #[test]
    fn what_is_written_is_read() {
        let control = Control {
            own_task: 1,
            parent: 2,
            child: 3,
            tasks: 4,
            lost_tasks: 5,
            lost_records: 6,
        };
        assert_eq!(control.bytes().len(), size_of::<Control>());
        assert_eq!(Control::read(&control.bytes()), control);
    }

    /// A value is as long as its level needs.
    #[test]
    fn short_values_have_no_errors() {
        let mut bytes = vec![0; totals_size(Level::Count)];
        bytes[..8].copy_from_slice(&7_u64.to_ne_bytes());
        let totals = Totals::read(&bytes);
        assert_eq!((totals.calls, totals.errors, totals.total_ns), (7, 0, 0));
    }
}
