//! Programs and maps in the kernel, from being loaded to what they counted.

use crate::error::{ATTACH, CREATE, Error, TEST_RUN};
use crate::kernel;
use harness_ebpf::layout::{Control, Row, SlotTable, Totals, maps, task_size};
use harness_ebpf::programs::programs;
use harness_ebpf::{
    Attachment, Config, Hooks, Kind, Level, Map, MapSpec, Program, Scope, Tracepoint,
};
use harness_sys::{Errno, bpf};
use harness_syscalls::{Abi, TraceSet};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd};

/// What is to be observed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How much is done at a call.
    pub level: Level,
    /// At which tracepoints.
    pub hooks: Hooks,
    /// Whose calls are looked at.
    pub scope: Scope,
    /// How tasks come to belong to the tree.
    pub attachment: Attachment,
    /// How many tasks the tree may have at once; those beyond are lost, and counted.
    pub max_tasks: u32,
}

impl Options {
    /// A level, for a tree that is launched.
    #[must_use]
    pub fn new(level: Level) -> Self {
        let config = Config::new(level);
        Self {
            level,
            hooks: config.hooks,
            scope: config.scope,
            attachment: config.attachment,
            max_tasks: config.max_tasks,
        }
    }
}

/// What was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Tasks that found no room in the map: their calls and their children's were not seen.
    pub tasks: u64,
    /// Records that found no room in the ring buffer.
    pub records: u64,
    /// Runs that the kernel left out, as the same program ran on that CPU already (`recursion_misses`,
    /// Linux 5.12). Calls of tasks outside of the tree are among them. In newer kernels (seen in 7.2, not in 6.12) a program can be
    /// preempted (`rcu_read_lock_dont_migrate` in `__bpf_trace_run`, kernel/trace/bpf_trace.c), and does not
    /// run for other tasks on that CPU until it has ended; before, preemption was off in it.
    pub runs: u64,
}

impl Lost {
    /// All of them. More events may be missing, as a lost task has many, and fewer, as a run that was left
    /// out may have been for a task outside of the tree.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.tasks + self.records + self.runs
    }
}

/// What is known of the calls of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Their ABI.
    pub abi: Abi,
    /// Their number there; 1023 stands for all from there on.
    pub number: u32,
    /// What was counted.
    pub totals: Totals,
}

/// Programs that are loaded, with their maps.
pub struct Loaded {
    config: Config,
    table: SlotTable,
    maps: BTreeMap<Map, bpf::Map>,
    programs: Vec<(Program, bpf::Program)>,
    /// What is attached; the last program is the first to go.
    links: Vec<bpf::Link>,
}

/// A key of an array with a single value.
const ONLY: [u8; 4] = [0; 4];

impl Loaded {
    /// Creates the maps and loads the programs; nothing is attached yet.
    ///
    /// # Errors
    /// [`Error::Map`], [`Error::Load`].
    pub fn new(options: Options, set: &TraceSet) -> Result<Self, Error> {
        let table = SlotTable::new(|row, number| set.contains(abi(row), number));
        let status_offset = kernel::status_offset();
        let config = Config {
            hooks: options.hooks,
            scope: options.scope,
            attachment: options.attachment,
            status_offset,
            typed_task: status_offset.is_some_and(kernel::loads_fields),
            sparse: table.is_sparse(),
            pid_namespace: kernel::pid_namespace(),
            max_tasks: options.max_tasks,
            slots: table.len(),
            ..Config::new(options.level)
        };
        let mut created = BTreeMap::new();
        for spec in maps(&config) {
            created.insert(spec.map, create(&spec)?);
        }
        let descriptor = |map: Map| created.get(&map).map_or(-1, |map| map.as_fd().as_raw_fd());
        let mut loaded = Vec::new();
        for program in programs(&config) {
            let instructions = program.encode(descriptor);
            let in_kernel = bpf::Program::load(&bpf::ProgramSpec {
                name: program.name,
                instructions: &instructions,
            })
            .map_err(|source| Error::Load {
                program: program.name,
                source,
            })?;
            loaded.push((program, in_kernel));
        }
        let loaded = Self {
            config,
            table,
            maps: created,
            programs: loaded,
            links: Vec::new(),
        };
        if loaded.config.attachment == Attachment::Launched {
            loaded.begin()?;
        }
        Ok(loaded)
    }

    /// Tells the programs which calls are traced. Until then they trace none; of a tree that is launched
    /// they know from the beginning.
    pub(crate) fn begin(&self) -> Result<(), Error> {
        let Some(slots) = self.maps.get(&Map::Slots) else {
            return Ok(());
        };
        let written = slots.update(&ONLY, &self.table.bytes);
        written.map_err(map_error("write", Map::Slots))
    }

    /// What the programs were made from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Attaches every program that has a tracepoint.
    ///
    /// # Errors
    /// [`Error::Program`].
    pub fn attach(&mut self) -> Result<(), Error> {
        for (program, loaded) in &self.programs {
            if let Some(tracepoint) = program.tracepoint {
                let link = loaded.attach(tracepoint.name());
                let link = link.map_err(program_error(ATTACH, program.name))?;
                self.links.push(link);
            }
        }
        Ok(())
    }

    /// Detaches every program; what was counted stays.
    pub fn detach(&mut self) {
        while self.links.pop().is_some() {}
    }

    /// The address of this process's own `struct task_struct`, which is only a key here.
    pub(crate) fn own_task(&self) -> Result<u64, Error> {
        let by_hand = |program: &Program| program.tracepoint.is_none();
        let found = self.programs.iter().find(|(program, _)| by_hand(program));
        let (program, loaded) = found.ok_or(Error::NoChild)?;
        let run = loaded.test_run();
        run.map_err(program_error(TEST_RUN, program.name))?;
        Ok(self.control()?.own_task)
    }

