//! A process that is running already, and its descendants, whoever is to watch them.

mod tree;

pub use tree::Tree;

use crate::obstacle::Obstacle;
use harness_sys::Tid;
use harness_sys::procfs::{self, threads};
use std::thread;
use std::time::Duration;

/// How often it is looked whether a process has a thread that is alive, and how
/// long is waited in between where it decides whether to begin.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// A running process, which may end at any time and leave its id to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: Tid,
    /// When it started, in ticks since boot: `starttime` of proc_pid_stat(5).
    pub start_time: u64,
}

/// Why there is no process to watch.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none, or there is none any more.
    #[error(
        "cannot attach to process {0}: there is no such process; `ps -e` lists those there are"
    )]
    NoProcess(Tid),
    /// The id is that of a thread.
    #[error(
        "cannot attach to {tid}: it is a thread of process {group}; attach to that, and all its threads are traced"
    )]
    Thread {
        /// As given.
        tid: Tid,
        /// Its process.
        group: i32,
    },
    /// It is in no state to be watched.
    #[error("cannot attach to process {process}: {why}")]
    NotNow {
        /// The process.
        process: Tid,
        /// What is in the way.
        why: Obstacle,
    },
}

impl Process {
    /// The process that has this id now, if anybody can watch it, as far as its status tells.
    ///
    /// # Errors
    /// [`FindError`].
    pub fn find(id: Tid) -> Result<Self, FindError> {
        let own = procfs::own_thread_status().unwrap_or_default();
        for attempt in 1.. {
            let Ok(status) = procfs::status(id) else {
                break;
            };
            if let Some(group) = status.process()
                && group != id
            {
                let group = group.0;
                return Err(FindError::Thread { tid: id, group });
            }
            let Some(why) = Obstacle::find(id, &status, &own).filter(|why| why.is_for_all()) else {
                break;
            };
            if why.is_no_program() {
                // A process goes on without its first thread, which is a zombie then.
                let others = threads(id).into_iter().filter(|&tid| tid != id);
                let mut others = others.filter_map(|tid| procfs::status(tid).ok());
                let is_alive =
                    |other| Obstacle::find(id, &other, &own).is_none_or(|why| !why.is_no_program());
                if others.any(is_alive) {
                    break;
                }
                // One that executes was about to take its place.
                if attempt < LOOKS {
                    thread::sleep(BETWEEN_LOOKS);
                    continue;
                }
            }
            return Err(FindError::NotNow { process: id, why });
        }
        Self::of(id).ok_or(FindError::NoProcess(id))
    }

    /// The process that has this id now, whatever it is; `None` where there is none.
    #[must_use]
    pub fn of(id: Tid) -> Option<Self> {
        let start_time = start_time(id)?;
        Some(Self { id, start_time })
    }

    /// Whether it has not ended, nor left its id to another.
    #[must_use]
    pub fn is_there(self) -> bool {
        // Of a thread that executes both ids may be seen dead: the first one's
        // before it has that, its own after.
        (0..LOOKS).any(|_| {
            start_time(self.id) == Some(self.start_time)
                && threads(self.id).into_iter().any(|tid| !is_gone(tid))
        })
    }
}

fn start_time(process: Tid) -> Option<u64> {
    procfs::stat(process).ok()?.start_time()
}

/// Whether a thread has ended.
#[must_use]
pub fn is_gone(tid: Tid) -> bool {
    procfs::status(tid).map_or(true, |status| status.has_ended())
}
