//! `harness filter` as scripts and people use it: the published chart, every form of a program and back, checks,
//! explanations.

mod common;

use common::{FAIL, Harness, text};
use harness_testing::{Missing, skip};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write;
use std::process::{Command, Stdio};

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
    let csv = text(&Harness::new().stdout(&words));
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some(
            "set,compiler,instructions,mean_executed,worst_executed,cacheable,allowed_calls,cached_calls"
        )
    );
    for (set, lengths) in chart {
        for (compiler, length) in compilers.iter().zip(lengths) {
            let line = lines.next().expect("a row for each set and compiler");
            let start = format!("{set},{compiler},{length},");
            assert!(line.starts_with(&start), "{line}: should be {start}");
            // Linear programs use no opcode that ends the kernel's emulation, bitmaps do.
            let cells: Vec<&str> = line.rsplit(',').collect();
            let all = *compiler == "linear";
            assert_eq!(cells[2], all.to_string(), "{line}");
            assert_eq!(cells[0] == cells[1], all || cells[1] == "0", "{line}");
        }
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn sets_are_named_in_a_list_or_one_by_one() {
    let harness = Harness::new();
    let sets = |words: &[&str]| {
        let words = [
            &[
                "filter",
                "chart",
                "--compilers",
                "tree,tree",
                "--format",
                "json",
            ],
            words,
        ];
        let rows: Value = serde_json::from_slice(&harness.stdout(&words.concat())).expect("JSON");
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
    let help = text(&harness.stdout(&["filter", "chart", "--help"]));
    assert!(help.contains("[default: x86]"), "{help}");
    assert!(!help.contains("a file tests for"), "{help}");
    let markdown = text(&harness.stdout(&[
        "filter",
        "chart",
        "--set",
        "/open|close",
        "--format",
        "markdown",
    ]));
    assert!(markdown.contains("| /open\\|close | naive |"), "{markdown}");
    let table = text(&harness.stdout(&["filter", "chart"]));
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
    let shown: Value = serde_json::from_slice(&Harness::new().show(&words)).expect("JSON");
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
            let text = harness.show(&words);
            let raw = harness.show(&[&words[..], &["--format", "raw"]].concat());
            harness.write("text", &text);
            harness.write("raw", &raw);
            for file in ["text", "raw"] {
                let again = harness.show(&["--file", file, "--format", "raw"]);
                assert_eq!(again, raw, "{compiler} {set} through {file}");
                let side = format!("{compiler}:{set}");
                let words = [
                    "filter", "check", file, &side, "--action", "errno", "--data", "13",
                ];
                let equal = harness.stdout(&words);
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
    source.extend(harness.show(&[&words[..], &["--format", "c"]].concat()));
    source.extend(b"int main(void) { return write(1, filter, sizeof filter) != sizeof filter; }\n");
    harness.write("a.c", &source);
    let mut cc = Command::new("cc");
    cc.args(["-o", "a.out", "a.c"])
        .current_dir(harness.directory());
    let Ok(status) = cc.status() else {
        skip(Missing::Tool, "the C array: cc is not installed");
        return;
    };
    assert!(status.success());
    let output = Command::new(harness.directory().join("a.out"))
        .output()
        .expect("it runs");
    assert_eq!(
        output.stdout,
        harness.show(&[&words[..], &["--format", "raw"]].concat())
    );
}

/// Beside the numbers of an instruction stand its text and the names in it.
#[test]
fn the_c_array_names_what_it_tests_for() {
    let words = ["--trace", "connect", "--compiler", "tree", "--format", "c"];
    let array = text(&Harness::new().show(&words));
    let line = array.lines().find(|line| line.contains("0x0000002a }"));
    let line = line.expect(&array);
    let (_, comment) = line.split_once("/*").expect(line);
    assert!(
        comment.contains("#42") && comment.ends_with("; connect */"),
        "{line}"
    );
}

/// The machine is that whose architecture a file tests for; what is assumed without one is said.
#[test]
fn a_file_is_explained_for_its_machine() {
    let harness = Harness::new();
    for (file, contents, abi, assumed) in [
        (
            "arm",
            "ld [4]\njeq #0xc00000b7, a\na: ret #0",
            "aarch64",
            false,
        ),
        (
            "pc",
            "ld [4]\njeq #0x40000003, a\na: ret #0",
            "x86_64",
            false,
        ),
        ("any", "ret #0", "x86_64", true),
    ] {
        harness.write(file, contents.as_bytes());
        let words = ["filter", "explain", "--format", "csv", "--file", file];
        let output = harness.output(&words);
        let (csv, said) = (text(&output.stdout), text(&output.stderr));
        let first = csv.lines().nth(1).unwrap_or_default();
        assert!(first.starts_with(&format!("{abi},0,")), "{file}: {first}");
        assert_eq!(said.contains("explained for"), assumed, "{file}: {said}");
        assert!(said.is_empty() || said.contains("--arch"), "{said}");
        let asked = [&words[..], &["--arch", "aarch64"]].concat();
        let output = harness.output(&asked);
        let csv = text(&output.stdout);
        let mut calls = csv.lines().skip(1);
        assert!(
            calls.all(|line| line.starts_with("aarch64,") || line.starts_with("arm,")),
            "{csv}"
        );
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn a_difference_is_shown_by_a_call_and_the_exit_code() {
    let harness = Harness::new();
    harness.write(
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
    // Undecided is neither of them.
    let mixed = b"ld [16]\ntax\nld [24]\nmul x\njne #99, no\nret #0\nno: ret #0x7fff0000";
    harness.write("mixed", mixed);
    harness.write("allow", b"ret #0x7fff0000");
    let output = harness.output(&["filter", "check", "mixed", "allow"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(output.stdout.starts_with(b"undecided: "));
    // The same set without --subcalls does not have socketcall's connect.
    let whole = harness.show(&["--trace", "connect", "--compiler", "tree"]);
    harness.write("whole", &whole);
    let words = ["filter", "check", "whole", "tree:connect", "--subcalls"];
    let output = harness.output(&words);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(FAIL));
    assert!(
        stdout.contains("i386 number 102 (socketcall), argument 0 = 0x3"),
        "{stdout}"
    );
}

/// libseccomp's programs kill calls of foreign architectures, and the compilers' allow them.
#[test]
fn a_check_of_one_abi_is_none_of_the_others() {
    let harness = Harness::new();
    harness.write(
        "strict",
        b"ld [4]\njeq #0xc000003e, allow\njeq #0x40000003, allow\nret #0x80000000\nallow: ret #0x7fff0000",
    );
    let check = ["filter", "check", "strict", "linear:none"];
    let hint = "a machine of x86_64 has no such call: --abi x86_64";
    for (words, code, said, hinted) in [
        (&[][..], FAIL, "different: aarch64 number 0", true),
        (&["--abi", "x86_64"], 0, "equal: every x86_64 call", false),
        (&["--abi", "aarch64"], FAIL, "different: aarch64", false),
        (&["--arch", "aarch64"], FAIL, "different: aarch64", false),
    ] {
        let output = harness.output(&[&check[..], words].concat());
        let stdout = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {stdout}");
        assert!(stdout.starts_with(said), "{words:?}: {stdout}");
        assert_eq!(stdout.contains(hint), hinted, "{words:?}: {stdout}");
    }
}

#[test]
fn calls_are_explained_with_what_keeps_them_from_the_cache() {
    let harness = Harness::new();
    harness.write(
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
        text(&harness.stdout(&words))
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
        "abi,nr,name,action,executed,conditional,cached,reason,actions,actions_complete\n\
         x86_64,0,read,ALLOW,3,false,true,,ALLOW,true\n\
         x86_64,1,write,ERRNO(1),5,true,false,instruction 2 loads argument 0,ERRNO(1) ALLOW,true\n"
    );
    let words = [
        "filter",
        "explain",
        "--file",
        "by-argument",
        "--only",
        "write",
    ];
    let table = text(&harness.stdout(&words));
    assert!(table.contains("ERRNO(1)* or ALLOW"), "{table}");
    let csv = explain(&[
        "--trace",
        "connect",
        "--compiler",
        "linear",
        "--only",
        "connect,getppid",
    ]);
    let x86_64 = "x86_64,42,connect,TRACE,11,false,false,instruction 21 returns TRACE,TRACE,true";
    let getppid = "x86_64,110,getppid,ALLOW,12,false,true,,ALLOW,true";
    let x32 = "x32,110,getppid,ALLOW,7,false,false,not in the kernel's bitmap,ALLOW,true";
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
    let table = text(&harness.stdout(&words));
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

/// 800 tests that may come out either way have more outcomes than can be tried, or kept: ulimit ends what takes more memory.
#[test]
fn a_program_of_too_many_ways_is_explained_as_far_as_it_can_be() {
    let harness = Harness::new();
    let mut program = String::new();
    for n in 0..800_u32 {
        let (offset, bit) = (16 + 4 * (n % 12), 1_u32 << (n % 32));
        let _ = writeln!(program, "ld [{offset}]\njset #{bit}, to{n}\nto{n}:");
    }
    program += "ret #0x7fff0000\n";
    harness.write("many", program.as_bytes());
    let words = [
        "filter", "explain", "--file", "many", "--abi", "x86_64", "--only", "read",
    ];
    let command = harness.command(&words);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -v 1000000 && exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(harness.directory());
    let output = limited.output().expect("a shell");
    let (table, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(table.contains("ALLOW* or else"), "{table}");
    assert!(
        table.contains("more cases apart than can be tried"),
        "{table}"
    );
}

/// Two filters of an arm64 machine that differ for its 32-bit programs alone, and one for a machine without a table.
#[test]
fn programs_for_other_machines_are_named_for_what_they_are() {
    let harness = Harness::new();
    for (file, nr) in [("a", 3), ("b", 21)] {
        let text = format!(
            "ld [4]\njeq #0xc00000b7, ok\njne #0x40000028, no\nld [0]\njeq #{nr}, ok, no\nno: ret #0x50001\nok: ret #0x7fff0000\n"
        );
        harness.write(file, text.as_bytes());
    }
    let output = harness.output(&["filter", "check", "a", "b"]);
    let expected = "different: arm number 3 (read)\n  a  ALLOW\n  b  ERRNO(1)\n";
    assert_eq!(text(&output.stdout), expected);
    let csv = text(&harness.stdout(&["filter", "explain", "--file", "b", "--format", "csv"]));
    assert!(
        csv.contains("\narm,21,mount,ALLOW,6,false,true,,ALLOW,true\n"),
        "{csv}"
    );
    assert!(csv.contains("\naarch64,63,read,ALLOW,3,"), "{csv}");
    harness.write(
        "riscv",
        b"ld [4]\njne #0xc00000f3, no\nret #0x7fff0000\nno: ret #0\n",
    );
    let words = ["filter", "explain", "--file", "riscv"];
    let output = harness.output(&words);
    common::one_clear_line(&output, FAIL, &words, &["riscv is for riscv64", "no table"]);
    // Each is named once, wherever the program tests for it.
    harness.write(
        "both",
        b"ld [4]\njeq #0xc00000f3, ok\njeq #0xc0000015, ok\njne #0xc00000f3, no\nok: ret #0x7fff0000\nno: ret #0\n",
    );
    let words = ["filter", "explain", "--file", "both"];
    let output = harness.output(&words);
    common::one_clear_line(&output, FAIL, &words, &["is for ppc64le, riscv64, and"]);
    let listing = text(&harness.stdout(&["filter", "show", "--file", "riscv"]));
    assert!(listing.contains("/* riscv64 */"), "{listing}");
    let output = harness.output(&["filter", "show", "--trace", "open", "--arch", "aarch64"]);
    let said = text(&output.stderr);
    let expected = "harness: trace set 'open': 'open' is no call of a machine of aarch64 and traces nothing there\n";
    assert_eq!(said, expected);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_the_kernel_caches_is_counted_and_what_skips_filters_is_named() {
    let harness = Harness::new();
    let explained = |words: &[&str]| {
        let words = [&["filter", "explain", "--format", "csv"], words].concat();
        text(&harness.stdout(&words))
    };
    // With an argument of 0 it is allowed, and not without a look at the argument.
    harness.write(
        "all-but-one",
        b"ld [0]\njne #1, allow\nld [16]\njeq #0, allow\nret #0x50001\nallow: ret #0x7fff0000",
    );
    let table = text(&harness.stdout(&[
        "filter",
        "explain",
        "--file",
        "all-but-one",
        "--arch",
        "x86",
    ]));
    let counted = "Linux 5.11 and later cache 383 of the 384 named calls of x86_64 that it allows";
    assert!(table.lines().any(|line| line == counted), "{table}");
    assert!(table.contains("\nthis kernel, "), "{table}");
    let csv = explained(&["--trace", "uretprobe", "--only", "335", "--abi", "x86_64"]);
    let exempt = "returns TRACE; uretprobe skips filters since 6.14,TRACE,true";
    assert!(csv.contains(exempt), "{csv}");
}
