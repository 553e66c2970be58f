//! What the programs need of a kernel: maps, helpers, tasks, and the tracepoints that run them.

use crate::interpreter::{Environment, Function, Interpreted};
use crate::memory::{Memory, stack};
use crate::world::{CPUS, REGISTERS, Task};
use harness_ebpf::layout::{Control, Record, SlotTable, Totals, maps};
use harness_ebpf::programs::programs;
use harness_ebpf::{Config, Helper, Kind, Map, MapSpec, Tracepoint};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

// include/uapi/asm-generic/errno-base.h.
const ENOENT: i64 = -2;
const E2BIG: i64 = -7;
const EFAULT: i64 = -14;
const EINVAL: i64 = -22;

/// What a program gives a helper to name a map, less its number.
const HANDLE: u64 = 0xffff_8881_0000_0000;

/// Where `struct pt_regs` of the current task is.
pub(crate) const REGISTERS_AT: u64 = 0xffff_c900_0000_3f58;

/// `struct bpf_ringbuf_hdr`.
const RECORD_HEADER: usize = 8;

/// What is in a map.
#[derive(Debug)]
enum Content {
    Hash {
        /// Which value a key has.
        keys: BTreeMap<Vec<u8>, usize>,
        values: Memory,
    },
    /// A memory a CPU, or one.
    Array(Vec<Memory>),
    Ring {
        records: Memory,
        /// Where each begins, and the flags with which it was submitted.
        reserved: Vec<(usize, Option<u64>)>,
    },
}

#[derive(Debug)]
struct SimulatedMap {
    spec: MapSpec,
    content: Content,
}

/// The kernel's state.
#[derive(Debug)]
pub(crate) struct Kernel {
    config: Config,
    maps: Vec<SimulatedMap>,
    /// Who runs, on which CPU, when, and the words of its `struct pt_regs`.
    pub(crate) current: Task,
    pub(crate) cpu: usize,
    pub(crate) now: u64,
    pub(crate) registers: [u64; REGISTERS],
    /// Whether it is in a call of i386.
    pub(crate) is_compat: bool,
}

thread_local! {
    /// Helpers are plain functions, so the kernel is a thread's.
    static KERNEL: RefCell<Option<Kernel>> = const { RefCell::new(None) };
}

/// The kernel with programs attached.
#[derive(Debug)]
pub(crate) struct Machine {
    programs: Vec<(Option<Tracepoint>, Interpreted)>,
}

impl Machine {
    /// With the maps and programs of a configuration.
    pub(crate) fn new(config: &Config, slots: &SlotTable) -> Self {
        let kernel = Kernel::new(config, slots);
        let programs = programs(config).into_iter().map(|program| {
            let interpreted = Interpreted::new(&program.insns, &kernel);
            (program.tracepoint, interpreted)
        });
        let programs = programs.collect();
        KERNEL.set(Some(kernel));
        Self { programs }
    }

    /// Runs what is attached, or what is run by hand.
    pub(crate) fn pass(&self, tracepoint: Option<Tracepoint>, arguments: &[u64]) {
        for (_, program) in self.programs.iter().filter(|(at, _)| *at == tracepoint) {
            // Nothing uses what a raw tracepoint returns, but the verifier wants it in range.
            assert_eq!(program.run(arguments, HELPERS), 0);
        }
    }
}

/// Looks at the kernel of this thread's machine, or changes it.
pub(crate) fn with<T>(work: impl FnOnce(&mut Kernel) -> T) -> T {
    KERNEL.with_borrow_mut(|kernel| work(kernel.as_mut().expect("a machine")))
}

fn size(bytes: u32) -> usize {
    usize::try_from(bytes).expect("a small map")
}

