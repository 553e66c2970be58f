//! Computing processes beside a measurement: they are called out, and a limit declared beforehand
//! leaves their blocks out.

mod common;

use common::{FAIL, Harness};
use harness_sys::affinity;
use harness_testing::{Missing, skip};
use std::path::Path;
use std::process::{Child, Command};

/// Two processes that compute until they are dropped, on the one CPU that this thread, and what it
/// starts from now on, runs on.
struct Load(Vec<Child>);

impl Load {
    /// `None`, which is said, where a container may use less than a CPU.
    fn start() -> Option<Self> {
        if let Some(limit) = cpu_limit().filter(|cpus| *cpus < 1.0) {
            skip(
                Missing::Host,
                &format!("others' CPU time: cpu.max allows {limit} CPUs"),
            );
            return None;
        }
        let allowed = affinity::allowed().expect("an affinity");
        affinity::pin_to(allowed[0]).expect("a CPU that is allowed");
        let busy = || {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", "while :; do :; done"]);
            shell.spawn().expect("a shell")
        };
        Some(Self((0..2).map(|_| busy()).collect()))
    }
}

/// The least limit of this process's cgroups, CPUs (Documentation/admin-guide/cgroup-v2.rst).
fn cpu_limit() -> Option<f64> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let limit = |group: &Path| {
        let text = std::fs::read_to_string(Path::new("/sys/fs/cgroup").join(group).join("cpu.max"));
        let text = text.ok()?;
        let (quota, period) = text.trim().split_once(' ')?;
        Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
    };
    Path::new(own)
        .ancestors()
        .filter_map(limit)
        .reduce(f64::min)
}

/// Whether the samples have the CPU time of others; says that `what` is skipped where they do not.
fn others_are_known(harness: &Harness) -> bool {
    let samples = std::fs::read_to_string(harness.directory().join("r/samples.csv"));
    let samples = samples.expect("samples");
    let mut rows = samples.lines().map(|row| row.split(','));
    let mut header = rows.next().expect("a header");
    let at = header.position(|name| name == "others_cpu_ns");
    let at = at.expect("a column");
    let known = rows.any(|mut row| row.nth(at).is_some_and(|value| !value.is_empty()));
    if !known {
        skip(Missing::Host, "others' CPU time: /proc/stat cannot be used");
    }
    known
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

const MEASURED: [&str; 2] = ["sleep", "0.4"];

#[test]
fn computing_processes_beside_a_run_are_called_out() {
    let harness = Harness::new();
    let Some(load) = Load::start() else {
        return;
    };
    let words = [
        "run",
        "--modes",
        "none,ptrace",
        "--runs",
        "2",
        "--warmup",
        "0",
        "--output",
        "r",
    ];
    let words = [&words[..], &["--"], &MEASURED].concat();
    let table = harness.stdout(&words);
    drop(load);
    if !others_are_known(&harness) {
        return;
    }
    let table = String::from_utf8_lossy(&table);
    // The table breaks its lines.
    let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "WARNING: command: others used",
        "% of the CPU time of its",
        "--max-pressure",
    ] {
        assert!(table.contains(part), "{table}");
    }
    for file in ["r/run.json", "r/report.html"] {
        let text = std::fs::read_to_string(harness.directory().join(file)).expect("a file");
        assert!(text.contains("command: others used"), "{file}: {text}");
    }
    let samples = std::fs::read_to_string(harness.directory().join("r/samples.csv"));
    let samples = samples.expect("samples");
    let mut rows = samples
        .lines()
        .map(|row| row.split(',').collect::<Vec<_>>());
    let header = rows.next().expect("a header");
    let column = |name: &str| {
        header
            .iter()
            .position(|column| *column == name)
            .expect("a column")
    };
    for row in rows {
        let untraced = row[column("mode")] == "none";
        for name in [
            "tracer_user_ns",
            "tracer_sys_ns",
            "tracer_voluntary",
            "tracer_involuntary",
        ] {
            assert_eq!(row[column(name)].is_empty(), untraced, "{name}: {row:?}");
        }
        let number = |name| row[column(name)].parse::<u64>().expect("a number");
        assert!(number("others_cpu_ns") > number("wall_ns") / 2, "{row:?}");
        assert!(number("lifetime_ns") >= number("wall_ns"), "{row:?}");
    }
}

#[test]
fn where_every_block_is_busy_there_is_no_result() {
    let harness = Harness::new();
    let Some(load) = Load::start() else {
        return;
    };
    let words = [
        "run", "--modes", "none", "--runs", "2", "--warmup", "0", "--output", "r",
    ];
    let words = [&words[..], &["--max-pressure", "10", "--"], &MEASURED].concat();
    let output = harness.output(&words);
    drop(load);
    if !others_are_known(&harness) {
        return;
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(FAIL), "{stderr}");
    for part in [
        "command: others used too much CPU time in every block",
        "--max-pressure",
    ] {
        assert!(stderr.contains(part), "{stderr}");
    }
    let read = |file| std::fs::read_to_string(harness.directory().join(file)).expect("a file");
    let record: serde_json::Value = serde_json::from_str(&read("r/run.json")).expect("JSON");
    assert_eq!(record["dropped_blocks"], 1);
    assert_eq!(record["plan"]["max_pressure"], 0.1);
    assert_eq!(record["results"][0]["dropped_samples"], 2);
    assert_eq!(record["results"][0]["samples"], 0);
    let samples = read("r/samples.csv");
    assert_eq!(
        samples
            .lines()
            .filter(|row| row.contains(",dropped,"))
            .count(),
        2,
        "{samples}"
    );
    assert!(read("r/report.html").contains("every block was left out"));
}

/// Forced where the length of a loop must be known first, and then recorded.
#[test]
fn warm_ups_are_recorded_as_they_were_made() {
    let harness = Harness::new();
    let words = [
        "--modes",
        "none",
        "--runs",
        "1",
        "--warmup",
        "0",
        "--operations",
        "100",
    ];
    let words = [
        &words[..],
        &["--workload", "getppid", "--pin", "same-core", "--", "true"],
    ]
    .concat();
    let record = harness.record(&words);
    let plan = &record["plan"];
    assert_eq!(plan["warmup"], 1);
    let of = |at: usize| &plan["workloads"][at];
    assert_eq!(
        (&of(0)["name"], &of(0)["warmup"]),
        (&"getppid".into(), &1.into())
    );
    assert_eq!(
        (&of(1)["name"], &of(1)["warmup"]),
        (&"command".into(), &0.into())
    );
    // The old word means the same CPU, whose number is recorded.
    assert_eq!(of(0)["pin"], "same-cpu");
    assert_eq!(of(0)["placement"]["relation"], "same-cpu");
    assert_eq!(of(0)["cpus"][0], of(0)["placement"]["tracer"]);
    assert_eq!(of(0)["placement"]["tracer"], of(0)["placement"]["tracees"]);
}
