//! What is compared: this project's compilers, strace's two generators, libseccomp and seccompiler.
//!
//! All are to trace the same calls of x86_64 (TRACE, without data) and allow the others. Each contender
//! compiles as its users would have it compile:
//!
//! - this project's compilers tell the three ABIs of x86-64 apart. `optimal` is given the profile that the
//!   instructions are counted with; `optimal, no profile` is not.
//! - strace's two generators, as strace 7.2 calls them: its table with the calls it always traces (execve,
//!   execveat, i386 socketcall and ipc). It installs the shorter of the two programs.
//! - libseccomp with the same three ABIs and optimisation level 2 (a binary tree), a rule a name.
//! - seccompiler knows one ABI: x86_64; a call of another kills the process. Its task is the easier one.

use harness_cbpf::{Action, Insn, Program, SeccompData, run};
use harness_filter::{Options, Profile, as_table, find, reference, registry};
use harness_syscalls::{Abi, Arch, Table, TraceSet};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use std::collections::BTreeMap;

#[cfg(feature = "peer-libseccomp")]
use crate::libseccomp_peer;

type Compile = Box<dyn Fn() -> Program>;

/// A way to compile one set.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Somebody else's.
    pub(crate) peer: bool,
    pub(crate) compile: Compile,
    /// What it was asked to trace, by number of x86_64.
    asked: TraceSet,
    /// Names that it does not know, so that it cannot decide on them as asked.
    pub(crate) unknown: Vec<&'static str>,
}

/// The options of all.
pub(crate) fn options(profile: Option<Profile>) -> Options {
    Options {
        arch: Arch::X86,
        profile,
        ..Options::new(Action::Trace(0), Action::Allow)
    }
}

/// All contenders on the set that `text` names.
pub(crate) fn contenders(text: &str) -> Vec<Contender> {
    let set = TraceSet::parse(text, Table::current()).expect("a published set");
    let mut all: Vec<Contender> = registry()
        .iter()
        .map(|compiler| ours(compiler.name(), compiler.name(), &set, true))
        .collect();
    all.push(ours("optimal, no profile", "optimal", &set, false));
    all.push(strace("strace linear", "linear", text));
    all.push(strace("strace bitmap", "bitmap", text));
    #[cfg(feature = "peer-libseccomp")]
    all.push(libseccomp(&set));
    all.push(seccompiler(&set));
    all
}

fn ours(name: &'static str, compiler: &str, set: &TraceSet, profile: bool) -> Contender {
    let compiler = find(compiler).expect("registered");
    let options = options(profile.then(Profile::kernel_build));
    let asked = set.clone();
    let set = set.clone();
    Contender {
        name,
        peer: false,
        compile: Box::new(move || compiler.compile(&set, &options).expect("it compiles")),
        asked,
        unknown: Vec::new(),
    }
}

fn strace(name: &'static str, compiler: &str, text: &str) -> Contender {
    let compiler = find(compiler).expect("registered");
    let table = Table::named("strace-7.2").expect("named");
    let (set, options) = as_table(text, table, &options(None)).expect("a published set");
    let asked = set.clone();
    Contender {
        name,
        peer: true,
        compile: Box::new(move || compiler.compile(&set, &options).expect("it compiles")),
        asked,
        unknown: Vec::new(),
    }
}

fn seccompiler(set: &TraceSet) -> Contender {
    let (default, rule) = if set.contains_unknown() {
        (SeccompAction::Trace(0), SeccompAction::Allow)
    } else {
        (SeccompAction::Allow, SeccompAction::Trace(0))
    };
    let numbers: Vec<i64> = (0..set.table().size(Abi::X86_64))
        .filter(|&nr| set.contains(Abi::X86_64, nr) != set.contains_unknown())
        .map(i64::from)
        .collect();
    let compile = move || {
        let rules: BTreeMap<_, _> = numbers.iter().map(|&nr| (nr, Vec::new())).collect();
        let filter = SeccompFilter::new(rules, default.clone(), rule.clone(), TargetArch::x86_64);
        let program = BpfProgram::try_from(filter.expect("valid")).expect("it compiles");
        let instructions = program
            .iter()
            .map(|insn| Insn::jump(insn.code, insn.k, insn.jt, insn.jf))
            .collect();
        Program::new(instructions).expect("a valid program")
    };
    Contender {
        name: "seccompiler",
        peer: true,
        compile: Box::new(compile),
        asked: set.clone(),
        unknown: Vec::new(),
    }
}

#[cfg(feature = "peer-libseccomp")]
fn libseccomp(set: &TraceSet) -> Contender {
    let peer = libseccomp_peer::Peer::new(set);
    Contender {
        name: "libseccomp",
        peer: true,
        unknown: peer.unknown.clone(),
        compile: Box::new(move || peer.compile()),
        asked: set.clone(),
    }
}

impl Contender {
    /// Compiles, and makes sure that the program decides on every call of x86_64 as asked.
    pub(crate) fn verified(&self) -> Program {
        let program = (self.compile)();
        let options = options(None);
        for call in self.asked.table().calls(Abi::X86_64) {
            let data = SeccompData::new(Abi::X86_64.audit_arch(), call.nr);
            let found = run(&program, &data).action();
            let expected = reference(&self.asked, &options, &data);
            assert!(
                found == Some(expected) || self.unknown.contains(&call.name),
                "{} decides on {} otherwise than asked: {found:?}",
                self.name,
                call.name
            );
        }
        program
    }
}
