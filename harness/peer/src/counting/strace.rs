//! A line a call: the output of `strace -f --quiet=attach -o FILE`.
//!
//! Every line begins with the thread's number. What follows it, as strace 6.1 writes it:
//!
//! - `NAME(…) = RESULT` is a call. One that had not returned when another thread was reported ends
//!   with `<unfinished ...>`, and its result comes on a line `<... NAME resumed>…`, so the first
//!   of the two counts. strace writes when a call is entered, so calls that never return, or in which their thread
//!   is killed, are there too (`= ?`). `syscall_0x1f4(…)` is one without a name, `???(` or `????(` one whose
//!   number could not be read, as its thread was killed.
//! - Of the calls outside of the trace set none is written. execve(2) stops in any case, and is
//!   written only where it is in the set. Numbers without a name are the exception: they are written under
//!   every set, with `--seccomp-bpf` those beyond the end of strace's table.
//! - `+++ … +++` is the end of a thread, `--- … ---` a signal. Both are written under every set, so that a file is
//!   never empty.
//! - `[ Process PID=N runs in 32 bit mode. ]` says that the ABI of the thread's calls has changed.
//!   A thread's ABI is not said when it is first seen: strace begins with the one of the thread it
//!   looked at last (`alloctcb`, strace.c), and so does this module. While threads of several ABIs live
//!   nobody can tell which that was, and the calls of a new thread are counted as unsure.
//! - These lines are there because of `--quiet=attach`: alone, `-o` silences them with the messages of attaching.
//!
//! The calls behind i386's socketcall(2) and ipc(2) have their own names here, where the harness
//! counts the one call that was made.

use super::text::Text;
use super::{CountError, Counted, names};
use harness_syscalls::Abi;
use std::collections::{HashMap, HashSet};
use std::io::BufRead;

/// strace's names of ABIs (`personality_names`, syscall.c).
const MODES: [(&str, Abi); 3] = [
    ("64 bit", Abi::X86_64),
    ("32 bit", Abi::I386),
    ("x32", Abi::X32),
];

type Pid = u32;

/// What the lines so far have said.
struct State {
    abis: HashMap<Pid, Abi>,
    /// Threads whose ABI is a guess.
    unsure: HashSet<Pid>,
    /// That of the thread of the last line.
    last: Abi,
    first: Option<Pid>,
    calls: HashMap<Abi, HashMap<String, u64>>,
    counted: Counted,
}

pub(super) fn count(text: &mut Text<'_, impl BufRead>) -> Result<Counted, CountError> {
    let mut state = State {
        abis: HashMap::new(),
        unsure: HashSet::new(),
        last: Abi::NATIVE,
        first: None,
        calls: HashMap::new(),
        counted: Counted::default(),
    };
    while let Some(line) = text.next()? {
        // A message to the user.
        if line.starts_with("strace: ") {
            continue;
        }
        if state.take(line).is_none() {
            return Err(text.unknown("no line of strace -f -o FILE"));
        }
    }
    Ok(state.end())
}

impl State {
    /// Takes a line into account; `None` where it is not known.
    fn take(&mut self, line: &str) -> Option<()> {
        let (pid, rest) = line.split_once(' ')?;
        let pid: Pid = pid.parse().ok()?;
        let rest = rest.trim_start();
        let is_first = *self.first.get_or_insert(pid) == pid;
        if let Some(end) = rest.strip_prefix("+++ ") {
            let end = end.strip_suffix(" +++")?;
            self.ended(pid, is_first, end)
        } else if let Some(event) = rest.strip_prefix("--- ") {
            event.ends_with(" ---").then_some(())
        } else if let Some(mode) = rest.strip_prefix("[ Process PID=") {
            let (_, mode) = mode.strip_suffix(" mode. ]")?.split_once(" runs in ")?;
            let (_, abi) = MODES.iter().find(|(name, _)| *name == mode)?;
            self.abis.insert(pid, *abi);
            self.unsure.remove(&pid);
            self.last = *abi;
            Some(())
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            self.last = self.abi(pid);
            resumed.contains(" resumed>").then_some(())
        } else {
            let (name, _) = rest.split_once('(')?;
            self.call(pid, name)
        }
    }

    fn call(&mut self, pid: Pid, name: &str) -> Option<()> {
        let abi = self.abi(pid);
        self.last = abi;
        if self.unsure.contains(&pid) {
            self.counted.unsure_abi += 1;
        }
        if names::is_unreadable(name) {
            self.counted.unreadable += 1;
            return Some(());
        }
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || !name.chars().all(letter) {
            return None;
        }
        let calls = self.calls.entry(abi).or_default();
        match calls.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                calls.insert(name.to_owned(), 1);
            }
        }
        Some(())
    }

    /// The ABI of a thread, which may be new.
    fn abi(&mut self, pid: Pid) -> Abi {
        if let Some(&abi) = self.abis.get(&pid) {
            return abi;
        }
        if self.abis.values().any(|&abi| abi != self.last) {
            self.unsure.insert(pid);
        }
        self.abis.insert(pid, self.last);
        self.last
    }

    fn ended(&mut self, pid: Pid, is_first: bool, end: &str) -> Option<()> {
        // A thread that executes goes on under the number of its process's first thread.
        if let Some(other) = end.strip_prefix("superseded by execve in pid ") {
            let other: Pid = other.parse().ok()?;
            if let Some(abi) = self.abis.remove(&other) {
                self.abis.insert(pid, abi);
            }
            if self.unsure.remove(&other) {
                self.unsure.insert(pid);
            }
            return Some(());
        }
        let killed = end.starts_with("killed by ");
        if !killed && !end.starts_with("exited with ") {
            return None;
        }
        if is_first {
            self.counted.killed = Some(killed);
        }
        self.abis.remove(&pid);
        self.unsure.remove(&pid);
        Some(())
    }

    fn end(self) -> Counted {
        let mut counted = self.counted;
        for (abi, calls) in self.calls {
            for (name, count) in calls {
                *counted
                    .calls
                    .entry(names::qualified(abi, &name))
                    .or_default() += count;
            }
        }
        counted
    }
}
