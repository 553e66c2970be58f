//! Runs under peers, made-up ones that do what they must not and those that are installed.

use harness_peer::{PassesOn, Peer, PeerError, PeerOutcome, registry};
use harness_sys::launcher::Launch;
use harness_sys::process;
use harness_syscalls::{Table, TraceSet};
use harness_testing::{Missing, in_own_process, skip};
use harness_tracer::End;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// A peer that is a script of a shell: `$out` is its output, `"$@"` the program.
fn scripted(script: &str, end: &str) -> Peer {
    let text = format!(
        r#"
        name = "made-up"
        summary = "a script"
        argv = ["sh", "-c", '''out=$1; shift; {script}''', "sh", "{{output}}", "{{command}}"]
        counts = "entered"
        end = "{end}"
        privileges = "none"
        install = "nothing"
        [version]
        argv = ["sh", "-c", "echo version 1"]
        regex = 'version (\d+)'
        [output]
        format = "lines"
        event = '^call (\w+)(?: (?P<count>\d+))?$'
        other = '^$'
        lost = '^LOST (\d+)'
        [capabilities]
        number = true
        arguments = false
        result = false
        memory = false
        change = false
        children = false
        exec = false
        attach = false
        static-programs = true
        foreign-abis = false
        "#
    );
    Peer::parse("made-up.toml", &text).expect("a description")
}

/// Runs a shell's `program` under `peer`, and makes sure that nothing is left running. Ends the test's
/// process where that fails, so it is to be called in one of its own.
fn run(peer: &Peer, set: &str, program: &str) -> Result<PeerOutcome, PeerError> {
    process::become_subreaper().expect("prctl(2)");
    let scratch = tempfile::tempdir().expect("a directory");
    let set = TraceSet::parse(set, Table::current()).expect("a set");
    let words = ["sh", "-c", program].map(OsStr::new);
    let path = std::env::var_os("PATH").map(|path| (OsString::from("PATH"), path));
    let mut launch = Launch::new(OsStr::new("sh"), words, path).expect("sh(1)");
    let errors = scratch.path().join("stderr");
    let file = std::fs::File::create(&errors).expect("a file");
    launch.descriptor(std::os::fd::AsFd::as_fd(&file), 2);
    let outcome = peer.run(launch, &set, scratch.path());
    assert_eq!(process::children(), [], "left running");
    let left: Vec<_> = std::fs::read_dir(scratch.path())
        .expect("the directory")
        .collect();
    assert_eq!(left.len(), 1, "its output is deleted: {left:?}");
    outcome
}

/// What a run that does not count is told as.
fn refused(peer: &Peer, program: &str, message: &str) {
    in_own_process(|| {
        let error = run(peer, "all", program).expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
        assert!(!error.contains('\n'), "{error}");
    });
}

#[test]
fn a_peer_that_does_well_is_timed_counted_and_accounted_for() {
    let script = r#""$@"; code=$?; printf "call getppid 3\n\ncall getpid\n" >$out; exit $code"#;
    in_own_process(|| {
        let outcome =
            run(&scripted(script, "program"), "all", "sleep 0.05; exit 3").expect("it does well");
        assert_eq!(outcome.end, End::Exited(3));
        assert!(outcome.wall.as_millis() >= 50, "{outcome:?}");
        assert!(outcome.wall.as_millis() < 5000, "{outcome:?}");
        assert_eq!(outcome.output_bytes, 28);
        let calls = [("getpid".to_owned(), 1), ("getppid".to_owned(), 3)];
        assert_eq!(outcome.counted.calls, calls.into());
        assert_eq!((outcome.counted.total(), outcome.counted.lost), (4, 0));
        assert!(outcome.account.usage.user_ns > 0, "{outcome:?}");
    });
    // How the program ended is not known from a peer that does not say so.
    in_own_process(|| {
        let script = r#""$@"; echo call getppid >$out"#;
        let outcome = run(&scripted(script, "itself"), "all", "exit 3").expect("it does well");
        assert_eq!(outcome.end, End::Exited(0));
    });
}

