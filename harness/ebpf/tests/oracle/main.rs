//! The programs run in an interpreter, over simulated maps and helpers; what the maps hold afterwards is compared with
//! a model in plain Rust, after each event of random sequences.

#[path = "../common/mod.rs"]
mod common;
mod interpreter;
mod kernel;
mod memory;
mod model;
mod single;
mod world;

use harness_ebpf::layout::{Control, SlotTable, Task as Value, Totals, maps, task_size};
use harness_ebpf::{Config, Level, Map, Tracepoint};
use kernel::{Kernel, Machine, REGISTERS_AT};
use model::{Call, Model};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::mem::offset_of;
use world::{Event, ORIG_AX, REGISTERS, Set, Task};

/// Everything that user space can read.
#[derive(Debug, PartialEq, Eq)]
struct State {
    tasks: BTreeMap<u64, Option<Call>>,
    calls: BTreeMap<(usize, usize), Totals>,
    control: Control,
}

/// Programs and model, which are told of the same events.
struct Trial {
    config: Config,
    machine: Machine,
    model: Model,
    now: u64,
    lives: [bool; Task::ALL.len()],
    /// The number of the call that each task is in.
    in_call: [Option<u64>; Task::ALL.len()],
}

impl Trial {
    /// Of a tree without a task, with a set and the ids of processes to be watched.
    fn new(mut config: Config, set: &Set, processes: &[u32]) -> Self {
        let slots = SlotTable::new(|row, number| set.contains(&(row, number)));
        config.slots = slots.len();
        let machine = Machine::new(&config, &slots);
        let mut model = Model::new(&config, set, &slots);
        for process in processes {
            model.processes.insert(*process);
            if maps(&config).iter().any(|spec| spec.map == Map::Processes) {
                let (key, value) = (process.to_le_bytes(), [0; 4]);
                kernel::with(|kernel| kernel.insert(Map::Processes, &key, &value));
            }
        }
        // The harness runs one program by hand, to find out which task it is.
        machine.pass(None, &[]);
        if config.has_tree() {
            model.control.own_task = Task::ALL[0].address();
        }
        let mut trial = Self {
            config,
            machine,
            model,
            now: 1_000_000,
            lives: [true, true, true, true, false, false],
            in_call: [None; Task::ALL.len()],
        };
        trial.check(&Event::Drain);
        trial
    }

    /// What happens next, `later` nanoseconds after the event before.
    fn happen(&mut self, later: u64, event: &Event) {
        self.now += later;
        if self.apply(event) {
            self.check(event);
        }
    }

    fn on(&self, task: Task, cpu: usize) {
        let now = self.now;
        kernel::with(|kernel| {
            kernel.current = task;
            kernel.cpu = cpu;
            kernel.now = now;
        });
    }

