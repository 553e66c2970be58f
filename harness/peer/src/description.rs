//! What a peer is: a TOML file, read and checked. Pure.

use crate::counting::{CountError, Counted, Format, Lines};
use crate::template::Template;
use harness_syscalls::TraceSet;
use regex_lite::Regex;
use serde::Deserialize;
use std::ffi::{OsStr, OsString};
use std::io::BufRead;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A tracer that people run, as a TOML file describes it.
#[derive(Debug, Clone)]
pub struct Description {
    /// Name of the mode.
    pub name: String,
    /// What it does, in a line.
    pub summary: String,
    /// Its colour in pictures: red, green, blue.
    pub colour: [u8; 3],
    /// When it counts a call.
    pub counts: Counts,
    /// Whose end it passes on.
    pub end: PassesOn,
    /// Names of native calls that it counts whether or not they are in the set.
    pub beside_set: Vec<String>,
    /// What it needs to run.
    pub privileges: Privileges,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How to install it, as a command or in words.
    pub install: String,
    /// The peer's binary, as its command lines have it.
    pub(crate) binary: String,
    /// What stands in its place.
    pub(crate) replaced: OsString,
    /// What it was read from: its name in errors, and its text.
    source: (String, String),
    pub(crate) argv: Template,
    pub(crate) argv_all: Option<Template>,
    pub(crate) version_words: Vec<String>,
    pub(crate) version: Regex,
    pub(crate) output: Output,
    pub(crate) remedies: Vec<(Regex, String)>,
}

/// When a peer counts a call. A call that never returns (exit_group(2), or one whose thread is
/// killed in it) makes the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// When it is entered, as the modes of the harness do.
    Entered,
    /// When it returns.
    Returned,
}

/// Whose end a peer passes on as its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassesOn {
    /// The program's: its exit code or the signal that killed it.
    Program,
    /// Its own alone: how the program ended is not known.
    Itself,
}

/// What a peer needs to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Privileges {
    /// Nothing that its trial does not show.
    None,
    /// User ID 0.
    Root,
}

/// What a peer traces of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selects {
    /// The set, in strace's grammar.
    Set,
    /// The set's native calls by name; every call where the set is `all`.
    Names,
    /// Always the same, whatever the set is.
    OwnRule,
}

/// What a peer can do.
#[expect(
    clippy::struct_excessive_bools,
    reason = "a table of independent answers"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Capabilities {
    /// It sees which call is made.
    pub number: bool,
    /// It sees the arguments.
    pub arguments: bool,
    /// It sees the result.
    pub result: bool,
    /// It sees memory that arguments point to.
    pub memory: bool,
    /// It can change a call or its result.
    pub change: bool,
    /// It follows children.
    pub children: bool,
    /// It goes on after execve(2).
    pub exec: bool,
    /// It can attach to a running process.
    pub attach: bool,
    /// It covers statically linked programs.
    pub static_programs: bool,
    /// It tells calls of other ABIs (`int 0x80`, x32) from native ones.
    pub foreign_abis: bool,
}

/// What a peer writes.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) format: Format,
    /// An empty file says that no call was counted.
    pub(crate) empty_is_none: bool,
    /// A line that says that events were lost; its group is how many, without one it is one.
    pub(crate) lost: Option<Regex>,
}

