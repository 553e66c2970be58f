//! Actions, architectures and contradictions.

use harness_cbpf::{Action, SeccompData, cacheable, run};
use harness_filter::{Error, Options, find, registry};
use harness_syscalls::{Abi, Arch, Table, TraceSet};

fn set(text: &str) -> TraceSet {
    TraceSet::parse(text, Table::current()).unwrap_or_else(|error| panic!("{error}"))
}

fn x86(matched: Action, unmatched: Action) -> Options {
    Options {
        arch: Arch::X86,
        ..Options::new(matched, unmatched)
    }
}

#[test]
fn the_actions_asked_for_are_the_actions_returned() {
    let connect = SeccompData::new(Abi::X86_64.audit_arch(), 42);
    let bind = SeccompData::new(Abi::X86_64.audit_arch(), 49);
    for compiler in registry() {
        for (matched, unmatched) in [
            (Action::Trace(0x5ec), Action::Allow),
            (Action::Errno(38), Action::Allow),
            (Action::Allow, Action::KillProcess),
            (Action::UserNotif, Action::Log),
            (Action::Trap(3), Action::KillThread),
        ] {
            let program = compiler
                .compile(&set("connect"), &x86(matched, unmatched))
                .expect("compiles");
            assert_eq!(
                run(&program, &connect).action(),
                Some(matched),
                "{}",
                compiler.name()
            );
            assert_eq!(
                run(&program, &bind).action(),
                Some(unmatched),
                "{}",
                compiler.name()
            );
        }
        let refused = compiler.compile(&set("connect"), &x86(Action::Allow, Action::Allow));
        let action = Action::Allow;
        assert_eq!(
            refused,
            Err(Error::SameAction { action }),
            "{}",
            compiler.name()
        );
    }
}

/// `bitmap` shifts by X, which the kernel's emulator does not follow; everything else can be cached.
#[test]
fn only_the_bit_arrays_cannot_be_cached() {
    for compiler in registry() {
        for text in [
            "none",
            "connect",
            "!connect",
            "%file",
            "%desc",
            "%network,%memory",
        ] {
            let program = compiler
                .compile(&set(text), &x86(Action::Trace(1), Action::Allow))
                .expect("compiles");
            for abi in [Abi::X86_64, Abi::I386] {
                let numbers = Table::current().calls(abi).map(|call| call.nr);
                let found = cacheable(&program, abi.audit_arch(), numbers).is_all();
                let expected = !compiler.name().starts_with("bitmap");
                assert_eq!(found, expected, "{} '{text}' {abi}", compiler.name());
            }
        }
    }
}

#[test]
fn names_are_unique_and_found() {
    for compiler in registry() {
        let found = find(compiler.name()).expect("registered");
        assert_eq!(found.summary(), compiler.summary());
    }
    assert!(find("quadratic").is_none());
}