#[test]
fn a_program_that_is_killed_ends_the_peer_alike() {
    let script = r#""$@"; echo call getppid >$out; kill -TERM $$"#;
    in_own_process(|| {
        let outcome =
            run(&scripted(script, "program"), "all", "kill -TERM $$").expect("it does well");
        assert_eq!(outcome.end, End::Killed(15));
    });
    refused(
        &scripted(script, "itself"),
        "exit 0",
        "made-up was killed by signal 15, and not because",
    );
}

/// What an orphan of the program does belongs to the run; the peer waits for it here.
#[test]
fn lost_events_are_counted() {
    in_own_process(|| {
        let script = r#""$@"; printf "LOST 5 events\ncall getppid\nLOST 2 events\n" >$out"#;
        let outcome = run(&scripted(script, "program"), "all", "exit 0").expect("it does well");
        assert_eq!((outcome.counted.lost, outcome.counted.total()), (7, 1));
    });
}

#[test]
fn a_peer_that_is_not_there_is_named() {
    let peer = scripted("exit 0", "program").with_binary(OsStr::new("/no/such/peer"));
    in_own_process(|| {
        let error = run_without_start(&peer).to_string();
        assert!(
            error.starts_with("/no/such/peer: command not found"),
            "{error}"
        );
    });
}

