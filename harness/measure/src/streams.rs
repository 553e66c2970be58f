//! The standard streams of a program that is measured.

use harness_sys::files;
use harness_sys::launcher::Launch;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsFd;

/// The standard streams of a program that is measured.
pub(crate) enum Streams {
    /// Those of the harness, both to its standard error: its standard output
    /// carries the result.
    Shown(File),
    /// Nothing in, output thrown away, errors kept to be shown if it fails.
    Hidden { null: File, errors: File },
}

impl Streams {
    pub(crate) fn open(show: bool) -> Result<Self, String> {
        let null = File::options().read(true).write(true).open("/dev/null");
        let null = null.map_err(|error| format!("/dev/null: {error}"))?;
        if show {
            return Ok(Self::Shown(null));
        }
        let errors =
            files::anonymous("stderr").map_err(|errno| format!("memfd_create(2): {errno}"))?;
        Ok(Self::Hidden { null, errors })
    }

    pub(crate) fn give<'fd>(&'fd self, launch: &mut Launch<'fd>) {
        match self {
            Self::Shown(null) => {
                launch.descriptor(null.as_fd(), 0);
                launch.inherit(2, 1);
            }
            Self::Hidden { null, errors } => {
                launch
                    .descriptor(null.as_fd(), 0)
                    .descriptor(null.as_fd(), 1)
                    .descriptor(errors.as_fd(), 2);
            }
        }
    }

    pub(crate) fn last_lines(&mut self) -> String {
        const KEPT: u64 = 2048;
        let Self::Hidden { errors, .. } = self else {
            return String::new();
        };
        let mut tail = Vec::new();
        let length = errors.metadata().map_or(0, |meta| meta.len());
        if errors
            .seek(SeekFrom::Start(length.saturating_sub(KEPT)))
            .is_ok()
        {
            // What cannot be read is not shown; it is only context.
            let _ = errors.read_to_end(&mut tail);
        }
        String::from_utf8_lossy(&tail).into_owned()
    }
}
