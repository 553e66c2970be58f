//! The parser of trace sets; strace(1), `-e trace=syscall_set`, with the details of strace 6.1.

use std::fmt;

use regex_lite::Regex;

use super::{Numbers, TraceSet};
use crate::abi::{Abi, Multiplexer, X32_SYSCALL_BIT};
use crate::class::Class;
use crate::nearest::nearest;
use crate::table::{Syscall, Table};

/// Why a text is no trace set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trace set '{text}', element {position} '{element}': {reason}")]
pub struct ParseError {
    /// The whole text.
    pub text: String,
    /// Which element of the list, counted from 1.
    pub position: usize,
    /// That element.
    pub element: String,
    /// What is wrong with it and what to do.
    pub reason: Reason,
}

/// What is wrong with an element of a trace set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// There is no element.
    #[error("nothing is named; name system calls or classes, or write 'none' or 'all'")]
    Empty,
    /// No call has this name.
    #[error(
        "no such system call{}; a '?' before it ignores that",
        DidYouMean(nearest)
    )]
    UnknownName {
        /// Names it may have meant.
        nearest: Vec<&'static str>,
    },
    /// No class has this name.
    #[error(
        "no such class{}; 'harness list classes' lists them",
        DidYouMean(nearest)
    )]
    UnknownClass {
        /// Names it may have meant.
        nearest: Vec<&'static str>,
    },
    /// No ABI names this number.
    #[error(
        "no ABI has a system call of this number; to trace numbers that have no name, negate a set or write 'all'"
    )]
    UnknownNumber,
    /// The element means something, but not in the ABI that it asks for.
    #[error("matches nothing in the ABI after the '@'; leave the '@' out to match it in every ABI")]
    NotInAbi,
    /// Not one of the ABIs that can follow `@`.
    #[error("unknown ABI after the '@'; it is one of 64, 32, x32")]
    UnknownAbi,
    /// The regular expression cannot be read.
    #[error("bad regular expression: {cause}")]
    BadRegex {
        /// The parser's words.
        cause: String,
    },
    /// What only other dialects of regular expressions have.
    #[error(
        "'{found}' means something else or nothing in strace's regular expressions, which are POSIX extended ones"
    )]
    NotPosix {
        /// What stands there.
        found: String,
    },
    /// No name matches the regular expression.
    #[error("no system call's name matches this regular expression; a '?' before it ignores that")]
    RegexMatchesNothing,
    /// `!` within the list.
    #[error("'!' negates the whole list: write it once, before the first element")]
    NegationInside,
    /// `none` within a list.
    #[error("'none' stands alone: leave it out of the list")]
    NoneInList,
}

/// The hint of an error message.
struct DidYouMean<'a>(&'a [&'static str]);

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "; did you mean " } else { " or " })?;
            write!(f, "'{name}'")?;
        }
        if self.0.is_empty() {
            Ok(())
        } else {
            f.write_str("?")
        }
    }
}

pub(super) fn parse(text: &str, table: &'static Table) -> Result<TraceSet, ParseError> {
    let mut set = TraceSet {
        text: text.to_owned(),
        table,
        numbers: [Numbers::NONE; Abi::ALL.len()],
        subcalls: [0; 2],
        negated: false,
    };
    let list = text.trim_start_matches('!');
    let mut negated = (text.len() - list.len()) % 2 == 1;
    match list {
        "none" => {}
        "all" => negated = !negated,
        _ => {
            let error = |position, element: &str, reason| ParseError {
                text: text.to_owned(),
                position,
                element: element.to_owned(),
                reason,
            };
            let elements: Vec<&str> = list.split(',').collect();
            if elements.iter().all(|element| element.is_empty()) {
                return Err(error(1, "", Reason::Empty));
            }
            for (at, element) in elements.into_iter().enumerate() {
                // strace skips what is empty between commas.
                if !element.is_empty() {
                    set.add(element)
                        .map_err(|reason| error(at + 1, element, reason))?;
                }
            }
        }
    }
    if negated {
        set.negated = true;
        for word in set.numbers.iter_mut().flat_map(|abi| &mut abi.0) {
            *word = !*word;
        }
    }
    Ok(set)
}

