//! What a user sees when something is not as it should be: one clear line, the
//! right exit code, no process left, nothing lost or invented.

mod common;

use common::{FAIL, Harness, USAGE, row, text, wait_until};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Words, the exit code, and what must be said.
const REFUSED: [(&[&str], i32, &[&str]); 26] = [
    (
        &["run", "--workload", "make-simm"],
        USAGE,
        &["unknown workload make-simm", "did you mean make-sim"],
    ),
    (
        &["run", "--workload", "getppid", "--modes", "ptrac"],
        USAGE,
        &["unknown mode ptrac", "did you mean ptrace"],
    ),
    (
        &["run", "--workload", "getppid", "--trace", "%fil"],
        USAGE,
        &["%fil", "%file"],
    ),
    (
        &["run", "--workload", "getppid", "--trace", "opemat"],
        USAGE,
        &["opemat", "openat"],
    ),
    (
        &["run", "--workload", "getppid", "--trace", ""],
        USAGE,
        &["--trace"],
    ),
    (
        &["run", "--workload", "getppid", "--runs", "0"],
        USAGE,
        &["--runs", "1.."],
    ),
    (
        &["run", "--workload", "getppid", "--runs", "x"],
        USAGE,
        &["--runs", "invalid"],
    ),
    (
        &["run", "--workload", "getppid", "--operations", "0"],
        USAGE,
        &["--operations"],
    ),
    (
        &["run", "--workload", "make-sim", "--units", "0"],
        USAGE,
        &["--units"],
    ),
    (&["run", "--workload", ""], USAGE, &["--workload"]),
    (
        &["run"],
        USAGE,
        &["--workload", "-- COMMAND", "--shell", "--attach"],
    ),
    (
        &["run", "--runs", "-1", "--", "true"],
        USAGE,
        &["'-1'", "--runs", "1.."],
    ),
    (
        &["run", "--jobs", "3", "--", "true"],
        USAGE,
        &["--jobs", "leave it out", "make-sim"],
    ),
    (
        &["run", "--workload", "make-sim", "--operations", "5"],
        USAGE,
        &["--operations", "getppid"],
    ),
    (
        &["run", "--workload", "getppid,noop", "--units", "5"],
        USAGE,
        &["--units", "make-sim"],
    ),
    (
        &["run", "--pin", "both", "--workload", "getppid"],
        USAGE,
        &["both", "same-cpu"],
    ),
    (
        &["run", "--", "no-such-command"],
        FAIL,
        &["no-such-command: command not found"],
    ),
    (
        &["run", "--", "/no/such/file"],
        FAIL,
        &["/no/such/file: command not found"],
    ),
    (
        &["run", "--", "/etc/passwd"],
        FAIL,
        &["/etc/passwd", "chmod +x"],
    ),
    (&["run", "--", "/etc"], FAIL, &["/etc", "not an executable"]),
    (
        &["run", "--runs", "1", "--setup", "exit 3", "--", "true"],
        FAIL,
        &["--setup", "exit code 3"],
    ),
    (
        &[
            "run",
            "--runs",
            "1",
            "--prepare",
            "kill -9 $$",
            "--",
            "true",
        ],
        FAIL,
        &["--prepare", "signal 9"],
    ),
    (
        &["run", "--workload", "getppid", "--output", "/proc/nowhere"],
        FAIL,
        &["/proc/nowhere"],
    ),
    (&["report", "/no/such/record"], FAIL, &["/no/such/record"]),
    (&["list", "everything"], USAGE, &["everything", "modes"]),
    (&["measure"], USAGE, &["measure"]),
];

