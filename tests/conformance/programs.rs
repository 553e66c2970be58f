//! The programs: C, as raw calls, vfork(2), clone(2) with any flags and `int 0x80`
//! must be what they are, and `unsafe` is for `harness/sys` alone. A linker, and
//! so `cc`, is where Rust is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The programs, compiled as they are wanted into a directory that goes with this
/// value.
pub(crate) struct Programs {
    directory: tempfile::TempDir,
    compiled: HashMap<&'static str, OnceLock<Result<(), String>>>,
}

impl Programs {
    pub(crate) fn new(names: impl Iterator<Item = &'static str>) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        Self {
            directory: directory.expect("a directory"),
            compiled: names.map(|name| (name, OnceLock::new())).collect(),
        }
    }

    /// Compiles a program, once.
    ///
    /// # Errors
    /// What the compiler says.
    pub(crate) fn compile(&self, name: &str) -> Result<(), String> {
        let compiled = self.compiled.get(name).ok_or("no such program")?;
        let compile = || compile(name, &self.path(name));
        compiled.get_or_init(compile).clone()
    }

    /// Where a program is, once it is compiled.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A new directory beside them.
    pub(crate) fn room(&self) -> tempfile::TempDir {
        tempfile::tempdir_in(self.directory.path()).expect("a directory")
    }
}

fn compile(name: &str, to: &Path) -> Result<(), String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tracees");
    let output = Command::new("cc")
        .args(["-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror"])
        .args(["-pthread", "-o"])
        .arg(to)
        .arg(source.join(name).with_extension("c"))
        .output()
        .map_err(|error| format!("cc: {error}; install a C compiler"))?;
    if output.status.success() {
        Ok(())
    } else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(format!("cc {name}.c: {stderr}"))
    }
}
