//! What is said of a file that is no filter, with the place in it, and of command lines that mean nothing.

mod common;

use common::{FAIL, Harness, USAGE, one_clear_line};
use std::fs::File;
use std::io::Write;
use std::process::Stdio;

#[test]
fn input_that_is_no_filter_is_an_error_with_its_place() {
    let harness = Harness::new();
    let long = "ld [0]\n".repeat(4096) + "ret #0\n";
    let far = "jeq #1, end\n".to_owned() + &"ld [0]\n".repeat(256) + "end: ret #0\n";
    let mut unknown = b"\x20\0\0\0\x04\0\0\0".to_vec();
    unknown.extend(b"\xff\x7f\0\0\0\0\0\0");
    let files: [(&str, &[u8], &[&str]); 29] = [
        (
            "odd.raw",
            b"\x06\0\0\0\0\0\xff\x7f\x06\0\0",
            &["11 bytes", "truncated"],
        ),
        ("one.raw", b"\0", &["truncated"]),
        (
            "sparc.raw",
            b"\0\x20\0\0\0\0\0\x04\0\x06\0\0\0\0\0\0",
            &["big-endian", "swap"],
        ),
        (
            "notepad.txt",
            b"\xef\xbb\xbfret #0",
            &["byte order mark", "UTF-8 without"],
        ),
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
        (
            "docker.json",
            b"{\n  \"defaultAction\": \"SCMP_ACT_ERRNO\",\n  \"syscalls\": []\n}\n",
            &["a seccomp profile in JSON", "filter dump --pid"],
        ),
        (
            "hex.txt",
            b"20000000040000000600000000000000\n",
            &["bytes in hexadecimal", "xxd -r -p"],
        ),
        (
            "base64.txt",
            b"IAAAAAQAAAAGAAAAAAAAAA==\n",
            &["this is base64", "base64 -d"],
        ),
        (
            "program",
            b"\x7fELF\x02\x01\x01\0",
            &["an ELF file", "filter dump --pid"],
        ),
        (
            "filter.pfc",
            b"#\n# pseudo filter code start\n#\nif ($arch == 3221225534)\n",
            &["pseudo filter code", "seccomp_export_bpf"],
        ),
    ];
    for (file, contents, parts) in files {
        harness.write(file, contents);
        for (words, code) in [
            (&["filter", "show", "--file", file][..], FAIL),
            (&["filter", "explain", "--file", file], FAIL),
            // Of a check, 1 says that the filters differ.
            (&["filter", "check", file, "linear:connect"], USAGE),
            (&["run", "--filter", file, "--", "true"], FAIL),
        ] {
            one_clear_line(
                &harness.output(words),
                code,
                words,
                &[&[file], parts].concat(),
            );
        }
    }
}

/// Words after `filter`, the exit code, and what must be said.
const REFUSED: [(&[&str], i32, &[&str]); 33] = [
    (&["show"], USAGE, &["--trace", "--file"]),
    (
        &["show", "--trace", ""],
        USAGE,
        &["element 1", "nothing is named"],
    ),
    (
        &["show", "--trace", "conect"],
        USAGE,
        &["'conect'", "connect"],
    ),
    (
        &["show", "--trace", "4294967296"],
        USAGE,
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
        &["missing", "No such file", "check the path"],
    ),
    (
        &["show", "--profile", "missing"],
        FAIL,
        &["missing", "No such file", "check the path"],
    ),
    (&["show", "--file", "."], FAIL, &["directory"]),
    (
        &["show", "--file", "/dev/zero"],
        FAIL,
        &["/dev/zero", "16 MiB"],
    ),
    (&["show", "--file", "long"], FAIL, &["long", "16 MiB"]),
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
        USAGE,
        &["nothing is named"],
    ),
    (&["chart", "--set", "conect"], USAGE, &["'conect'"]),
    (&["explain", "--trace", "conect"], USAGE, &["'conect'"]),
    (&["explain", "--only", "conect"], USAGE, &["'conect'"]),
    (
        &["chart", "--compilers", "tree,best"],
        USAGE,
        &["best", "optimal"],
    ),
    (
        &["check", "ok", "best:connect"],
        USAGE,
        &["best:connect", "no such file", "optimal"],
    ),
    (&["check", "-", "-"], USAGE, &["one side"]),
    (
        &["show", "--subcalls", "--arch", "aarch64"],
        USAGE,
        &["--subcalls", "aarch64"],
    ),
    (
        &["show", "--compiler", "tree", "--profile", "kernel-build"],
        USAGE,
        &["tree", "--profile"],
    ),
];

#[test]
fn command_lines_that_mean_nothing_are_refused() {
    let harness = Harness::new();
    harness.write("ok", b"ret #0");
    let long = File::create(harness.directory().join("long")).expect("a file");
    long.set_len(1 << 25).expect("a sparse file");
    harness.write("profile", b"syscall,calls\nread,many\n");
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

/// As a shell's `<(command)` is.
#[test]
fn a_pipe_is_read_as_a_file_is() {
    let harness = Harness::new();
    let mut cat = harness.command(&["filter", "show", "--file", "/dev/stdin"]);
    let mut cat = cat
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("harness");
    let mut stdin = cat.stdin.take().expect("a pipe");
    stdin.write_all(b"ret #0").expect("a reader");
    drop(stdin);
    let output = cat.wait_with_output().expect("harness");
    assert!(output.status.success());
    assert!(!output.stdout.is_empty());
}
