//! What trace sets mean, against numbers of the kernel's own tables and the behaviour of strace 6.1.

use super::TraceSet;
use crate::abi::{Abi, Multiplexer};
use crate::table::Table;
use crate::trace_set::Reason;

fn set(text: &str) -> TraceSet {
    TraceSet::parse(text, Table::current()).unwrap_or_else(|error| panic!("{error}"))
}

fn x86_64(text: &str) -> Vec<u32> {
    set(text).numbers(Abi::X86_64).collect()
}

#[test]
fn what_a_machine_does_not_have_is_named() {
    use crate::abi::Arch;
    for (text, arch, expected) in [
        (
            "open",
            Arch::Aarch64,
            Some("'open' is no call of a machine of aarch64 and traces nothing there"),
        ),
        (
            "open,openat,stat",
            Arch::Aarch64,
            Some("'open', 'stat' are no calls of a machine of aarch64 and trace nothing there"),
        ),
        ("!fork", Arch::Aarch64, Some("'fork' is no call")),
        (
            "/^pciconfig",
            Arch::X86,
            Some("'/^pciconfig' is no call of a machine of x86_64"),
        ),
        ("connect@32", Arch::Aarch64, Some("'connect@32'")),
        ("?open,openat", Arch::Aarch64, None),
        ("openat,%file,!all", Arch::Aarch64, None),
        ("none", Arch::Aarch64, None),
        ("all", Arch::Aarch64, None),
        ("open,semop,socketcall", Arch::X86, None),
    ] {
        let Ok(set) = TraceSet::parse(text, Table::current()) else {
            assert_eq!(expected, None, "{text}");
            continue;
        };
        let found = set.absent_from(arch);
        match expected {
            None => assert_eq!(found, None, "{text}"),
            Some(part) => assert!(
                found.as_deref().is_some_and(|line| line.contains(part)),
                "{text}: {found:?}"
            ),
        }
    }
}

#[test]
fn elements_select_the_numbers_of_the_kernels_tables() {
    for (text, expected) in [
        ("none", vec![]),
        ("connect", vec![42]),
        ("open,close", vec![2, 3]),
        ("close,,open,", vec![2, 3]),
        ("42", vec![42]),
        ("042", vec![42]),
        ("connect@64", vec![42]),
        ("connect@x32,connect@32", vec![]),
        ("/^open$|^close$", vec![2, 3]),
        ("/^openat", vec![257, 437]),
        ("/^open@32,connect", vec![42]),
        ("?no_such_call,connect", vec![42]),
        ("?,?%no_such_class,?/^XX,?999999,connect", vec![42]),
        ("!!connect", vec![42]),
        ("%lstat", vec![6]),
        // A bare word is a class only where strace has that legacy name: `stat` is the call.
        ("stat", vec![4]),
        (
            "%ipc",
            vec![29, 30, 31, 64, 65, 66, 67, 68, 69, 70, 71, 220],
        ),
        ("ipc", vec![29, 30, 31, 64, 65, 66, 67, 68, 69, 70, 71, 220]),
        ("socketcall", vec![]),
    ] {
        assert_eq!(x86_64(text), expected, "{text}");
    }
    assert_eq!(x86_64("network"), x86_64("%net"));
}

#[test]
fn a_name_means_that_call_in_every_abi() {
    let connect = set("connect");
    for (abi, nr) in [
        (Abi::X86_64, 42),
        (Abi::I386, 362),
        (Abi::X32, 42),
        (Abi::Aarch64, 203),
    ] {
        assert_eq!(connect.numbers(abi).collect::<Vec<_>>(), [nr], "{abi}");
        assert_eq!(connect.names(abi).collect::<Vec<_>>(), ["connect"]);
    }
}

