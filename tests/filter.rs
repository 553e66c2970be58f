//! `harness filter` as scripts and people use it: the published chart, every form of a program and back, checks, and
//! what is said of input that is no filter.

mod common;

use common::{Harness, row};
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const FAIL: i32 = 1;
const USAGE: i32 = 2;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output of a command that must succeed.
fn stdout(harness: &Harness, words: &[&str]) -> Vec<u8> {
    let output = harness.output(words);
    assert!(
        output.status.success(),
        "{words:?}: {}",
        text(&output.stderr)
    );
    output.stdout
}

fn show(harness: &Harness, words: &[&str]) -> Vec<u8> {
    stdout(harness, &[&["filter", "show"], words].concat())
}

fn write(harness: &Harness, file: &str, contents: &[u8]) {
    std::fs::write(harness.directory().join(file), contents).expect("a file");
}

/// The program lengths that *strace --seccomp-bpf: a look under the hood* (FOSDEM 2020) shows for linear and binary
/// match, and those of the binary match that strace 5.4 ships.
#[test]
fn the_published_chart_comes_out_exactly() {
    let chart: [(&str, [u32; 3]); 10] = [
        ("none", [36, 84, 110]),
        ("ptrace", [39, 88, 112]),
        ("!ptrace", [32, 66, 102]),
        ("%desc", [239, 172, 172]),
        ("%file", [173, 172, 172]),
        ("%fstat", [44, 107, 122]),
        ("%ipc", [49, 111, 126]),
        ("!%ipc", [42, 87, 112]),
        ("%lstat", [41, 96, 118]),
        ("\"%memory,%ipc,%pure,%signal,%network\"", [193, 176, 176]),
    ];
    let compilers = ["linear", "bitmap-merged", "bitmap"];
    let words = [
        "filter",
        "chart",
        "--table",
        "strace-5.4",
        "--sets",
        "talk",
        "--compilers",
        "linear,bitmap-merged,bitmap",
        "--format",
        "csv",
    ];
    let csv = text(&stdout(&Harness::new(), &words));
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("set,compiler,instructions,mean_executed,worst_executed,cacheable")
    );
    for (set, lengths) in chart {
        for (compiler, length) in compilers.iter().zip(lengths) {
            let line = lines.next().expect("a row for each set and compiler");
            let start = format!("{set},{compiler},{length},");
            assert!(line.starts_with(&start), "{line}: should be {start}");
            // Linear programs use no opcode that ends the kernel's emulation, bitmaps do.
            assert!(
                line.ends_with(if *compiler == "linear" {
                    ",true"
                } else {
                    ",false"
                }),
                "{line}"
            );
        }
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn sets_are_named_in_a_list_or_one_by_one() {
    let harness = Harness::new();
    let sets = |words: &[&str]| {
        let words = [
            &["filter", "chart", "--compilers", "tree", "--format", "json"],
            words,
        ];
        let rows: Value = serde_json::from_slice(&stdout(&harness, &words.concat())).expect("JSON");
        let rows = rows.as_array().expect("an array").clone();
        let sets = rows
            .iter()
            .map(|row| row["set"].as_str().expect("a set").to_owned());
        sets.collect::<Vec<_>>()
    };
    assert_eq!(sets(&["--sets", "open,close;%ipc"]), ["open,close", "%ipc"]);
    assert_eq!(
        sets(&["--set", "open,close", "--set", "!read"]),
        ["open,close", "!read"]
    );
    assert_eq!(sets(&["--sets", "talk;connect"]).len(), 11);
    assert_eq!(sets(&[]).len(), 10);
    let markdown = text(&stdout(
        &harness,
        &[
            "filter",
            "chart",
            "--set",
            "/open|close",
            "--format",
            "markdown",
        ],
    ));
    assert!(markdown.contains("| /open\\|close | naive |"), "{markdown}");
    let table = text(&stdout(&harness, &["filter", "chart"]));
    assert!(
        table.lines().all(|line| line.chars().count() <= 100),
        "{table}"
    );
}

/// `ld arch` to `ret TRACE` of strace 5.4 for connect, from the shapes that its source gives.
#[test]
fn json_is_the_program_number_by_number() {
    let words = [
        "--trace",
        "connect",
        "--compiler",
        "linear",
        "--table",
        "strace-5.4",
        "--format",
        "json",
    ];
    let shown: Value = serde_json::from_slice(&show(&Harness::new(), &words)).expect("JSON");
    let instructions = shown["instructions"].as_array().expect("an array");
    assert_eq!(instructions.len(), 39);
    let insn = |at: usize| {
        let insn = instructions[at].as_object().expect("an object");
        assert_eq!(insn.len(), 4);
        ["code", "jt", "jf", "k"].map(|key| insn[key].as_u64().expect("a number"))
    };
    assert_eq!(insn(0), [0x20, 0, 0, 4]);
    assert_eq!(insn(1), [0x15, 0, 10, 0xc000_003e]);
    assert_eq!(insn(32), [0x15, 4, 0, 42]);
    assert_eq!(insn(36), [0x06, 0, 0, 0x7fff_0000]);
    assert_eq!(insn(38), [0x06, 0, 0, 0x7ff0_0000]);
}

#[test]
fn every_form_that_can_be_read_back_is_the_same_program() {
    let harness = Harness::new();
    for compiler in [
        "naive",
        "linear",
        "bitmap",
        "bitmap-merged",
        "tree",
        "optimal",
    ] {
        for set in ["none", "%file", "!%ipc", "/^sched_"] {
            let words = [
                "--trace",
                set,
                "--compiler",
                compiler,
                "--action",
                "errno:13",
            ];
            let text = show(&harness, &words);
            let raw = show(&harness, &[&words[..], &["--format", "raw"]].concat());
            write(&harness, "text", &text);
            write(&harness, "raw", &raw);
            for file in ["text", "raw"] {
                let again = show(&harness, &["--file", file, "--format", "raw"]);
                assert_eq!(again, raw, "{compiler} {set} through {file}");
                let side = format!("{compiler}:{set}");
                let words = [
                    "filter", "check", file, &side, "--action", "errno", "--data", "13",
                ];
                let equal = stdout(&harness, &words);
                assert!(equal.starts_with(b"equal"));
            }
        }
    }
}

#[test]
fn a_file_may_be_standard_input() {
    let harness = Harness::new();
    let mut child = harness
        .command(&["filter", "show", "--file", "-", "--format", "raw"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the harness");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"ret #0").expect("a pipe");
    drop(stdin);
    let output = child.wait_with_output().expect("its output");
    assert_eq!(output.stdout, [6, 0, 0, 0, 0, 0, 0, 0]);
}

/// A compiler that nobody here wrote takes the array, and lays it out as the raw form.
#[test]
fn the_c_array_compiles_to_the_raw_form() {
    let harness = Harness::new();
    let words = ["--trace", "%network", "--compiler", "tree"];
    let mut source = b"#include <linux/filter.h>\n#include <unistd.h>\n".to_vec();
    source.extend(show(&harness, &[&words[..], &["--format", "c"]].concat()));
    source.extend(b"int main(void) { return write(1, filter, sizeof filter) != sizeof filter; }\n");
    write(&harness, "a.c", &source);
    let mut cc = Command::new("cc");
    cc.args(["-o", "a.out", "a.c"])
        .current_dir(harness.directory());
    let Ok(status) = cc.status() else {
        eprintln!("SKIPPED: the C array: cc is not installed");
        return;
    };
    assert!(status.success());
    let output = Command::new(harness.directory().join("a.out"))
        .output()
        .expect("it runs");
    assert_eq!(
        output.stdout,
        show(&harness, &[&words[..], &["--format", "raw"]].concat())
    );
}

#[test]
fn a_difference_is_shown_by_a_call_and_the_exit_code() {
    let harness = Harness::new();
    write(
        &harness,
        "talk",
        b"
        ld [4]
        jne #0xc000003e, other
        ld [0]
        jeq #2, trace
        jeq #257, trace
        other: ret #0x7fff0000
        trace: ret #0x7ff00000
    ",
    );
    let cases: [(&[&str], bool, &[&str]); 11] = [
        (&["linear:%file", "optimal:%file"], true, &[]),
        (&["set:!%ipc", "tree:!%ipc"], true, &[]),
        (&["tree:connect", "set:connect", "--subcalls"], true, &[]),
        // x32 and numbers of i386 aside, which name the same calls.
        (&["talk", "tree:open@64,openat@64"], true, &[]),
        (
            &["talk", "tree:open,openat"],
            false,
            &["x32 number 2 (open)", "talk", "ALLOW", "TRACE"],
        ),
        (
            &["linear:connect", "linear:connect,read"],
            false,
            &["x86_64 number 0 (read)", "ALLOW", "TRACE"],
        ),
        (&["talk", "talk", "--action", "kill"], true, &[]),
        (
            &["talk", "linear:open@64,openat@64", "--data", "7"],
            false,
            &["number 2 (open)", "TRACE\n", "TRACE(0x7)"],
        ),
        (
            &[
                "linear:connect",
                "set:!connect",
                "--action",
                "allow",
                "--otherwise",
                "errno:1",
            ],
            false,
            &["ERRNO(1)"],
        ),
        // What strace's two generators disagree on: numbers beyond the table.
        (
            &["linear:connect", "bitmap:connect", "--table", "strace-5.4"],
            false,
            &["x86_64 number 436", "TRACE", "ALLOW"],
        ),
        (
            &[
                "linear:connect",
                "tree:connect",
                "--table",
                "strace-6.1",
                "--action",
                "user-notif",
            ],
            false,
            &["USER_NOTIF"],
        ),
    ];
    for (words, equal, parts) in cases {
        let output = harness.output(&[&["filter", "check"], words].concat());
        let stdout = text(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(i32::from(!equal)),
            "{words:?}: {stdout}"
        );
        assert!(
            stdout.starts_with(if equal { "equal" } else { "different" }),
            "{stdout}"
        );
        for part in parts {
            assert!(
                stdout.contains(part),
                "{words:?}: {part:?} is not in {stdout}"
            );
        }
    }
    // The same set without --subcalls does not have socketcall's connect.
    let whole = show(&harness, &["--trace", "connect", "--compiler", "tree"]);
    write(&harness, "whole", &whole);
    let words = ["filter", "check", "whole", "tree:connect", "--subcalls"];
    let output = harness.output(&words);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(FAIL));
    assert!(
        stdout.contains("i386 number 102 (socketcall), argument 0 = 0x3"),
        "{stdout}"
    );
}

#[test]
fn calls_are_explained_with_what_keeps_them_from_the_cache() {
    let harness = Harness::new();
    write(
        &harness,
        "by-argument",
        b"
        ld [0]
        jne #1, allow
        ld [16]
        jeq #2, allow
        ret #0x50001
        allow: ret #0x7fff0000
    ",
    );
    let explain = |words: &[&str]| {
        let words = [&["filter", "explain", "--format", "csv"], words].concat();
        text(&stdout(&harness, &words))
    };
    let csv = explain(&[
        "--file",
        "by-argument",
        "--abi",
        "x86_64",
        "--only",
        "read,write",
    ]);
    assert_eq!(
        csv,
        "abi,nr,name,action,executed,conditional,cached,reason\n\
         x86_64,0,read,ALLOW,3,false,true,\n\
         x86_64,1,write,ERRNO(1),5,true,false,instruction 2 loads argument 0\n"
    );
    let csv = explain(&[
        "--trace",
        "connect",
        "--compiler",
        "linear",
        "--only",
        "connect,getppid",
    ]);
    let x86_64 = "x86_64,42,connect,TRACE,11,false,false,instruction 21 returns TRACE";
    let getppid = "x86_64,110,getppid,ALLOW,12,false,true,";
    let x32 = "x32,110,getppid,ALLOW,7,false,false,not in the kernel's bitmap";
    for line in [x86_64, getppid, x32] {
        assert!(
            csv.lines().any(|found| found == line),
            "{line} is not in {csv}"
        );
    }
    let csv = explain(&[
        "--trace",
        "connect",
        "--compiler",
        "bitmap",
        "--only",
        "getppid",
    ]);
    assert!(csv.contains("is tax"), "{csv}");
    let words = [
        "filter",
        "explain",
        "--trace",
        "%file",
        "--compiler",
        "bitmap",
        "--subcalls",
    ];
    let table = text(&stdout(&harness, &words));
    assert!(
        table.lines().all(|line| line.chars().count() <= 100),
        "too wide"
    );
    // Every call of every ABI, and those beyond each table.
    let csv = explain(&["--trace", "none", "--table", "strace-5.4"]);
    assert_eq!(
        csv.lines().count(),
        1 + 437 + 547 + 548 + 1,
        "{}",
        csv.lines().count()
    );
}

#[test]
fn input_that_is_no_filter_is_an_error_with_its_place() {
    let harness = Harness::new();
    let long = "ld [0]\n".repeat(4096) + "ret #0\n";
    let far = "jeq #1, end\n".to_owned() + &"ld [0]\n".repeat(256) + "end: ret #0\n";
    let mut unknown = b"\x20\0\0\0\x04\0\0\0".to_vec();
    unknown.extend(b"\xff\x7f\0\0\0\0\0\0");
    let files: [(&str, &[u8], &[&str]); 22] = [
        (
            "odd.raw",
            b"\x06\0\0\0\0\0\xff\x7f\x06\0\0",
            &["11 bytes", "truncated"],
        ),
        ("one.raw", b"\0", &["truncated"]),
        (
            "opcode.raw",
            &unknown,
            &["instruction 1", "0x7fff", "opcode"],
        ),
        (
            "jump.raw",
            b"\x15\0\x05\0\0\0\0\0\x06\0\0\0\0\0\0\0",
            &["instruction 0", "behind the end"],
        ),
        (
            "ja.raw",
            b"\x05\0\0\0\xff\xff\xff\xff\x06\0\0\0\0\0\0\0",
            &["instruction 0", "behind the end"],
        ),
        (
            "no-return.raw",
            b"\x20\0\0\0\x04\0\0\0",
            &["instruction 0", "return"],
        ),
        (
            "load.raw",
            b"\x20\0\0\0\x03\0\0\0\x06\0\0\0\0\0\0\0",
            &["instruction 0", "whole word"],
        ),
        ("empty", b"", &["no instruction"]),
        ("comment", b"; nothing\n", &["no instruction"]),
        ("open.txt", b"/* ld [0]", &["line 1", "does not end"]),
        (
            "mnemonic.txt",
            b"ld [0]\nmov #1\nret #0",
            &["line 2, column 1", "'mov'"],
        ),
        ("operand.txt", b"ld [0]\njeq\nret #0", &["line 2", "'jeq'"]),
        (
            "label.txt",
            b"jeq #1, there\nret #0",
            &["line 1", "no label 'there'"],
        ),
        (
            "twice.txt",
            b"a: ld [0]\na: ret #0",
            &["line 2", "label 'a'", "line 1"],
        ),
        (
            "back.txt",
            b"a: ld [0]\nja a\nret #0",
            &["line 2", "only forward"],
        ),
        (
            "wide.txt",
            b"ld [0]\njeq #0x100000000, a\na: ret #0",
            &["line 2", "0x100000000", "32 bits"],
        ),
        ("return.txt", b"ld [0]", &["line 1", "return"]),
        (
            "packet.txt",
            b"ldh [12]\nret #0",
            &["line 1", "seccomp does not accept"],
        ),
        ("zero.txt", b"ld [0]\ndiv #0\nret #0", &["line 2", "0"]),
        ("far.txt", far.as_bytes(), &["line 1", "255", "ja"]),
        ("long.txt", long.as_bytes(), &["4096", "4097"]),
        ("binary", &[0xff; 16], &["instruction 0", "opcode"]),
    ];
    for (file, contents, parts) in files {
        write(&harness, file, contents);
        for words in [
            &["filter", "show", "--file", file][..],
            &["filter", "explain", "--file", file],
            &["filter", "check", file, "linear:connect"],
            &["run", "--filter", file, "--", "true"],
        ] {
            one_clear_line(
                &harness.output(words),
                FAIL,
                words,
                &[&[file], parts].concat(),
            );
        }
    }
}

/// Nothing on standard output, no panic, and all that must be said.
fn one_clear_line(output: &Output, code: i32, words: &[&str], parts: &[&str]) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{words:?}");
    assert!(!stderr.contains("panicked"), "{words:?}: {stderr}");
    if code == FAIL {
        assert_eq!(stderr.lines().count(), 1, "{words:?}: {stderr}");
    }
    for part in parts {
        assert!(
            stderr.contains(part),
            "{words:?}: {part:?} is not in: {stderr}"
        );
    }
}

/// Words after `filter`, the exit code, and what must be said.
const REFUSED: [(&[&str], i32, &[&str]); 26] = [
    (&["show"], USAGE, &["--trace", "--file"]),
    (
        &["show", "--trace", ""],
        FAIL,
        &["element 1", "nothing is named"],
    ),
    (
        &["show", "--trace", "conect"],
        FAIL,
        &["'conect'", "connect"],
    ),
    (
        &["show", "--trace", "4294967296"],
        FAIL,
        &["4294967296", "no ABI"],
    ),
    (
        &["show", "--trace", "a", "--file", "ok"],
        USAGE,
        &["--trace", "--file"],
    ),
    (
        &["show", "--file", "ok", "--compiler", "tree"],
        USAGE,
        &["--compiler"],
    ),
    (
        &["show", "--file", "ok", "--subcalls"],
        USAGE,
        &["--subcalls"],
    ),
    (
        &["show", "--file", "ok", "--action", "log"],
        USAGE,
        &["--action"],
    ),
    (
        &["show", "--file", "missing"],
        FAIL,
        &["missing", "No such file"],
    ),
    (&["show", "--file", "."], FAIL, &["directory"]),
    (
        &["show", "--file", "/dev/zero"],
        FAIL,
        &["/dev/zero", "16 MiB"],
    ),
    (
        &["show", "--action", "stop"],
        USAGE,
        &["stop", "kill-process"],
    ),
    (
        &["show", "--action", "errno:65536"],
        USAGE,
        &["65536", "65535"],
    ),
    (
        &["show", "--action", "errno:4096"],
        USAGE,
        &["4096", "4095"],
    ),
    (&["show", "--action", "log:1"], USAGE, &["LOG has no data"]),
    (
        &["show", "--action", "kill", "--data", "1"],
        USAGE,
        &["KILL_PROCESS has no data"],
    ),
    (
        &["show", "--action", "trace:1", "--data", "1"],
        USAGE,
        &["leave one out"],
    ),
    (
        &["show", "--action", "allow"],
        USAGE,
        &["the same action, ALLOW", "--otherwise"],
    ),
    (
        &["show", "--compiler", "linaer"],
        USAGE,
        &["linaer", "linear"],
    ),
    (&["show", "--table", "strace-4"], USAGE, &["strace-5.4"]),
    (
        &["show", "--profile", "profile"],
        FAIL,
        &["profile", "line 2", "many"],
    ),
    (&["explain", "--abi", "aarch64"], USAGE, &["--arch"]),
    (
        &["chart", "--sets", "connect;;read"],
        FAIL,
        &["nothing is named"],
    ),
    (
        &["chart", "--compilers", "tree,best"],
        USAGE,
        &["best", "optimal"],
    ),
    (
        &["check", "ok", "best:connect"],
        FAIL,
        &["best:connect", "no such file", "optimal"],
    ),
    (&["check", "-", "-"], USAGE, &["one side"]),
];

#[test]
fn command_lines_that_mean_nothing_are_refused() {
    let harness = Harness::new();
    write(&harness, "ok", b"ret #0");
    write(&harness, "profile", b"syscall,calls\nread,many\n");
    let connect = ["--trace", "connect"];
    for (words, code, parts) in REFUSED {
        let mut all = [&["filter"], words].concat();
        // Options are looked at where there is something to apply them to.
        let sourced = ["--trace", "--file"]
            .iter()
            .any(|option| words.contains(option));
        if matches!(words[0], "show" | "explain") && !sourced && words.len() > 1 {
            all.extend(connect);
        }
        one_clear_line(&harness.output(&all), code, &all, parts);
    }
}

/// A running process with two filters, and no tracer.
struct Filtered {
    harness: Harness,
    outer: std::process::Child,
    pid: String,
}

impl Filtered {
    fn start() -> Self {
        let harness = Harness::new();
        let allow = [
            "run",
            "--modes",
            "seccomp-allow",
            "--runs",
            "1",
            "--warmup",
            "0",
            "--trace",
        ];
        let own = env!("CARGO_BIN_EXE_harness");
        let script = "echo $$ > pid.new; mv pid.new pid; exec sleep 60";
        let inner = [&allow[..], &["read", "--", "sh", "-c", script]].concat();
        let words = [&allow[..], &["connect", "--", own], &inner].concat();
        let mut outer = harness.command(&words);
        let outer = outer.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let outer = outer.expect("the harness");
        let file = harness.directory().join("pid");
        wait_until("the process runs", || file.exists());
        let pid = std::fs::read_to_string(file).expect("its id");
        let pid = pid.trim().to_owned();
        let comm = format!("/proc/{pid}/comm");
        wait_until("it sleeps", || {
            std::fs::read_to_string(&comm).is_ok_and(|comm| comm == "sleep\n")
        });
        Self {
            harness,
            outer,
            pid,
        }
    }

    fn dump(&self, words: &[&str]) -> Output {
        let words = [&["filter", "dump", "--pid", &self.pid], words].concat();
        self.harness.output(&words)
    }

    /// Field of proc_pid_status(5).
    fn status(&self, field: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid));
        let status = status.expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.unwrap_or_default()
            .trim_start_matches(':')
            .trim()
            .to_owned()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.pid]).status();
        assert!(status.expect("kill").success());
    }
}