fn run_without_start(peer: &Peer) -> PeerError {
    let scratch = tempfile::tempdir().expect("a directory");
    let set = TraceSet::parse("all", Table::current()).expect("a set");
    let launch = Launch::new(OsStr::new("/bin/sh"), [OsStr::new("sh")], []).expect("sh(1)");
    peer.run(launch, &set, scratch.path())
        .expect_err("it is not there")
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    in_own_process(|| {
        process::become_subreaper().expect("prctl(2)");
        let peer = scripted(r#"echo x >$out || exit 2; "$@""#, "program");
        let set = TraceSet::parse("all", Table::current()).expect("a set");
        let path = (
            OsString::from("PATH"),
            std::env::var_os("PATH").expect("a PATH"),
        );
        let launch = Launch::new(OsStr::new("sh"), [OsStr::new("sh")], [path]).expect("sh(1)");
        let run = peer.run(launch, &set, Path::new("/no/such/directory"));
        let error = run.expect_err("there is none").to_string();
        assert!(
            error.contains("made-up ended with exit code 2 without output; run `sh -c"),
            "{error}"
        );
    });
}

#[test]
fn a_usage_error_is_quoted() {
    let peer = scripted(
        "echo usage >&2; echo 'made-up: bad option' >&2; exit 1",
        "program",
    );
    let message = "made-up ended with exit code 1 without output (standard error: made-up: bad option); run `sh -c ";
    refused(&peer, "exit 0", message);
}

#[test]
fn a_peer_that_writes_nothing_is_refused() {
    let nothing = "made-up wrote nothing to its output; run `sh -c";
    refused(&scripted(r#""$@""#, "program"), "exit 0", nothing);
    refused(&scripted(r#""$@"; : >$out"#, "program"), "exit 0", nothing);
}

#[test]
fn output_of_another_format_is_refused_with_its_line() {
    let peer = scripted(
        r#""$@"; printf "call getppid\nsomething else\n" >$out"#,
        "program",
    );
    refused(
        &peer,
        "exit 0",
        "made-up: line 2 of its output is not known: `something else`",
    );
    let peer = scripted(r#""$@"; printf "call getppid\ncall get" >$out"#, "program");
    refused(&peer, "exit 0", "made-up: its output breaks off at line 2");
}

#[test]
fn a_peer_that_is_killed_is_named_with_the_signal() {
    let message = "made-up was killed by signal 9, and not because the program was";
    refused(
        &scripted(r#""$@"; kill -KILL $$"#, "program"),
        "exit 0",
        message,
    );
    let half = r#""$@"; printf "call getppid\ncall get" >$out; kill -KILL $$"#;
    refused(&scripted(half, "program"), "exit 0", message);
}

/// A program in the background goes on when the peer has ended, and is waited for.
#[test]
fn a_program_that_is_left_behind_is_waited_for() {
    let mark = tempfile::NamedTempFile::new()
        .expect("a file")
        .into_temp_path();
    let peer = scripted(r#""$@" & echo call getppid >$out; exit 0"#, "program");
    let program = format!("sleep 0.3; echo end >{}", mark.display());
    let message = "made-up ended with exit code 0 and left 1 of the program's processes behind";
    refused(&peer, &program, message);
    assert_eq!(std::fs::read_to_string(&mark).expect("text"), "end\n");
}

/// It stops itself once the program has ended, as one that waits for ever.
#[test]
fn a_peer_that_hangs_is_killed() {
    let peer = scripted(r#""$@"; echo call getppid >$out; kill -STOP $$"#, "program");
    let message =
        "made-up hangs: it went on for 10 seconds after all processes of the program had ended";
    refused(&peer, "exit 0", message);
}

#[test]
fn a_trial_says_what_is_wrong() {
    let check = |script: &str| scripted(script, "program").check();
    let facts = check(r#""$@"; echo call getppid >$out"#).expect("it can run");
    assert_eq!(facts.version, "1");
    for (script, reason) in [
        (
            r#""$@"; echo hello >$out"#,
            "made-up: tried on true(1), line 1 of its output is not known: `hello`",
        ),
        (
            "echo no >&2; exit 4",
            "made-up: tried on true(1), it ended with exit status: 4 (it wrote: no)",
        ),
        (r#""$@""#, "made-up: tried on true(1), it wrote nothing"),
        (
            r#""$@"; : >$out"#,
            "made-up: tried on true(1), it wrote nothing",
        ),
        (
            r#""$@"; echo >$out"#,
            "made-up: tried on true(1), it counted no call",
        ),
        (
            "sleep 100",
            "made-up: tried on true(1), it did not end within 10 seconds",
        ),
    ] {
        let unavailable = check(script).expect_err(script);
        assert!(unavailable.reason.contains(reason), "{unavailable}");
        assert!(!unavailable.to_string().contains('\n'), "{unavailable}");
    }
}

/// Calls of a shell that runs true(1) twice and kills itself, by each peer that is installed: those that count
/// alike agree.
#[test]
fn installed_peers_agree_call_by_call() {
    let program = "true() { command /bin/true; }; true; true; exit 7";
    let mut counted = Vec::new();
    for peer in registry() {
        if let Err(unavailable) = peer.check() {
            // An ordinary user may not be allowed what root is.
            let user = process::effective_user();
            let missing = if user == 0 {
                Missing::Tool
            } else {
                Missing::Root
            };
            skip(missing, &format!("{}: {unavailable}", peer.name));
            continue;
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        in_own_process(|| {
            let outcome = run(peer, "execve,exit_group,wait4", program).expect(&peer.name);
            let passed_on = peer.end == PassesOn::Program;
            assert_eq!(outcome.end, End::Exited(if passed_on { 7 } else { 0 }));
            let counted = &outcome.counted;
            assert_eq!(
                (counted.lost, counted.unreadable, counted.unsure_abi),
                (0, 0, 0)
            );
            std::fs::write(file.path(), format!("{:?}", counted.calls)).expect("a file");
        });
        let calls = std::fs::read_to_string(file.path()).expect("text");
        counted.push((peer, calls));
    }
    for (peer, calls) in &counted {
        let same = counted
            .iter()
            .filter(|(other, _)| other.counts == peer.counts);
        for (other, others) in same {
            assert_eq!(calls, others, "{} and {}", peer.name, other.name);
        }
    }
}
