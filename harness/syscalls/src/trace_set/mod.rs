//! The set of system calls to trace.

mod parse;

use std::fmt;

use crate::abi::{Abi, Arch, Multiplexer};
use crate::table::Table;

pub use parse::{ParseError, Reason};

/// Numbers a set keeps a bit for; the rest are beyond every table.
const BITS: usize = 576;

/// Which numbers of one ABI are in a set, from 0 up to [`BITS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers([u64; BITS / 64]);

impl Numbers {
    const NONE: Self = Self([0; BITS / 64]);

    fn insert(&mut self, nr: u32) {
        self.0[nr as usize / 64] |= 1 << (nr % 64);
    }

    fn remove(&mut self, nr: u32) {
        self.0[nr as usize / 64] &= !(1 << (nr % 64));
    }
}

const _: () = {
    let mut abi = 0;
    while abi < Abi::ALL.len() {
        let mut table = 0;
        while table < crate::tables::ALL.len() {
            assert!(crate::tables::ALL[table].abis[abi].len() <= BITS);
            table += 1;
        }
        abi += 1;
    }
};

/// A set of system calls, as `-e trace=` of strace(1) selects it, over every ABI of a [`Table`].
///
/// A negated set (and `all`) also holds every number that the table does not name, however high, and every call of a
/// foreign architecture; any other set holds none of those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSet {
    text: String,
    table: &'static Table,
    /// Indexed by [`Abi::index`].
    numbers: [Numbers; Abi::ALL.len()],
    /// A bit a call that the text names, before negation; indexed by [`Multiplexer`].
    subcalls: [u32; 2],
    negated: bool,
}

impl TraceSet {
    /// Reads strace's grammar:
    ///
    /// - `none`, `all`;
    /// - a list with commas of names, numbers, classes (`%file`, and the bare `desc`, `file`, `ipc`, `memory`,
    ///   `network`, `process`, `signal`), `all` (every named call) and `/regex` (anywhere in the name);
    /// - an element with `@64`, `@32` or `@x32` behind it means that ABI alone; with `?` before it, it may match nothing;
    /// - `!` before the whole negates it, once for each `!`.
    ///
    /// A name means every call of that name in any ABI, also those behind i386's socketcall(2) and ipc(2) (see
    /// [`TraceSet::contains_call`]).
    ///
    /// # Errors
    ///
    /// An element that means nothing in `table`, with its position, the reason and the nearest names.
    pub fn parse(text: &str, table: &'static Table) -> Result<Self, ParseError> {
        parse::parse(text, table)
    }

    /// Whether number `nr` of `abi` (for x32 without its bit, as [`Abi::of`] gives it) is in the set. O(1).
    #[inline]
    #[must_use]
    pub fn contains(&self, abi: Abi, nr: u32) -> bool {
        match self.numbers[abi.index()].0.get(nr as usize / 64) {
            Some(word) => word >> (nr % 64) & 1 == 1,
            None => self.negated,
        }
    }

    /// Like [`TraceSet::contains`], but tells the calls behind i386's socketcall(2) and ipc(2) apart by their first
    /// argument: `connect` then holds `socketcall(SYS_CONNECT, …)`, `!connect` holds every other socketcall.
    #[inline]
    #[must_use]
    pub fn contains_call(&self, abi: Abi, nr: u32, first_argument: u64) -> bool {
        let whole = self.contains(abi, nr);
        if abi == Abi::I386
            && let Some(multiplexer) = Multiplexer::of(nr)
        {
            let call = multiplexer.call(first_argument);
            let named = call < u32::BITS && self.subcalls[multiplexer as usize] >> call & 1 == 1;
            return if self.negated {
                whole && !named
            } else {
                whole || named
            };
        }
        whole
    }