impl Drop for Filtered {
    fn drop(&mut self) {
        // All that it started dies with it.
        let _ = self.outer.kill();
        let _ = self.outer.wait();
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn filters_of_a_running_process_are_read_and_it_goes_on() {
    let process = Filtered::start();
    let output = process.dump(&["--format", "json"]);
    let stderr = text(&output.stderr);
    if stderr.contains("CAP_SYS_ADMIN") || stderr.contains("CONFIG_CHECKPOINT_RESTORE") {
        eprintln!("SKIPPED: reading the filters of a process: {stderr}");
        return;
    }
    assert!(output.status.success(), "{stderr}");
    let dumped: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let lengths: Vec<usize> = dumped["filters"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|filter| filter["instructions"].as_array().expect("an array").len())
        .collect();
    assert!(lengths.len() >= 2, "{dumped}");
    // In the order of their installation, made from seccomp-linear's; what the tests run under
    // comes before.
    let first = lengths.len() - 2;
    for (index, set) in [(first, "connect"), (first + 1, "read")] {
        let index = &index.to_string();
        let words = ["--trace", set, "--compiler", "linear", "--format", "raw"];
        let mut expected = show(&process.harness, &words);
        for insn in expected.chunks_mut(8).filter(|insn| insn[0] == 0x06) {
            insn[4..].copy_from_slice(&0x7fff_0000_u32.to_le_bytes());
        }
        let raw = process.dump(&["--index", index, "--format", "raw"]);
        assert_eq!(
            raw.stdout,
            expected,
            "filter {index}: {}",
            text(&raw.stderr)
        );
    }
    let missing = process.dump(&["--index", "99"]);
    one_clear_line(&missing, FAIL, &["--index 99"], &["has no filter 99"]);
    let several = process.dump(&["--format", "raw"]);
    one_clear_line(&several, FAIL, &["--format raw"], &["filters", "--index"]);
    let listing = text(&process.dump(&[]).stdout);
    assert!(
        listing.contains("/* connect */") && listing.contains("/* read */"),
        "{listing}"
    );
    // It goes on as it was: running, or stopped.
    assert_eq!(process.status("TracerPid"), "0");
    wait_until("it sleeps again", || {
        process.status("State").starts_with('S')
    });
    process.signal("-STOP");
    wait_until("it stops", || process.status("State").starts_with('T'));
    assert!(process.dump(&["--index", "0"]).status.success());
    assert!(
        process.status("State").starts_with("T (stopped)"),
        "{}",
        process.status("State")
    );
    process.signal("-CONT");
    wait_until("it goes on", || process.status("State").starts_with('S'));
}

#[test]
fn a_process_without_filters_or_none_at_all_is_said_so() {
    let harness = Harness::new();
    let dump = |pid: &str| harness.output(&["filter", "dump", "--pid", pid]);
    // Above PID_MAX_LIMIT of include/linux/threads.h.
    one_clear_line(
        &dump("4194305"),
        FAIL,
        &["no process"],
        &["4194305", "no such process"],
    );
    one_clear_line(&dump("0"), USAGE, &["0"], &["--pid"]);
    let mut sleep = Command::new("sleep").arg("60").spawn().expect("sleep");
    let output = dump(&sleep.id().to_string());
    sleep.kill().expect("SIGKILL");
    sleep.wait().expect("it ends");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(FAIL));
    let known = [
        "has no seccomp filter",
        "CAP_SYS_ADMIN",
        "kernel.yama.ptrace_scope",
    ];
    assert!(known.iter().any(|part| stderr.contains(part)), "{stderr}");
}

/// What a program of the user's traces is counted as it traces it, whatever the set and the data.
#[test]
fn a_program_of_the_users_is_measured_as_a_mode() {
    let harness = Harness::new();
    for data in ["0", "7", "0x7ace"] {
        let words = [
            "--trace",
            "getppid,execve",
            "--data",
            data,
            "--format",
            "raw",
        ];
        write(&harness, "own", &show(&harness, &words));
        let output = format!("r{data}");
        let record = harness.record(&[
            "--workload",
            "getppid",
            "--operations",
            "30",
            "--runs",
            "1",
            "--trace",
            "connect",
            "--filter",
            "own",
            "--output",
            &output,
        ]);
        let own = row(&record, "getppid", "seccomp-file");
        assert_eq!(own["stops"]["seccomp"], 31);
        assert_eq!(own["traced_events"], 31);
        assert!(
            own["verified"].is_null(),
            "there is nothing to compare it with"
        );
        assert_eq!(own["filter"]["compiler"], "file");
        // The others are verified as ever.
        for mode in ["ptrace", "seccomp-tree"] {
            assert_eq!(row(&record, "getppid", mode)["traced_events"], 0);
            assert_eq!(row(&record, "getppid", mode)["verified"], true);
        }
        let kept = format!("{output}/seccomp-file.txt");
        let words = [
            "filter",
            "check",
            &kept,
            "optimal:getppid,execve",
            "--data",
            data,
        ];
        assert!(stdout(&harness, &words).starts_with(b"equal"));
    }
    let one_mode = ["run", "--modes", "none", "--filter", "own", "--", "true"];
    let words = ["run", "--modes", "seccomp-file", "--", "true"];
    one_clear_line(
        &harness.output(&one_mode),
        FAIL,
        &one_mode,
        &["--filter", "--modes"],
    );
    one_clear_line(
        &harness.output(&words),
        FAIL,
        &words,
        &["seccomp-file", "--filter FILE"],
    );
}

#[test]
fn a_program_that_forbids_the_run_is_named_as_the_cause() {
    for (set, action, parts) in [
        (
            "kill",
            "kill",
            ["the filter kills", "kill(2) and execve(2)"],
        ),
        ("execve", "errno:13", ["execve(2)", "EACCES"]),
        (
            "getppid",
            "kill",
            ["under mode seccomp-file", "killed by signal 31"],
        ),
    ] {
        let harness = Harness::new();
        let words = ["--trace", set, "--action", action, "--format", "raw"];
        write(&harness, "own", &show(&harness, &words));
        let words = [
            "run",
            "--workload",
            "getppid",
            "--operations",
            "30",
            "--runs",
            "1",
            "--modes",
            "none,seccomp-file",
            "--filter",
            "own",
        ];
        let output = harness.output(&words);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(FAIL), "{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{set}: {part:?} is not in: {stderr}");
        }
    }
}
