//! What the benchmarks that write tables have in common: their words, and where
//! a table was made.

use harness_sys::procfs;
use std::path::PathBuf;
use std::process::ExitCode;

/// What they take.
pub(crate) struct Arguments {
    /// Where the tables go as files.
    pub(crate) output: Option<PathBuf>,
    /// How often everything is measured; at least 1.
    pub(crate) rounds: usize,
}

impl Arguments {
    /// Of the command line; `rounds` is what counts where it names none.
    ///
    /// # Errors
    /// A line that says what is wrong, and what can be given.
    pub(crate) fn parse(words: Vec<String>, rounds: usize) -> Result<Self, String> {
        const USAGE: &str = "it takes --output DIR and --rounds N";
        let mut found = Self {
            output: None,
            rounds,
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            // Cargo's own.
            if word == "--bench" {
                continue;
            }
            if word != "--output" && word != "--rounds" {
                return Err(format!("unknown argument {word}: {USAGE}"));
            }
            let value = words
                .next()
                .ok_or(format!("{word} needs a value: {USAGE}"))?;
            if word == "--output" {
                found.output = Some(value.into());
                continue;
            }
            found.rounds = match value.parse() {
                Ok(rounds) if rounds > 0 => rounds,
                _ => {
                    return Err(format!(
                        "--rounds {value}: give a number of rounds, 1 or more"
                    ));
                }
            };
        }
        Ok(found)
    }
}

/// Says what is wrong with the words, for the exit code of a wrong command line.
pub(crate) fn misused(benchmark: &str, wrong: &str) -> ExitCode {
    eprintln!("{benchmark}: {wrong}");
    ExitCode::from(2)
}

/// `Linux 6.1.0, a processor`.
pub(crate) fn machine() -> String {
    let release = procfs::sysctl("kernel.osrelease").unwrap_or_default();
    let info = procfs::cpuinfo().unwrap_or_default();
    let model = info.get("model name");
    let model = model.unwrap_or("a processor of unknown model");
    format!("Linux {release}, {model}")
}
