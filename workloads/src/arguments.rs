//! Parameters of a workload, and their way through the command line.
//!
//! A reader of its own, for it runs in every process of every workload: small, strict, and the
//! same calls (none) whatever it reads.

use std::ffi::OsString;
use std::fmt;
use std::os::fd::RawFd;

use crate::number;

/// What the user may choose; `None` is the workload's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Operations of a microbenchmark's loop.
    pub operations: Option<u64>,
    /// Units of `make-sim`.
    pub units: Option<u32>,
    /// Units that `make-sim` runs at once.
    pub jobs: Option<u32>,
    /// Turns of `make-sim`'s computing loop for a microsecond of its plan.
    pub turns: Option<u32>,
    /// Seed of what `make-sim` varies between units.
    pub seed: u64,
}

impl Parameters {
    /// As options, of which only those in `options` are given.
    pub(crate) fn to_words(&self, options: &[&str]) -> Vec<String> {
        let given = [
            ("--operations", self.operations),
            ("--units", self.units.map(u64::from)),
            ("--jobs", self.jobs.map(u64::from)),
            ("--turns", self.turns.map(u64::from)),
            ("--seed", Some(self.seed)),
        ];
        given
            .into_iter()
            .filter(|(option, _)| options.contains(option))
            .filter_map(|(option, value)| Some([option.to_owned(), value?.to_string()]))
            .flatten()
            .collect()
    }
}

/// What one execution was started with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The user's choices.
    pub parameters: Parameters,
    /// `--report-fd`: where a workload that times itself writes `loop_ns=N` and a newline, with one
    /// pwrite64(2) at offset 0. Standard output, with one write(2), where there is none.
    pub report: Option<RawFd>,
    /// `--burn`: percentage of `make-sim`'s computing and memory use, which leaves its calls as they are.
    pub burn: Option<u32>,
}

/// An argument that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageError {
    /// Not an option of this workload, which takes those listed.
    Unknown(String, Vec<&'static str>),
    /// The option stands last.
    NoValue(String),
    /// Not a number in the option's range.
    BadValue(&'static str, String),
    /// Given twice.
    Twice(&'static str),
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word, options) if options.is_empty() => {
                write!(f, "unexpected argument {word}: it takes none")
            }
            Self::Unknown(word, options) => {
                write!(
                    f,
                    "unexpected argument {word}: it takes {}",
                    options.join(", ")
                )
            }
            Self::NoValue(option) => write!(f, "{option} needs a value"),
            Self::BadValue(option, value) => {
                write!(f, "{option} {value}: not a number in its range")
            }
            Self::Twice(option) => write!(f, "{option} is given twice"),
        }
    }
}

impl std::error::Error for UsageError {}

impl Arguments {
    /// Reads `--option VALUE` pairs, each at most once, of which a workload takes `options`.
    ///
    /// # Errors
    /// The first word that cannot be used.
    pub fn read(words: &[OsString], options: &'static [&'static str]) -> Result<Self, UsageError> {
        let mut arguments = Self::default();
        let mut seen = Vec::new();
        for pair in words.chunks(2) {
            let Some(option) = options.iter().copied().find(|option| pair[0] == *option) else {
                return Err(UsageError::Unknown(
                    pair[0].display().to_string(),
                    options.to_vec(),
                ));
            };
            if seen.contains(&option) {
                return Err(UsageError::Twice(option));
            }
            seen.push(option);
            let Some(value) = pair.get(1) else {
                return Err(UsageError::NoValue(option.to_owned()));
            };
            arguments
                .set(option, value)
                .ok_or_else(|| UsageError::BadValue(option, value.display().to_string()))?;
        }
        Ok(arguments)
    }

    fn set(&mut self, option: &str, value: &OsString) -> Option<()> {
        match option {
            "--operations" => {
                self.parameters.operations = Some(number(value).filter(|count| *count > 0)?);
            }
            "--units" => self.parameters.units = Some(number(value).filter(|count| *count > 0)?),
            "--jobs" => self.parameters.jobs = Some(number(value).filter(|count| *count > 0)?),
            "--turns" => self.parameters.turns = Some(number(value)?),
            "--seed" => self.parameters.seed = number(value)?,
            "--report-fd" => self.report = Some(number(value)?),
            "--burn" => self.burn = Some(number(value).filter(|percent| *percent <= 1000)?),
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[&str] = &[
        "--operations",
        "--units",
        "--jobs",
        "--turns",
        "--seed",
        "--report-fd",
        "--burn",
    ];

    fn read(text: &str) -> Result<Arguments, UsageError> {
        let words: Vec<OsString> = text.split_whitespace().map(OsString::from).collect();
        Arguments::read(&words, ALL)
    }

    /// What is written with `to_words` is read back the same.
    #[test]
    fn parameters_survive_the_command_line() {
        for parameters in [
            Parameters::default(),
            Parameters {
                operations: Some(1),
                units: Some(2),
                jobs: Some(3),
                turns: Some(0),
                seed: u64::MAX,
            },
        ] {
            let words = parameters.to_words(ALL).join(" ");
            assert_eq!(read(&words).unwrap().parameters, parameters, "{words}");
        }
    }

    #[test]
    fn a_parameter_that_the_workload_does_not_take_is_not_written() {
        let parameters = Parameters {
            operations: Some(1),
            units: Some(2),
            jobs: None,
            turns: None,
            seed: 4,
        };
        assert_eq!(
            parameters.to_words(&["--operations"]),
            ["--operations", "1"]
        );
    }

    #[test]
    fn every_bad_word_is_refused() {
        for text in [
            "7",
            "--frobnicate 1",
            "--seed",
            "--seed 1 --seed 1",
            "--seed -1",
            "--seed +1",
            "--seed 18446744073709551616",
            "--seed=1",
            "--operations 0",
            "--operations 1e3",
            "--units 0",
            "--units 4294967296",
            "--jobs 0",
            "--turns -1",
            "--report-fd -1",
            "--burn 1001",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let words = [OsString::from("--units"), OsString::from("1")];
        assert!(Arguments::read(&words, &["--operations"]).is_err());
    }
}