#[test]
fn errors_say_what_why_and_what_to_do() {
    for (words, code, parts) in REFUSED {
        let harness = Harness::new();
        let output = harness.output(words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {stderr}");
        for part in parts {
            assert!(
                stderr.contains(part),
                "{words:?}: {part:?} is not in: {stderr}"
            );
        }
        assert!(!stderr.contains("panicked"), "{stderr}");
        let parts: Vec<&str> = stderr.trim_end().split(": ").collect();
        let twice = parts
            .iter()
            .enumerate()
            .find(|(at, part)| part.len() > 20 && parts[at + 1..].contains(*part));
        assert_eq!(twice, None, "said twice: {stderr}");
        assert!(
            output.stdout.is_empty(),
            "standard output carries a result only"
        );
    }
}

/// Files that look executable and are not say so where the kernel refuses them.
#[test]
fn a_file_the_kernel_cannot_execute_is_explained() {
    use std::os::unix::fs::PermissionsExt;
    for (contents, part) in [
        ("echo no first line\n", "add the line"),
        ("#!/no/such/interpreter\n", "interpreter (#! line)"),
    ] {
        let harness = Harness::new();
        harness.write("script", contents.as_bytes());
        let path = harness.directory().join("script");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("permissions");
        let words = ["run", "--modes", "none", "--output", "r", "--", "./script"];
        let output = harness.output(&words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(FAIL), "{stderr}");
        assert!(stderr.contains(part), "{part:?} is not in: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(
            !harness.directory().join("r").exists(),
            "nothing was measured"
        );
    }
}

#[test]
fn a_command_that_fails_is_an_error_unless_that_is_accepted() {
    let harness = Harness::new();
    let words = [
        "run",
        "--runs",
        "2",
        "--modes",
        "none,ptrace",
        "--",
        "sh",
        "-c",
        "echo it broke >&2; exit 7",
    ];
    let output = harness.output(&words);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(FAIL));
    assert!(
        stderr.contains("exit code 7")
            && stderr.contains("it broke")
            && stderr.contains("--ignore-failure"),
        "{stderr}"
    );

    let record = harness.record(&[
        "--ignore-failure",
        "--runs",
        "2",
        "--",
        "sh",
        "-c",
        "exit 7",
    ]);
    assert_eq!(row(&record, "command", "ptrace")["samples"], 2);
    let record = harness.record(&[
        "--ignore-failure",
        "--runs",
        "1",
        "--output",
        "killed",
        "--",
        "sh",
        "-c",
        "kill -9 $$",
    ]);
    assert_eq!(row(&record, "command", "seccomp-linear")["samples"], 1);
}

