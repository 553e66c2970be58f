//! Observes processes that are running already, for a while. None of them stops or waits.
//!
//! The programs are attached first, and know nobody. Then the ids of the processes are written to a map,
//! and whoever enters a call and is among them is enrolled from that call on. A child of a process that is
//! among them is enrolled when it is made; so the list of processes is read again until whatever is new
//! in it was made by one of those ([`Listed`]). What was counted until then is no part of the result. A call that was begun before is not
//! counted, as under every tracer that attaches.

use crate::error::Error;
use crate::loaded::{Call, Loaded, Lost, Options, map_error};
use crate::observer::Tracked;
use crate::stream::Stream;
use harness_ebpf::{Attachment, Map};
use harness_sys::{Errno, Tid, files, process, procfs};
use harness_syscalls::TraceSet;
use harness_tracer::running::{FindError, Process, Tree};
use harness_tracer::tree::Beside;
use std::collections::{HashMap, HashSet};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How often it is asked whether watching is over.
const TICK: Duration = Duration::from_millis(10);

/// How often processes that have ended are taken out of the map, so that others which get their ids are
/// not taken for them.
const SWEEP: Duration = Duration::from_secs(1);

/// How long the list of processes is read for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was seen of processes while they were watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// What was counted, for each number that was seen.
    pub calls: Vec<Call>,
    /// For how long.
    pub wall: Duration,
    /// How long it took before to load and attach the programs, and to find the processes.
    pub attaching: Duration,
    /// How long it took then to detach the programs.
    pub detaching: Duration,
    /// Whether the first process ended before that.
    pub ended: bool,
    /// Processes that were found at the beginning.
    pub processes: usize,
    /// Why processes that were found are not watched, a sentence each.
    pub left_alone: Vec<String>,
    /// What was lost.
    pub lost: Lost,
    /// Whether calls of i386 can be told from those of x86-64.
    pub tells_i386: bool,
}

/// Observes the processes of `tree` and the children that they make, from the moment in which it calls
/// `attached` until `finished` says so, which it is asked a hundred times a second.
///
/// # Errors
/// [`Error`]; nothing stays attached.
pub fn watch(
    tree: Tree,
    options: Options,
    tracked: Tracked,
    set: &TraceSet,
    attached: &mut dyn FnMut(),
    finished: &dyn Fn() -> bool,
) -> Result<Watched, Error> {
    let started = Instant::now();
    let gone = |_| FindError::NoProcess(tree.root.id);
    let end = process::descriptor(tree.root.id).map_err(gone)?;
    let options = Options {
        attachment: Attachment::Running,
        ..options
    };
    let mut loaded = Loaded::new(options, set)?;
    loaded.attach()?;
    let ring = loaded.take_ring()?;
    let mut stream = ring.map(|ring| Stream::new(ring, &loaded, None));
    let mut listed = Listed::default();
    if loaded.config().has_tree() {
        match tracked {
            Tracked::Program => listed.add_tree(&loaded, tree)?,
            Tracked::Other => listed.add(&loaded, process::own(), 0)?,
        }
    }
    // Its id may have been another's before the descriptor was there.
    if !tree.root.is_there() {
        return Err(gone(Errno::ESRCH).into());
    }
    let processes = listed.processes.len() + listed.born.len();
    let before = Counted::read(&loaded, stream.as_mut())?;
    let attaching = started.elapsed();
    let started = Instant::now();
    attached();
    let mut swept = started;
    let mut ended = false;
    while !ended && !finished() {
        let ring = stream.as_ref().and_then(Beside::descriptor);
        let other = ring.unwrap_or(end.as_fd());
        let ready = files::wait_readable_within([end.as_fd(), other], Some(TICK));
        let [of_process, of_ring] = ready.map_err(Error::Poll)?;
        ended = of_process;
        if let Some(stream) = stream.as_mut().filter(|_| of_ring) {
            stream.read()?;
        }
        if swept.elapsed() > SWEEP {
            swept = Instant::now();
            listed.sweep(&loaded)?;
        }
    }
    let wall = started.elapsed();
    let started = Instant::now();
    loaded.detach();
    let detaching = started.elapsed();
    let after = Counted::read(&loaded, stream.as_mut())?;
    Ok(Watched {
        calls: after.calls_since(&before),
        wall,
        attaching,
        detaching,
        ended,
        processes,
        left_alone: listed.left_alone.into_values().collect(),
        lost: after.lost_since(&before),
        tells_i386: loaded.config().status_offset.is_some(),
    })
}

/// What was counted so far.
struct Counted {
    calls: Vec<Call>,
    lost: Lost,
}

impl Counted {
    fn read(loaded: &Loaded, stream: Option<&mut Stream<'_>>) -> Result<Self, Error> {
        let calls = match stream {
            None => loaded.calls()?,
            Some(stream) => {
                stream.read()?;
                stream.calls()
            }
        };
        let lost = loaded.lost()?;
        Ok(Self { calls, lost })
    }

