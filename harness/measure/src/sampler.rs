//! The process of a sample, as the harness sees it: started, asked for
//! executions, waited for.

use crate::Error;
use crate::wire::{Done, ON_REQUEST, Outcome, Spec, WORD};
use harness_sys::signals::Termination;
use harness_sys::{files, pid_namespace, process};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Makes this process one that can end whatever a run leaves: an orphan of a run
/// that had to be killed comes here, and is found in /proc.
///
/// # Errors
/// [`Error::ForeignProc`]; [`Error::Io`] before Linux 3.4.
pub(crate) fn prepare() -> Result<(), Error> {
    pid_namespace::check()?;
    process::become_subreaper().map_err(|errno| Error::Io {
        operation: "prctl(PR_SET_CHILD_SUBREAPER)".to_owned(),
        source: errno.into(),
    })
}

/// Takes one sample in a process of `binary`.
///
/// # Errors
/// [`Error::Isolated`] where the run could not be made, [`Error::Interrupted`];
/// no process of the run is left then.
pub(crate) fn run(binary: &Path, spec: &Spec, termination: &Termination) -> Result<Done, Error> {
    Sampler::start(binary, spec)?.finish(termination)
}

/// Takes one sample of each arm, an execution of one after an execution of the
/// other: a machine whose speed changes from one hundredth of a second to the
/// next, as a virtual one's does with what its neighbours do, changes for all of
/// them alike. The order of the arms is reversed with every round.
///
/// An arm that ends before its last execution ends the others too, of which
/// nothing is known then.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_alternately(
    arms: &[(&Path, Spec)],
    termination: &Termination,
) -> Result<Vec<Option<Done>>, Error> {
    let started: Result<Vec<_>, _> = arms
        .iter()
        .map(|(binary, spec)| Sampler::start(binary, spec))
        .collect();
    let mut samplers: Vec<Option<Sampler>> = started?.into_iter().map(Some).collect();
    let rounds = arms.iter().map(|(_, spec)| spec.executions).max();
    let mut order: Vec<usize> = (0..arms.len()).collect();
    for _ in 0..rounds.unwrap_or(0) {
        for &at in &order {
            let sampler = samplers[at].as_mut();
            if let Some(sampler) = sampler
                && !sampler.execute(termination)?
            {
                let mut ended = vec![None; arms.len()];
                let sampler = samplers[at].take();
                ended[at] = sampler
                    .map(|sampler| sampler.finish(termination))
                    .transpose()?;
                return Ok(ended);
            }
        }
        order.reverse();
    }
    let finish = |sampler: Sampler| sampler.finish(termination);
    let done = samplers.into_iter();
    done.map(|sampler| sampler.map(finish).transpose())
        .collect()
}

/// The process of a sample. Dropped before it has answered, it is killed, with
/// all that it started.
struct Sampler {
    binary: PathBuf,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    answer: Vec<u8>,
    requests: usize,
    ended: bool,
}

impl Sampler {
    fn start(binary: &Path, spec: &Spec) -> Result<Self, Error> {
        let mut line =
            serde_json::to_vec(spec).map_err(|error| Error::Isolated(error.to_string()))?;
        line.push(b'\n');
        let mut child = Command::new(binary)
            .arg(WORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Io {
                operation: format!("cannot execute {}", binary.display()),
                source,
            })?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Isolated("it has no pipes".to_owned()));
        };
        let mut sampler = Self {
            binary: binary.to_owned(),
            child,
            stdin: Some(stdin),
            stdout,
            answer: Vec::new(),
            requests: 0,
            ended: false,
        };
        sampler.write(&line);
        Ok(sampler)
    }

    /// Lets it make one execution; false where it has ended instead.
    fn execute(&mut self, termination: &Termination) -> Result<bool, Error> {
        self.write(&[ON_REQUEST]);
        self.requests += 1;
        self.read(termination)?;
        let made = self
            .answer
            .iter()
            .take_while(|byte| **byte == ON_REQUEST)
            .count();
        Ok(made >= self.requests)
    }

    /// What it answers in the end, where no execution is to come.
    fn finish(mut self, termination: &Termination) -> Result<Done, Error> {
        self.stdin = None;
        while self.read(termination)? > 0 {}
        self.ended = true;
        let status = self.child.wait();
        let text = String::from_utf8_lossy(&self.answer);
        if let Ok(outcome) = serde_json::from_str::<Outcome>(&text) {
            return outcome.map_err(Error::Isolated);
        }
        process::kill_descendants();
        let end = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        Err(Error::Isolated(format!(
            "its process ended early ({end}): {}",
            self.binary.display()
        )))
    }

    fn write(&mut self, bytes: &[u8]) {
        // An early death shows in the answer, which then is missing.
        let _ = self.stdin.as_mut().map(|stdin| stdin.write_all(bytes));
    }

    /// Reads more of the answer; 0 at its end.
    fn read(&mut self, termination: &Termination) -> Result<usize, Error> {
        let io = |source| Error::Io {
            operation: "cannot talk to the process of a run".to_owned(),
            source,
        };
        let mut buffer = [0; 4096];
        loop {
            let ready = files::wait_readable(termination.as_fd(), self.stdout.as_fd())
                .map_err(|errno| io(errno.into()))?;
            // A run that has ended counts, also where a signal came with its answer.
            if ready.1 {
                let read = self.stdout.read(&mut buffer).map_err(io)?;
                self.answer.extend_from_slice(&buffer[..read]);
                return Ok(read);
            } else if let Some(signal) = termination.take().map_err(|errno| io(errno.into()))? {
                return Err(Error::Interrupted(signal));
            }
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        if !self.ended {
            // The guardian's child and its tracees die with it; what is untraced
            // becomes ours and dies here.
            let _ = self.child.kill();
            let _ = self.child.wait();
            process::kill_descendants();
        }
    }
}