    /// Whether it can happen.
    fn apply(&mut self, event: &Event) -> bool {
        let now = self.now;
        match *event {
            Event::Enter {
                task,
                cpu,
                ref call,
            } => {
                let at = usize::from(task.0);
                if !self.lives[at] || self.in_call[at].is_some() {
                    return false;
                }
                self.in_call[at] = Some(call.number);
                self.on(task, cpu);
                kernel::with(|kernel| {
                    kernel.registers = call.registers;
                    kernel.registers[ORIG_AX] = call.number;
                    kernel.is_compat = call.is_compat;
                });
                let arguments = [REGISTERS_AT, call.number];
                self.machine.pass(Some(Tracepoint::SysEnter), &arguments);
                self.model.enter(task, cpu, now, call);
            }
            Event::Exit {
                task,
                cpu,
                result,
                number,
            } => {
                let at = usize::from(task.0);
                if !self.lives[at] {
                    return false;
                }
                // rt_sigreturn(2) leaves -1 in the place of the number, so that programs must not rely on it.
                let entered = self.in_call[at].take();
                let number =
                    entered.map_or(
                        number,
                        |entered| {
                            if number == u64::MAX { number } else { entered }
                        },
                    );
                self.on(task, cpu);
                kernel::with(|kernel| {
                    kernel.registers = [0; REGISTERS];
                    kernel.registers[ORIG_AX] = number;
                });
                let arguments = [REGISTERS_AT, result.cast_unsigned()];
                self.machine.pass(Some(Tracepoint::SysExit), &arguments);
                self.model.exit(task, cpu, now, result);
            }
            Event::Fork { parent, child } => {
                if !self.lives[usize::from(parent.0)] || self.lives[usize::from(child.0)] {
                    return false;
                }
                self.lives[usize::from(child.0)] = true;
                self.on(parent, 0);
                let arguments = [parent, child].map(Task::address);
                self.machine.pass(Some(Tracepoint::ProcessFork), &arguments);
                self.model.fork(parent, child);
            }
            Event::End(task) => {
                if !std::mem::take(&mut self.lives[usize::from(task.0)]) {
                    return false;
                }
                self.in_call[usize::from(task.0)] = None;
                self.on(task, 1);
                self.machine
                    .pass(Some(Tracepoint::ProcessExit), &[task.address()]);
                self.model.end(task);
            }
            Event::Enrol(task) => {
                let address = task.address();
                let has_room = self.model.tasks.len() < 3;
                let is_new = !self.model.tasks.contains_key(&address);
                if !(self.config.has_tree() && has_room && is_new) {
                    return false;
                }
                let value = vec![0; task_size(self.config.level)];
                let key = address.to_le_bytes();
                let inserted = kernel::with(|kernel| kernel.insert(Map::Tasks, &key, &value));
                assert_eq!(inserted, 0);
                self.model.tasks.insert(address, None);
            }
            Event::Want(task) => {
                if self.config.level == Level::Empty {
                    return false;
                }
                self.model.control.parent = task.map_or(0, Task::address);
                let control = self.model.control;
                kernel::with(|kernel| kernel.set_control(&control));
            }
            Event::Drain => self.drain(),
        }
        true
    }

    /// Each record comes once, in order, and wakes the reader or does not.
    fn drain(&mut self) {
        let found = kernel::with(Kernel::drain);
        assert_eq!(found, std::mem::take(&mut self.model.records));
    }

    /// Programs and model agree.
    fn check(&mut self, event: &Event) {
        let found = kernel::with(|kernel| {
            let tasks = kernel.tasks().into_iter();
            State {
                tasks: tasks.map(|(key, value)| (key, self.call(&value))).collect(),
                calls: kernel.calls(),
                control: kernel.control(),
            }
        });
        let tasks = self.model.tasks.iter();
        let expected = State {
            tasks: tasks
                .map(|(&key, call)| (key, call.map(|call| self.kept(call))))
                .collect(),
            calls: self.model.calls(),
            control: self.model.control,
        };
        assert_eq!(found, expected, "after {event:?} with {:?}", self.config);
    }

    /// As much of a call as the level keeps.
    fn kept(&self, call: Call) -> Call {
        let level = self.config.level;
        Call {
            slot: call.slot,
            entered_ns: if level >= Level::Time {
                call.entered_ns
            } else {
                0
            },
            number: if level == Level::Stream {
                call.number
            } else {
                0
            },
            arguments: if level == Level::Stream {
                call.arguments
            } else {
                [0; 6]
            },
        }
    }

    /// The call in the value of a task, if it is in one.
    fn call(&self, value: &[u8]) -> Option<Call> {
        let word = |at: usize| {
            let bytes = value.get(at..at + 8).expect("within the value");
            u64::from_le_bytes(bytes.try_into().expect("8 bytes"))
        };
        let half = |at: usize| u32::from_le_bytes(value[at..at + 4].try_into().expect("4 bytes"));
        let slot = half(offset_of!(Value, slot));
        let is_stream = self.config.level == Level::Stream;
        (slot != 0).then(|| {
            self.kept(Call {
                slot,
                entered_ns: word(offset_of!(Value, entered_ns)),
                number: half(offset_of!(Value, number)),
                arguments: std::array::from_fn(|i| {
                    if is_stream {
                        word(offset_of!(Value, arguments) + 8 * i)
                    } else {
                        0
                    }
                }),
            })
        })
    }
}

proptest! {
    // PROPTEST_CASES can ask for more.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(512)))]

    #[test]
    fn the_maps_hold_what_the_model_says(
        config in world::configs(),
        set in world::sets(),
        processes in prop::collection::vec(prop::sample::select(&[1, 3, 5, 100, 102, 104][..]), 0..3),
        events in world::events(),
    ) {
        let mut trial = Trial::new(config, &set, &processes);
        for (later, event) in &events {
            trial.happen(*later, event);
        }
        trial.drain();
    }
}