impl Kernel {
    fn new(config: &Config, slots: &SlotTable) -> Self {
        let zeroed = |bytes| {
            let memory = Memory::new(bytes);
            memory.write(0, &vec![0; bytes]);
            memory
        };
        let maps = maps(config).into_iter().map(|spec| {
            let values = size(spec.value_size) * size(spec.max_entries);
            let content = match spec.kind {
                Kind::Hash => Content::Hash {
                    keys: BTreeMap::new(),
                    values: Memory::new(values),
                },
                Kind::Array => Content::Array(vec![zeroed(values)]),
                Kind::PerCpuArray => Content::Array((0..CPUS).map(|_| zeroed(values)).collect()),
                Kind::RingBuffer => Content::Ring {
                    records: Memory::new(size(spec.max_entries)),
                    reserved: Vec::new(),
                },
            };
            SimulatedMap { spec, content }
        });
        let kernel = Self {
            config: config.clone(),
            maps: maps.collect(),
            current: Task::ALL[0],
            cpu: 0,
            now: 0,
            registers: [0; REGISTERS],
            is_compat: false,
        };
        if let Some(map) = kernel.find(Map::Slots) {
            map.only_value().write(0, &slots.bytes);
        }
        kernel
    }

    fn find(&self, map: Map) -> Option<&SimulatedMap> {
        self.maps.iter().find(|simulated| simulated.spec.map == map)
    }

    /// What a handle stands for.
    fn by_handle(&mut self, handle: u64) -> &mut SimulatedMap {
        let map = Map::ALL
            .into_iter()
            .find(|&map| HANDLE + map as u64 == handle);
        let mut maps = self.maps.iter_mut();
        let found = maps.find(|simulated| Some(simulated.spec.map) == map);
        found.unwrap_or_else(|| panic!("{handle:#x} is no map"))
    }

    /// Kernel memory that programs copy: `thread_info.status` of tasks, and the registers of the current one.
    fn memory(&self, address: u64, length: usize) -> Option<Vec<u8>> {
        let registers = self.registers.iter().flat_map(|word| word.to_le_bytes());
        let mut regions = vec![(REGISTERS_AT, registers.collect::<Vec<u8>>())];
        if let Some(offset) = self.config.status_offset {
            let address = self.current.address() + u64::from(offset);
            regions.push((address, self.status().to_le_bytes().to_vec()));
        }
        regions.into_iter().find_map(|(start, bytes)| {
            let at = usize::try_from(address.checked_sub(start)?).ok()?;
            bytes.get(at..at.checked_add(length)?).map(<[u8]>::to_vec)
        })
    }

    /// `thread_info.status` of the current task: TS_COMPAT among other bits.
    fn status(&self) -> u32 {
        if self.is_compat { 0x13 } else { 0x11 }
    }

    /// As user space enrols a task.
    pub(crate) fn insert(&mut self, map: Map, key: &[u8], value: &[u8]) -> i64 {
        self.by_handle(HANDLE + map as u64).update(key, value)
    }

    pub(crate) fn control(&self) -> Control {
        self.find(Map::Control)
            .map_or_else(Control::default, |map| {
                Control::read(&map.only_value().read(0, size_of::<Control>()))
            })
    }

    pub(crate) fn set_control(&self, control: &Control) {
        if let Some(map) = self.find(Map::Control) {
            map.only_value().write(0, &control.bytes());
        }
    }

    /// Every task with its value; of those that are kept for each CPU, the CPU is the key.
    pub(crate) fn tasks(&self) -> BTreeMap<u64, Vec<u8>> {
        let Some(map) = self.find(Map::Tasks) else {
            return BTreeMap::new();
        };
        let length = size(map.spec.value_size);
        match &map.content {
            Content::Hash { keys, values } => keys
                .iter()
                .map(|(key, at)| (word(key), values.read(at * length, length)))
                .collect(),
            Content::Array(values) => (0..)
                .zip(values.iter().map(|value| value.read(0, length)))
                .collect(),
            Content::Ring { .. } => unreachable!("not a ring buffer"),
        }
    }

    /// What is known of the calls, by CPU and slot.
    pub(crate) fn calls(&self) -> BTreeMap<(usize, usize), Totals> {
        let Some(SimulatedMap {
            spec,
            content: Content::Array(values),
        }) = self.find(Map::Calls)
        else {
            return BTreeMap::new();
        };
        let length = size(spec.value_size);
        let slots = 0..size(spec.max_entries);
        let of_cpu = values.iter().enumerate().flat_map(|(cpu, values)| {
            let total = move |slot| Totals::read(&values.read(slot * length, length));
            slots.clone().map(move |slot| ((cpu, slot), total(slot)))
        });
        of_cpu
            .filter(|(_, totals)| *totals != Totals::default())
            .collect()
    }

