//! What peers, tracers of somebody else's, make of the scenarios: findings of the suite, as data.
//!
//! A peer is held to what the modes of a kind do to a program, and to untraced where it is like none of
//! them, but for its findings; the stops and calls that it sees it tells nobody, so stories are left
//! out. A case fails where a finding that stands here is absent, too. `page` makes a table of it.

use crate::scenario::{End, Kind, Output, Scenario};

/// A peer of the registry.
pub(crate) struct Peer {
    /// Its name.
    pub(crate) name: &'static str,
    /// The kind of the modes that change the same in a program; `None` where it changes nothing.
    pub(crate) like: Option<Kind>,
    /// Whether it ends as the program did. If not, nobody is told how that ended.
    pub(crate) passes_end_on: bool,
}

/// Every peer of the registry.
pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "strace",
        like: Some(Kind::EveryCall),
        passes_end_on: true,
    },
    Peer {
        name: "strace-seccomp",
        like: Some(Kind::Filtered),
        passes_end_on: true,
    },
    Peer {
        name: "strace-c",
        like: Some(Kind::EveryCall),
        passes_end_on: true,
    },
    Peer {
        name: "perf-trace",
        like: None,
        passes_end_on: false,
    },
];

/// What peers do that neither the untraced program nor modes of their kind do.
pub(crate) struct Finding {
    /// Name of the scenario.
    pub(crate) scenario: &'static str,
    /// Names of the peers.
    pub(crate) peers: &'static [&'static str],
    /// What it comes to.
    pub(crate) outcome: Outcome,
    /// Why, as the page says it.
    pub(crate) why: &'static str,
}

/// What a scenario comes to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// The program writes this and ends so, where it is known.
    Does(Output, Option<End>),
    /// The program writes this line, which it does not untraced, and ends with 0, where that is known.
    Shows(&'static str),
    /// Timing or the host decide: what must be without a finding, or the run fails and the harness
    /// says this among other things.
    MayFail(&'static str),
    /// It cannot come to an end, and is left out.
    LeftOut,
}

impl Outcome {
    pub(crate) fn of((output, end): (Output, End)) -> Self {
        Self::Does(output, Some(end))
    }
}

/// Every finding, in the order of the page.
pub(crate) const FINDINGS: &[Finding] = &[
    Finding {
        scenario: "set_user_id_as_root",
        peers: &["strace-seccomp"],
        outcome: Outcome::Does(
            Output::Is("executing\nrights of the caller\n"),
            Some(End::Exited(0)),
        ),
        why: "it sets `no_new_privs` for root, too, which needs no such thing",
    },
    Finding {
        scenario: "own_filter_trace",
        peers: &["strace-seccomp"],
        outcome: Outcome::Does(
            Output::Is("trace\ngeteuid(2): as asked\n"),
            Some(End::Exited(0)),
        ),
        why: "it takes any seccomp-stop for one of its own filter's, and has the kernel make the call",
    },
    Finding {
        scenario: "transparency",
        peers: &["strace", "strace-seccomp", "strace-c", "perf-trace"],
        outcome: Outcome::Shows("leads its group: no, its session: no"),
        why: "the program is a child of the peer's, and in its group",
    },
    Finding {
        scenario: "all_signals",
        peers: &["perf-trace"],
        outcome: Outcome::Does(Output::Is("once: 61, unchanged: 61\n"), None),
        why: "it starts the program with SIGWINCH blocked (`pthread__block_sigwinch`, tools/perf/perf.c)",
    },
    Finding {
        scenario: "restart_syscall",
        peers: &["perf-trace"],
        outcome: Outcome::LeftOut,
        why: "the same: the program waits for its child to take SIGWINCH",
    },
    Finding {
        scenario: "orphan",
        peers: &["perf-trace"],
        outcome: Outcome::MayFail("of the program's processes behind"),
        why: "it ends with the first process, and does not see what its descendants do then",
    },
    Finding {
        scenario: "untraced_clone_left_alone",
        peers: &["strace", "strace-seccomp", "strace-c"],
        outcome: Outcome::MayFail("of the program's processes behind"),
        why: "it does not see a child made with `CLONE_UNTRACED`, and may end before it",
    },
    Finding {
        scenario: "set_user_id_as_nobody",
        peers: &["perf-trace"],
        outcome: Outcome::MayFail("cannot run here"),
        why: "an ordinary user may not read tracefs, unless root allows it",
    },
];

/// The finding of a peer in a scenario.
pub(crate) fn finding(peer: &str, scenario: &str) -> Option<&'static Finding> {
    FINDINGS
        .iter()
        .find(|finding| finding.scenario == scenario && finding.peers.contains(&peer))
}

/// What a scenario must come to under a peer. One that nothing is known of must change nothing.
pub(crate) fn expected(peer: &str, scenario: &Scenario) -> Outcome {
    let finding = finding(peer, scenario.name);
    finding.map_or_else(
        || without_finding(peer, scenario),
        |finding| finding.outcome,
    )
}

/// The same where the peer has no finding.
pub(crate) fn without_finding(peer: &str, scenario: &Scenario) -> Outcome {
    let known = PEERS.iter().find(|known| known.name == peer);
    let like = known.and_then(|peer| peer.like);
    let (output, end) = like.map_or((scenario.output, scenario.end), |kind| {
        scenario.expected(kind)
    });
    let told = known.is_none_or(|peer| peer.passes_end_on);
    Outcome::Does(output, told.then_some(end))
}
