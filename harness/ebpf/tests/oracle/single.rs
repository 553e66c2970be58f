//! Each promise of the programs by itself, with what must come out written down.

use crate::Trial;
use crate::common::{NAMESPACE, config};
use crate::kernel::{self, Kernel};
use crate::world::{Entered, Event, REGISTERS, Task};
use harness_ebpf::layout::{Record, Row, Totals};
use harness_ebpf::{Attachment, Config, Level};
use std::collections::BTreeMap;

const GETPPID: u64 = 110;
const A: Task = Task(0);
const B: Task = Task(1);

/// Registers that each hold a number of their own.
fn registers() -> [u64; REGISTERS] {
    std::array::from_fn(|word| 0xaaaa_0000_0000_0100 + word as u64)
}

fn enter(task: Task, number: u64) -> Event {
    let (is_compat, registers) = (false, registers());
    let call = Entered {
        number,
        is_compat,
        registers,
    };
    Event::Enter { task, cpu: 0, call }
}

fn enter_i386(task: Task, number: u64) -> Event {
    let (is_compat, registers) = (true, registers());
    let call = Entered {
        number,
        is_compat,
        registers,
    };
    Event::Enter { task, cpu: 0, call }
}

fn exit(task: Task, result: i64) -> Event {
    Event::Exit {
        task,
        cpu: 0,
        result,
        number: GETPPID,
    }
}

/// Task A belongs to the tree, and getppid(2) of x86-64 alone is traced.
fn tree(config: Config) -> Trial {
    let mut trial = Trial::new(config, &[(Row::X86_64, 110)].into(), &[]);
    trial.happen(0, &Event::Enrol(A));
    trial
}

/// What is known of slot 1 on the first CPU.
fn totals() -> Totals {
    let calls = kernel::with(|kernel| kernel.calls());
    assert!(calls.keys().all(|place| *place == (0, 1)), "{calls:?}");
    calls.get(&(0, 1)).copied().unwrap_or_default()
}

fn records(trial: &mut Trial) -> Vec<(Record, u64)> {
    trial.model.records.clear();
    kernel::with(Kernel::drain)
}

#[test]
fn an_exit_without_an_enter_is_ignored() {
    for level in [Level::Errors, Level::Time, Level::Histogram, Level::Stream] {
        let mut trial = tree(config(level));
        trial.happen(1, &exit(A, -2));
        assert_eq!(totals(), Totals::default());
        assert_eq!(records(&mut trial), []);
        // Nor is an exit counted twice.
        for event in [enter(A, GETPPID), exit(A, 0), exit(A, -2)] {
            trial.happen(1, &event);
        }
        if level == Level::Stream {
            assert_eq!(records(&mut trial).len(), 1);
        } else {
            assert_eq!((totals().calls, totals().errors), (1, 0));
        }
    }
}

#[test]
fn a_task_outside_of_the_tree_changes_nothing() {
    for level in crate::common::LEVELS {
        let mut trial = Trial::new(config(level), &[(Row::X86_64, 110)].into(), &[]);
        for event in [
            enter(B, GETPPID),
            exit(B, -2),
            Event::Fork {
                parent: B,
                child: Task(4),
            },
            enter(Task(4), GETPPID),
            Event::End(Task(4)),
            Event::End(B),
        ] {
            trial.happen(1, &event);
        }
        let control = kernel::with(|kernel| kernel.control());
        let counted = [control.tasks, control.lost_tasks, control.lost_records];
        assert_eq!((counted, control.child), ([0; 3], 0), "{level:?}");
        assert_eq!(kernel::with(|kernel| kernel.tasks()), BTreeMap::new());
        assert_eq!(totals(), Totals::default());
        assert_eq!(records(&mut trial), []);
    }
}

#[test]
fn children_belong_to_the_tree_until_they_end() {
    let mut trial = tree(config(Level::Count));
    let child = Task(4);
    for event in [
        Event::Fork { parent: A, child },
        // What a child does first is to return from the call that made it.
        exit(child, 0),
        enter(child, GETPPID),
        exit(child, 0),
        Event::End(child),
        // Another task at the same address.
        Event::Fork { parent: B, child },
        enter(child, GETPPID),
    ] {
        trial.happen(1, &event);
    }
    assert_eq!(totals().calls, 1);
    assert_eq!(kernel::with(|kernel| kernel.control()).tasks, 1);
}

#[test]
fn a_task_without_room_is_counted() {
    let config = Config {
        max_tasks: 2,
        ..config(Level::Count)
    };
    let mut trial = tree(config);
    trial.happen(
        0,
        &Event::Fork {
            parent: A,
            child: Task(4),
        },
    );
    trial.happen(
        0,
        &Event::Fork {
            parent: A,
            child: Task(5),
        },
    );
    let control = kernel::with(|kernel| kernel.control());
    assert_eq!((control.tasks, control.lost_tasks), (1, 1));
    trial.happen(0, &enter(Task(5), GETPPID));
    assert_eq!(totals().calls, 0);
}