    /// Numbers that were not seen since are left out.
    fn calls_since(&self, before: &Self) -> Vec<Call> {
        let key = |call: &Call| (call.abi, call.number);
        let before: HashMap<_, _> = before.calls.iter().map(|c| (key(c), c.totals)).collect();
        let since = self.calls.iter().map(|call| match before.get(&key(call)) {
            None => *call,
            Some(before) => Call {
                totals: call.totals.since(before),
                ..*call
            },
        });
        since.filter(|call| call.totals.calls > 0).collect()
    }

    /// A task that found no room is missing from then on, also one from before.
    fn lost_since(&self, before: &Self) -> Lost {
        Lost {
            tasks: self.lost.tasks,
            records: self.lost.records.saturating_sub(before.lost.records),
            runs: self.lost.runs.saturating_sub(before.lost.runs),
        }
    }
}

/// The processes whose tasks are enrolled when they are seen.
///
/// A process that a reading of the list finds for the first time may have been made before its parent was
/// written to the map, and then nobody has enrolled it; nor those that it made itself. But not if its
/// parent was written before the reading before this one began, which would have found it: then
/// it was enrolled when it was made, and so are all that descend from it.
#[derive(Default)]
struct Listed {
    /// Those in the map, each with the number of the reading that found it.
    processes: HashMap<Tid, (Process, u32)>,
    /// Those that were enrolled when they were made.
    born: HashSet<Tid>,
    left_alone: HashMap<Tid, String>,
}

impl Listed {
    /// All processes of a tree.
    fn add_tree(&mut self, loaded: &Loaded, tree: Tree) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        for reading in 0.. {
            let mut news = false;
            for id in tree.processes() {
                if self.knows(id) {
                    continue;
                }
                if self.was_enrolled(id, reading) {
                    self.born.insert(id);
                } else {
                    news = true;
                    self.add(loaded, id, reading)?;
                }
            }
            if !news {
                break;
            }
            if Instant::now() > deadline {
                return Err(Error::Restless(tree.root.id));
            }
        }
        Ok(())
    }

    fn knows(&self, id: Tid) -> bool {
        self.processes.contains_key(&id)
            || self.born.contains(&id)
            || self.left_alone.contains_key(&id)
    }

    /// Whether a process that a reading found first was enrolled when it was made.
    fn was_enrolled(&self, id: Tid, reading: u32) -> bool {
        process::parent_of(id).is_some_and(|parent| {
            let of_parent = self.processes.get(&parent);
            self.born.contains(&parent) || of_parent.is_some_and(|(_, at)| at + 1 < reading)
        })
    }

    fn add(&mut self, loaded: &Loaded, id: Tid, reading: u32) -> Result<(), Error> {
        if loaded.config().pid_namespace.is_some() && !is_numbered_here(id) {
            let why = format!(
                "cannot attach to process {id}: it is in a PID namespace of its own, and programs cannot \
                 tell its number in that of this harness: run the harness in the initial one"
            );
            self.left_alone.insert(id, why);
            return Ok(());
        }
        let written = loaded.map(Map::Processes).update(&key(id), &[0; 4]);
        match written {
            Ok(()) => {}
            Err(Errno::E2BIG) => {
                let most = loaded.config().max_tasks;
                let why = format!(
                    "cannot attach to process {id}: there are more than {most} processes, for which the map has room"
                );
                self.left_alone.insert(id, why);
                return Ok(());
            }
            Err(errno) => return Err(map_error("write", Map::Processes)(errno)),
        }
        match Process::of(id) {
            Some(process) => {
                self.processes.insert(id, (process, reading));
                Ok(())
            }
            None => remove(loaded, id),
        }
    }

    /// Takes out those that have ended.
    fn sweep(&mut self, loaded: &Loaded) -> Result<(), Error> {
        let processes = self.processes.values().map(|(process, _)| *process);
        let ended = processes.filter(|process| Process::of(process.id) != Some(*process));
        let ended: Vec<Tid> = ended.map(|process| process.id).collect();
        for id in ended {
            self.processes.remove(&id);
            remove(loaded, id)?;
        }
        Ok(())
    }
}

fn remove(loaded: &Loaded, id: Tid) -> Result<(), Error> {
    let removed = loaded.map(Map::Processes).delete(&key(id)).map(drop);
    removed.map_err(map_error("write", Map::Processes))
}

fn key(id: Tid) -> [u8; 4] {
    id.0.to_ne_bytes()
}

/// Whether a process has no number but that of this PID namespace: `NSpid` of proc_pid_status(5).
fn is_numbered_here(id: Tid) -> bool {
    let status = procfs::status(id).unwrap_or_default();
    let numbers = status.get("NSpid").unwrap_or_default();
    numbers.split_whitespace().count() <= 1
}
