//! From the words of `--modes` to modes.

use crate::cmd::{Usage, filter};
use harness_measure::{Choice, choose_modes};
use harness_mode::{Mode, SeccompFile};
use std::path::Path;
use std::sync::Arc;

/// The modes that `words` name; `NAME=PARAMETER` is a mode with a parameter of the user's.
///
/// # Errors
/// A name that is none, a parameter that is none of its mode, a file that cannot be read.
pub(super) fn choose(words: &[String], filter: Option<&Path>) -> anyhow::Result<Vec<Choice>> {
    let mut own: Vec<Arc<dyn Mode>> = Vec::new();
    let mut names = Vec::new();
    if let Some(path) = filter {
        own.push(seccomp_file(path)?);
    }
    for word in words {
        let Some((name, parameter)) = word.split_once('=') else {
            names.push(word.clone());
            continue;
        };
        let mode = with_parameter(name, parameter)?;
        let known = own.iter().any(|own| own.about().name == mode.about().name);
        if known {
            return Err(Usage(format!(
                "mode {name} has two parameters: give it one, once (--filter FILE is --modes {}=FILE)",
                SeccompFile::NAME
            ))
            .into());
        }
        names.push(mode.about().name.clone().into_owned());
        own.push(mode);
    }
    Ok(choose_modes(&names, &own)?)
}

fn with_parameter(name: &str, parameter: &str) -> anyhow::Result<Arc<dyn Mode>> {
    if parameter.is_empty() {
        return Err(Usage(format!("--modes {name}=: the parameter is missing")).into());
    }
    if name == SeccompFile::NAME {
        return seccomp_file(Path::new(parameter));
    }
    Err(Usage(format!(
        "--modes {name}={parameter}: {name} takes no parameter; see `harness list modes`"
    ))
    .into())
}

fn seccomp_file(path: &Path) -> anyhow::Result<Arc<dyn Mode>> {
    Ok(Arc::new(SeccompFile::new(filter::input::program(path)?)))
}
