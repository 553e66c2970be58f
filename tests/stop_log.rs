//! `harness run --log-stops`: every stop and every notification that was counted is in the log, and
//! what cannot be logged is said.

mod common;

use common::{FAIL, Harness, modes, one_clear_line, text};
use harness_mode::Mechanism;
use harness_testing::compiled;
use serde_json::Value;
use std::ffi::OsStr;
use std::process::Command;

fn lines(harness: &Harness, file: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(harness.directory().join(file)).expect("a log");
    log.lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

/// The kinds of lines that a column of samples.csv counts.
const COUNTED: [(&str, &[&str]); 6] = [
    ("stops_syscall_enter", &["syscall-enter"]),
    ("stops_syscall_exit", &["syscall-exit"]),
    ("stops_seccomp", &["seccomp"]),
    (
        "stops_event",
        &["fork", "vfork", "clone", "exec", "event-stop"],
    ),
    ("stops_signal", &["signal"]),
    ("stops_group", &["group"]),
];

#[test]
fn every_counted_stop_is_a_line() {
    let harness = Harness::new();
    let logs = |mechanism: Mechanism| mechanism != Mechanism::Peer;
    let modes = modes::available(logs, "every counted stop is a line").join(",");
    let words = ["--modes", &modes, "--trace", "%process,kill", "--runs", "2"];
    let log = ["--log-stops", "r/stops.jsonl", "--output", "r", "--"];
    let script = "trap : USR1; (exit 3) & wait; kill -USR1 $$; /bin/true";
    let command = ["sh", "-c", script];
    let record = harness.record(&[&words[..], &log, &command].concat());
    let warnings = record["warnings"].to_string();
    assert!(warnings.contains("written to a log"), "{warnings}");

    let lines = lines(&harness, "r/stops.jsonl");
    let samples = std::fs::read_to_string(harness.directory().join("r/samples.csv"));
    let samples = samples.expect("samples");
    let mut rows = samples
        .lines()
        .map(|row| row.split(',').collect::<Vec<_>>());
    let header = rows.next().expect("a header");
    let mut logged = 0;
    for row in rows {
        let column = |name: &str| {
            let at = header.iter().position(|column| *column == name);
            row[at.unwrap_or_else(|| panic!("no column {name}"))]
        };
        let index: u64 = column("index").parse().expect("an index");
        let mode = column("mode");
        let of_run: Vec<_> = lines
            .iter()
            .filter(|line| line["warm_up"] == false && line["run"] == index)
            .collect();
        logged += of_run.len();
        assert!(of_run.iter().all(|line| line["mode"] == mode), "{index}");
        let mechanism = modes::mechanism(mode);
        let times = of_run.iter().map(|line| line["at_ns"].as_u64());
        // Two CPUs hand over what ended at almost the same time in any order.
        let in_order = mechanism != Mechanism::TracepointStream;
        assert!(!in_order || times.is_sorted(), "{mode}, {index}");
        let count = |kinds: &[&str]| {
            let of_kind = of_run.iter().filter(|line| {
                let kind = line["stop"].as_str().expect("a kind of stop");
                kinds.contains(&kind)
            });
            of_kind.count()
        };
        let told_of_calls = match mechanism {
            Mechanism::UserNotification => Some("notification"),
            Mechanism::TracepointStream => Some("returned"),
            _ => None,
        };
        if let Some(kind) = told_of_calls {
            let told = of_run.len();
            assert_eq!(count(&[kind]), told, "{mode}, {index}");
            assert_eq!(told.to_string(), column("traced_events"), "{mode}, {index}");
        } else if !modes::has_stops(mechanism) {
            assert!(of_run.is_empty(), "{mode}, {index}");
            continue;
        }
        let execve = of_run.iter().find(|line| line["call"] == "execve");
        let execve = execve.expect("execve");
        assert_eq!(
            (&execve["abi"], &execve["number"]),
            (&"x86_64".into(), &59.into())
        );
        if !modes::has_stops(mechanism) {
            continue;
        }
        for (name, kinds) in COUNTED {
            assert_eq!(
                count(kinds).to_string(),
                column(name),
                "{mode}, {index}: {name}"
            );
        }
        let ends = of_run.iter().filter(|line| line["stop"] == "exited");
        assert_eq!(ends.count(), 3, "{mode}, {index}");
        let usr1 = of_run.iter().find(|line| line["signal"] == 10);
        assert_eq!(usr1.expect("SIGUSR1")["inject"], 10, "{mode}, {index}");
    }
    // What else is there is of the run that does not count.
    let warm_up = lines.iter().filter(|line| line["warm_up"] == true);
    assert_eq!(warm_up.count() + logged, lines.len());
}

/// The tracer is told of a zombie's end again when it inherits the zombie.
#[test]
fn a_process_whose_parent_never_waits_for_it_has_one_end() {
    for mode in ["ptrace", "seccomp-linear"] {
        let harness = Harness::new();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tracees/zombies.c");
        let program = harness.directory().join("zombies");
        let flags = ["-std=gnu17", "-pthread", "-o"].map(OsStr::new);
        let files = [program.as_os_str(), OsStr::new(source)];
        if !compiled(flags.iter().chain(&files), "zombies that nobody waits for") {
            return;
        }
        let words = [
            "--modes", mode, "--trace", "execve", "--runs", "1", "--warmup", "0",
        ];
        let log = ["--log-stops", "r/stops.jsonl", "--output", "r", "--"];
        harness.record(&[&words[..], &log, &["./zombies"]].concat());
        let lines = lines(&harness, "r/stops.jsonl");
        let ends = lines.iter().filter(|line| line["stop"] == "exited");
        let mut ends: Vec<_> = ends
            .map(|line| (line["exit_code"].as_i64(), line["tid"].as_i64()))
            .collect();
        ends.sort_unstable();
        // The first process, its child, and the three children of that.
        let codes: Vec<_> = ends.iter().filter_map(|&(code, _)| code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 7], "{mode}: {ends:?}");
        let samples = std::fs::read_to_string(harness.directory().join("r/samples.csv"));
        let samples = samples.expect("samples");
        let mut rows = samples.lines().map(|row| row.split(','));
        let (header, row) = (rows.next().expect("a header"), rows.next().expect("a row"));
        let tracees = header.zip(row).find(|(name, _)| *name == "tracees");
        assert_eq!(tracees.expect("a column").1, "5", "{mode}");
    }
}

