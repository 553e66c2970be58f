//! One program image at work.

use std::ffi::{CStr, CString};
use std::hint::black_box;
use std::io::{self, ErrorKind};
use std::process::ExitStatus;
use std::sync::atomic::AtomicU32;

use harness_sys::calls::{self, Descriptor, Identity, Mapping, Open, UnixAddress, UnixSocket};
use harness_sys::spawn::{self, Program};

use super::plan::{Image, ROUNDS, Step, Work};
use super::site::{self, ABSENT_SOCKET, HEADERS, INCLUDE, Random};
use super::{HIDDEN_WORD, Job};
use crate::connect::absent;
use crate::{During, Failure};

/// What one read asks for.
const BUFFER_BYTES: usize = 16 * 1024;
/// Signals on x86-64 (`_NSIG`, asm/signal.h).
const SIGNALS: i32 = 64;

/// Computes for a fixed number of turns, however long these take.
pub(super) fn compute(turns: u64) {
    let mut state = black_box(1_u64);
    for _ in 0..turns {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    black_box(state);
}

/// The part of `total` that round `round` of [`ROUNDS`] does, so that all rounds do all.
fn share(total: u64, round: u32) -> u64 {
    let upto = |rounds: u32| total * u64::from(rounds) / u64::from(ROUNDS);
    upto(round + 1) - upto(round)
}

/// Runs `image` for `job` in this process.
///
/// # Errors
/// The first operation that does not do what it should.
pub(super) fn run(image: &Image, job: &Job) -> Result<(), Failure> {
    let mut buffer = [b'\n'; BUFFER_BYTES];
    let mut worker = Worker::new(image, job, &mut buffer)?;
    for round in 0..ROUNDS {
        for &(work, times) in image.work {
            for _ in 0..share(u64::from(times), round) {
                worker.work(work)?;
            }
        }
        compute(share(job.scaled(image.burn_us), round) * u64::from(job.turns));
    }
    for child in image.children {
        let pid = start(child.image, child.misses, job)?;
        let (_, status) = calls::wait4(pid).during("wait for a child")?;
        ended_well(child.image, status)?;
    }
    for &step in image.each_unit {
        for unit in 0..job.units {
            worker.step(step, unit)?;
        }
    }
    for &step in image.finish {
        worker.step(step, job.unit)?;
    }
    worker.source.close().during("close the source")
}

/// Starts `image` for `job` in a child, and returns its process id.
///
/// # Errors
/// That of clone(2) or execve(2).
pub(super) fn start(image: &Image, misses: u32, job: &Job) -> Result<i32, Failure> {
    let mut paths: Vec<CString> = (0..misses)
        .map(|number| site::path(format!("sbin{number}/{}", image.program)))
        .collect();
    paths.push(site::path(format!("bin/{}", image.program)));
    let mut words = vec![
        format!("make-sim-{}", image.program),
        HIDDEN_WORD.to_owned(),
        image.name.to_owned(),
    ];
    words.extend(job.to_words());
    let words: Vec<CString> = words.into_iter().map(site::path).collect();
    let paths: Vec<_> = paths.iter().map(CString::as_c_str).collect();
    let words: Vec<_> = words.iter().map(CString::as_c_str).collect();
    Program::new(&paths, &words)
        .spawn()
        .during(&format!("execute bin/{}", image.program))
}

/// That a child ended with exit code 0.
pub(super) fn ended_well(image: &Image, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        Ok(())
    } else {
        Err(Failure::of_child(format!("run {}", image.name), status))
    }
}

/// Looks for a service that is not there.
pub(super) fn lookup() -> Result<(), Failure> {
    let address = UnixAddress::new(ABSENT_SOCKET).expect("the path is short");
    let socket = UnixSocket::socket().during("make a Unix socket")?;
    absent(socket.connect(&address))?;
    socket.close().during("close a socket")
}

/// What an image has while it works.
struct Worker<'a> {
    random: Random,
    /// Open all the time.
    source: Descriptor,
    map_pages: usize,
    word: AtomicU32,
    signal: i32,
    buffer: &'a mut [u8; BUFFER_BYTES],
}

impl<'a> Worker<'a> {
    fn new(image: &Image, job: &Job, buffer: &'a mut [u8; BUFFER_BYTES]) -> Result<Self, Failure> {
        let mut random = Random::new(job.seed, u64::from(job.unit));
        let source = site::header(random.below(HEADERS));
        let source = calls::openat(&source, Open::Read).during("open the source")?;
        let pages = job.scaled(image.map_pages).max(1);
        Ok(Self {
            random,
            source,
            map_pages: usize::try_from(pages).expect("a small number"),
            word: AtomicU32::new(0),
            signal: 0,
            buffer,
        })
    }

    /// The path of one header or another.
    fn header(&mut self) -> CString {
        site::header(self.random.below(HEADERS))
    }

    /// A path at which there is nothing.
    fn missing(&mut self) -> CString {
        site::missing(self.random.below(HEADERS))
    }

    fn step(&mut self, step: Step, unit: u32) -> Result<(), Failure> {
        let name = |file| site::file(file, unit);
        match step {
            Step::Take(file) => self.take(&name(file)),
            Step::Make(file, writes) => self.make(&name(file), writes),
            Step::Rename(from, to) => calls::rename(&name(from), &name(to)).during("rename a file"),
            Step::Remove(file) => calls::unlink(&name(file)).during("remove a file"),
        }
    }

