//! Waits for the end of a tree of processes that nobody ptraces, and serves what stands beside it.
//!
//! The tree has ended when wait4(2) says `ECHILD`: the calling process has no other child, and is a
//! subreaper, so that orphans of the tree come to it.

use crate::event_loop::End;
use crate::stop::{Report, classify};
use harness_sys::files::{Ready, wait_ready};
use harness_sys::signals::ChildSignalDescriptor;
use harness_sys::{Errno, Tid, wait};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// What is done beside waiting for the end of a tree. Where all methods are left as they are, waiting
/// is one wait4(2) a process that ends and nothing more.
pub trait Beside {
    /// Why it cannot be done.
    type Error: From<WaitError>;

    /// What is served when it is readable or hung up; `None` where nothing is, or nothing any more.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Serves the descriptor. Must not wait for it: then the ends of processes would not be seen.
    ///
    /// # Errors
    /// What keeps it from being served; the tree is not waited for any longer.
    fn serve(&mut self, ready: Ready) -> Result<(), Self::Error> {
        let _ = ready;
        Ok(())
    }

    /// How long it is from one [`tick`](Self::tick) to the next; `None` where none is to come. Asked
    /// for at the beginning and after each of them.
    fn period(&self) -> Option<Duration> {
        None
    }

    /// Time has passed.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    fn tick(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Whether [`root_ended`](Self::root_ended) is to be called. It costs one waitid(2) more for
    /// each process that ends up to then.
    fn looks_at_root(&self) -> bool {
        false
    }

    /// The first process is a zombie and has not been waited for: its own account, without its
    /// children's, can be read from /proc.
    fn root_ended(&mut self, root: Tid) {
        let _ = root;
    }
}

/// Nothing is done beside.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Beside for Alone {
    type Error = WaitError;
}

/// Why a tree could not be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot wait for the program: {operation}: {errno}")]
pub struct WaitError {
    /// The system call.
    pub operation: &'static str,
    /// Its error.
    pub errno: Errno,
}

/// Waits until neither a child nor a descendant is left, and returns how `root` ended.
///
/// With a descriptor or a period the calling process must have a single thread, and SIGCHLD stays
/// blocked in it.
///
/// # Errors
/// [`WaitError`], and those of `beside`.
pub fn await_end<B: Beside>(root: Tid, beside: &mut B) -> Result<End, B::Error> {
    let mut tree = Tree { root, end: None };
    if !is_served(beside) || tree.serve(beside)? == Left::Some {
        while tree.next(beside, true)? != Found::NobodyLeft {}
    }
    let nobody = WaitError {
        operation: "wait4(2)",
        errno: Errno::ECHILD,
    };
    tree.end.ok_or_else(|| nobody.into())
}

fn is_served(beside: &impl Beside) -> bool {
    beside.descriptor().is_some() || beside.period().is_some()
}

fn next_tick(beside: &impl Beside) -> Option<Instant> {
    beside.period().map(|period| Instant::now() + period)
}

/// A tree that is waited for.
struct Tree {
    root: Tid,
    /// How the first process ended.
    end: Option<End>,
}

/// What a look for an end found.
#[derive(PartialEq, Eq)]
enum Found {
    /// One, or a reason to look again.
    One,
    /// None yet.
    Nothing,
    /// There is no process left that could end.
    NobodyLeft,
}

/// Whether processes may be left.
#[derive(PartialEq, Eq)]
enum Left {
    Some,
    Nobody,
}

