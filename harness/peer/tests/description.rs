//! What a description's mistakes are told as: file, key, what is wrong and what to do, in one line.

use harness_peer::{Counts, PassesOn, Peer, Privileges, Selects, registry};
use harness_syscalls::{Table, TraceSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The least description: what may be left out is.
const LEAST: &str = r#"
name = "p"
summary = "s"
argv = ["p", "{output}", "{command}"]
counts = "entered"
end = "program"
privileges = "none"
install = "i"
[version]
argv = ["p", "-V"]
regex = 'p (\d+)'
[output]
format = "strace"
[capabilities]
number = true
arguments = true
result = true
memory = true
change = true
children = true
exec = true
attach = true
static-programs = true
foreign-abis = true
"#;

#[test]
fn what_may_be_left_out_has_the_plain_meaning() {
    let peer = Peer::parse("p.toml", LEAST).expect("a description");
    assert_eq!((peer.name.as_str(), peer.summary.as_str()), ("p", "s"));
    assert_eq!(
        (peer.counts, peer.end),
        (Counts::Entered, PassesOn::Program)
    );
    assert_eq!(peer.privileges, Privileges::None);
    assert_eq!(peer.selects(), Selects::OwnRule);
    assert!(peer.beside_set.is_empty());
    assert_eq!(peer.binary(), "p");
    assert!(!peer.has_other_binary());
}

#[test]
fn a_peer_is_the_same_in_another_process() {
    let peer = Peer::parse("p.toml", LEAST).expect("a description");
    let other = peer.clone().with_binary(OsStr::new("/opt/p"));
    for peer in [peer, other] {
        let again = Peer::from_bytes(&peer.to_bytes()).expect("the same");
        assert_eq!((&again.name, again.binary()), (&peer.name, peer.binary()));
        assert_eq!(words(&again, "read"), words(&peer, "read"));
    }
}

/// What is replaced, by what, and what the error says.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "name = \"p\"",
        "nam = \"p\"",
        "p.toml:2: unknown field `nam`, expected",
    ),
    (
        "counts = \"entered\"",
        "",
        "p.toml: missing field `counts`; correct it",
    ),
    ("regex = 'p (\\d+)'", "", "p.toml: missing field `regex`"),
    ("exec = true", "", "p.toml: missing field `exec`"),
    ("exec = true", "exce = true", "unknown field `exce`"),
    (
        "counts = \"entered\"",
        "counts = \"seen\"",
        "p.toml:5: unknown variant `seen`, expected `entered` or `returned`",
    ),
    (
        "summary = \"s\"",
        "summary = 3",
        "p.toml:3: invalid type: integer `3`, expected a string",
    ),
    ("summary = \"s\"", "summary = ", "p.toml:3: "),
    (
        "name = \"p\"",
        "name = \"P q\"",
        "p.toml: key `name`: 'P q' cannot be a mode's name; use small",
    ),
    (
        "summary = \"s\"",
        "summary = \"a\\nb\"",
        "key `summary`: it must be one line; write",
    ),
    (
        "counts =",
        "colour = \"red\"\ncounts =",
        "key `colour`: 'red' is not a colour; write #rrggbb",
    ),
    (
        "{output}",
        "{out}",
        "key `argv`: `{out}` is no placeholder; the known ones are `{command}`",
    ),
    (
        ", \"{command}\"",
        "",
        "key `argv`: `{command}` is missing; write it",
    ),
    (
        "counts =",
        "argv-all = [\"p\", \"{set}\", \"{output}\", \"{command}\"]\ncounts =",
        "key `argv-all`: it is for",
    ),
    (
        "counts =",
        "argv-all = [\"q\", \"{output}\", \"{command}\"]\ncounts =",
        "key `binary`: 'p' is no word of 'q {output}",
    ),
    (
        "counts =",
        "binary = \"q\"\ncounts =",
        "key `binary`: 'q' is no word of 'p {output} {command}'; begin",
    ),
    (
        "'p (\\d+)'",
        "'p (\\d+'",
        "key `version.regex`: bad regular expression 'p (\\d+'",
    ),
    (
        "\"strace\"",
        "\"text\"",
        "unknown variant `text`, expected one of `strace`, `strace-summary`",
    ),
    (
        "\"strace\"",
        "\"strace\"\ncall = \"x\"",
        "key `output.call`: only format `lines` has it; leave",
    ),
    (
        "\"strace\"",
        "\"strace\"\nlost = '('",
        "key `output.lost`: bad regular expression '('",
    ),
    (
        "\"strace\"",
        "\"lines\"",
        "key `output.event`: it is missing, and format `lines` needs it; write",
    ),
    (
        "\"strace\"",
        "\"lines\"\nevent = 'x'",
        "key `output.event`: no group of it holds the call's name; put",
    ),
    (
        "[version]",
        "[[remedies]]\nsaid = '('\nremedy = \"r\"\n[version]",
        "key `remedies.said`: bad regular",
    ),
];

#[test]
fn each_mistake_is_one_line_that_says_where_what_and_what_to_do() {
    for &(before, after, message) in MISTAKES {
        assert!(LEAST.contains(before), "{before}");
        let text = LEAST.replacen(before, after, 1);
        let error = Peer::parse("p.toml", &text).expect_err(after).to_string();
        assert!(error.contains(message), "{after}: {error}");
        assert!(
            error.starts_with("p.toml:") && error.contains("; "),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
    let error = Peer::read(Path::new("/no/such.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/no/such.toml: cannot be read: No such file"),
        "{error}"
    );
}

fn words(peer: &Peer, set: &str) -> Vec<OsString> {
    let set = TraceSet::parse(set, Table::current()).expect("a set");
    let (before, after) = peer.words(&set, Path::new("/o"));
    assert!(after.is_empty());
    before
}

fn built_in(name: &str) -> Peer {
    let peer = registry().iter().find(|peer| peer.name == name);
    peer.expect("it is built in").clone()
}

#[test]
fn sets_are_written_as_each_peer_takes_them() {
    let strace = built_in("strace");
    assert_eq!(strace.selects(), Selects::Set);
    assert!(words(&strace, "!%file").contains(&"trace=!%file".into()));
    let perf = built_in("perf-trace");
    assert_eq!(perf.selects(), Selects::Names);
    let filtered = words(&perf, "getpid@64,getppid");
    assert!(filtered.contains(&"getpid,getppid".into()), "{filtered:?}");
    assert!(!words(&perf, "all").contains(&"-e".into()));
}

#[test]
fn another_binary_stands_wherever_the_peers_stood() {
    let strace = built_in("strace").with_binary(OsStr::new("/opt/strace/strace"));
    assert_eq!(strace.binary(), "/opt/strace/strace");
    assert_eq!(words(&strace, "read")[0], "/opt/strace/strace");
    assert_eq!(words(&strace, "all")[0], "/opt/strace/strace");
    let missing = strace.check().expect_err("there is none");
    assert!(
        missing.reason.starts_with("/opt/strace/strace"),
        "{missing}"
    );
    assert!(
        missing.remedy.contains("apt-get install strace"),
        "{missing}"
    );
}