    fn work(&mut self, work: Work) -> Result<(), Failure> {
        match work {
            Work::Header => {
                let header = self.header();
                self.take(&header)
            }
            Work::OpenMissing => fails(
                calls::openat(&self.missing(), Open::Read),
                ErrorKind::NotFound,
                "open",
            ),
            Work::StatMissing => fails(
                calls::newfstatat(&self.missing()),
                ErrorKind::NotFound,
                "stat",
            ),
            Work::StatHeader => calls::newfstatat(&self.header())
                .map(drop)
                .during("stat a header"),
            Work::Reread => {
                self.source.rewind().during("seek in the source")?;
                self.source
                    .read(self.buffer)
                    .map(drop)
                    .during("read the source")
            }
            Work::ReadEnd => self
                .source
                .read(self.buffer)
                .map(drop)
                .during("read the source"),
            Work::Map => {
                Mapping::mmap(self.map_pages)
                    .during("map memory")?
                    .touch(self.map_pages);
                Ok(())
            }
            Work::Grow => calls::grow_heap(1).during("grow the heap"),
            Work::Wake => calls::futex_wake(&self.word)
                .map(drop)
                .during("wake a futex"),
            Work::Action => {
                self.signal = self.signal % SIGNALS + 1;
                calls::rt_sigaction_query(self.signal).during("ask for a signal's action")
            }
            Work::Mask => calls::rt_sigprocmask_query().during("ask for the signal mask"),
            Work::ReadNoLink => fails(
                calls::readlink(&self.header()),
                ErrorKind::InvalidInput,
                "read a link",
            ),
            Work::AccessMissing => fails(
                calls::access(&self.missing()),
                ErrorKind::NotFound,
                "try access",
            ),
            Work::AccessHeader => calls::access(&self.header()).during("try access to a header"),
            Work::Flags => self
                .source
                .fcntl_getfd()
                .during("ask for a descriptor's flags"),
            Work::Directory => calls::getcwd().during("ask for the working directory"),
            Work::Identity => identities(&[
                Identity::Getuid,
                Identity::Geteuid,
                Identity::Getgid,
                Identity::Getegid,
            ]),
            Work::Parentage => identities(&[Identity::Getpid, Identity::Getppid]),
            Work::SetIdentity => identities(&[Identity::SetresuidSame, Identity::SetresgidSame]),
            Work::OldStat => calls::stat(&self.header()).during("stat a header"),
            Work::LinkStatMissing => fails(
                calls::lstat(&self.missing()),
                ErrorKind::NotFound,
                "stat a link",
            ),
            Work::Terminal => match self.source.ioctl_tcgets() {
                Err(_) => Ok(()),
                Ok(()) => Err(Failure::new("ask whether a file is a terminal", "it is")),
            },
            Work::Duplicate => self.source.dup2_self().during("duplicate a descriptor"),
            Work::Pipe => {
                let (output, input) = calls::pipe2().during("make a pipe")?;
                output.close().during("close a pipe")?;
                input.close().during("close a pipe")
            }
            Work::List => {
                let directory =
                    calls::openat(INCLUDE, Open::Directory).during("open a directory")?;
                calls::getdents64(&directory).during("list a directory")?;
                directory.close().during("close a directory")
            }
            Work::MakeExisting => fails(
                calls::mkdir(INCLUDE),
                ErrorKind::AlreadyExists,
                "make a directory",
            ),
            Work::Load => calls::sysinfo().during("ask for the load"),
            Work::Subshell => subshell(),
            Work::Lookup => lookup(),
        }
    }

    /// Opens a file, asks for its size, reads from it once, and closes it.
    fn take(&mut self, path: &CStr) -> Result<(), Failure> {
        let file =
            calls::openat(path, Open::Read).during(&format!("open {}", path.to_string_lossy()))?;
        file.newfstatat().during("ask for a file's size")?;
        file.read(self.buffer).during("read a file")?;
        file.close().during("close a file")
    }

    /// Makes a file with so many writes, of sizes that differ.
    fn make(&mut self, path: &CStr, writes: u32) -> Result<(), Failure> {
        let file = calls::openat(path, Open::Create)
            .during(&format!("make {}", path.to_string_lossy()))?;
        for _ in 0..writes {
            let bytes = usize::try_from(512 + self.random.below(3584)).expect("below 4096");
            match file.write(&self.buffer[..bytes]).during("write a file")? {
                all if all == bytes => {}
                part => {
                    let cause = format!("{part} of {bytes} bytes: no space left?");
                    return Err(Failure::new("write a file", cause));
                }
            }
        }
        file.close().during("close a file")
    }
}

/// That a call failed as it should.
fn fails<T>(result: io::Result<T>, kind: ErrorKind, operation: &str) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(Failure::new(operation, error)),
        Ok(_) => Err(Failure::new(
            operation,
            format!("it should have failed: {kind}"),
        )),
    }
}

fn identities(which: &[Identity]) -> Result<(), Failure> {
    which
        .iter()
        .try_for_each(|identity| identity.call().during("ask who the process is"))
}

/// A child that ends at once, and the wait for it.
fn subshell() -> Result<(), Failure> {
    let Some(child) = spawn::fork().during("create a process")? else {
        calls::exit_group(0)
    };
    match calls::wait4(child).during("wait for a subshell")? {
        (_, status) if status.success() => Ok(()),
        (_, status) => Err(Failure::of_child("run a subshell", status)),
    }
}