impl Tree {
    /// Serves and waits by turns, until nobody is left or nothing is to be served any more.
    fn serve<B: Beside>(&mut self, beside: &mut B) -> Result<Left, B::Error> {
        let children = ChildSignalDescriptor::open().map_err(failed("signalfd(2)"))?;
        let mut due = next_tick(beside);
        let mut look = true;
        loop {
            // A signal stands for any number of ends, and for none that came before it was blocked.
            while look {
                match self.next(beside, false)? {
                    Found::One => {}
                    Found::Nothing => look = false,
                    Found::NobodyLeft => return Ok(Left::Nobody),
                }
            }
            let limit = due.map(|due| due.saturating_duration_since(Instant::now()));
            let (served, ended) = match beside.descriptor() {
                Some(descriptor) => {
                    let ready = wait_ready([descriptor, children.as_fd()], limit);
                    ready.map(|[served, ended]| (served, ended))
                }
                None if due.is_some() => {
                    let ready = wait_ready([children.as_fd()], limit);
                    ready.map(|[ended]| (Ready::default(), ended))
                }
                None => return Ok(Left::Some),
            }
            .map_err(failed("poll(2)"))?;
            if served.any() {
                beside.serve(served)?;
            }
            if ended.any() {
                children.take().map_err(failed("read(2) of a signalfd"))?;
                look = true;
            }
            if due.is_some_and(|due| Instant::now() >= due) {
                beside.tick()?;
                due = next_tick(beside);
            }
        }
    }

    /// Takes the next end of a process into account; where there is none, waits for one if it is to.
    fn next<B: Beside>(&mut self, beside: &mut B, waits: bool) -> Result<Found, WaitError> {
        let found = if self.end.is_none() && beside.looks_at_root() {
            self.look_and_reap(beside, waits)
        } else if waits {
            wait::any().map(Some)
        } else {
            wait::poll()
        };
        match found {
            Ok(Some((tid, status))) => {
                self.reaped(tid, status);
                Ok(Found::One)
            }
            Ok(None) => Ok(Found::Nothing),
            Err(Errno::EINTR) => Ok(Found::One),
            Err(Errno::ECHILD) => Ok(Found::NobodyLeft),
            Err(errno) => Err(failed("wait4(2)")(errno)),
        }
    }

    fn look_and_reap<B: Beside>(
        &self,
        beside: &mut B,
        waits: bool,
    ) -> Result<Option<(Tid, i32)>, Errno> {
        let ended = if waits {
            wait::ended().map(Some)
        } else {
            wait::poll_ended()
        };
        let Some(tid) = ended? else {
            return Ok(None);
        };
        if tid == self.root {
            beside.root_ended(tid);
        }
        wait::one(tid).map(|status| Some((tid, status)))
    }

    fn reaped(&mut self, tid: Tid, status: i32) {
        // The id of a process that has ended may come again in its own tree. Others are orphans,
        // which the subreaper inherits.
        if tid == self.root && self.end.is_none() {
            self.end = match classify(status) {
                Report::Exited(code) => Some(End::Exited(code)),
                Report::Killed(signal) => Some(End::Killed(signal)),
                // Only a tracer is told of stops, and there is none.
                Report::Stopped(_) => None,
            };
        }
    }
}