    /// The calls of a multiplexer that [`TraceSet::contains_call`] decides otherwise than the multiplexer's own number,
    /// ascending.
    pub fn subcall_exceptions(&self, of: Multiplexer) -> impl Iterator<Item = u32> {
        let whole = self.contains(Abi::I386, of.nr());
        (0..u32::BITS)
            .filter(move |&call| self.contains_call(Abi::I386, of.nr(), call.into()) != whole)
    }

    /// The numbers of an ABI that are in the set and within the table, ascending.
    pub fn numbers(&self, abi: Abi) -> impl Iterator<Item = u32> {
        (0..self.table.size(abi)).filter(move |&nr| self.contains(abi, nr))
    }

    /// The names of an ABI's calls that are in the set, ascending by number.
    pub fn names(&self, abi: Abi) -> impl Iterator<Item = &'static str> {
        self.table
            .calls(abi)
            .filter(move |call| self.contains(abi, call.nr))
            .map(|call| call.name)
    }

    /// Whether numbers that the table does not name, and foreign architectures, are in the set: it is negated, or `all`.
    #[must_use]
    pub fn contains_unknown(&self) -> bool {
        self.negated
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers == [Numbers::NONE; Abi::ALL.len()] && self.subcalls == [0; 2]
    }

    /// Whether everything is in the set.
    #[must_use]
    pub fn is_all(&self) -> bool {
        let full = self
            .numbers
            .iter()
            .flat_map(|abi| abi.0)
            .all(|word| word == u64::MAX);
        full && self.subcalls == [0; 2]
    }

    /// A line that names the elements which mean something, but no call of `arch`, and so trace nothing there; `None` where
    /// there is none. Elements with a `?` before them may match nothing.
    #[must_use]
    pub fn absent_from(&self, arch: Arch) -> Option<String> {
        let elements = self.text.trim_start_matches('!').split(',');
        let absent = elements.filter(|element| {
            let named = !element.is_empty() && !element.starts_with('?') && *element != "none";
            named && Self::parse(element, self.table).is_ok_and(|alone| !alone.has_any(arch))
        });
        let absent: Vec<String> = absent.map(|element| format!("'{element}'")).collect();
        let (text, machine) = (&self.text, arch.native_abi());
        let (verb, traces) = match absent.len() {
            0 => return None,
            1 => ("is no call", "traces"),
            _ => ("are no calls", "trace"),
        };
        let absent = absent.join(", ");
        Some(format!(
            "trace set '{text}': {absent} {verb} of a machine of {machine} and {traces} nothing there"
        ))
    }

    /// Whether a call of the machine is in the set.
    fn has_any(&self, arch: Arch) -> bool {
        let abis = arch.abis();
        let subcalls = abis.contains(&Abi::I386) && self.subcalls != [0; 2];
        subcalls
            || abis
                .iter()
                .any(|abi| self.numbers[abi.index()] != Numbers::NONE)
    }

    /// The table its names were looked up in.
    #[must_use]
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// The same set and the calls of these names, in every ABI. Its text stays the one that was read.
    #[must_use]
    pub fn with(mut self, names: &[impl AsRef<str>]) -> Self {
        self.each_named(names, Numbers::insert);
        self
    }

    /// The same set without the calls of these names, in every ABI. Its text stays the one that was read.
    #[must_use]
    pub fn without(mut self, names: &[impl AsRef<str>]) -> Self {
        self.each_named(names, Numbers::remove);
        self
    }

    fn each_named(&mut self, names: &[impl AsRef<str>], change: fn(&mut Numbers, u32)) {
        for abi in Abi::ALL {
            for name in names {
                for nr in self.table.numbers_of(abi, name.as_ref()) {
                    change(&mut self.numbers[abi.index()], nr);
                }
            }
        }
    }

    /// The set that strace makes of it: with the calls that strace always traces.
    #[must_use]
    pub fn with_always_traced(mut self) -> Self {
        for abi in Abi::ALL {
            for call in self.table.calls(abi).filter(|call| call.always_traced) {
                self.numbers[abi.index()].insert(call.nr);
            }
        }
        self
    }
}

/// The text it was read from.
impl fmt::Display for TraceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