    /// Has the fork program remember the next child of a task. What it counted so far is lost.
    pub(crate) fn expect_child_of(&self, parent: u64) -> Result<(), Error> {
        let control = Control {
            parent,
            ..Control::default()
        };
        let written = self.map(Map::Control).update(&ONLY, &control.bytes());
        written.map_err(map_error("write", Map::Control))
    }

    /// The child that was expected, which is so no longer.
    pub(crate) fn take_child(&self) -> Result<u64, Error> {
        let child = self.control()?.child;
        self.expect_child_of(0)?;
        if child == 0 {
            return Err(Error::NoChild);
        }
        Ok(child)
    }

    /// Enrols a task.
    pub(crate) fn enrol(&self, task: u64) -> Result<(), Error> {
        let value = vec![0; task_size(self.config.level)];
        let written = self.map(Map::Tasks).update(&task.to_ne_bytes(), &value);
        written.map_err(map_error("write", Map::Tasks))
    }

    /// Takes the ring buffer out, to be read.
    pub(crate) fn take_ring(&mut self) -> Result<Option<bpf::RingBuffer>, Error> {
        let ring = self.maps.remove(&Map::Ring).map(bpf::RingBuffer::new);
        ring.transpose().map_err(map_error("map", Map::Ring))
    }

    /// Where a map of the configuration is.
    pub(crate) fn map(&self, map: Map) -> &bpf::Map {
        &self.maps[&map]
    }

    fn control(&self) -> Result<Control, Error> {
        let value = self.map(Map::Control).lookup(&ONLY);
        let value = value.map_err(map_error("read", Map::Control))?;
        Ok(Control::read(&value.unwrap_or_default()))
    }

    /// The ABI and the number of a slot.
    pub(crate) fn call_of(&self, slot: u32) -> Option<(Abi, u32)> {
        let call = self.table.calls.get(slot as usize).copied().flatten();
        call.map(|(row, number)| (abi(row), number))
    }

    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.table.calls.len()
    }

    /// What was counted in the kernel, for each number that was seen.
    ///
    /// # Errors
    /// [`Error::Map`].
    pub fn calls(&self) -> Result<Vec<Call>, Error> {
        let Some(map) = self.maps.get(&Map::Calls) else {
            return Ok(Vec::new());
        };
        let mut calls = Vec::new();
        for slot in 1..self.table.len() {
            let values = map.lookup_per_cpu(&slot.to_ne_bytes());
            let values = values.map_err(map_error("read", Map::Calls))?;
            let mut totals = Totals::default();
            for value in &values {
                totals.add(&Totals::read(value));
            }
            if let (Some((abi, number)), true) = (self.call_of(slot), totals.calls > 0) {
                calls.push(Call {
                    abi,
                    number,
                    totals,
                });
            }
        }
        Ok(calls)
    }

    /// Tasks that programs enrolled: all but the first of a tree that was launched.
    ///
    /// # Errors
    /// [`Error::Map`].
    pub fn tasks(&self) -> Result<u64, Error> {
        if self.config.has_tree() {
            Ok(self.control()?.tasks)
        } else {
            Ok(0)
        }
    }

    /// What was lost.
    ///
    /// # Errors
    /// [`Error::Map`], [`Error::Program`].
    pub fn lost(&self) -> Result<Lost, Error> {
        let mut lost = Lost::default();
        if self.maps.contains_key(&Map::Control) {
            let control = self.control()?;
            lost.tasks = control.lost_tasks;
            lost.records = control.lost_records;
        }
        for (_, info) in self.attached()? {
            lost.runs += info.recursion_misses.unwrap_or(0);
        }
        Ok(lost)
    }

    /// What the kernel says of each program that has a tracepoint.
    ///
    /// # Errors
    /// [`Error::Program`].
    pub fn attached(&self) -> Result<Vec<(Tracepoint, bpf::ProgramInfo)>, Error> {
        let info = self.programs.iter().filter_map(|(program, loaded)| {
            let tracepoint = program.tracepoint?;
            let info = loaded.info();
            let info = info.map_err(program_error("ask about", program.name));
            Some(info.map(|info| (tracepoint, info)))
        });
        info.collect()
    }
}

fn create(spec: &MapSpec) -> Result<bpf::Map, Error> {
    let kind = match spec.kind {
        Kind::Hash => bpf::MapKind::Hash,
        Kind::Array => bpf::MapKind::Array,
        Kind::PerCpuArray => bpf::MapKind::PerCpuArray,
        Kind::RingBuffer => bpf::MapKind::RingBuffer,
    };
    let created = bpf::Map::create(&bpf::MapSpec {
        kind,
        name: spec.map.name(),
        key_size: spec.key_size,
        value_size: spec.value_size,
        max_entries: spec.max_entries,
    });
    created.map_err(map_error(CREATE, spec.map))
}

fn abi(row: Row) -> Abi {
    match row {
        Row::X86_64 => Abi::X86_64,
        Row::I386 => Abi::I386,
        Row::X32 => Abi::X32,
    }
}

pub(crate) fn map_error(operation: &'static str, map: Map) -> impl Fn(Errno) -> Error {
    move |errno| Error::Map {
        operation,
        map: map.name(),
        errno,
    }
}

pub(crate) fn program_error(
    operation: &'static str,
    program: &'static str,
) -> impl Fn(Errno) -> Error {
    move |errno| Error::Program {
        operation,
        program,
        errno,
    }
}
