//! Finding all processes that a harness started, and sending them signals.

use harness_sys::{Tid, process, procfs};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A word in the environment of a harness, which all its descendants inherit,
/// in whatever session, and whoever has become their parent.
pub(crate) struct Mark(String);

/// A process that has not ended.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) arguments: String,
}

/// What a process is to the harness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Harness,
    Guardian,
    /// The process of a sample, which is the tracer where there is one.
    Tracer,
    /// A peer, which the process of a sample has started around the first process.
    Wrapper,
    /// The first process of the measured tree.
    Root,
    /// Any other process of it.
    Descendant,
    /// A child of the harness's own, or of a peer, that has not become its program; or whatever a
    /// peer is tried on before a run.
    Nascent,
}

impl Mark {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("{}-{number}-", std::process::id()))
    }

    pub(crate) fn variable(&self) -> (&'static str, &str) {
        ("HARNESS_FAULTS_MARK", &self.0)
    }

    /// The living processes that have the mark; zombies have no environment.
    pub(crate) fn alive(&self) -> Vec<Process> {
        let wanted = format!("HARNESS_FAULTS_MARK={}\0", self.0);
        let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
        entries
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok()?;
                let environment = std::fs::read(entry.path().join("environ")).ok()?;
                let environment = String::from_utf8_lossy(&environment).into_owned();
                let marked = environment.starts_with(&wanted)
                    || environment.contains(&format!("\0{wanted}"));
                marked.then(|| Process::read(pid)).flatten()
            })
            .collect()
    }

    /// The living processes with the part each has.
    pub(crate) fn parts(&self, harness: u32) -> Vec<(Part, Process)> {
        let alive = self.alive();
        let harness = i32::try_from(harness).expect("a process id");
        let children = |of: i32| alive.iter().filter(move |process| process.parent == of);
        let sampler = |process: &&Process| process.arguments.contains("\0__sample");
        let guardian = children(harness).find(sampler).map(|process| process.pid);
        let tracer = guardian.and_then(|guardian| children(guardian).find(sampler));
        let tracer = tracer.map(|process| process.pid);
        let wrapper = tracer.and_then(|tracer| {
            let mut started = children(tracer);
            started.find(|process| process.is_first() && !process.is_shell())
        });
        let wrapper = wrapper.map(|process| process.pid);
        let part = |process: &Process| {
            if process.pid == harness {
                Part::Harness
            } else if Some(process.pid) == guardian {
                Part::Guardian
            } else if Some(process.pid) == tracer {
                Part::Tracer
            } else if Some(process.pid) == wrapper {
                Part::Wrapper
            } else if [tracer, wrapper].contains(&Some(process.parent))
                && process.is_first()
                && process.is_shell()
            {
                Part::Root
            } else if process.arguments.starts_with(env!("CARGO_BIN_EXE_harness"))
                || process.is_first() && !process.is_shell()
                || process.is_of_trial()
            {
                Part::Nascent
            } else {
                Part::Descendant
            }
        };
        alive
            .iter()
            .map(|process| (part(process), process.clone()))
            .collect()
    }
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let stat = procfs::stat(Tid(pid)).ok()?;
        let parent = stat.parent()?.0;
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        (!stat.has_ended()).then(|| Self {
            pid,
            parent,
            arguments: String::from_utf8_lossy(&arguments).into_owned(),
        })
    }

    /// Whether it is `sh -c SCRIPT first`, by itself or behind the words of a peer.
    fn is_first(&self) -> bool {
        self.arguments.contains("first\0")
    }

    /// Whether it is a peer that is tried or asked for its version, or true(1), by its path, under it.
    fn is_of_trial(&self) -> bool {
        self.arguments.ends_with("/true\0") || self.arguments.contains("\0--version\0")
    }

    fn is_shell(&self) -> bool {
        self.arguments.starts_with("sh\0")
    }

    /// SIGKILL; `false` where it has ended.
    pub(crate) fn kill(&self) -> bool {
        process::kill(Tid(self.pid)).is_ok()
    }
}

/// Sends signals by name, in order, to processes that may have ended.
pub(crate) fn send(signals: &[&str], pid: i32) {
    for signal in signals {
        let mut kill = Command::new("kill");
        kill.args([&format!("-{signal}"), &pid.to_string()]);
        kill.stderr(Stdio::null()).status().expect("kill(1)");
    }
}
