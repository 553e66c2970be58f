//! Observes processes that are running already, for a while. None of them stops or waits.
//!
//! The programs are attached first, and know nobody. Then the ids of the processes are written to a map,
//! and whoever enters a call and is among them is enrolled from that call on. A child of a process that is
//! among them is enrolled when it is made; so the list of processes is read again until whatever is new
//! in it was made by one of those ([`Listed`]). Only then do the programs learn which calls are traced, so
//! a call that was begun before is not counted, as under every tracer that attaches.

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
    let gone = || FindError::NoProcess(tree.root.id);
    let end = process::descriptor(tree.root.id).map_err(|errno| match errno {
        Errno::ESRCH => gone().into(),
        errno => Error::Watch("pidfd_open(2)", errno),
    })?;
    // Its id may have been another's then.
    if !tree.root.is_there() {
        return Err(gone().into());
    }
    let options = Options {
        attachment: Attachment::Running,
        ..options
    };
    let mut loaded = Loaded::new(options, set)?;
    loaded.attach()?;
    let ring = loaded.take_ring()?;
    let mut stream = ring.map(|ring| Stream::new(ring, &loaded));
    let mut listed = Listed::default();
    if loaded.config().has_tree() {
        match tracked {
            Tracked::Program => listed.add_tree(&loaded, tree)?,
            Tracked::Other => {
                listed.add(&loaded, process::own(), 0)?;
            }
        }
    }
    let processes = listed.processes.len() + listed.born.len();
    let attaching = started.elapsed();
    let started = Instant::now();
    loaded.begin()?;
    attached();
    let mut swept = started;
    let mut ended = false;
    while !ended && !finished() {
        let ring = stream.as_ref().and_then(Beside::descriptor);
        let other = ring.unwrap_or(end.as_fd());
        let ready = files::wait_readable_within([end.as_fd(), other], Some(TICK));
        let [of_process, of_ring] = ready.map_err(|errno| Error::Watch("poll(2)", errno))?;
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
    let calls = match &mut stream {
        None => loaded.calls()?,
        Some(stream) => {
            stream.read()?;
            stream.calls()
        }
    };
    Ok(Watched {
        calls,
        wall,
        attaching,
        detaching,
        ended,
        processes,
        left_alone: listed.left_alone.into_values().collect(),
        lost: loaded.lost()?,
        tells_i386: loaded.config().status_offset.is_some(),
    })
}

/// The processes whose tasks are enrolled when they are seen.
///
/// A process that a reading of the list finds for the first time may have been made before its parent was in
/// the map. Then nobody has enrolled it, nor those that it made itself: it is added to the map, and the list is
/// read again. If its parent was in the map when the last reading began, which did not find it, it is
/// younger than that, and was enrolled when it was made. So were all that descend from it.
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
            if !tree.root.is_there() {
                return Err(FindError::NoProcess(tree.root.id).into());
            }
            let mut news = false;
            for id in tree.processes() {
                if self.knows(id) {
                    continue;
                }
                if self.was_enrolled(id, reading) {
                    self.born.insert(id);
                } else {
                    news |= self.add(loaded, id, reading)?;
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

    /// Whether it is still there: the children of one that has ended belong to the tree no longer.
    fn add(&mut self, loaded: &Loaded, id: Tid, reading: u32) -> Result<bool, Error> {
        if loaded.config().pid_namespace.is_some() && !is_numbered_here(id) {
            let why = format!(
                "cannot attach to process {id}: it is in a PID namespace of its own, and programs cannot \
                 tell its number in that of this harness: run the harness in the initial one"
            );
            self.left_alone.insert(id, why);
            return Ok(false);
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
                return Ok(false);
            }
            Err(errno) => return Err(map_error("write", Map::Processes)(errno)),
        }
        let Some(process) = Process::of(id) else {
            remove(loaded, id)?;
            return Ok(false);
        };
        self.processes.insert(id, (process, reading));
        Ok(true)
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