    /// The records that were handed over, each with its flags; the buffer is empty afterwards.
    pub(crate) fn drain(&mut self) -> Vec<(Record, u64)> {
        let Some(map) = self.maps.iter_mut().find(|map| map.spec.map == Map::Ring) else {
            return Vec::new();
        };
        let Content::Ring { records, reserved } = &mut map.content else {
            unreachable!("a ring buffer")
        };
        let drained = std::mem::take(reserved);
        drained
            .into_iter()
            .map(|(at, flags)| {
                let record = Record::read(&records.read(at, size_of::<Record>()));
                (
                    record,
                    flags.expect("every record is submitted by the program that reserved it"),
                )
            })
            .collect()
    }
}

impl Environment for Kernel {
    fn handle(&self, map: Map) -> u64 {
        assert!(self.find(map).is_some(), "{map:?} is not among the maps");
        HANDLE + map as u64
    }

    fn value(&self, map: Map) -> u64 {
        let map = self.find(map).expect("it is among the maps");
        map.only_value().address(0)
    }

    fn memory(&self) -> Vec<Range<u64>> {
        let memories = self.maps.iter().flat_map(|map| match &map.content {
            Content::Hash { values, .. } => std::slice::from_ref(values),
            Content::Array(values) => values,
            Content::Ring { records, .. } => std::slice::from_ref(records),
        });
        memories
            .map(Memory::range)
            .chain([Task::memory()])
            .collect()
    }
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("8 bytes"))
}

impl SimulatedMap {
    /// The memory of an array that every CPU shares.
    fn only_value(&self) -> &Memory {
        match &self.content {
            Content::Array(values) if values.len() == 1 => &values[0],
            _ => panic!("{:?} has a value for each key or CPU", self.spec.map),
        }
    }

    /// The address of the value of a key, or 0.
    fn lookup(&self, key: &[u8], cpu: usize) -> u64 {
        let length = size(self.spec.value_size);
        match &self.content {
            Content::Hash { keys, values } => {
                keys.get(key).map_or(0, |at| values.address(at * length))
            }
            Content::Array(values) => {
                let at = u32::from_le_bytes(key.try_into().expect("a key of 4 bytes"));
                let values = &values[cpu % values.len()];
                let known = at < self.spec.max_entries;
                if known {
                    values.address(size(at) * length)
                } else {
                    0
                }
            }
            Content::Ring { .. } => panic!("a ring buffer has no keys"),
        }
    }

    /// Of a hash, with `BPF_ANY`.
    fn update(&mut self, key: &[u8], value: &[u8]) -> i64 {
        let Content::Hash { keys, values } = &mut self.content else {
            panic!("programs update hashes alone")
        };
        let taken: Vec<usize> = keys.values().copied().collect();
        let free = (0..size(self.spec.max_entries)).find(|at| !taken.contains(at));
        let Some(at) = keys.get(key).copied().or(free) else {
            return E2BIG;
        };
        keys.insert(key.to_vec(), at);
        values.write(at * value.len(), value);
        0
    }

    fn delete(&mut self, key: &[u8]) -> i64 {
        let Content::Hash { keys, .. } = &mut self.content else {
            panic!("programs delete from hashes alone")
        };
        keys.remove(key).map_or(ENOENT, |_| 0)
    }

    /// As `__bpf_ringbuf_reserve`, kernel/bpf/ringbuf.c: a buffer is never quite full.
    fn reserve(&mut self, length: usize) -> u64 {
        let capacity = size(self.spec.max_entries);
        let Content::Ring { records, reserved } = &mut self.content else {
            panic!("records are reserved in ring buffers alone")
        };
        let each = (length + RECORD_HEADER).next_multiple_of(8);
        let at = reserved.len() * each;
        if at + each > capacity - 1 {
            return 0;
        }
        records.write(at, &vec![0xa5; length]);
        reserved.push((at, None));
        records.address(at)
    }
}

/// What a helper returns, in R0.
fn returned(result: i64) -> u64 {
    result.cast_unsigned()
}

