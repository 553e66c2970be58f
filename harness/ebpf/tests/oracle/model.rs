//! What must be known after each event, in plain Rust: the programs' specification.

use crate::world::{CPUS, Entered, REGISTERS, Set, Task};
use harness_ebpf::layout::{BUCKETS, Control, NUMBERS, Record, Row, SlotTable, Totals};
use harness_ebpf::{Attachment, Config, Level, Scope};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of the ring buffer that a record takes, its header with it.
const TAKEN: u32 = 96;

// BPF_RB_NO_WAKEUP and BPF_RB_FORCE_WAKEUP, include/uapi/linux/bpf.h.
const QUIET: u64 = 1;
const WAKE: u64 = 2;

/// The call that a task is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) slot: u32,
    pub(crate) number: u32,
    pub(crate) entered_ns: u64,
    pub(crate) arguments: [u64; 6],
}

/// What is known.
#[derive(Debug)]
pub(crate) struct Model {
    config: Config,
    set: Set,
    slots: BTreeMap<(Row, u32), u32>,
    /// The ids of processes that are watched.
    pub(crate) processes: BTreeSet<u32>,
    /// By address, or by CPU where the task is not looked at.
    pub(crate) tasks: BTreeMap<u64, Option<Call>>,
    calls: BTreeMap<(usize, usize), Totals>,
    pub(crate) control: Control,
    /// Those that the reader has not seen.
    pub(crate) records: Vec<(Record, u64)>,
}

/// An ABI and a number as they are told apart.
fn call_of(config: &Config, call: &Entered) -> (Row, u32) {
    let number = low(call.number);
    let last = u32::try_from(NUMBERS - 1).expect("1023");
    let (row, number) = if config.status_offset.is_some() && call.is_compat {
        (Row::I386, number)
    } else if number >= 0x4000_0000 {
        (Row::X32, number & !0x4000_0000)
    } else {
        (Row::X86_64, number)
    };
    (row, number.min(last))
}

fn low(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).expect("32 bits")
}

/// The arguments, arch/x86/include/asm/syscall.h: `struct pt_regs` begins with r15, r14, r13, r12, bp, bx, r11, r10, r9, r8,
/// ax, cx, dx, si, di.
fn arguments(is_compat: bool, registers: &[u64; REGISTERS]) -> [u64; 6] {
    let [_, _, _, _, bp, bx, _, r10, r9, r8, _, cx, dx, si, di, ..] = *registers;
    if is_compat {
        [bx, cx, dx, si, di, bp].map(|word| low(word).into())
    } else {
        [di, si, dx, r10, r8, r9]
    }
}

impl Model {
    pub(crate) fn new(config: &Config, set: &Set, slots: &SlotTable) -> Self {
        let slots = (0..)
            .zip(&slots.calls)
            .filter_map(|(slot, call)| Some(((*call)?, slot)));
        let unchecked = config.level != Level::Empty && config.scope == Scope::Unchecked;
        Self {
            config: config.clone(),
            set: set.clone(),
            slots: slots.collect(),
            processes: BTreeSet::new(),
            tasks: (0..CPUS as u64)
                .filter(|_| unchecked)
                .map(|cpu| (cpu, None))
                .collect(),
            calls: BTreeMap::new(),
            control: Control::default(),
            records: Vec::new(),
        }
    }

    /// The key under which a task's call is kept.
    fn key(&self, task: Task, cpu: usize) -> u64 {
        match self.config.scope {
            Scope::Tree => task.address(),
            Scope::Unchecked => cpu as u64,
        }
    }

    /// Whether it can be told at once that no call of that number is traced.
    fn is_skipped(&self, number: u32) -> bool {
        let is_traced = self.set.iter().any(|&(_, traced)| traced == number);
        self.config.sparse && number < 1023 && !is_traced
    }

    fn is_watched(&self, task: Task) -> bool {
        let ids = task.ids_for(&self.config);
        self.config.attachment == Attachment::Running
            && ids.is_some_and(|[_, process]| self.processes.contains(&process))
    }

