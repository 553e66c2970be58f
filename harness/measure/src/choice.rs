//! From words to the modes that are asked for.

use crate::{Error, nearest};
use harness_mode::{Group, Mode, SeccompFile};
use std::fmt;
use std::sync::Arc;

/// A mode that is asked for.
#[derive(Clone)]
pub struct Choice {
    /// The mode.
    pub mode: Arc<dyn Mode>,
    /// Whether it was asked for by its name, so that it is an error if it cannot run here.
    pub required: bool,
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mode.about().name)
    }
}

/// The word for every mode.
const ALL: &str = "all";

/// The modes that `words` name: `all`, a group (`core`, `peers`), or names, each once. `own` are
/// those that the user brought: they can be named too, and belong to `all`.
///
/// # Errors
/// [`Error::UnknownMode`]; [`Error::FilterUnused`] and [`Error::NoFilter`] where the mode of a
/// program of the user's and that program do not go together.
pub fn choose_modes(words: &[String], own: &[Arc<dyn Mode>]) -> Result<Vec<Choice>, Error> {
    let known = || harness_mode::registry().iter().chain(own);
    let mut chosen: Vec<Choice> = Vec::new();
    let mut add = |mode: &Arc<dyn Mode>, required: bool| {
        let name = &mode.about().name;
        let mut chosen_already = chosen.iter_mut();
        match chosen_already.find(|choice| choice.mode.about().name == *name) {
            Some(choice) => choice.required |= required,
            None => chosen.push(Choice {
                mode: Arc::clone(mode),
                required,
            }),
        }
    };
    for word in words {
        let group = match word.as_str() {
            "core" => Some(Group::Core),
            "peers" => Some(Group::Peer),
            _ => None,
        };
        if word == ALL || group.is_some() {
            known()
                .filter(|mode| group.is_none_or(|group| mode.about().group == group))
                .for_each(|mode| add(mode, false));
        } else if let Some(mode) = known().find(|mode| mode.about().name == *word) {
            add(mode, true);
        } else if word == SeccompFile::NAME {
            return Err(Error::NoFilter);
        } else {
            return Err(Error::UnknownMode {
                name: word.clone(),
                nearest: nearest(word, known().map(|mode| &*mode.about().name)),
            });
        }
    }
    let is_chosen = |name: &str| chosen.iter().any(|choice| choice.mode.about().name == name);
    let unused = own.iter().find(|mode| !is_chosen(&mode.about().name));
    match unused {
        Some(mode) if mode.about().name == SeccompFile::NAME => Err(Error::FilterUnused),
        Some(mode) => Err(Error::ModeUnused(mode.about().name.clone().into_owned())),
        None => Ok(chosen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    fn chosen(text: &str) -> Result<Vec<(String, bool)>, String> {
        let modes = choose_modes(&words(text), &[]).map_err(|error| error.to_string())?;
        let pair = |choice: &Choice| {
            (
                choice.mode.about().name.clone().into_owned(),
                choice.required,
            )
        };
        Ok(modes.iter().map(pair).collect())
    }

    #[test]
    fn unknown_modes_are_refused_with_the_nearest() {
        let error = chosen("seccomp-liner").unwrap_err();
        assert!(error.contains("did you mean seccomp-linear"), "{error}");
    }

    /// What a group names may be missing here; what is named itself may not.
    #[test]
    fn groups_ask_and_names_require() {
        let modes = chosen("core,ptrace,none").unwrap();
        let required: Vec<&str> = modes
            .iter()
            .filter(|(_, required)| *required)
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(required, ["none", "ptrace"]);
        let names: Vec<&str> = modes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["none", "ptrace", "seccomp-linear", "seccomp-bitmap"]
        );
        assert_eq!(chosen("all").unwrap().len(), harness_mode::registry().len());
        assert!(chosen("seccomp-file").is_err());
    }
}