const HELPERS: &[(Helper, Function)] = &[
    (Helper::MapLookup, |map, key, _, _, _| {
        with(|kernel| {
            let cpu = kernel.cpu;
            let map = kernel.by_handle(map);
            map.lookup(&stack::read(key, size(map.spec.key_size)), cpu)
        })
    }),
    (Helper::MapUpdate, |map, key, value, flags, _| {
        assert_eq!(flags, 0, "BPF_ANY");
        with(|kernel| {
            let map = kernel.by_handle(map);
            let value = stack::read(value, size(map.spec.value_size));
            returned(map.update(&stack::read(key, size(map.spec.key_size)), &value))
        })
    }),
    (Helper::MapDelete, |map, key, _, _, _| {
        with(|kernel| {
            let map = kernel.by_handle(map);
            returned(map.delete(&stack::read(key, size(map.spec.key_size))))
        })
    }),
    (Helper::KtimeGetNs, |_, _, _, _, _| {
        with(|kernel| kernel.now)
    }),
    (Helper::GetCurrentPidTgid, |_, _, _, _, _| {
        with(|kernel| {
            let [tid, process] = kernel.current.ids();
            u64::from(process) << 32 | u64::from(tid)
        })
    }),
    (Helper::GetCurrentTask, |_, _, _, _, _| {
        with(|kernel| kernel.current.address())
    }),
    (Helper::GetCurrentTaskBtf, |_, _, _, _, _| {
        with(|kernel| {
            let offset = kernel.config.status_offset.expect("what a program loads");
            let offset = usize::try_from(offset).expect("a small structure");
            kernel.current.write(offset, &kernel.status().to_le_bytes());
            kernel.current.address()
        })
    }),
    (Helper::ProbeReadKernel, |to, length, from, _, _| {
        with(|kernel| {
            let length = usize::try_from(length).expect("a short copy");
            let bytes = kernel.memory(from, length);
            // What cannot be read becomes 0 (`bpf_probe_read_kernel_common`, kernel/trace/bpf_trace.c).
            stack::write(to, &bytes.clone().unwrap_or_else(|| vec![0; length]));
            returned(bytes.map_or(EFAULT, |_| 0))
        })
    }),
    (
        Helper::GetNsCurrentPidTgid,
        |device, inode, to, length, _| {
            assert_eq!(length, 8, "struct bpf_pidns_info");
            with(|kernel| {
                let namespace = kernel.config.pid_namespace.expect("it is asked for");
                let is_ours = (namespace.device, namespace.inode) == (device, inode);
                let ids = kernel.current.ids_in_namespace().filter(|_| is_ours);
                let words = ids.unwrap_or_default().map(u32::to_le_bytes);
                stack::write(to, words.as_flattened());
                returned(ids.map_or(EINVAL, |_| 0))
            })
        },
    ),
    (Helper::RingbufReserve, |map, length, flags, _, _| {
        assert_eq!(flags, 0, "no flag is defined");
        with(|kernel| {
            let length = usize::try_from(length).expect("a short record");
            kernel.by_handle(map).reserve(length)
        })
    }),
    (Helper::RingbufSubmit, |record, flags, _, _, _| {
        with(|kernel| {
            let ring = kernel.by_handle(HANDLE + Map::Ring as u64);
            let Content::Ring { records, reserved } = &mut ring.content else {
                unreachable!("a ring buffer")
            };
            let mut reserved = reserved.iter_mut();
            let found =
                reserved.find(|(at, flags)| records.address(*at) == record && flags.is_none());
            found.expect("a record that is reserved").1 = Some(flags);
            0
        })
    }),
    (Helper::RingbufQuery, |map, flags, _, _, _| {
        // BPF_RB_AVAIL_DATA: reserved ones count, too (`ringbuf_avail_data_sz`).
        assert_eq!(flags, 0);
        with(|kernel| {
            let Content::Ring { reserved, .. } = &kernel.by_handle(map).content else {
                panic!("ring buffers alone can be asked")
            };
            let each = size_of::<Record>() + RECORD_HEADER;
            (reserved.len() * each) as u64
        })
    }),
];
