//! The files that the verbs read.

use harness_cbpf::Foreign;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The most that is read of a file: a hundred times what the longest program is as text.
const MOST_BYTES: u64 = 16 << 20;

/// What to call a file.
pub(super) fn name(path: &Path) -> String {
    if path.as_os_str() == "-" {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// The contents of a file, also of one that is a pipe, or of standard input for `-`.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = name(path);
    let fails = |cause: io::Error| {
        let remedy = match cause.kind() {
            io::ErrorKind::NotFound => "; check the path",
            io::ErrorKind::PermissionDenied => "; name a file that you may read",
            _ => "",
        };
        anyhow::anyhow!("cannot read {name}: {cause}{remedy}")
    };
    let mut contents = Vec::new();
    if path.as_os_str() == "-" {
        let stdin = io::stdin().lock();
        stdin.take(MOST_BYTES + 1).read_to_end(&mut contents)
    } else {
        File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut contents))
    }
    .map_err(fails)?;
    let known = || Foreign::recognise(&contents).map_or_else(String::new, |is| format!("; {is}"));
    anyhow::ensure!(
        contents.len() as u64 <= MOST_BYTES,
        "{name}: longer than {} MiB, which no filter is{}",
        MOST_BYTES >> 20,
        known()
    );
    Ok(contents)
}