#[test]
fn negation_holds_everything_else_known_or_not() {
    let others = set("!connect");
    for nr in (0..2000).chain([0x3fff_ffff, u32::MAX]) {
        assert_eq!(others.contains(Abi::X86_64, nr), nr != 42, "{nr}");
        assert!(set("all").contains(Abi::X86_64, nr), "{nr}");
        assert_eq!(set("connect").contains(Abi::X86_64, nr), nr == 42, "{nr}");
        assert!(!set("none").contains(Abi::X86_64, nr), "{nr}");
    }
    assert!(others.contains_unknown() && !set("connect").contains_unknown());
}

#[test]
fn all_alone_is_everything_in_a_list_it_is_every_named_call() {
    assert!(set("all").is_all() && set("!none").is_all());
    assert!(set("none").is_empty() && set("!all").is_empty() && set("?nothing").is_empty());
    let listed = set("open,all");
    assert!(!listed.is_all() && !listed.contains(Abi::X86_64, 400));
    assert!(listed.contains(Abi::X86_64, 0) && !set("connect").is_empty());
    let unnamed = set("!open,all");
    assert!(!unnamed.contains(Abi::X86_64, 0) && unnamed.contains(Abi::X86_64, 400));
}

#[test]
fn the_first_argument_tells_the_calls_behind_multiplexers_apart() {
    const CONNECT: u64 = 3; // SYS_CONNECT of linux/net.h
    const SEMOP: u64 = 1; // SEMOP of linux/ipc.h
    let (socketcall, ipc) = (Multiplexer::Socketcall.nr(), Multiplexer::Ipc.nr());
    for (text, nr, argument, expected) in [
        ("connect", socketcall, CONNECT, true),
        ("connect", socketcall, CONNECT + 1, false),
        ("connect", socketcall, 1000, false),
        ("connect", ipc, CONNECT, false),
        ("!connect", socketcall, CONNECT, false),
        ("!connect", socketcall, CONNECT + 1, true),
        ("!connect", socketcall, 1000, true),
        ("connect@64", socketcall, CONNECT, false),
        ("socketcall", socketcall, CONNECT, true),
        ("socketcall", socketcall, 1000, true),
        ("!socketcall", socketcall, CONNECT, false),
        ("semop", ipc, SEMOP, true),
        // The upper half of ipc's first argument is a version.
        ("semop", ipc, SEMOP | 1 << 16, true),
        ("semop", ipc, SEMOP + 1, false),
    ] {
        let set = set(text);
        let found = set.contains_call(Abi::I386, nr, argument);
        assert_eq!(found, expected, "{text} {nr} {argument}");
        assert_eq!(
            set.contains_call(Abi::X86_64, nr, argument),
            set.contains(Abi::X86_64, nr)
        );
    }
    let exceptions = |text| -> Vec<u32> {
        set(text)
            .subcall_exceptions(Multiplexer::Socketcall)
            .collect()
    };
    assert_eq!(exceptions("connect,bind"), [2, 3]);
    assert_eq!(exceptions("!connect,bind"), [2, 3]);
    assert!(exceptions("connect,socketcall").is_empty());
}

/// strace takes the number that the kernel reports.
#[test]
fn numbers_with_the_bit_of_x32_are_its_calls() {
    let set = set("1073741825,1073742344");
    assert_eq!(set.numbers(Abi::X32).collect::<Vec<_>>(), [1, 520]);
    assert_eq!(set.numbers(Abi::X86_64).count(), 0);
    assert_eq!(set.numbers(Abi::I386).count(), 0);
}

#[test]
fn regular_expressions_are_those_of_posix_or_refused() {
    for (text, expected) in [
        ("/(?i)OPEN", "(?"),
        ("/^o.*?n", "*?"),
        ("/^o.+?n", "+?"),
        ("/^\\w+$", "\\w"),
        ("/open\\b", "\\b"),
        ("/(o)\\1", "\\1"),
    ] {
        let error = TraceSet::parse(text, Table::current()).expect_err(text);
        let found = expected.to_owned();
        assert_eq!(error.reason, Reason::NotPosix { found }, "{text}");
    }
    for text in [
        "/^(open|close)$",
        "/^o[^]?]{3}$",
        "/[(?]|^open$",
        "/^open\\.?",
    ] {
        assert!(set(text).contains(Abi::X86_64, 2), "{text}");
    }
}

