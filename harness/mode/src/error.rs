//! Why a mode cannot run, or a run could not be made.

use harness_sys::launcher::LaunchError;
use harness_tracer::tree::WaitError;
use std::fmt;

/// Why a mode cannot run here, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {remedy}")]
pub struct Unavailable {
    /// Why.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl From<harness_tracer::Error> for Unavailable {
    fn from(error: harness_tracer::Error) -> Self {
        Self {
            reason: error.to_string(),
            remedy: error.remedy().to_owned(),
        }
    }
}

/// What a mode with a filter says where the program is running already.
#[must_use]
pub fn no_filter_on_running() -> Unavailable {
    Unavailable {
        reason: "a filter cannot be installed on a process that is running: only the process itself can, before the \
                 calls it is for (seccomp(2))"
            .to_owned(),
        remedy: "attach with mode ptrace or ebpf, or have the harness start the program: harness run -- COMMAND"
            .to_owned(),
    }
}

/// Why a run could not be made, in the same words for every mechanism.
#[derive(Debug)]
pub struct Error {
    what: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    remedy: Option<String>,
}

impl Error {
    /// What failed, a clause.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            source: None,
            remedy: None,
        }
    }

    /// The same, because of `source`.
    #[must_use]
    pub fn because(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Box::new(source)),
            ..self
        }
    }

    /// The same, and what to do about it.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }

    /// The set has no program that the kernel would take.
    pub(crate) fn no_filter(set: &str, reason: &dyn fmt::Display) -> Self {
        Self::new(format!("no filter for trace set {set}: {reason}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

impl From<harness_tracer::Error> for Error {
    fn from(error: harness_tracer::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl From<LaunchError> for Error {
    fn from(error: LaunchError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<WaitError> for Error {
    fn from(error: WaitError) -> Self {
        Self::new(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_why_and_what_to_do() {
        let plain = Error::new("the peer wrote nothing");
        assert_eq!(plain.to_string(), "the peer wrote nothing");
        let whole = Error::new("cannot read its output")
            .because(std::io::Error::other("no such file"))
            .remedy("run it by hand");
        assert_eq!(
            whole.to_string(),
            "cannot read its output: no such file; run it by hand"
        );
    }
}
