//! bpf(2) on the live kernel: programs assembled by hand, each kind of map, the ring buffer, and that
//! nothing stays behind. Needs the privilege to load programs.

use harness_sys::bpf::{self, LoadError, Map, MapKind, MapSpec, Program, ProgramSpec, RingBuffer};
use harness_sys::{Errno, calls, process};
use harness_testing::{Missing, in_own_process, skip};
use std::os::fd::{AsFd, AsRawFd};

/// `struct bpf_insn`, uapi/linux/bpf.h: opcode, destination and source, offset, immediate.
const fn insn(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> u64 {
    code as u64
        | (destination as u64) << 8
        | (source as u64) << 12
        | (offset.cast_unsigned() as u64) << 16
        | (immediate.cast_unsigned() as u64) << 32
}

const fn mov(register: u8, value: i32) -> u64 {
    insn(0xb7, register, 0, 0, value)
}

const fn call(helper: i32) -> u64 {
    insn(0x85, 0, 0, 0, helper)
}

const EXIT: u64 = insn(0x95, 0, 0, 0, 0);

/// `enum bpf_func_id`.
const KTIME_GET_NS: i32 = 5;
const RINGBUF_OUTPUT: i32 = 130;
const RINGBUF_RESERVE: i32 = 131;
const RINGBUF_DISCARD: i32 = 133;

const NAME: &str = "harness-test";

fn load(instructions: &[u64]) -> Result<Program, LoadError> {
    Program::load(&ProgramSpec {
        name: NAME,
        instructions,
    })
}

/// `r0 = value; exit`.
fn returning(value: i32) -> Result<Program, LoadError> {
    load(&[mov(0, value), EXIT])
}

/// Whether programs can be loaded; says what is skipped where they cannot.
#[track_caller]
fn may_load(what: &str) -> bool {
    match returning(0) {
        Ok(_) => true,
        Err(error) => {
            let missing = if process::effective_user() == 0 {
                Missing::Host
            } else {
                Missing::Root
            };
            skip(missing, &format!("{what}: loading a program: {error}"));
            false
        }
    }
}

/// Two registers: the address of a map, in two words.
fn map_in(register: u8, map: &Map) -> [u64; 2] {
    const PSEUDO_MAP_FD: u8 = 1;
    let descriptor = map.as_fd().as_raw_fd();
    [insn(0x18, register, PSEUDO_MAP_FD, 0, descriptor), 0]
}

fn map(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> Map {
    let spec = MapSpec {
        kind,
        name: NAME,
        key_size,
        value_size,
        max_entries,
    };
    Map::create(&spec).expect("a map")
}

#[test]
fn without_the_privilege_nothing_is_loaded_and_the_error_says_why() {
    if process::effective_user() == 0 {
        return; // The others show what root may do.
    }
    let error = returning(0).expect_err("not as an ordinary user");
    assert_eq!(error.errno, Errno::EPERM, "{error}");
    assert_eq!(error.to_string(), "EPERM: Operation not permitted");
}

#[test]
fn the_verifier_says_why_it_refuses() {
    if !may_load("the verifier's log") {
        return;
    }
    let error = load(&[EXIT]).expect_err("r0 is not set");
    assert_eq!(error.errno, Errno::EACCES, "{error}");
    assert_eq!(
        error.to_string(),
        "the verifier says: R0 !read_ok (EACCES)",
        "{}",
        error.log
    );
    assert!(error.log.contains("exit"), "{}", error.log);
    // It does not come to look at these.
    assert_eq!(load(&[]).expect_err("no program").errno, Errno::E2BIG);
}

/// A program of another process may come and go meanwhile, so ours is looked for by its id.
#[test]
fn what_is_dropped_is_gone_from_the_kernel() {
    if !may_load("what is left behind") {
        return;
    }
    let program = returning(0).expect("a program");
    let id = program.info().expect("its info").id;
    let link = program.attach("sys_enter").expect("attached");
    let of_link = link.id().expect("its id");
    let map = map(MapKind::Array, 4, 8, 1);
    let of_map = map.id().expect("its id");
    assert!(bpf::program_ids().expect("ids").contains(&id));
    assert!(bpf::link_ids().expect("ids").contains(&of_link));
    assert!(bpf::map_ids().expect("ids").contains(&of_map));
    drop(program);
    assert!(
        bpf::program_ids().expect("ids").contains(&id),
        "the link holds it"
    );
    drop((link, map));
    // The kernel frees after a grace period of RCU.
    let gone = |ids: fn() -> Result<Vec<u32>, Errno>, id| {
        (0..5000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            !ids().expect("ids").contains(&id)
        })
    };
    assert!(gone(bpf::program_ids, id), "the program");
    assert!(gone(bpf::link_ids, of_link), "the link");
    assert!(gone(bpf::map_ids, of_map), "the map");
}

#[test]
fn there_is_no_such_tracepoint() {
    if !may_load("attaching") {
        return;
    }
    let program = returning(0).expect("a program");
    let refused = program.attach("no_such_tracepoint").map(drop);
    assert_eq!(refused, Err(Errno::ENOENT));
    // One argument more than sys_enter has.
    let third = load(&[insn(0x79, 0, 1, 16, 0), EXIT]).expect("a program");
    assert_eq!(third.attach("sys_enter").map(drop), Err(Errno::EINVAL));
}

/// Those of this thread at least; others of the machine make calls, too.
#[test]
fn runs_are_counted_while_statistics_are_on() {
    const CALLS: u64 = 1000;
    if !may_load("statistics") {
        return;
    }
    let program = returning(0).expect("a program");
    let link = program.attach("sys_enter").expect("attached");
    let statistics = bpf::enable_statistics().expect("statistics");
    let before = program.info().expect("its info");
    for _ in 0..CALLS {
        let _ = calls::getppid();
    }
    let after = program.info().expect("its info");
    drop(statistics);
    assert!(after.run_count - before.run_count >= CALLS, "{after:?}");
    assert!(after.run_time_ns > before.run_time_ns, "{after:?}");
    assert!(after.translated_bytes >= 16, "{after:?}");
    assert!(after.verified_instructions.is_none_or(|n| n >= 2));
    drop(link);
}

#[test]
fn a_program_is_run_by_hand() {
    if !may_load("a run by hand") {
        return;
    }
    for value in [0, 42, -11] {
        let program = returning(value).expect("a program");
        assert_eq!(program.test_run(), Ok(value.cast_unsigned()));
    }
    let reads = load(&[insn(0x79, 0, 1, 0, 0), EXIT]).expect("a program");
    assert_eq!(reads.test_run(), Err(Errno::EINVAL), "it has no argument");
}

#[test]
fn a_hash_holds_what_it_was_given() {
    if !may_load("maps") {
        return;
    }
    let map = map(MapKind::Hash, 8, 12, 2);
    let (one, two, three) = ([1; 8], [2; 8], [3; 8]);
    assert_eq!(map.next_key(None), Ok(None));
    assert_eq!(map.lookup(&one), Ok(None));
    map.update(&one, b"some value..").expect("inserted");
    map.update(&one, b"other value.").expect("replaced");
    map.update(&two, &[7; 12]).expect("inserted");
    assert_eq!(map.update(&three, &[7; 12]), Err(Errno::E2BIG), "full");
    assert_eq!(map.lookup(&one), Ok(Some(b"other value.".to_vec())));
    let first = map.next_key(None).expect("a key").expect("there are two");
    let second = map.next_key(Some(&first)).expect("a key").expect("two");
    assert_eq!(map.next_key(Some(&second)), Ok(None));
    let mut keys = [first, second];
    keys.sort();
    assert_eq!(keys, [one.to_vec(), two.to_vec()]);
    assert_eq!(map.delete(&one), Ok(true));
    assert_eq!(map.delete(&one), Ok(false));
    assert_eq!(map.lookup(&one), Ok(None));
}

#[test]
fn an_array_is_always_full() {
    if !may_load("maps") {
        return;
    }
    let map = map(MapKind::Array, 4, 3, 2);
    let key = |index: u32| index.to_ne_bytes();
    map.update(&key(1), b"abc").expect("set");
    assert_eq!(map.lookup(&key(0)), Ok(Some(vec![0; 3])));
    assert_eq!(map.lookup(&key(1)), Ok(Some(b"abc".to_vec())));
    assert_eq!(map.lookup(&key(2)), Ok(None), "beyond its end");
    assert_eq!(map.update(&key(2), b"abc"), Err(Errno::E2BIG));
    assert_eq!(map.delete(&key(1)), Err(Errno::EINVAL));
}

/// A value that is no multiple of 8, so that its rounding shows.
#[test]
fn a_per_cpu_array_has_a_value_for_each_processor() {
    if !may_load("maps") {
        return;
    }
    let map = map(MapKind::PerCpuArray, 4, 12, 2);
    let key = 1_u32.to_ne_bytes();
    let processors = bpf::possible_processors().expect("a list");
    assert!(processors >= std::thread::available_parallelism().map_or(1, usize::from));
    let begins = map.lookup_per_cpu(&key).expect("values");
    assert_eq!(begins, vec![vec![0; 12]; processors]);
    map.update(&key, b"on every cpu").expect("set");
    let all = map.lookup_per_cpu(&key).expect("values");
    assert_eq!(all, vec![b"on every cpu".to_vec(); processors]);
    let beyond = map.lookup_per_cpu(&2_u32.to_ne_bytes());
    assert_eq!(beyond, Err(Errno::ENOENT));
}

/// A record of 16 bytes, so 24 with its header, of which 4096 is no multiple: some go on at the
/// beginning of the buffer.
#[test]
fn records_arrive_in_order_until_the_buffer_is_full() {
    const MARK: i32 = 0x5eed;
    if !may_load("a ring buffer") {
        return;
    }
    let map = map(MapKind::RingBuffer, 0, 0, 4096);
    assert_eq!(map.lookup(&[]), Err(Errno::EOPNOTSUPP));
    let [low, high] = map_in(1, &map);
    let program = load(&[
        call(KTIME_GET_NS),
        insn(0x7b, 10, 0, -16, 0),   // *(u64 *)(r10 - 16) = r0
        insn(0x7a, 10, 0, -8, MARK), // *(u64 *)(r10 - 8) = MARK
        low,
        high,
        insn(0xbf, 2, 10, 0, 0),  // r2 = r10
        insn(0x07, 2, 0, 0, -16), // r2 += -16
        mov(3, 16),
        mov(4, 0),
        call(RINGBUF_OUTPUT),
        EXIT,
    ])
    .expect("a program");
    let mut ring = RingBuffer::new(map).expect("mapped");
    let mut last = 0;
    let mut read = |ring: &mut RingBuffer| {
        ring.consume(|record| {
            let word = |at| u64::from_ne_bytes(std::array::from_fn(|byte| record[at + byte]));
            assert_eq!((record.len(), word(8)), (16, MARK as u64));
            assert!(word(0) >= last, "in order");
            last = word(0);
            Ok::<_, std::convert::Infallible>(())
        })
    };
    assert_eq!(read(&mut ring), Ok(0));
    for _ in 0..200 {
        for _ in 0..7 {
            assert_eq!(program.test_run(), Ok(0));
        }
        assert_eq!(read(&mut ring), Ok(7));
    }
    // 170 records of 24 bytes fit into 4096.
    let found_room = (0..200).filter(|_| program.test_run() == Ok(0)).count();
    assert_eq!(found_room, 170);
    let again = Errno::EAGAIN as i32;
    assert_eq!(program.test_run(), Ok((-again).cast_unsigned()), "full");
    assert_eq!(read(&mut ring), Ok(170));
    assert_eq!(program.test_run(), Ok(0), "there is room again");
}

#[test]
fn the_descriptor_of_a_ring_buffer_is_readable_while_there_is_something() {
    if !may_load("a ring buffer") {
        return;
    }
    let map = map(MapKind::RingBuffer, 0, 0, 4096);
    let [low, high] = map_in(1, &map);
    let program = load(&[
        low,
        high,
        mov(2, 8),
        mov(3, 0),
        call(RINGBUF_RESERVE),
        insn(0x55, 0, 0, 2, 0), // if r0 != 0 goto +2
        mov(0, 1),
        EXIT,
        insn(0xbf, 1, 0, 0, 0), // r1 = r0
        mov(2, 0),
        call(RINGBUF_DISCARD),
        mov(0, 0),
        EXIT,
    ])
    .expect("a program");
    let mut ring = RingBuffer::new(map).expect("mapped");
    let readable = |ring: &RingBuffer| {
        let soon = Some(std::time::Duration::ZERO);
        harness_sys::files::wait_ready([ring.as_fd()], soon).expect("poll(2)")[0].readable
    };
    assert!(!readable(&ring));
    assert_eq!(program.test_run(), Ok(0));
    assert!(readable(&ring), "a discarded record takes room, too");
    let read = ring.consume(|_| Err("there is nothing in it"));
    assert_eq!(read, Ok(0));
    assert!(!readable(&ring));
}

/// `kill -9` is the end that nothing in the process can tidy up after.
#[test]
fn a_killed_process_leaves_nothing_attached() {
    if !may_load("a killed process") {
        return;
    }
    let (reader, writer) = std::io::pipe().expect("a pipe");
    in_own_process(|| {
        use std::io::{Read as _, Write as _};
        let Some(child) = process::fork().expect("fork(2)") else {
            let program = returning(0).expect("a program");
            let link = program.attach("sys_enter").expect("attached");
            let id = link.id().expect("its id").to_ne_bytes();
            (&writer).write_all(&id).expect("a pipe");
            std::thread::sleep(std::time::Duration::from_secs(60));
            calls::exit_group(1)
        };
        let mut id = [0; 4];
        (&reader).read_exact(&mut id).expect("its id");
        let id = u32::from_ne_bytes(id);
        assert!(bpf::link_ids().expect("ids").contains(&id));
        process::kill(child).expect("kill(2)");
        harness_sys::wait::one(child).expect("wait4(2)");
        let gone = (0..5000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            !bpf::link_ids().expect("ids").contains(&id)
        });
        assert!(gone, "the link is there still");
    });
}