/// include/linux/err.h: MAX_ERRNO.
#[test]
fn errors_are_what_is_an_error_to_the_kernel() {
    for (result, errors) in [
        (-1, 1),
        (-2, 1),
        (-4095, 1),
        (-4096, 0),
        (0, 0),
        (1, 0),
        (i64::MIN, 0),
        (i64::MAX, 0),
        // An unsigned number of 32 bits.
        (0xffff_fffe, 0),
    ] {
        for level in [Level::Errors, Level::Time, Level::Histogram] {
            let mut trial = tree(config(level));
            trial.happen(1, &enter(A, GETPPID));
            trial.happen(1, &exit(A, result));
            let Totals {
                calls,
                errors: found,
                ..
            } = totals();
            assert_eq!((calls, found), (1, errors), "{result}");
        }
    }
}

#[test]
fn a_call_that_never_returns_counts_and_takes_no_time() {
    let mut trial = tree(config(Level::Histogram));
    trial.happen(1, &enter(A, GETPPID));
    trial.happen(5, &Event::End(A));
    let expected = Totals {
        calls: 1,
        ..Totals::default()
    };
    assert_eq!(totals(), expected);
}

#[test]
fn a_time_goes_to_its_bucket() {
    for (took, bucket) in [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 1),
        (4, 2),
        (1023, 9),
        (1024, 10),
        ((1 << 32) - 1, 31),
        (1 << 32, 32),
        ((1 << 39) - 1, 38),
        (1 << 39, 39),
        (1 << 40, 39),
        (1 << 62, 39),
    ] {
        let mut trial = tree(config(Level::Histogram));
        trial.happen(7, &enter(A, GETPPID));
        trial.happen(took, &exit(A, 0));
        let mut expected = Totals {
            calls: 1,
            total_ns: took,
            ..Totals::default()
        };
        expected.latency[bucket] = 1;
        assert_eq!(totals(), expected, "{took} ns");
    }
}

/// Numbers as each ABI has them, in a set that has every ABI's.
#[test]
fn a_call_is_counted_where_its_abi_and_number_are() {
    const X32: u64 = 0x4000_0000;
    let numbers = [20, 39, 1022, 1023];
    let set = Row::ALL
        .into_iter()
        .flat_map(|row| numbers.map(|number| (row, number)));
    let set = set.collect();
    for (event, slot) in [
        (enter(A, 20), 1),
        (enter(A, 39), 2),
        (enter(A, 1022), 3),
        (enter(A, 1023), 4),
        (enter(A, 1024), 4),
        (enter(A, X32 - 1), 4),
        // Only the lower half is the number.
        (enter(A, 0xdead_beef_0000_0027), 2),
        (enter_i386(A, 20), 5),
        (enter_i386(A, 1022), 7),
        (enter_i386(A, 5000), 8),
        // There is no x32 for int 0x80.
        (enter_i386(A, X32 + 39), 8),
        (enter(A, X32 + 20), 9),
        (enter(A, X32 + 1022), 11),
        (enter(A, X32 + 1023), 12),
        (enter(A, X32 + 1024), 12),
        // As strace and the filters here have it.
        (enter(A, u64::MAX), 12),
    ] {
        let mut trial = Trial::new(config(Level::Count), &set, &[]);
        trial.happen(0, &Event::Enrol(A));
        trial.happen(0, &event);
        let calls = kernel::with(|kernel| kernel.calls());
        let places: Vec<_> = calls.into_keys().collect();
        assert_eq!(places, [(0, slot)], "{event:?}");
    }
}

/// Without BTF nothing tells a call of i386.
#[test]
fn without_an_offset_every_call_is_native() {
    let config = Config {
        status_offset: None,
        ..config(Level::Stream)
    };
    let mut trial = tree(config);
    trial.happen(0, &enter_i386(A, GETPPID));
    trial.happen(0, &exit(A, 0));
    let records = records(&mut trial);
    assert_eq!(records.len(), 1);
    let native = [14, 13, 12, 7, 9, 8].map(|word: usize| registers()[word]);
    assert_eq!(records[0].0.arguments, native);
}