impl TraceSet {
    /// Adds what one element means.
    fn add(&mut self, element: &str) -> Result<(), Reason> {
        let value = element.trim_start_matches('?');
        let may_miss = value.len() < element.len();
        let (value, abis) = match value.split_once('@') {
            Some((value, abi)) => (value, abis_of(abi).ok_or(Reason::UnknownAbi)?),
            None => (value, Abi::ALL.as_slice()),
        };
        let matched = if let Some(pattern) = value.strip_prefix('/') {
            posix_only(pattern)?;
            let regex = Regex::new(pattern).map_err(|error| Reason::BadRegex {
                cause: error.to_string(),
            })?;
            self.add_where(abis, |call, _| regex.is_match(call.name))
        } else if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
            // A number too large for 32 bits is as unknown as any other that is in no table.
            let nr = value.parse().unwrap_or(u32::MAX);
            self.add_numbered(abis, nr)
        } else if let Some(class) = Class::of_element(value) {
            self.add_where(abis, |call, _| call.classes.contains(class))
        } else if value == "all" {
            self.add_where(abis, |_, _| true)
        } else {
            self.add_where(abis, |call, _| call.name == value)
        };
        if matched || may_miss {
            return Ok(());
        }
        Err(self.why_nothing(value, abis.len() < Abi::ALL.len()))
    }

    /// Adds the calls of a number; whether there were any. With x32's bit it is one of x32 alone.
    fn add_numbered(&mut self, abis: &[Abi], nr: u32) -> bool {
        if nr & X32_SYSCALL_BIT == 0 {
            return self.add_where(abis, |call, real| real && call.nr == nr);
        }
        abis.contains(&Abi::X32)
            && self.add_where(&[Abi::X32], |call, _| call.nr == nr & !X32_SYSCALL_BIT)
    }

    /// Adds the calls that `wanted` picks; whether there were any. Its second argument is whether the call's number is
    /// one of the kernel's, or strace's for a call behind a multiplexer.
    fn add_where(&mut self, abis: &[Abi], wanted: impl Fn(&Syscall, bool) -> bool) -> bool {
        let mut any = false;
        for &abi in abis {
            for call in self.table.calls(abi) {
                let pseudo = abi == Abi::I386 && call.nr >= Multiplexer::Socketcall.pseudo_base();
                if wanted(call, !pseudo) {
                    self.numbers[abi.index()].insert(call.nr);
                    any = true;
                }
            }
        }
        if abis.contains(&Abi::I386) {
            for multiplexer in Multiplexer::ALL {
                for call in self.table.subcalls(multiplexer) {
                    if wanted(call, false) {
                        self.subcalls[multiplexer as usize] |= 1 << call.nr;
                        any = true;
                    }
                }
            }
        }
        any
    }

    /// Why `value` matched nothing.
    fn why_nothing(&self, value: &str, limited: bool) -> Reason {
        if limited && self.clone().add(value).is_ok() {
            return Reason::NotInAbi;
        }
        if value.starts_with('/') {
            return Reason::RegexMatchesNothing;
        }
        if value.starts_with('!') {
            return Reason::NegationInside;
        }
        if value == "none" {
            return Reason::NoneInList;
        }
        if value.starts_with('%') {
            return Reason::UnknownClass {
                nearest: nearest(value, self.table.classes().map(Class::name)),
            };
        }
        if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
            return Reason::UnknownNumber;
        }
        let names = Abi::ALL.into_iter().flat_map(|abi| self.table.calls(abi));
        Reason::UnknownName {
            nearest: nearest(value, names.map(|call| call.name)),
        }
    }
}

/// Refuses what other dialects mean by what POSIX (and so strace, regcomp(3) with `REG_EXTENDED`) takes for something
/// else.
fn posix_only(pattern: &str) -> Result<(), Reason> {
    let mut in_bracket = false;
    let mut chars = pattern.chars().peekable();
    let mut last = None;
    while let Some(char) = chars.next() {
        let next = chars.peek().copied();
        let other = match char {
            // `]` right behind `[` or `[^` stands for itself.
            ']' if in_bracket && !matches!(last, Some('[' | '^')) => {
                in_bracket = false;
                false
            }
            _ if in_bracket => char == '\\',
            '[' => {
                in_bracket = true;
                false
            }
            '\\' => {
                chars.next();
                next.is_some_and(|next| next.is_ascii_alphanumeric())
            }
            '(' | '*' | '+' | '?' | '}' => next == Some('?'),
            _ => false,
        };
        if other {
            return Err(Reason::NotPosix {
                found: next.map_or_else(|| char.to_string(), |next| format!("{char}{next}")),
            });
        }
        last = Some(char);
    }
    Ok(())
}

/// The ABIs of strace's designators: the 64-bit and the 32-bit ones of every machine, x32.
fn abis_of(designator: &str) -> Option<&'static [Abi]> {
    match designator {
        "64" => Some(&[Abi::X86_64, Abi::Aarch64]),
        "32" => Some(&[Abi::I386, Abi::Arm]),
        "x32" => Some(&[Abi::X32]),
        _ => None,
    }
}