#[test]
fn straces_rows_are_added_only_on_request() {
    let table = Table::named("strace-5.4").expect("named");
    let none = TraceSet::parse("none", table).expect("parses");
    assert_eq!(none.numbers(Abi::X86_64).count(), 0);
    let strace = none.with_always_traced();
    assert_eq!(strace.numbers(Abi::X86_64).collect::<Vec<_>>(), [59, 322]);
    // execve, socketcall, ipc, execveat, 20 calls of socketcall and 12 of ipc.
    assert_eq!(strace.numbers(Abi::I386).count(), 4 + 20 + 12);
}

#[test]
fn errors_say_where_why_and_what_to_do() {
    for (text, position, reason, hint) in [
        ("", 1, Reason::Empty, "'none'"),
        ("!", 1, Reason::Empty, "'all'"),
        (",", 1, Reason::Empty, "'all'"),
        ("open,close,1000", 3, Reason::UnknownNumber, "negate"),
        ("99999999999999", 1, Reason::UnknownNumber, "negate"),
        ("480", 1, Reason::UnknownNumber, "no ABI"),
        ("open,!close", 2, Reason::NegationInside, "before the first"),
        ("none,open", 1, Reason::NoneInList, "stands alone"),
        ("socketcall@64", 1, Reason::NotInAbi, "every ABI"),
        ("connect@128", 1, Reason::UnknownAbi, "x32"),
        ("?connect@", 1, Reason::UnknownAbi, "x32"),
        ("/^XX", 1, Reason::RegexMatchesNothing, "'?'"),
        ("1073743000", 1, Reason::UnknownNumber, "no ABI"),
    ] {
        let error = TraceSet::parse(text, Table::current()).expect_err(text);
        assert_eq!(
            (error.position, &error.reason),
            (position, &reason),
            "{text}"
        );
        assert!(error.to_string().contains(hint), "{error}");
    }
    for (text, shown) in [
        (
            "open,conect",
            "trace set 'open,conect', element 2 'conect': no such system call; did you mean 'connect'?; \
             a '?' before it ignores that",
        ),
        (
            "%netwrk",
            "trace set '%netwrk', element 1 '%netwrk': no such class; did you mean '%network'?; \
             'harness list classes' lists them",
        ),
        (
            "CONNECT",
            "trace set 'CONNECT', element 1 'CONNECT': no such system call; did you mean 'connect'?; \
             a '?' before it ignores that",
        ),
    ] {
        let error = TraceSet::parse(text, Table::current()).expect_err(text);
        assert_eq!(error.to_string(), shown);
    }
    assert!(
        TraceSet::parse("/(", Table::current())
            .is_err_and(|error| { matches!(error.reason, Reason::BadRegex { .. }) })
    );
}

#[test]
fn display_is_the_text_as_written() {
    for text in ["none", "!connect,%file", "?a,/^b"] {
        assert_eq!(
            TraceSet::parse(text, Table::current()).map_or(text.to_owned(), |set| set.to_string()),
            text
        );
    }
}

#[test]
fn calls_are_added_and_taken_out_by_name_in_every_abi() {
    let table = Table::current();
    let set = TraceSet::parse("read", table).expect("a set");
    let more = set.clone().with(&["execve"]);
    assert!(more.contains(Abi::X86_64, 59) && more.contains(Abi::I386, 11));
    assert_eq!(more.to_string(), "read");
    assert_eq!(more.without(&["execve"]), set);
    let all = TraceSet::parse("all", table)
        .expect("a set")
        .without(&["exit", "exit_group"]);
    assert!(!all.contains(Abi::X86_64, 231) && !all.contains(Abi::I386, 1));
    assert!(all.contains(Abi::X86_64, 0) && all.contains_unknown());
}