/// Why a description cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {what}; {remedy}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct DescriptionError {
    /// The file.
    pub file: String,
    /// The line, from 1, where it is one line.
    pub line: Option<usize>,
    /// The key, and what is wrong with it.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    name: String,
    summary: String,
    colour: Option<String>,
    binary: Option<String>,
    argv: Vec<String>,
    argv_all: Option<Vec<String>>,
    counts: Counts,
    end: PassesOn,
    #[serde(default)]
    beside_set: Vec<String>,
    privileges: Privileges,
    install: String,
    version: FileVersion,
    output: FileOutput,
    capabilities: Capabilities,
    #[serde(default)]
    remedies: Vec<FileRemedy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileVersion {
    argv: Vec<String>,
    regex: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileOutput {
    format: FormatName,
    /// Of format `lines`: a line that is an event.
    event: Option<String>,
    /// Of format `lines`: a line that is none.
    other: Option<String>,
    /// Of format `lines`: the call's name, where no line has it.
    call: Option<String>,
    #[serde(default)]
    empty_is_none: bool,
    lost: Option<String>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum FormatName {
    Strace,
    StraceSummary,
    PerfTraceSummary,
    Lines,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRemedy {
    said: String,
    remedy: String,
}

impl Description {
    /// Reads a description; `file` is what errors call it.
    ///
    /// # Errors
    /// [`DescriptionError`]: unknown, missing or wrong keys, unknown placeholders, bad regular
    /// expressions.
    pub fn parse(file: &str, text: &str) -> Result<Self, DescriptionError> {
        let read: File = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map(|span| text[..span.start].matches('\n').count() + 1);
            DescriptionError {
                file: file.to_owned(),
                // What is missing is missing in the whole table.
                line: line.filter(|_| !error.message().starts_with("missing field")),
                what: error.message().trim_end().replace('\n', " "),
                remedy: "correct it; harness/peers/strace.toml has every key".to_owned(),
            }
        })?;
        let mut description = read.check().map_err(|(what, remedy)| DescriptionError {
            file: file.to_owned(),
            line: None,
            what,
            remedy,
        })?;
        description.source = (file.to_owned(), text.to_owned());
        Ok(description)
    }

    pub(crate) fn with_binary(mut self, path: &OsStr) -> Self {
        path.clone_into(&mut self.replaced);
        self
    }

    /// Whether its binary is another than the description names.
    #[must_use]
    pub fn has_other_binary(&self) -> bool {
        self.replaced != *self.binary
    }

    /// All that makes it this peer, for [`Peer::from_bytes`](crate::Peer::from_bytes) in another process.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (file, text) = &self.source;
        // Neither a path nor TOML has a NUL byte.
        [file.as_bytes(), self.replaced.as_bytes(), text.as_bytes()].join(&0)
    }

    /// Its binary: a name to look for in `PATH`, or a path.
    #[must_use]
    pub fn binary(&self) -> &OsStr {
        &self.replaced
    }

    /// What it traces of a set.
    #[must_use]
    pub fn selects(&self) -> Selects {
        if self.argv.has_set() {
            Selects::Set
        } else if self.argv.has_names() {
            Selects::Names
        } else {
            Selects::OwnRule
        }
    }

    /// What stands before the program and what after its arguments, so that it traces `set`, as
    /// far as [`Description::selects`] says, and writes to `output`.
    #[must_use]
    pub fn words(&self, set: &TraceSet, output: &Path) -> (Vec<OsString>, Vec<OsString>) {
        let all = self.argv_all.as_ref().filter(|_| set.is_all());
        let binary = (self.binary.as_str(), self.replaced.as_os_str());
        all.unwrap_or(&self.argv).fill(set, output, binary)
    }

    /// Counts the events in what it wrote.
    ///
    /// # Errors
    /// [`CountError`].
    pub fn count(&self, output: impl BufRead) -> Result<Counted, CountError> {
        self.output.format.count(output, self.output.lost.as_ref())
    }

    /// The command that says its version.
    pub(crate) fn version_command(&self) -> Vec<OsString> {
        let word = |word: &String| {
            if *word == self.binary {
                self.replaced.clone()
            } else {
                word.into()
            }
        };
        self.version_words.iter().map(word).collect()
    }

    /// What helps where it said `text`.
    pub(crate) fn remedy(&self, text: &str) -> Option<&str> {
        let known = self.remedies.iter().find(|(said, _)| said.is_match(text));
        known.map(|(_, remedy)| remedy.as_str())
    }
}

/// The colour of a peer that names none.
const PLAIN: [u8; 3] = [0x8a, 0x6d, 0x3b];

/// `#rrggbb`.
fn colour(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let [_, colour @ ..] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some(colour)
}

/// What is wrong and what to do.
type Wrong = (String, String);

fn regex(key: &str, text: &str) -> Result<Regex, Wrong> {
    Regex::new(text).map_err(|error| {
        let error = error.to_string().replace('\n', " ");
        let what = format!("key `{key}`: bad regular expression '{text}': {error}");
        (what, "write it as the crate regex-lite reads it".to_owned())
    })
}

fn template(key: &str, words: &[String]) -> Result<Template, Wrong> {
    Template::new(words).map_err(|error| {
        let error = error.to_string();
        let (what, remedy) = error.split_once("; ").unwrap_or((&error, "correct it"));
        (format!("key `{key}`: {what}"), remedy.to_owned())
    })
}