    /// Whether the task belongs to the tree now.
    fn enrol(&mut self, task: Task) -> bool {
        let address = task.address();
        let has_room = (self.tasks.len() as u64) < u64::from(self.config.max_tasks);
        if !has_room && !self.tasks.contains_key(&address) {
            self.control.lost_tasks += 1;
            return false;
        }
        self.tasks.insert(address, None);
        self.control.tasks += 1;
        true
    }

    pub(crate) fn enter(&mut self, task: Task, cpu: usize, now: u64, call: &Entered) {
        let (level, number) = (self.config.level, low(call.number));
        if level == Level::Empty || level > Level::Tree && self.is_skipped(number) {
            return;
        }
        let key = self.key(task, cpu);
        let belongs = self.tasks.contains_key(&key) || self.is_watched(task) && self.enrol(task);
        if !belongs || level == Level::Tree {
            return;
        }
        let Some(&slot) = self.slots.get(&call_of(&self.config, call)) else {
            return;
        };
        if level != Level::Stream {
            self.totals(cpu, slot).calls += 1;
        }
        if level >= Level::Errors {
            let is_compat = self.config.status_offset.is_some() && call.is_compat;
            let arguments = arguments(is_compat, &call.registers);
            let entered_ns = now;
            self.tasks.insert(
                key,
                Some(Call {
                    slot,
                    number,
                    entered_ns,
                    arguments,
                }),
            );
        }
    }

    /// What is known of the calls, by CPU and slot.
    pub(crate) fn calls(&self) -> BTreeMap<(usize, usize), Totals> {
        let known = self
            .calls
            .iter()
            .filter(|(_, totals)| **totals != Totals::default());
        known.map(|(&place, &totals)| (place, totals)).collect()
    }

    fn totals(&mut self, cpu: usize, slot: u32) -> &mut Totals {
        let slot = usize::try_from(slot).expect("few slots");
        self.calls.entry((cpu, slot)).or_default()
    }

    pub(crate) fn exit(&mut self, task: Task, cpu: usize, now: u64, result: i64) {
        let level = self.config.level;
        if level < Level::Errors {
            return;
        }
        let key = self.key(task, cpu);
        let Some(call) = self.tasks.get_mut(&key).and_then(Option::take) else {
            return;
        };
        if level == Level::Stream {
            self.record(task, &call, now, result);
            return;
        }
        let took = now.wrapping_sub(call.entered_ns);
        let totals = self.totals(cpu, call.slot);
        totals.errors += u64::from((-4095..=-1).contains(&result));
        if level >= Level::Time {
            totals.total_ns += took;
        }
        if level >= Level::Histogram {
            let bucket = took.checked_ilog2().unwrap_or(0) as usize;
            totals.latency[bucket.min(BUCKETS - 1)] += 1;
        }
    }

    fn record(&mut self, task: Task, call: &Call, returned_ns: u64, result: i64) {
        let used = u32::try_from(self.records.len()).expect("few records") * TAKEN;
        if used + TAKEN > self.config.ring_bytes - 1 {
            self.control.lost_records += 1;
            return;
        }
        // The reader is woken by the record with which the buffer is an eighth full.
        let watermark = self.config.ring_bytes / 8;
        let wakes = used < watermark && used + TAKEN >= watermark;
        let record = Record {
            entered_ns: call.entered_ns,
            returned_ns,
            result,
            arguments: call.arguments,
            tid: task.ids_for(&self.config).map_or(0, |[tid, _]| tid),
            number: call.number,
            slot: call.slot,
            padding: 0,
        };
        self.records
            .push((record, if wakes { WAKE } else { QUIET }));
    }

    pub(crate) fn fork(&mut self, parent: Task, child: Task) {
        if !self.config.has_tree() {
            return;
        }
        if self.tasks.contains_key(&parent.address()) || self.is_watched(parent) {
            self.enrol(child);
        } else if self.config.attachment == Attachment::Launched
            && self.control.parent == parent.address()
        {
            self.control.child = child.address();
        }
    }

    pub(crate) fn end(&mut self, task: Task) {
        if !self.config.has_tree() {
            return;
        }
        let call = self.tasks.remove(&task.address()).flatten();
        if let Some(call) = call.filter(|_| self.config.level == Level::Stream) {
            self.record(task, &call, 0, 0);
        }
    }
}
