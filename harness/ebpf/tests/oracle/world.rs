//! Tasks and what happens to them, as the kernel tells programs of it.

use crate::common::NAMESPACE;
use crate::memory::Memory;
use harness_ebpf::layout::Row;
use harness_ebpf::{Attachment, Config, Scope};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;

pub(crate) const CPUS: usize = 2;

/// Words of `struct pt_regs`, arch/x86/include/asm/ptrace.h.
pub(crate) const REGISTERS: usize = 21;

/// The word with the number of the call.
pub(crate) const ORIG_AX: usize = 15;

/// A task, by its number in this world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Task(pub(crate) u8);

/// As much of `struct task_struct` as programs load of it.
const TASK_BYTES: usize = 64;

thread_local! {
    /// Real memory, as programs load from it.
    static TASKS: Memory = Memory::new(Task::ALL.len() * TASK_BYTES);
}

impl Task {
    /// Two of each process; those of the last process are in a PID namespace of their own.
    pub(crate) const ALL: [Self; 6] = [Self(0), Self(1), Self(2), Self(3), Self(4), Self(5)];

    /// Where its `struct task_struct` is.
    pub(crate) fn address(self) -> u64 {
        TASKS.with(|tasks| tasks.address(usize::from(self.0) * TASK_BYTES))
    }

    /// Puts bytes into its `struct task_struct`.
    pub(crate) fn write(self, offset: usize, bytes: &[u8]) {
        TASKS.with(|tasks| tasks.write(usize::from(self.0) * TASK_BYTES + offset, bytes));
    }

    /// Where all of them are.
    pub(crate) fn memory() -> Range<u64> {
        TASKS.with(Memory::range)
    }

    /// Its own id and that of its process, in the initial PID namespace.
    pub(crate) fn ids(self) -> [u32; 2] {
        [100 + u32::from(self.0), 100 + u32::from(self.0 & !1)]
    }

    /// In the harness's PID namespace, if it is the task's.
    pub(crate) fn ids_in_namespace(self) -> Option<[u32; 2]> {
        (self.0 < 4).then(|| self.ids().map(|id| id - 99))
    }

    /// As the harness knows it.
    pub(crate) fn ids_for(self, config: &Config) -> Option<[u32; 2]> {
        if config.pid_namespace.is_some() {
            self.ids_in_namespace()
        } else {
            Some(self.ids())
        }
    }
}

/// A call, as a task enters it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entered {
    /// What the kernel gives the tracepoint: a long, of which the lower half counts.
    pub(crate) number: u64,
    /// Made as i386 makes it.
    pub(crate) is_compat: bool,
    /// Every other register.
    pub(crate) registers: [u64; REGISTERS],
}

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A task enters a call, unless it is in one.
    Enter {
        task: Task,
        cpu: usize,
        call: Entered,
    },
    /// A call ends; without an enter if the task is in none, as that of one that a filter denied does.
    Exit {
        task: Task,
        cpu: usize,
        result: i64,
        number: u64,
    },
    /// A task makes another, unless that lives.
    Fork { parent: Task, child: Task },
    /// A task ends.
    End(Task),
    /// User space enrols a task.
    Enrol(Task),
    /// User space wants the next child of a task, or of none.
    Want(Option<Task>),
    /// User space reads the ring buffer.
    Drain,
}

/// Numbers at every boundary that a program knows.
pub(crate) const NUMBERS: [u64; 17] = [
    0,
    1,
    39,
    59,
    1022,
    1023,
    1024,
    0x3fff_ffff,
    0x4000_0000,
    0x4000_0000 + 39,
    0x4000_0000 + 1022,
    0x4000_0000 + 1023,
    0x4000_0000 + 5000,
    0x8000_0000,
    u64::MAX,
    // What lies above an int is not the call's.
    0xdead_beef_0000_0027,
    0xffff_ffff_0000_03ff,
];

/// What can be in a set.
const SET: [u32; 6] = [0, 1, 39, 59, 1022, 1023];

/// What is traced.
pub(crate) type Set = BTreeSet<(Row, u32)>;

/// All of it as often as a part.
pub(crate) fn sets() -> impl Strategy<Value = Set> {
    let all = || {
        Row::ALL
            .into_iter()
            .flat_map(|row| SET.map(|number| (row, number)))
    };
    let part = prop::sample::subsequence(all().collect::<Vec<_>>(), 1..10);
    prop_oneof![
        Just(all().collect()),
        part.prop_map(|calls| calls.into_iter().collect()),
    ]
}

/// Every level and every variation, with few tasks and a short ring buffer, so that both overflow.
pub(crate) fn configs() -> impl Strategy<Value = Config> {
    let level = prop::sample::select(&crate::common::LEVELS[..]);
    let flags = any::<[bool; 5]>();
    // Prices a look, and does not measure; so less often.
    let scope =
        prop::sample::select(&[Scope::Tree, Scope::Tree, Scope::Tree, Scope::Unchecked][..]);
    let ring = prop::sample::select(&[288, 768, 1024][..]);
    let values = (level, flags, scope, ring);
    values.prop_map(
        |(level, [running, btf, typed_task, sparse, namespace], scope, ring_bytes)| {
            let attachment = if running && scope == Scope::Tree {
                Attachment::Running
            } else {
                Attachment::Launched
            };
            Config {
                scope,
                attachment,
                status_offset: btf.then_some(16),
                typed_task,
                sparse,
                pid_namespace: namespace.then_some(NAMESPACE),
                max_tasks: 3,
                ring_bytes,
                ..Config::new(level)
            }
        },
    )
}

fn tasks() -> impl Strategy<Value = Task> {
    prop::sample::select(&Task::ALL[..])
}

fn calls() -> impl Strategy<Value = Entered> {
    let number = prop::sample::select(&NUMBERS[..]);
    (number, any::<bool>(), any::<u64>()).prop_map(|(number, is_compat, seed)| Entered {
        number,
        is_compat,
        // Different in both halves, and each its own.
        registers: std::array::from_fn(|word| seed.wrapping_mul(2 * word as u64 + 3)),
    })
}

/// Results at every boundary of what is an error (`MAX_ERRNO`, include/linux/err.h).
fn results() -> impl Strategy<Value = i64> {
    let boundaries = [
        0,
        1,
        -1,
        -2,
        -4094,
        -4095,
        -4096,
        i64::MIN,
        i64::MAX,
        0xffff_f001,
    ];
    prop_oneof![4 => prop::sample::select(boundaries.to_vec()), 1 => any::<i64>()]
}

pub(crate) fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let cpu = || 0..CPUS;
    let event = prop_oneof![
        16 => (tasks(), cpu(), calls()).prop_map(|(task, cpu, call)| Event::Enter { task, cpu, call }),
        16 => (tasks(), cpu(), results(), prop::sample::select(&NUMBERS[..]))
            .prop_map(|(task, cpu, result, number)| Event::Exit { task, cpu, result, number }),
        3 => (tasks(), tasks()).prop_map(|(parent, child)| Event::Fork { parent, child }),
        1 => tasks().prop_map(Event::End),
        3 => tasks().prop_map(Event::Enrol),
        1 => prop::option::of(tasks()).prop_map(Event::Want),
        1 => Just(Event::Drain),
    ];
    // Nanoseconds since the event before: around every power of 2, up to beyond the last bucket.
    let power = (0..43_u32, 0..2_u64).prop_map(|(exponent, less)| (1 << exponent) - less);
    let time = prop_oneof![
        0..8_u64,
        power,
        (38..41_u32).prop_map(|exponent| 1 << exponent)
    ];
    prop::collection::vec((time, event), 1..80)
}
