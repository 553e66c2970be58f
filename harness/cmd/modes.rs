//! From the words of `--modes` to modes.

use crate::cmd::{Usage, filter};
use harness_measure::{Choice, choose_modes};
use harness_mode::{Ebpf, Mode, Peer, SeccompFile};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The modes that `words` name; `NAME=PARAMETER` is a mode with a parameter of the user's.
///
/// # Errors
/// A name that is none, a parameter that is none of its mode, a file that cannot be read.
pub(super) fn choose(
    words: &[String],
    filter: Option<&Path>,
    peers: &[PathBuf],
) -> anyhow::Result<Vec<Choice>> {
    let mut own: Vec<Arc<dyn Mode>> = Vec::new();
    let mut names = Vec::new();
    for path in peers {
        let mode = peer(path)?;
        let name = mode.about().name.clone().into_owned();
        if own.iter().any(|own| own.about().name == name) {
            return Err(Usage(format!(
                "two peers are called {name}: give each a name of its own"
            ))
            .into());
        }
        own.push(mode);
    }
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
    // Who describes a peer asks for it, behind the others.
    let described = own.iter().take(peers.len());
    names.extend(described.map(|mode| mode.about().name.clone().into_owned()));
    Ok(choose_modes(&names, &own)?)
}

fn with_parameter(name: &str, parameter: &str) -> anyhow::Result<Arc<dyn Mode>> {
    if parameter.is_empty() {
        return Err(Usage(format!("--modes {name}=: the parameter is missing")).into());
    }
    if name == SeccompFile::NAME {
        return seccomp_file(Path::new(parameter));
    }
    if let Some(mode) = Ebpf::with_parameter(name, parameter) {
        let mode = mode.map_err(|why| Usage(format!("--modes {name}={parameter}: {why}")))?;
        return Ok(Arc::new(mode));
    }
    if let Some(peer) = Peer::built_in(name) {
        // A run has a directory of its own.
        let path = std::path::absolute(parameter)?;
        return Ok(Arc::new(peer.with_binary(path.as_os_str())));
    }
    Err(Usage(format!(
        "--modes {name}={parameter}: {name} takes no parameter; see `harness list modes`"
    ))
    .into())
}

/// A tracer that a file of the user's describes.
fn peer(path: &Path) -> anyhow::Result<Arc<dyn Mode>> {
    let described = harness_peer::Peer::read(path)?;
    let name = &described.name;
    if name == SeccompFile::NAME || harness_mode::find(name).is_some() {
        return Err(Usage(format!(
            "{}: the harness has a mode {name} already: give the peer another name",
            path.display()
        ))
        .into());
    }
    Ok(Arc::new(Peer::new(described)))
}

fn seccomp_file(path: &Path) -> anyhow::Result<Arc<dyn Mode>> {
    Ok(Arc::new(SeccompFile::new(filter::input::program(path)?)))
}