fn wrong<T>(what: impl Into<String>, remedy: impl Into<String>) -> Result<T, Wrong> {
    Err((what.into(), remedy.into()))
}

impl File {
    fn check(self) -> Result<Description, Wrong> {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || !self.name.chars().all(letter) {
            return wrong(
                format!("key `name`: '{}' cannot be a mode's name", self.name),
                "use small letters, digits and '-'",
            );
        }
        if self.summary.is_empty() || self.summary.contains('\n') {
            return wrong("key `summary`: it must be one line", "write one line");
        }
        let colour = match self.colour.as_deref() {
            None => PLAIN,
            Some(text) => match colour(text) {
                Some(colour) => colour,
                None => {
                    return wrong(
                        format!("key `colour`: '{text}' is not a colour"),
                        "write #rrggbb",
                    );
                }
            },
        };
        let argv = template("argv", &self.argv)?;
        let argv_all = match &self.argv_all {
            None => None,
            Some(words) => Some(template("argv-all", words)?),
        };
        if argv_all
            .as_ref()
            .is_some_and(|all| all.has_set() || all.has_names())
        {
            return wrong(
                "key `argv-all`: it is for the trace set `all`, and has a placeholder for a set",
                "leave `{set}` and `{names}` out",
            );
        }
        let binary = self.binary.clone().unwrap_or_else(|| self.argv[0].clone());
        let version = &self.version.argv;
        let lines = [Some(&self.argv), self.argv_all.as_ref(), Some(version)];
        if let Some(line) = lines
            .into_iter()
            .flatten()
            .find(|line| !line.contains(&binary))
        {
            return wrong(
                format!(
                    "key `binary`: '{binary}' is no word of '{}'",
                    line.join(" ")
                ),
                "begin `argv`, `argv-all` and `version.argv` with the peer's binary, or name the word that it is",
            );
        }
        let version_regex = regex("version.regex", &self.version.regex)?;
        let remedies = self.remedies.iter().map(|known| {
            let said = regex("remedies.said", &known.said)?;
            Ok((said, known.remedy.clone()))
        });
        let remedies = remedies.collect::<Result<_, Wrong>>()?;
        Ok(Description {
            output: self.output.check()?,
            name: self.name,
            summary: self.summary,
            colour,
            source: (String::new(), String::new()),
            counts: self.counts,
            end: self.end,
            beside_set: self.beside_set,
            privileges: self.privileges,
            capabilities: self.capabilities,
            install: self.install,
            replaced: binary.clone().into(),
            binary,
            argv,
            argv_all,
            version_words: self.version.argv,
            version: version_regex,
            remedies,
        })
    }
}

impl FileOutput {
    fn check(self) -> Result<Output, Wrong> {
        let of_lines = [
            ("event", self.event.is_some()),
            ("other", self.other.is_some()),
            ("call", self.call.is_some()),
        ];
        let given = of_lines.iter().find(|(_, given)| *given);
        if let (Some((key, _)), true) = (given, self.format != FormatName::Lines) {
            return wrong(
                format!("key `output.{key}`: only format `lines` has it"),
                "leave it out, or write format = \"lines\"",
            );
        }
        let format = match self.format {
            FormatName::Strace => Format::Strace,
            FormatName::StraceSummary => Format::StraceSummary,
            FormatName::PerfTraceSummary => Format::PerfTraceSummary,
            FormatName::Lines => {
                let Some(event) = &self.event else {
                    return wrong(
                        "key `output.event`: it is missing, and format `lines` needs it",
                        "write a regular expression for the lines that are events",
                    );
                };
                let event = regex("output.event", event)?;
                // Group 0 is the whole line.
                if event.captures_len() < 2 && self.call.is_none() {
                    return wrong(
                        "key `output.event`: no group of it holds the call's name",
                        "put the name in parentheses, or name the call in `output.call`",
                    );
                }
                let other = self.other.as_deref();
                Format::Lines(Lines {
                    event,
                    other: other
                        .map(|other| regex("output.other", other))
                        .transpose()?,
                    call: self.call,
                })
            }
        };
        let lost = self.lost.as_deref();
        Ok(Output {
            format,
            empty_is_none: self.empty_is_none,
            lost: lost.map(|lost| regex("output.lost", lost)).transpose()?,
        })
    }
}
