//! Outputs of real peers, and what must be counted in them; then outputs that are not what they must be.
//! Which file is of which version and which is made up is in `data/README.md`.

use harness_peer::Peer;
use harness_peer::counting::{CountError, Counted, Format};
use std::collections::BTreeMap;
use std::path::Path;

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn count(format: &Format, text: &str) -> Result<Counted, CountError> {
    let lost = regex_lite::Regex::new(r"LOST (\d+) events").expect("a regular expression");
    format.count(text.as_bytes(), Some(&lost))
}

fn counted(format: &Format, file: &str) -> Counted {
    count(format, &text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn calls(calls: &[(&str, u64)]) -> BTreeMap<String, u64> {
    calls
        .iter()
        .map(|&(name, count)| (name.to_owned(), count))
        .collect()
}

/// What `calls.c` did, by three ways of counting it, each in a run of its own.
#[test]
fn three_outputs_of_one_program_agree() {
    let text = counted(&Format::Strace, "strace-6.1-calls.txt");
    assert_eq!(
        (text.unreadable, text.unsure_abi, text.killed),
        (0, 0, Some(false))
    );
    let some = [
        ("getppid", 6),
        ("vfork", 1),
        ("clone", 1),
        ("clone3", 2),
        ("execve", 2),
        ("exit_group", 2),
    ];
    for (name, count) in some {
        assert_eq!(text.calls[name], count, "{name}");
    }
    assert_eq!((text.calls["500"], text.calls["x32:3221225471"]), (1, 1));
    let without = |counted: &Counted, names: &[&str]| {
        let mut calls = counted.calls.clone();
        calls.retain(|name, _| !names.contains(&name.as_str()));
        calls
    };
    let table = counted(&Format::StraceSummary, "strace-6.1-c-calls.txt");
    assert_eq!(table.total(), 95);
    // Those that never return, or in which a thread is killed, and those without a name.
    let unseen = [
        "exit",
        "exit_group",
        "kill",
        "pause",
        "500",
        "x32:3221225471",
    ];
    assert_eq!(table.calls, without(&text, &unseen));
    let perf = counted(&Format::PerfTraceSummary, "perf-6.1-calls.txt");
    assert_eq!(without(&perf, &["kill", "pause"]), table.calls);
    assert_eq!((perf.calls["kill"], perf.calls["pause"]), (1, 1));
}

/// strace's seconds are CPU time and nothing that can be compared with time on the clock.
#[test]
fn errors_and_times_are_read_where_a_table_has_them() {
    let table = counted(&Format::StraceSummary, "strace-6.1-c-calls.txt");
    assert_eq!(table.errors, Some(calls(&[("access", 2)])));
    assert_eq!(table.total_ns, None);
    let perf = counted(&Format::PerfTraceSummary, "perf-6.1-calls.txt");
    let mut errors = perf.errors.expect("a column");
    errors.retain(|_, &mut errors| errors > 0);
    // A thread is killed in pause(2), whose return perf sees.
    assert_eq!(errors, calls(&[("access", 2), ("pause", 1)]));
    let total = perf.total_ns.expect("a column");
    // One table has 0.125 ms, another 0.028 ms.
    assert_eq!(total["getppid"], 153_000);
    let text = counted(&Format::Strace, "strace-6.1-calls.txt");
    assert_eq!((text.errors, text.total_ns), (None, None));
    for (row, unread) in [
        ("read 1 x 0.050 0.050 0.050 0.050 0.00%", "errors"),
        ("read 1 0 5 0.050 0.050 0.050 0.00%", "total"),
    ] {
        let broken = format!(
            " Summary of events:\n true (1), 2 events, 0.0%\n\n syscall calls errors total min avg max stddev\n \
             (msec) (msec) (msec) (msec) (%)\n ---\n {row}\n\n"
        );
        let error = count(&Format::PerfTraceSummary, &broken).expect_err(unread);
        assert!(error.to_string().contains("a row of a table"), "{error}");
    }
}

#[test]
fn calls_of_two_abis_are_told_apart_where_the_peer_does() {
    let foreign = [("i386:getppid", 3), ("i386:getpid", 2)];
    let own = [("getppid", 2), ("getpid", 1)];
    let text = counted(&Format::Strace, "strace-6.1-int80.txt");
    let table = counted(&Format::StraceSummary, "strace-6.1-c-int80.txt");
    for counted in [&text, &table] {
        for (name, count) in own.into_iter().chain(foreign) {
            assert_eq!(counted.calls[name], count, "{name}");
        }
    }
    assert_eq!(text.calls["i386:600"], 1);
    assert_eq!(table.total(), 35 + 5);
    // A number without a name is written under every set.
    let set = [&own[..], &foreign, &[("i386:600", 1)]].concat();
    let of_set = counted(&Format::Strace, "strace-6.1-int80-set.txt");
    assert_eq!(of_set.calls, calls(&set));
    let filtered = counted(&Format::Strace, "strace-6.1-seccomp-int80.txt");
    assert_eq!(
        filtered.calls,
        calls(&[&set[..], &[("execve", 1)]].concat())
    );
    // 64 and 20, by the native table.
    let perf = counted(&Format::PerfTraceSummary, "perf-6.1-int80.txt");
    assert_eq!((perf.calls["semget"], perf.calls["writev"]), (3, 2));
    assert_eq!((perf.calls["getppid"], perf.calls["getpid"]), (2, 1));
}

#[test]
fn a_set_without_calls_of_the_program_is_no_error() {
    let text = counted(&Format::Strace, "strace-6.1-calls-connect.txt");
    assert_eq!(text.calls, calls(&[("500", 1), ("x32:3221225471", 1)]));
    let perf = counted(&Format::PerfTraceSummary, "perf-6.1-calls-connect.txt");
    assert_eq!(perf, Counted::default());
    let some = counted(&Format::PerfTraceSummary, "perf-6.1-calls-set.txt");
    assert_eq!(some.calls, calls(&[("getpid", 1), ("getppid", 6)]));
}

#[test]
fn what_perf_lost_is_added_up() {
    let file = "perf-6.1-lost.txt";
    let perf = counted(&Format::PerfTraceSummary, file);
    let lost: u64 = text(file)
        .lines()
        .filter_map(|line| {
            line.strip_prefix("LOST ")?
                .strip_suffix(" events!")?
                .parse::<u64>()
                .ok()
        })
        .sum();
    assert!(lost > 100_000, "{lost}");
    assert_eq!(perf.lost, lost);
    assert_eq!(perf.calls["read"], 10417 + 1);
}

/// The files that are no built-in peers' are read by their descriptions.
#[test]
fn lines_are_read_as_a_description_says() {
    let counted = |peer: &str, file: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../peers/{peer}.toml"));
        let peer = Peer::read(&path).expect("a description");
        peer.count(text(file).as_bytes())
            .unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    let strace = counted("strace", "strace-6.1-calls.txt");
    // All but the number -1 and the execve(2) that starts the program.
    let mut ltrace = counted("ltrace", "ltrace-0.7.3-calls.txt");
    *ltrace.calls.get_mut("execve").expect("true(1)") += 1;
    ltrace.calls.insert("x32:3221225471".to_owned(), 1);
    assert_eq!(ltrace.calls, strace.calls);
    // And what its child does before execve(2).
    let bpftrace = counted("bpftrace", "bpftrace-0.17.0-calls.txt");
    let more = bpftrace
        .calls
        .iter()
        .filter(|&(name, count)| strace.calls.get(name) != Some(count));
    let more: Vec<_> = more.map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(more, [("close", 5)]);
    assert!(
        strace
            .calls
            .keys()
            .all(|name| bpftrace.calls.contains_key(name))
    );
}

/// Made up in the form of strace's text, for what cannot be had from it at will.
#[test]
fn lines_of_straces_text_are_told_apart() {
    let text = "\
7     execve(\"/bin/p\", [\"p\"], 0x7ffe /* 3 vars */) = 0
strace: Process 8 attached
8     nanosleep({tv_sec=0, tv_nsec=20000000},  <unfinished ...>
7     getppid()                         = 1
7     kill(7, SIGUSR1)                  = 0
7     --- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=7, si_uid=0} ---
8     <... nanosleep resumed>NULL)      = 0
7     syscall_0x1f4(0x7f, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)
8     execve(\"/bin/q\", [\"q\"], 0x7ffe /* 3 vars */ <pid changed to 7 ...>
7     +++ superseded by execve in pid 8 +++
7     <... execve resumed>)             = 0
7     ????( <unfinished ...>)           = ?
7     ???( <detached ...>
7     +++ killed by SIGKILL +++
";
    let counted = count(&Format::Strace, text).expect("strace's text");
    let expected = [
        ("execve", 2),
        ("nanosleep", 1),
        ("getppid", 1),
        ("kill", 1),
        ("500", 1),
    ];
    assert_eq!(counted.calls, calls(&expected));
    assert_eq!((counted.unreadable, counted.total()), (2, 8));
    assert_eq!((counted.killed, counted.unsure_abi), (Some(true), 0));
}

/// A thread begins with the ABI of the one that strace looked at last, which nobody can be sure of while
/// threads of two ABIs live.
#[test]
fn a_new_thread_beside_others_of_two_abis_is_unsure() {
    let text = "\
7     fork()                            = 8
8     [ Process PID=8 runs in 32 bit mode. ]
8     getppid()                         = 7
7     getppid()                         = 1
9     getppid()                         = 7
9     [ Process PID=9 runs in 32 bit mode. ]
9     getppid()                         = 7
8     +++ exited with 0 +++
9     +++ exited with 0 +++
10    getppid()                         = 7
7     +++ exited with 0 +++
";
    let counted = count(&Format::Strace, text).expect("strace's text");
    assert_eq!(counted.calls["i386:getppid"], 2 + 1);
    assert_eq!((counted.total(), counted.unsure_abi), (6, 2));
    assert_eq!(counted.killed, Some(false));
}

/// Made up: a table of `strace -c` without its end, its end, and the head and the only row of a table of perf.
const TABLE: &str = "% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
100.00    0.000012          12         2           read
";
const TOTAL: &str = "------ ----------- ----------- --------- --------- ----------------
100.00    0.000012          12         2           total
";
const PERF: &str = "
 Summary of events:

 p (7), 2 events, 100.0%

   syscall            calls  errors  total       min       avg       max       stddev
                                     (msec)    (msec)    (msec)    (msec)        (%)
   --------------- --------  ------ -------- --------- --------- ---------     ------
";
const ROW: &str =
    "   read                   2      0     0.050     0.003     0.006     0.011     14.00%\n";

fn refused(format: &Format, text: &str, message: &str) {
    let error = count(format, text).expect_err(text).to_string();
    assert!(error.contains(message), "{text}: {error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn text_that_strace_does_not_write_is_refused_with_its_line() {
    for (text, message) in [
        ("hello\n", "line 1 of its output is not known: `hello`"),
        (
            "7 getppid() = 1\n7 Getppid() = 1\n",
            "line 2 of its output is not known",
        ),
        (
            "7 getppid() = 1\n7 get",
            "breaks off at line 2: the end of the line",
        ),
        ("7 +++ gone +++\n", "line 1 of its output is not known"),
        (
            "7 [ Process PID=7 runs in 16 bit mode. ]\n",
            "line 1 of its output",
        ),
        ("", "it wrote nothing"),
    ] {
        refused(&Format::Strace, text, message);
    }
}

#[test]
fn a_table_that_strace_does_not_write_is_refused_with_its_line() {
    let whole = format!("{TABLE}{TOTAL}");
    let whole = count(&Format::StraceSummary, &whole).expect("a table");
    assert_eq!(whole.calls, calls(&[("read", 2)]));
    for before in ["7     ???( <detached ...>\n", "7     ???("] {
        let nameless = format!("{before}{TABLE}{TOTAL}");
        let nameless = count(&Format::StraceSummary, &nameless).expect("a table");
        assert_eq!((nameless.unreadable, nameless.total()), (1, 3), "{before}");
    }
    let other_mode = format!("System call usage summary for 16 bit mode:\n{TABLE}");
    let other_total = format!("{TABLE}{}", TOTAL.replace("  2 ", "  3 "));
    let no_number = TABLE.replace("     2 ", "   two ");
    let other_title = TABLE.replace(" calls", " count");
    for (text, message) in [
        ("", "it wrote nothing"),
        ("7 getppid() = 1\n", "line 1 of its output is not known"),
        (TABLE, "breaks off at line 3: the table's total is missing"),
        (&other_total, "add up to 2 calls"),
        (&no_number, "line 3 of its output is not known"),
        (&other_title, "line 2 of its output is not known"),
        (&other_mode, "line 1 of its output is not known"),
    ] {
        refused(&Format::StraceSummary, text, message);
    }
}

#[test]
fn a_table_that_perf_does_not_write_is_refused_with_its_line() {
    let whole = format!("{PERF}{ROW}\n\n");
    let whole = count(&Format::PerfTraceSummary, &whole).expect("a table");
    assert_eq!(whole.calls, calls(&[("read", 2)]));
    let cut = format!("{PERF}{ROW}");
    let no_count = format!("{PERF}{}", ROW.replace("  2 ", " "));
    let other_title = PERF.replace(" calls ", " count ");
    let no_thread = PERF.replace(" p (7), ", " p ");
    for (text, message) in [
        ("", "it wrote nothing"),
        ("\n\n", "`Summary of events:` is missing"),
        ("read(3) = 3\n", "line 1 of its output is not known"),
        (&cut, "breaks off at line 9"),
        (PERF, "breaks off at line 8"),
        (&no_count, "line 9 of its output"),
        (&other_title, "line 6 of its output"),
        (&no_thread, "line 4 of its output"),
    ] {
        refused(&Format::PerfTraceSummary, text, message);
    }
}

/// Made up after the sources of strace 7.1, with columns that it has beside those of 6.1 (`-U`).
#[test]
fn tables_of_other_versions_of_strace_are_read_by_their_titles() {
    let text = "\
% time  wall-total     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- ----------- --------- --------- -----------------
 75.00    0.000900    0.000300         300         1           sched_getaffinity
 25.00    0.000100    0.000100          50         2         2 access
------ ----------- ----------- ----------- --------- --------- -----------------
100.00    0.001000    0.000400         133         3         2 total
";
    let counted = count(&Format::StraceSummary, text).expect("a table");
    assert_eq!(
        counted.calls,
        calls(&[("sched_getaffinity", 1), ("access", 2)])
    );
}

/// Made up after the sources of other versions: before Linux 5.12 no column of errors; threads not told apart.
#[test]
fn tables_of_other_versions_of_perf_are_read_by_their_titles() {
    let text = "
 Summary of events:

 total, 4 events

   syscall            calls    total       min       avg       max      stddev
                               (msec)    (msec)    (msec)    (msec)        (%)
   --------------- -------- --------- --------- --------- ---------     ------
   sched_getaffinity        2     0.050     0.003     0.006     0.011     14.00%
LOST 3 events!

 a (b), 7 events (9), 7 events, 3.1%, 1 minfaults

   syscall            calls  errors  total       min       avg       max       stddev
                                     (msec)    (msec)    (msec)    (msec)        (%)
   --------------- --------  ------ -------- --------- --------- ---------     ------
   read                   1      0     0.050     0.003     0.006     0.011      0.00%

";
    let counted = count(&Format::PerfTraceSummary, text).expect("perf's tables");
    assert_eq!(
        counted.calls,
        calls(&[("sched_getaffinity", 2), ("read", 1)])
    );
    assert_eq!(counted.lost, 3);
}
