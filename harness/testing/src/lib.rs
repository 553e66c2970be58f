//! What the tests of all crates share: how a test says that it leaves something
//! out, so that people see it; C programs that it compiles; a process of its own.
//!
//! libtest keeps what a test that passes prints, but not what is written to
//! standard error itself. Where `HARNESS_SKIPS` names a file, each skip is a line
//! of it too, and `ci/count-skips` prints them all after the tests. Under
//! `HARNESS_REQUIRE_TOOLS=1`, which CI sets, a skip fails its test, but for what
//! needs root in a run as an ordinary user: the run as root has that.

use harness_sys::{Errno, calls, process, wait};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;

/// What a test needs and does not find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// A program that can be installed.
    Tool,
    /// The rights of root, or of a user namespace in its place.
    Root,
    /// What the kernel, the container or the file systems here do not allow.
    Host,
}

impl Missing {
    fn name(self) -> &'static str {
        match self {
            Self::Tool => "a tool is missing",
            Self::Root => "needs root",
            Self::Host => "not on this host",
        }
    }

    /// Whether a run that requires all tools goes on without it.
    fn is_allowed(self, user: u32) -> bool {
        self == Self::Root && user != 0
    }
}

/// Says what a test leaves out, and why; the caller then returns.
///
/// # Panics
/// Under `HARNESS_REQUIRE_TOOLS=1`, unless root is missing and the user is
/// another.
#[track_caller]
pub fn skip(missing: Missing, what: &str) {
    let line = format!("SKIPPED ({}): {what}\n", missing.name());
    let required = std::env::var_os("HARNESS_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(
        !required || missing.is_allowed(effective_user()),
        "{line}HARNESS_REQUIRE_TOOLS=1 allows no skip: provide what is missing, or set it to 0"
    );
    // One write(2) each, as other tests write at the same time.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("HARNESS_SKIPS") {
        let file = File::options().append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.unwrap_or_else(|error| panic!("HARNESS_SKIPS={}: {error}", path.display()));
    }
}

/// The owner of a process's directory is its effective user (proc(5)).
fn effective_user() -> u32 {
    std::fs::metadata("/proc/self").map_or(0, |own| own.uid())
}

/// Whether a program can be executed; says that `what` is skipped where it cannot.
///
/// # Panics
/// As [`skip`].
#[track_caller]
#[must_use]
pub fn installed(program: &str, what: &str) -> bool {
    let mut version = Command::new(program);
    version.arg("-V").stdin(Stdio::null());
    let found = version.output().is_ok();
    if !found {
        skip(
            Missing::Tool,
            &format!("{what}: {program} is not installed"),
        );
    }
    found
}

/// Runs the C compiler, cc(1); says that `what` is skipped where there is none.
///
/// # Panics
/// What it is to compile does not compile; and as [`skip`].
#[track_caller]
#[must_use]
pub fn compiled(words: impl IntoIterator<Item = impl AsRef<OsStr>>, what: &str) -> bool {
    match Command::new("cc").args(words).status() {
        Ok(status) => {
            assert!(status.success(), "{what}: cc: {status}");
            true
        }
        Err(error) => {
            skip(Missing::Tool, &format!("{what}: cc: {error}"));
            false
        }
    }
}

/// Compiles, to the path `library`, a shared object whose clock_gettime(2) always enters the kernel,
/// and links it with the `needed` libraries; says what is skipped where there is no C compiler.
///
/// # Panics
/// As [`compiled`].
#[track_caller]
#[must_use]
pub fn clock_without_vdso(library: &Path, needed: &[&str]) -> bool {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/clock.c");
    let flags = ["-O1", "-shared", "-fPIC", "-Wl,--no-as-needed", "-o"].map(OsStr::new);
    let files = [library.as_os_str(), OsStr::new(source)];
    let needed = needed.iter().map(OsStr::new);
    compiled(
        flags.into_iter().chain(files).chain(needed),
        "a clock that is a system call",
    )
}

/// Does `work` in a child (fork(3)) with a single thread and no other child, as what waits for any
/// child and what blocks signals for good needs it.
///
/// # Panics
/// Where `work` does; its message is on standard error.
#[track_caller]
pub fn in_own_process(work: impl FnOnce()) {
    // Not by the child, for which another thread that panics would hold the lock of the hook for ever.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let (tests, usual) = (std::process::id(), take_hook());
        set_hook(Box::new(move |panic| {
            if std::process::id() == tests {
                return usual(panic);
            }
            // What libtest captures would be lost, and another thread may hold a lock of standard error.
            let own = std::io::stderr().as_fd().try_clone_to_owned();
            let _ = own.map(|own| writeln!(File::from(own), "{panic}"));
        }));
    });
    let Some(child) = process::fork().expect("fork(2)") else {
        let done = catch_unwind(AssertUnwindSafe(work));
        calls::exit_group(u8::from(done.is_err()))
    };
    let status = loop {
        match wait::one(child) {
            Err(Errno::EINTR) => {}
            status => break status,
        }
    };
    assert_eq!(status, Ok(0), "the test failed in a process of its own");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test program itself, as the variables are the process's: it runs the
    /// test below, which skips.
    fn run(required: &str) -> (bool, String, String) {
        let skips = std::env::temp_dir().join(format!("skips-{}-{required}", std::process::id()));
        File::create(&skips).expect("a file");
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "tests::something_is_skipped"])
            .env("HARNESS_REQUIRE_TOOLS", required)
            .env("HARNESS_SKIPS", &skips)
            .output()
            .expect("this program can be executed");
        let written = std::fs::read_to_string(&skips).expect("what was skipped");
        std::fs::remove_file(&skips).expect("the file");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), stderr, written)
    }

    #[test]
    #[ignore = "the tests beside it start it"]
    fn something_is_skipped() {
        assert!(!installed("/no/such/tool", "what it would show"));
    }

    /// With libtest's capture on.
    #[test]
    fn a_skip_is_seen_and_counted() {
        let line =
            "SKIPPED (a tool is missing): what it would show: /no/such/tool is not installed\n";
        let (passed, stderr, written) = run("0");
        assert!(passed, "{stderr}");
        assert!(stderr.contains(line), "{stderr}");
        assert_eq!(written, line);
    }

    #[test]
    fn a_skip_fails_where_tools_are_required() {
        let (passed, ..) = run("1");
        assert!(!passed);
    }

    #[test]
    fn a_test_in_a_process_of_its_own_fails_where_its_work_does() {
        let own = std::process::id();
        in_own_process(|| assert_ne!(std::process::id(), own));
        let failed = catch_unwind(|| in_own_process(|| panic!("as it must be")));
        assert!(failed.is_err());
    }

    #[test]
    fn only_root_may_be_missing_and_only_for_others() {
        for missing in [Missing::Tool, Missing::Root, Missing::Host] {
            assert!(!missing.is_allowed(0), "{missing:?}");
            assert_eq!(missing.is_allowed(1000), missing == Missing::Root);
        }
    }
}
