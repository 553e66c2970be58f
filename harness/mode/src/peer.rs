//! A tracer that people run, as a mode: what its description says, in the terms of a mode.

use crate::{
    About, Calls, Capabilities, Colour, Error, Facts, Group, Job, Mechanism, Mode, Outcome, Role,
    Traced, TracerAccount, Unavailable, Watcher,
};
use harness_peer::counting::Counted;
use harness_peer::{Counts as Counting, PassesOn, Peer as Described, Privileges, Selects};
use harness_record::{CallStatistics, Counter, Counts};
use harness_sys::launcher::Launch;
use harness_syscalls::TraceSet;
use std::collections::BTreeMap;
use std::ffi::OsStr;

/// Calls that never return, so that a peer that counts when a call returns has none of them.
const NEVER_RETURN: [&str; 2] = ["exit", "exit_group"];

/// A mode that wraps a program into a peer.
#[derive(Debug, Clone)]
pub struct Peer {
    peer: Described,
    about: About,
}

impl Peer {
    /// The mode of a peer. With a binary of the user's it is called `NAME=PATH`.
    #[must_use]
    pub fn new(peer: Described) -> Self {
        let name = if peer.has_other_binary() {
            format!("{}={}", peer.name, peer.binary().display())
        } else {
            peer.name.clone()
        };
        let can = peer.capabilities;
        let [red, green, blue] = peer.colour;
        let about = About {
            name: name.into(),
            summary: peer.summary.clone().into(),
            role: Role::Tracer,
            group: Group::Peer,
            colour: Colour(red, green, blue),
            mechanism: Mechanism::Peer,
            counts_every_call: false,
            capabilities: Capabilities {
                number: can.number,
                arguments: can.arguments,
                result: can.result,
                memory: can.memory,
                changes_calls: can.change,
                follows_children: can.children,
                survives_exec: can.exec,
                attaches: can.attach,
                static_programs: can.static_programs,
                needs_privileges: peer.privileges == Privileges::Root,
            },
        };
        Self { peer, about }
    }

    /// The mode of a peer that is built in.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let mut peers = harness_peer::registry().iter();
        peers.find(|peer| peer.name == name).cloned().map(Self::new)
    }

    /// The same, with a binary of the user's.
    #[must_use]
    pub fn with_binary(self, path: &OsStr) -> Self {
        Self::new(self.peer.with_binary(path))
    }

    /// What [`Mode::parameter`] gave in another process.
    ///
    /// # Errors
    /// A clause.
    pub(crate) fn from_parameter(bytes: &[u8]) -> Result<Self, String> {
        let peer = Described::from_bytes(bytes).map_err(|error| error.to_string())?;
        Ok(Self::new(peer))
    }
}

impl Mode for Peer {
    fn about(&self) -> &About {
        &self.about
    }

    fn check(&self) -> Result<Facts, Unavailable> {
        let facts = self.peer.check().map_err(|error| Unavailable {
            reason: error.reason,
            remedy: error.remedy,
        })?;
        let binary = facts.binary.display().to_string();
        Ok([
            ("binary".to_owned(), binary),
            ("version".to_owned(), facts.version),
        ]
        .into())
    }

    fn prepare(&self) -> Result<(), Unavailable> {
        // A run needs to know nothing, and each trial starts the peer once more.
        Ok(())
    }

    fn traced(&self, asked: &TraceSet) -> Traced {
        if self.peer.selects() == Selects::OwnRule {
            return Traced::OwnRule;
        }
        let set = asked.clone().with(&self.peer.beside_set);
        Traced::Set(match self.peer.counts {
            Counting::Entered => set,
            Counting::Returned => set.without(&NEVER_RETURN),
        })
    }

    fn parameter(&self) -> Option<Vec<u8>> {
        Some(self.peer.to_bytes())
    }

    fn writes_files(&self) -> bool {
        true
    }

