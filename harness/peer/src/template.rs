//! Command lines with placeholders. Pure.

use harness_syscalls::{Abi, TraceSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Stands for the program and its arguments.
const COMMAND: &str = "{command}";

/// What can stand between braces, and what it stands for.
const PLACEHOLDERS: &[(&str, Option<Piece>)] = &[
    ("command", None),
    ("names", Some(Piece::Names)),
    ("output", Some(Piece::Output)),
    ("set", Some(Piece::Set)),
];

/// A command line with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// Before the program and its arguments; the first one is the peer's binary or what starts it.
    before: Vec<Word>,
    /// After them.
    after: Vec<Word>,
}

/// One word, in pieces that are put together without anything between them.
type Word = Vec<Piece>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The trace set in strace's grammar.
    Set,
    /// The names of the set's native calls, with commas between them.
    Names,
    /// The path of the file that the peer writes.
    Output,
}

/// What is wrong with a command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error("it is empty; write the peer's binary as its first word")]
    Empty,
    #[error("`{{{0}}}` is no placeholder; the known ones are {known}, and a brace itself is written twice", known = known())]
    Unknown(String),
    #[error("word `{0}` has a brace without its partner; a brace itself is written twice")]
    Unbalanced(String),
    #[error("`{COMMAND}` stands within the word `{0}`; make it a word of its own")]
    CommandInWord(String),
    #[error("`{COMMAND}` is missing; write it where the program and its arguments belong")]
    NoCommand,
    #[error("`{COMMAND}` stands there twice; write it once")]
    TwoCommands,
    #[error("`{{output}}` is missing; write it where the path of the peer's output belongs")]
    NoOutput,
    #[error("its first word has a placeholder; write the peer's binary there")]
    FirstWord,
}

fn known() -> String {
    let known = PLACEHOLDERS.iter().map(|(name, _)| format!("`{{{name}}}`"));
    known.collect::<Vec<_>>().join(", ")
}

impl Template {
    pub(crate) fn new(words: &[String]) -> Result<Self, TemplateError> {
        let at = words.iter().position(|word| word == COMMAND);
        let pieces = |words: &[String]| -> Result<Vec<Word>, TemplateError> {
            words.iter().map(|word| pieces(word)).collect()
        };
        let Some(at) = at else {
            pieces(words)?;
            return Err(if words.is_empty() {
                TemplateError::Empty
            } else {
                TemplateError::NoCommand
            });
        };
        let after = &words[at + 1..];
        if after.iter().any(|word| word == COMMAND) {
            return Err(TemplateError::TwoCommands);
        }
        let template = Self {
            before: pieces(&words[..at])?,
            after: pieces(after)?,
        };
        match template.before.first().map(Vec::as_slice) {
            Some([Piece::Text(_)]) => {}
            _ => return Err(TemplateError::FirstWord),
        }
        if !template.has(&Piece::Output) {
            return Err(TemplateError::NoOutput);
        }
        Ok(template)
    }

    pub(crate) fn has_set(&self) -> bool {
        self.has(&Piece::Set)
    }

    pub(crate) fn has_names(&self) -> bool {
        self.has(&Piece::Names)
    }

    fn has(&self, piece: &Piece) -> bool {
        let words = self.before.iter().chain(&self.after);
        words.flatten().any(|one| one == piece)
    }

    /// The words before the program and those after its arguments. Those that are `binary.0`
    /// become `binary.1`.
    pub(crate) fn fill(
        &self,
        set: &TraceSet,
        output: &Path,
        binary: (&str, &OsStr),
    ) -> (Vec<OsString>, Vec<OsString>) {
        let names = set.names(Abi::NATIVE).collect::<Vec<_>>().join(",");
        let word = |word: &Word| {
            if let [Piece::Text(text)] = word.as_slice()
                && text == binary.0
            {
                return binary.1.to_owned();
            }
            let mut filled = OsString::new();
            for piece in word {
                match piece {
                    Piece::Text(text) => filled.push(text),
                    Piece::Set => filled.push(set.to_string()),
                    Piece::Names => filled.push(&names),
                    Piece::Output => filled.push(output),
                }
            }
            filled
        };
        (
            self.before.iter().map(word).collect(),
            self.after.iter().map(word).collect(),
        )
    }
}

/// A word in pieces. A brace that is written twice is one of the word's own.
fn pieces(word: &str) -> Result<Word, TemplateError> {
    let unbalanced = || TemplateError::Unbalanced(word.to_owned());
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = word;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix(brace) {
            text.push_str(brace);
            rest = after;
            continue;
        }
        if brace == "}" {
            return Err(unbalanced());
        }
        let (name, after) = after.split_once('}').ok_or_else(unbalanced)?;
        if name.contains('{') {
            return Err(unbalanced());
        }
        let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
        let (_, piece) = known.ok_or_else(|| TemplateError::Unknown(name.to_owned()))?;
        let piece = piece.as_ref();
        let piece = piece.ok_or_else(|| TemplateError::CommandInWord(word.to_owned()))?;
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(piece.clone());
        rest = after;
    }
    text.push_str(rest);
    if !text.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_syscalls::Table;

    fn template(words: &[&str]) -> Result<Template, TemplateError> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        Template::new(&words)
    }

    #[test]
    fn placeholders_are_filled_in_and_double_braces_are_braces() {
        let words = [
            "p",
            "-e",
            "{set}",
            "a={names}!",
            "{{ x }}",
            "{output}.p",
            "{command}",
            "p",
            "",
        ];
        let template = template(&words).expect("a template");
        let set = TraceSet::parse("getpid,getppid", Table::current()).expect("a set");
        let binary = ("p", OsStr::new("/opt/p"));
        let (before, after) = template.fill(&set, Path::new("/o"), binary);
        let expected = [
            "/opt/p",
            "-e",
            "getpid,getppid",
            "a=getpid,getppid!",
            "{ x }",
            "/o.p",
        ];
        assert_eq!(before, expected);
        assert_eq!(after, ["/opt/p", ""]);
        assert!(template.has_set() && template.has_names());
    }

    #[test]
    fn each_mistake_is_named_with_what_to_do() {
        let cases: &[(&[&str], &str)] = &[
            (&[], "it is empty; write"),
            (
                &["p", "{out}", "{command}"],
                "`{out}` is no placeholder; the known ones are `{command}`, `{names}`, `{output}`, `{set}`, \
                 and a brace itself is written twice",
            ),
            (
                &["p", "{output}", "{comand}"],
                "`{comand}` is no placeholder",
            ),
            (
                &["p", "{output", "{command}"],
                "word `{output` has a brace without",
            ),
            (
                &["p", "output}", "{command}"],
                "word `output}` has a brace without",
            ),
            (
                &["p", "{{output}", "{command}"],
                "word `{{output}` has a brace",
            ),
            (
                &["p", "{output}", "-c {command}", "{command}"],
                "stands within the word `-c {command}`; make it a word of its own",
            ),
            (&["p", "{output}"], "`{command}` is missing"),
            (
                &["p", "{output}", "{command}", "{command}"],
                "twice; write it once",
            ),
            (&["p", "{command}"], "`{output}` is missing"),
            (&["{output}", "{command}"], "first word has a placeholder"),
            (&["{command}", "{output}"], "first word has a placeholder"),
        ];
        for (words, message) in cases {
            let error = template(words).unwrap_err().to_string();
            assert!(error.contains(message), "{words:?}: {error}");
        }
    }
}
