//! The temporary directory: include path, programs, and what the units make.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use harness_sys::calls::{self, Open};

use super::plan::{File, PROGRAMS, STEPS_LEAVE, UNIT_LEAVES};
use crate::{During, Failure, Statement};

/// Headers on the include path.
pub(super) const HEADERS: u64 = 32;
/// Where headers are.
pub(super) const INCLUDE: &CStr = c"include";
/// Where headers are looked for in vain.
const EMPTY: &CStr = c"arch";
/// Where programs are.
const BIN: &CStr = c"bin";
/// A Unix socket that is not there.
pub(super) const ABSENT_SOCKET: &str = "absent.sock";

/// SplitMix64 (Steele, Lea, Flood: *Fast Splittable Pseudorandom Number Generators*, 2014).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// A stream of its own for each pair.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed);
        Self(random.next() ^ stream.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A text without a NUL as a path.
pub(super) fn path(text: String) -> CString {
    CString::new(text).expect("names of files have no NUL in them")
}

/// The path of header `number`.
pub(super) fn header(number: u64) -> CString {
    path(format!("include/h{number}.h"))
}

/// A path at which there is nothing, in a directory that is there.
pub(super) fn missing(number: u64) -> CString {
    path(format!("arch/h{number}.h"))
}

/// The path of `file`, of `unit` where it is a unit's.
pub(super) fn file(file: File, unit: u32) -> CString {
    match file {
        File::Unit(ending) => path(format!("u{unit}.{ending}")),
        File::Whole(name) => path(name.to_owned()),
    }
}

/// The temporary directory of one run, which is the working directory.
#[derive(Debug)]
pub(super) struct Site {
    root: PathBuf,
}

impl Site {
    /// Makes the directory under `$TMPDIR` (or `/tmp`) with all that the units need, and enters it.
    ///
    /// # Errors
    /// The first call that fails, or a `$TMPDIR` that is no absolute path.
    pub(super) fn make(seed: u64) -> Result<Self, Failure> {
        let parent = std::env::var_os("TMPDIR").filter(|parent| !parent.is_empty());
        let parent = PathBuf::from(parent.unwrap_or_else(|| "/tmp".into()));
        if !parent.is_absolute() {
            return Err(Failure::new("read TMPDIR", "it must be an absolute path"));
        }
        let mut name = [0; 16];
        calls::getrandom(&mut name).during("get random bytes")?;
        let name = format!("harness-make-sim-{:032x}", u128::from_ne_bytes(name));
        let site = Self {
            root: parent.join(name),
        };
        calls::mkdir(&site.root_path()?)
            .during(&format!("make the directory {}", site.root.display()))?;
        match site.fill(seed) {
            Ok(()) => Ok(site),
            Err(failure) => {
                site.remove_whatever_is_there();
                Err(failure)
            }
        }
    }

    fn root_path(&self) -> Result<CString, Failure> {
        CString::new(self.root.as_os_str().as_bytes())
            .map_err(|error| Failure::new("read TMPDIR", error))
    }

    fn fill(&self, seed: u64) -> Result<(), Failure> {
        calls::chdir(&self.root_path()?).during("enter the temporary directory")?;
        for directory in [INCLUDE, EMPTY, BIN] {
            calls::mkdir(directory).during("make a directory")?;
        }
        for program in PROGRAMS {
            // Every process finds its own binary there.
            calls::symlink(c"/proc/self/exe", &path(format!("bin/{program}")))
                .during("make a symbolic link")?;
        }
        let mut random = Random::new(seed, u64::MAX);
        let text = [b'\n'; 16 * 1024];
        for number in 0..HEADERS {
            let length = 256 + random.below(text.len() as u64 - 256);
            let header = calls::openat(&header(number), Open::Create).during("make a header")?;
            let length = usize::try_from(length).expect("below the text's length");
            header.write(&text[..length]).during("write a header")?;
            header.close().during("close a header")?;
        }
        Ok(())
    }

    /// Removes all that a run which went well has left, and the directory.
    ///
    /// By name, not by listing: how many calls a listing takes is the file system's affair.
    ///
    /// # Errors
    /// The first call that fails.
    pub(super) fn remove(&self, units: u32) -> Result<(), Failure> {
        let remove =
            |path: &CStr| calls::unlink(path).during(&format!("remove {}", path.to_string_lossy()));
        for unit in 0..units {
            for &left in UNIT_LEAVES {
                remove(&file(left, unit))?;
            }
        }
        for &left in STEPS_LEAVE {
            remove(&file(left, 0))?;
        }
        for number in 0..HEADERS {
            remove(&header(number))?;
        }
        for program in PROGRAMS {
            remove(&path(format!("bin/{program}")))?;
        }
        for directory in [INCLUDE, EMPTY, BIN] {
            calls::rmdir(directory).during("remove a directory")?;
        }
        calls::rmdir(&self.root_path()?).during("remove the temporary directory")
    }

    /// Removes the directory after a failure, by whatever calls that takes.
    pub(super) fn remove_whatever_is_there(&self) {
        if let Err(error) = std::fs::remove_dir_all(&self.root) {
            eprintln!(
                "harness: workload make-sim: cannot remove {}: {error}",
                self.root.display()
            );
        }
    }

    /// Adds what [`Site::make`] and [`Site::remove`] cost.
    pub(super) fn add_cost(statement: &mut Statement, units: u32) {
        let programs = PROGRAMS.len() as u64;
        let left = UNIT_LEAVES.len() as u64 * u64::from(units) + STEPS_LEAVE.len() as u64;
        for (name, count) in [
            ("getrandom", 1),
            ("mkdir", 4),
            ("chdir", 1),
            ("symlink", programs),
            ("openat", HEADERS),
            ("write", HEADERS),
            ("close", HEADERS),
            ("unlink", left + HEADERS + programs),
            ("rmdir", 4),
        ] {
            statement.add(name, count);
        }
    }
}