    fn watcher(&self) -> Result<Watcher<'_>, Unavailable> {
        Err(Unavailable {
            reason: "a peer is run around a program, and not attached to one that is running".to_owned(),
            remedy: "attach with mode ptrace, or have the harness start the program: harness run -- COMMAND".to_owned(),
        })
    }

    fn run(&self, launch: Launch<'_>, job: &mut Job<'_>) -> Result<Outcome, Error> {
        let scratch = job.scratch.ok_or_else(|| {
            Error::new(format!(
                "{} has no directory for its output",
                self.about.name
            ))
        })?;
        let outcome = self.peer.run(launch, job.set, scratch);
        let outcome = outcome.map_err(|error| Error::new(error.to_string()))?;
        let counted = outcome.counted;
        let mut remarks = Vec::new();
        if self.peer.end == PassesOn::Itself {
            remarks.push("it does not pass on how the program ended".to_owned());
        }
        if outcome.account.other_threads_ns.is_some_and(|ns| ns > 0) {
            remarks.push(
                "it has several threads, and its context switches are those of the first alone"
                    .to_owned(),
            );
        }
        if counted.unsure_abi > 0 {
            remarks.push(format!(
                "its output does not say for sure by which ABI {} calls were made",
                counted.unsure_abi
            ));
        }
        if counted.unreadable > 0 {
            remarks.push(format!(
                "it could not read which {} calls were, as they were killed in them",
                counted.unreadable
            ));
        }
        Ok(Outcome {
            end: (self.peer.end == PassesOn::Program).then_some(outcome.end),
            wall: outcome.wall,
            counts: Counts::default()
                .with(Counter::TracedEvents, counted.total())
                .with(Counter::LostEvents, counted.lost)
                .with(Counter::OutputBytes, outcome.output_bytes),
            calls: Some(calls(counted)),
            tracer: TracerAccount::Children(outcome.account.usage),
            escaped: 0,
            no_new_privs: outcome.launch.no_new_privs,
            inherited_rss_kib: outcome.launch.inherited_rss_kib,
            remarks,
        })
    }
}

/// What a peer counted, in the terms of a mode.
fn calls(counted: Counted) -> Calls {
    let calls = counted.calls.into_iter();
    calls
        .map(|(name, calls)| {
            let of = CallStatistics {
                errors: known(counted.errors.as_ref(), &name),
                total_ns: known(counted.total_ns.as_ref(), &name),
                ..CallStatistics::counted(calls)
            };
            (name, of)
        })
        .collect()
}

/// What is known of one name; of a name that is not there it is 0.
fn known(of: Option<&BTreeMap<String, u64>>, name: &str) -> Option<u64> {
    of.map(|of| of.get(name).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_syscalls::{Abi, Table};

    fn traced(peer: &str, set: &str) -> Traced {
        let set = TraceSet::parse(set, Table::current()).expect("a set");
        Peer::built_in(peer).expect("it is built in").traced(&set)
    }

    /// What never returns is not expected from a peer that counts what returned.
    #[test]
    fn the_expected_set_follows_when_a_call_is_counted() {
        let has_exit = |traced| match traced {
            Traced::Set(set) => set.contains(Abi::X86_64, 231),
            Traced::Nothing | Traced::OwnRule => unreachable!("it selects"),
        };
        assert!(has_exit(traced("strace", "exit_group,read")));
        assert!(!has_exit(traced("perf-trace", "exit_group,read")));
        let asked = TraceSet::parse("read", Table::current()).expect("a set");
        assert_eq!(traced("perf-trace", "read"), Traced::Set(asked));
    }

    #[test]
    fn a_mode_with_a_binary_of_the_users_is_named_after_both_and_opened_elsewhere() {
        let peer = Peer::built_in("strace").expect("it is built in");
        let other = peer.with_binary(OsStr::new("/opt/strace"));
        assert_eq!(other.about().name, "strace=/opt/strace");
        let parameter = other.parameter().expect("one");
        let again = Peer::from_parameter(&parameter).expect("the same");
        assert_eq!(again.about(), other.about());
    }
}
