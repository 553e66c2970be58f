//! Programs that libseccomp compiles.

use harness_cbpf::Program;
use harness_syscalls::{Abi, Multiplexer, Table, TraceSet};
use libseccomp::{ScmpAction, ScmpArch, ScmpFilterContext, ScmpSyscall};
use std::io::{Read, Seek};

/// A set in libseccomp's terms: a default, and rules for the names that fare otherwise.
pub(crate) struct Peer {
    default: ScmpAction,
    rule: ScmpAction,
    calls: Vec<ScmpSyscall>,
    pub(crate) unknown: Vec<&'static str>,
}

impl Peer {
    pub(crate) fn new(set: &TraceSet) -> Self {
        let (default, rule) = if set.contains_unknown() {
            (ScmpAction::Trace(0), ScmpAction::Allow)
        } else {
            (ScmpAction::Allow, ScmpAction::Trace(0))
        };
        let mut calls = Vec::new();
        let mut unknown = Vec::new();
        for name in exceptions(set) {
            // x32's own variants have a mark at their end in the table.
            let plain = name.split('#').next().unwrap_or(name);
            match ScmpSyscall::from_name(plain) {
                Ok(call) if !calls.contains(&call) => calls.push(call),
                Ok(_) => {}
                Err(_) => unknown.push(name),
            }
        }
        Self {
            default,
            rule,
            calls,
            unknown,
        }
    }

    pub(crate) fn compile(&self) -> Program {
        let compile = || -> Result<ScmpFilterContext, libseccomp::error::SeccompError> {
            let mut filter = ScmpFilterContext::new(self.default)?;
            filter.set_ctl_optimize(2)?;
            filter.set_act_badarch(self.default)?;
            filter.add_arch(ScmpArch::X86)?;
            filter.add_arch(ScmpArch::X32)?;
            for &call in &self.calls {
                filter.add_rule(self.rule, call)?;
            }
            Ok(filter)
        };
        let filter = compile().expect("libseccomp takes the rules");
        let mut file = tempfile::tempfile().expect("a temporary file");
        filter.export_bpf(&file).expect("libseccomp compiles");
        let mut bytes = Vec::new();
        file.rewind().expect("a file");
        file.read_to_end(&mut bytes).expect("a file");
        Program::from_bytes(&bytes).expect("a valid program")
    }
}

/// The names of any ABI of x86-64 that are in the set if it is not negated, or not in it if it is.
fn exceptions(set: &TraceSet) -> Vec<&'static str> {
    let table = Table::current();
    let negated = set.contains_unknown();
    let mut names: Vec<&str> = [Abi::X86_64, Abi::I386, Abi::X32]
        .into_iter()
        .flat_map(|abi| {
            table
                .calls(abi)
                .filter(move |call| set.contains(abi, call.nr) != negated)
        })
        .map(|call| call.name)
        .filter(|name| {
            !Multiplexer::ALL
                .iter()
                .any(|of| table.name_of(Abi::I386, of.nr()) == Some(*name))
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