/// A program that notices its tracer ends differently: that is never accepted,
/// and the sample stays in the file as one that does not count.
#[test]
fn a_command_that_ends_otherwise_in_one_mode_is_an_error() {
    let harness = Harness::new();
    let script = "grep -q '^TracerPid:.0$' /proc/self/status";
    let words = [
        "run",
        "--ignore-failure",
        "--modes",
        "none,ptrace",
        "--runs",
        "2",
        "--warmup",
        "0",
        "--output",
        "r",
        "--",
    ];
    let output = harness.output(&[&words[..], &["sh", "-c", script]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(FAIL), "{stderr}");
    assert!(
        stderr.contains("a command must end alike in every mode"),
        "{stderr}"
    );
    let rows = std::fs::read_to_string(harness.directory().join("r/samples.csv")).expect("samples");
    assert_eq!(rows.lines().count(), 3, "{rows}");
    assert_eq!(
        rows.lines().filter(|row| row.contains(",failed,")).count(),
        1,
        "{rows}"
    );
    let report = harness.output(&["report", "r"]);
    assert!(
        report.status.success(),
        "{}",
        String::from_utf8_lossy(&report.stderr)
    );
}

/// A line for the shell has its pipes and redirections, and the shell is one
/// of the processes measured; `--` has none.
#[test]
fn a_line_for_the_shell_is_run_by_it() {
    let harness = Harness::new();
    let line = "echo a b | tr ' ' '\\n' > out; true";
    let words = ["--modes", "ptrace", "--runs", "1", "--warmup", "0"];
    let record = harness.record(&[&words[..], &["--trace", "execve", "--shell", line]].concat());
    let out = std::fs::read_to_string(harness.directory().join("out")).expect("out");
    assert_eq!(out, "a\nb\n");
    let command = &record["plan"]["workloads"][0]["command"];
    assert_eq!(*command, serde_json::json!(["/bin/sh", "-c", line]));
    // The shell's own, and that of tr(1); echo and true are the shell's.
    assert_eq!(row(&record, "command", "ptrace")["traced_events"], 2);
    for words in [
        &["run", "--shell", "true", "--", "true"][..],
        &["run", "--shell", ""],
    ] {
        let output = harness.output(words);
        assert_eq!(output.status.code(), Some(USAGE), "{words:?}");
    }
}

#[test]
fn hooks_run_where_hyperfine_runs_them() {
    let harness = Harness::new();
    let note = |word: &str| format!("echo {word} >> log");
    harness.record(&[
        "--setup",
        &note("setup"),
        "--prepare",
        &note("prepare"),
        "--conclude",
        &note("conclude"),
        "--cleanup",
        &note("cleanup"),
        "--modes",
        "none,ptrace",
        "--runs",
        "1",
        "--warmup",
        "1",
        "--",
        "sh",
        "-c",
        "echo run >> log",
    ]);
    let log = std::fs::read_to_string(harness.directory().join("log")).expect("the log");
    let mut expected = vec!["setup"];
    for _ in 0..4 {
        expected.extend(["prepare", "run", "conclude"]);
    }
    expected.push("cleanup");
    assert_eq!(log.split_whitespace().collect::<Vec<_>>(), expected);
}

#[test]
fn an_output_directory_with_something_in_it_is_left_alone() {
    let harness = Harness::new();
    let directory = harness.directory().join("r");
    std::fs::create_dir(&directory).expect("a directory");
    std::fs::write(directory.join("mine"), "precious").expect("a file");
    let output = harness.output(&["run", "--runs", "1", "--output", "r", "--", "true"]);
    assert_eq!(output.status.code(), Some(FAIL));
    let stderr = String::from_utf8_lossy(&output.stderr);
    for part in ["not empty", "--output"] {
        assert!(stderr.contains(part), "{part:?} is not in: {stderr}");
    }
    assert_eq!(
        std::fs::read_dir(&directory)
            .expect("it is still there")
            .count(),
        1
    );
}

#[test]
fn a_full_disk_is_said_and_ends_the_measurement() {
    let harness = Harness::new();
    // RLIMIT_FSIZE stands for the full disk; SIGXFSZ is ignored by sh's trap.
    let binary = env!("CARGO_BIN_EXE_harness");
    let script = format!(
        "trap '' XFSZ; ulimit -f 1; exec {binary} run --runs 40 --modes none --warmup 0 --output r -- true"
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(harness.directory())
        .output()
        .expect("sh");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(FAIL), "{stderr}");
    assert!(stderr.contains("File too large"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

/// Names that are listed are names that are taken.
#[test]
fn listed_classes_are_trace_sets() {
    let harness = Harness::new();
    let list = text(&harness.stdout(&["list", "classes"]));
    let names: Vec<_> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| word.contains('%'))
        .collect();
    assert!(names.len() > 15, "{list}");
    let all = names.join(",");
    let words = ["filter", "show", "--compiler", "linear", "--trace", &all];
    assert!(!harness.stdout(&words).is_empty());
}

#[test]
fn a_reader_that_closes_early_is_no_error() {
    let harness = Harness::new();
    let binary = env!("CARGO_BIN_EXE_harness");
    let script = format!(
        "{binary} list classes | true; {binary} run --modes none --runs 1 --format json -- true | true"
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(harness.directory())
        .output()
        .expect("sh");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        !stderr.contains("panicked") && !stderr.contains("Broken pipe"),
        "{stderr}"
    );
}

/// Processes whose command line holds `mark`.
fn processes_with(mark: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let lines =
        entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(mark)).collect()
}

/// Ctrl-C, and what a service manager sends: tracees end, whole rows stay.
#[test]
fn a_signal_ends_tracees_and_keeps_whole_rows() {
    for (i, mode) in ["none", "ptrace", "seccomp-linear", "seccomp-bitmap"]
        .into_iter()
        .enumerate()
    {
        for (signal, number) in [("INT", 2), ("TERM", 15), ("QUIT", 3)] {
            let harness = Harness::new();
            // The first run is short, the second one would take a minute; a
            // grandchild in a session of its own must not survive either.
            let nap = format!("61.{}{number}{}", i + 1, std::process::id());
            let script = format!(
                "if test -e once; then setsid sleep {nap} & sleep {nap}; else touch once; fi"
            );
            let words = [
                "run", "--modes", mode, "--runs", "2", "--warmup", "0", "--output", "r", "--",
                "sh", "-c", &script,
            ];
            let child = harness
                .interruptible(&words)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the harness");
            wait_until("the second run starts", || {
                processes_with(&nap)
                    .iter()
                    .filter(|line| line.starts_with("sleep"))
                    .count()
                    >= 2
            });
            let kill = Command::new("kill")
                .args([&format!("-{signal}"), &child.id().to_string()])
                .status()
                .expect("kill");
            assert!(kill.success());
            let output = child.wait_with_output().expect("the harness ends");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(128 + number),
                "{mode} {signal}: {stderr}"
            );
            assert_eq!(
                processes_with(&nap),
                Vec::<String>::new(),
                "{mode} {signal}"
            );
            let record =
                std::fs::read_to_string(harness.directory().join("r/run.json")).expect("run.json");
            let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
            assert_eq!(record["state"]["status"], "interrupted");
            assert_eq!(row(&record, "command", mode)["samples"], 1);
            assert!(harness.output(&["report", "r"]).status.success());
        }
    }
}

/// SIGKILL of the harness itself: nothing it started survives.
#[test]
fn nothing_survives_the_death_of_the_harness() {
    let modes = ["none", "seccomp-allow", "ptrace", "seccomp-linear"];
    for (i, mode) in modes.into_iter().enumerate() {
        let harness = Harness::new();
        let nap = format!("62.{}{}", i + 1, std::process::id());
        let script = format!("setsid sleep {nap} & sleep {nap}");
        let words = [
            "run", "--modes", mode, "--runs", "1", "--warmup", "0", "--", "sh", "-c", &script,
        ];
        let mut child = harness
            .command(&words)
            .stderr(Stdio::null())
            .spawn()
            .expect("the harness");
        wait_until("the run starts", || {
            processes_with(&nap)
                .iter()
                .filter(|line| line.starts_with("sleep"))
                .count()
                >= 2
        });
        child.kill().expect("SIGKILL");
        assert_eq!(child.wait().expect("it ends").signal(), Some(9));
        wait_until("every process dies", || processes_with(&nap).is_empty());
    }
}

#[test]
fn the_record_holds_what_was_asked_for() {
    let harness = Harness::new();
    let record = harness.record(&[
        "--modes",
        "core,seccomp-allow,user-notify",
        "--workload",
        "getppid,open-close",
        "--operations",
        "50",
        "--runs",
        "3",
        "--seed",
        "9",
        "--output",
        "r",
    ]);
    assert_eq!(record["plan"]["seed"], 9);
    assert_eq!(record["state"]["status"], "complete");
    let order = record["plan"]["order"].as_array().expect("order").len();
    let modes = record["plan"]["modes"].as_array().expect("modes").iter();
    let modes = modes.filter(|mode| mode["available"] == true).count();
    assert_eq!(order, 2 * modes * 3);
    let stored = std::fs::read_to_string(harness.directory().join("r/run.json")).expect("run.json");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&stored).expect("JSON"),
        record
    );
    let samples =
        std::fs::read_to_string(harness.directory().join("r/samples.csv")).expect("samples.csv");
    assert_eq!(samples.lines().count(), 1 + order);
    for file in ["summary.csv", "report.html", "plots"] {
        assert!(
            Path::new(&harness.directory().join("r").join(file)).exists(),
            "{file}"
        );
    }
    for workload in ["getppid", "open-close"] {
        let events = |mode| row(&record, workload, mode)["traced_events"].as_u64();
        assert!(events("ptrace").is_some_and(|events| events >= 50));
        assert_eq!(events("ptrace"), events("seccomp-linear"));
        assert_eq!(events("ptrace"), events("seccomp-bitmap"));
        assert_eq!(events("none"), None);
    }
    let linear = &row(&record, "getppid", "seccomp-linear")["filter"];
    assert_eq!(
        (&linear["compiler"], &linear["cacheable"]),
        (&"linear".into(), &true.into())
    );
    assert_eq!(
        row(&record, "getppid", "seccomp-bitmap")["filter"]["cacheable"],
        false
    );
    // All but the one call of the set are allowed; of a bitmap's the kernel caches none.
    for (mode, cached) in [("seccomp-linear", 383), ("seccomp-bitmap", 0)] {
        let filter = &row(&record, "getppid", mode)["filter"];
        assert_eq!(filter["allowed_calls"], 383, "{filter}");
        assert_eq!(filter["cached_calls"], cached, "{filter}");
    }
    assert!(record["environment"]["seccomp_cache"].is_boolean());
}