#[test]
fn what_is_there_is_refused_and_left_alone() {
    let harness = Harness::new();
    harness.write("mine", b"precious");
    std::os::unix::fs::symlink("nothing", harness.directory().join("link")).expect("a link");
    for file in ["mine", "link", "/dev/stderr"] {
        let words = ["run", "--log-stops", file, "--output", "r", "--", "true"];
        let parts = ["cannot create", file, "exists already"];
        one_clear_line(&harness.output(&words), FAIL, &words, &parts);
    }
    let words = [
        "run",
        "--log-stops",
        "no/such",
        "--output",
        "r",
        "--",
        "true",
    ];
    one_clear_line(
        &harness.output(&words),
        FAIL,
        &words,
        &["no/such", "check the path"],
    );
    let kept = std::fs::read(harness.directory().join("mine")).expect("a file");
    assert_eq!(kept, b"precious");
    assert!(!harness.directory().join("nothing").exists());
}

/// RLIMIT_FSIZE stands for the full disk; sh ignores SIGXFSZ. The record must
/// stay smaller than the log.
#[test]
fn a_full_disk_is_said_and_ends_the_measurement() {
    let harness = Harness::new();
    let binary = env!("CARGO_BIN_EXE_harness");
    let run = "run --modes ptrace --runs 1 --warmup 0 --log-stops log --output r";
    let script = format!("trap '' XFSZ; ulimit -f 64; exec {binary} {run} -- ls -lR /usr/lib");
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(harness.directory())
        .output()
        .expect("sh");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(FAIL), "{stderr}");
    assert!(
        stderr.contains("/log: File too large") && !stderr.contains("panicked"),
        "{stderr}"
    );
    // Whole lines, nearly as many as fit.
    assert!(lines(&harness, "log").len() > 100);
}