#[test]
fn a_record_has_number_arguments_result_and_times() {
    let set = [(Row::X86_64, 110), (Row::I386, 64)].into();
    let mut trial = Trial::new(config(Level::Stream), &set, &[]);
    trial.happen(0, &Event::Enrol(A));
    trial.happen(0, &Event::Enrol(B));
    // A's call lasts while B makes one.
    trial.happen(10, &enter(A, GETPPID));
    trial.happen(5, &enter_i386(B, 64));
    trial.happen(2, &exit(B, -38));
    trial.happen(3, &exit(A, 4321));
    let native = Record {
        entered_ns: 1_000_010,
        returned_ns: 1_000_020,
        result: 4321,
        // di, si, dx, r10, r8, r9.
        arguments: [0x10e, 0x10d, 0x10c, 0x107, 0x109, 0x108]
            .map(|low| 0xaaaa_0000_0000_0000 + low),
        tid: 100,
        number: 110,
        slot: 1,
        padding: 0,
    };
    let i386 = Record {
        entered_ns: 1_000_015,
        returned_ns: 1_000_017,
        result: -38,
        // bx, cx, dx, si, di, bp, of which the lower halves are the call's.
        arguments: [0x105, 0x10b, 0x10c, 0x10d, 0x10e, 0x104],
        tid: 101,
        number: 64,
        slot: 2,
        padding: 0,
    };
    let found: Vec<_> = records(&mut trial)
        .into_iter()
        .map(|(record, _)| record)
        .collect();
    assert_eq!(found, [i386, native]);
}

#[test]
fn a_task_that_ends_in_a_call_leaves_a_record() {
    let mut trial = tree(config(Level::Stream));
    trial.happen(0, &enter(A, GETPPID));
    trial.happen(9, &Event::End(A));
    let records = records(&mut trial);
    assert_eq!(records.len(), 1);
    let record = records[0].0;
    assert_eq!(
        (record.number, record.returned_ns, record.result),
        (110, 0, 0)
    );
}

/// 1,024 bytes hold 10 records of 96; with the second one the buffer is an eighth full.
#[test]
fn a_full_ring_buffer_loses_records_and_says_so() {
    let config = Config {
        ring_bytes: 1024,
        ..config(Level::Stream)
    };
    let mut trial = tree(config);
    for _ in 0..13 {
        trial.happen(1, &enter(A, GETPPID));
        trial.happen(1, &exit(A, 0));
    }
    let found: Vec<_> = records(&mut trial)
        .into_iter()
        .map(|(_, flags)| flags)
        .collect();
    // BPF_RB_NO_WAKEUP is 1, BPF_RB_FORCE_WAKEUP 2.
    assert_eq!(found, [1, 2, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(kernel::with(|kernel| kernel.control()).lost_records, 3);
    // Once it is read there is room again.
    trial.happen(1, &enter(A, GETPPID));
    trial.happen(1, &exit(A, 0));
    assert_eq!(records(&mut trial).len(), 1);
}

#[test]
fn the_child_of_the_process_that_launches_is_found() {
    let mut trial = Trial::new(config(Level::Count), &[(Row::X86_64, 110)].into(), &[]);
    trial.happen(0, &Event::Want(Some(B)));
    trial.happen(
        0,
        &Event::Fork {
            parent: A,
            child: Task(4),
        },
    );
    assert_eq!(kernel::with(|kernel| kernel.control()).child, 0);
    trial.happen(
        0,
        &Event::Fork {
            parent: B,
            child: Task(5),
        },
    );
    let control = kernel::with(|kernel| kernel.control());
    assert_eq!(control.child, Task(5).address());
    // The harness's own task, by the program that it runs by hand.
    assert_eq!(control.own_task, A.address());
    assert_eq!(kernel::with(|kernel| kernel.tasks()), BTreeMap::new());
}

/// Tasks 0 and 1 are a process, in the harness's PID namespace; 4 and 5 are one in another.
#[test]
fn tasks_of_watched_processes_are_enrolled_when_they_are_seen() {
    for (namespace, processes, counts) in [
        (None, [100, 104], 3),
        (Some(NAMESPACE), [1, 5], 2),
        (Some(NAMESPACE), [100, 104], 0),
    ] {
        let attachment = Attachment::Running;
        let config = Config {
            attachment,
            pid_namespace: namespace,
            ..config(Level::Count)
        };
        let mut trial = Trial::new(config, &[(Row::X86_64, 110)].into(), &processes);
        trial.happen(
            0,
            &Event::Fork {
                parent: Task(2),
                child: Task(4),
            },
        );
        for task in [A, B, Task(2), Task(4)] {
            trial.happen(0, &enter(task, GETPPID));
        }
        assert_eq!(totals().calls, counts, "{namespace:?} {processes:?}");
        assert_eq!(kernel::with(|kernel| kernel.control()).tasks, counts);
    }
}

/// A number that no ABI traces needs no look at the task, and the result is the same.
#[test]
fn a_sparse_set_counts_the_same() {
    for sparse in [false, true] {
        let config = Config {
            sparse,
            ..config(Level::Errors)
        };
        let mut trial = tree(config);
        for number in [GETPPID, 39, 1023, 5000, u64::MAX, GETPPID] {
            trial.happen(0, &enter(A, number));
            trial.happen(0, &exit(A, -1));
        }
        let Totals { calls, errors, .. } = totals();
        assert_eq!((calls, errors), (2, 2), "{sparse}");
    }
}