fn failed(operation: &'static str) -> impl FnOnce(Errno) -> WaitError {
    move |errno| WaitError { operation, errno }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_sys::{process, procfs};
    use harness_testing::in_own_process;
    use std::io::{PipeReader, Read, pipe};
    use std::process::Command;

    fn shell(script: &str) -> Tid {
        let child = Command::new("/bin/sh").args(["-c", script]).spawn();
        Tid(i32::try_from(child.expect("sh(1)").id()).expect("a process id"))
    }

    /// A pipe whose bytes are counted, ticks, and what was found of the first process.
    #[derive(Default)]
    struct Served {
        pipe: Option<PipeReader>,
        bytes: usize,
        hung_up: bool,
        period: Option<Duration>,
        ticks: u32,
        looks: bool,
        state: Option<String>,
    }

    impl Beside for Served {
        type Error = WaitError;

        fn descriptor(&self) -> Option<BorrowedFd<'_>> {
            self.pipe.as_ref().map(AsFd::as_fd)
        }

        fn serve(&mut self, ready: Ready) -> Result<(), WaitError> {
            if ready.readable {
                let mut bytes = [0; 4096];
                self.bytes += self.pipe.as_mut().unwrap().read(&mut bytes).unwrap();
            } else if ready.hung_up {
                self.hung_up = true;
                self.pipe = None;
            }
            Ok(())
        }

        fn period(&self) -> Option<Duration> {
            self.period
        }

        fn tick(&mut self) -> Result<(), WaitError> {
            self.ticks += 1;
            Ok(())
        }

        fn looks_at_root(&self) -> bool {
            self.looks
        }

        fn root_ended(&mut self, root: Tid) {
            assert_eq!(self.state, None, "told once");
            self.state = procfs::stat(root).unwrap().state().map(String::from);
        }
    }

    /// The first process ends with 3 and leaves an orphan, which leaves a mark when it ends.
    fn with_orphan(mark: &tempfile::TempPath) -> Tid {
        process::become_subreaper().unwrap();
        shell(&format!(
            "(sleep 0.2; echo end >{}) & exit 3",
            mark.display()
        ))
    }

    #[test]
    fn a_tree_ends_with_its_last_orphan_and_as_its_first_process_did() {
        for looks in [false, true] {
            for period in [None, Some(Duration::from_millis(20))] {
                let mark = tempfile::NamedTempFile::new().unwrap().into_temp_path();
                in_own_process(|| {
                    let mut served = Served {
                        period,
                        looks,
                        ..Served::default()
                    };
                    let end = await_end(with_orphan(&mark), &mut served);
                    assert_eq!(end, Ok(End::Exited(3)));
                    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "end\n");
                    assert_eq!(served.state.as_deref(), looks.then_some("Z"));
                    assert_eq!(served.ticks >= 5, period.is_some(), "{}", served.ticks);
                });
            }
        }
    }

    #[test]
    fn nothing_beside_is_the_plain_wait() {
        in_own_process(|| {
            let end = await_end(shell("kill -9 $$"), &mut Alone);
            assert_eq!(end, Ok(End::Killed(9)));
            let nobody = WaitError {
                operation: "wait4(2)",
                errno: Errno::ECHILD,
            };
            assert_eq!(await_end(Tid(1), &mut Alone), Err(nobody));
        });
    }

    /// Also what comes while nobody ends, and after the first process has.
    #[test]
    fn a_descriptor_is_served_until_it_hangs_up_and_the_tree_is_waited_for() {
        in_own_process(|| {
            process::become_subreaper().unwrap();
            let (reader, writer) = pipe().unwrap();
            let script = "(sleep 0.1; echo 1; exec >&-; sleep 0.1) & echo 22; exit 5";
            let child = Command::new("/bin/sh")
                .args(["-c", script])
                .stdout(writer)
                .spawn();
            let mut served = Served {
                pipe: Some(reader),
                ..Served::default()
            };
            let root = Tid(i32::try_from(child.unwrap().id()).unwrap());
            assert_eq!(await_end(root, &mut served), Ok(End::Exited(5)));
            assert_eq!((served.bytes, served.hung_up), (5, true));
        });
    }

    /// One that neither is readable nor hangs up does not keep the end from being seen.
    #[test]
    fn a_silent_descriptor_does_not_outlast_the_tree() {
        in_own_process(|| {
            let (reader, writer) = pipe().unwrap();
            let mut served = Served {
                pipe: Some(reader),
                ..Served::default()
            };
            // Many ends for one signal.
            let script = "for i in 1 2 3 4 5 6 7 8; do sleep 0.01 & done; wait; exit 6";
            assert_eq!(await_end(shell(script), &mut served), Ok(End::Exited(6)));
            assert_eq!((served.bytes, served.hung_up), (0, false));
            drop(writer);
        });
    }

    /// A child that had ended before SIGCHLD was blocked.
    #[test]
    fn an_end_that_came_before_is_not_missed() {
        in_own_process(|| {
            let (reader, _writer) = pipe().unwrap();
            let root = shell("exit 4");
            wait::ended().unwrap();
            let mut served = Served {
                pipe: Some(reader),
                ..Served::default()
            };
            assert_eq!(await_end(root, &mut served), Ok(End::Exited(4)));
        });
    }
}
