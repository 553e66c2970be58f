//! The table of `strace -f -c -o FILE`, one an ABI.
//!
//! ```text
//! % time     seconds  usecs/call     calls    errors syscall
//! ------ ----------- ----------- --------- --------- ----------------
//!  60.00    0.000300         300         1           execve
//! ------ ----------- ----------- --------- --------- ----------------
//! 100.00    0.000500          50        10         1 total
//! System call usage summary for 32 bit mode:
//! % time …
//! ```
//!
//! The dashes say where a column is, as the cell of `errors` is blank where there were none; columns
//! are found by their titles, of which newer versions have more. The calls must add up to the total.
//!
//! `seconds` is CPU time in the kernel, or time on the clock with `-w`, and the table does not say which. It is not read.
//!
//! strace counts here when a call returns, as tried with strace 6.1: exit_group(2) and calls whose thread is killed in
//! them are missing, and so are numbers without a name (`count_syscall`, count.c). Where it counted no call it
//! writes nothing at all. A call whose number it could not read, as its thread was killed, is a line
//! `PID ???( <detached ...>` before the tables. An i386 number without a name, below the 546 of its table, makes it die of SIGSEGV when it
//! writes the table.

use super::text::Text;
use super::{CountError, Counted, names};
use harness_syscalls::Abi;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::ops::Range;

const SECTION: &str = "System call usage summary for ";
const HEADER: &str = "% time";
const BROKEN_TABLE: &str = "the table's total is missing";

/// Where the columns are that matter.
struct Columns {
    calls: Range<usize>,
    errors: Range<usize>,
    name: usize,
}

pub(super) fn count(text: &mut Text<'_, impl BufRead>) -> Result<Counted, CountError> {
    let mut counted = Counted {
        errors: Some(BTreeMap::new()),
        ..Counted::default()
    };
    while let Some(line) = text.next()? {
        // Calls that strace could not make anything of stand before the tables, the last of them
        // perhaps without the end of its line.
        let call = line.split_once('(').map(|(head, _)| head);
        let name = call.and_then(|head| head.rsplit(' ').next());
        if name.is_some_and(names::is_unreadable) {
            counted.unreadable += 1;
            if let Some(at) = line.find(HEADER) {
                let header = line[at..].to_owned();
                table(text, &header, Abi::NATIVE, &mut counted)?;
            }
            continue;
        }
        let mut abi = Abi::NATIVE;
        if let Some(mode) = line.strip_prefix(SECTION) {
            abi = match mode {
                "32 bit mode:" => Abi::I386,
                "x32 mode:" => Abi::X32,
                _ => return Err(text.unknown("the summary of an ABI that is not known")),
            };
            if text.next()?.is_none() {
                return Err(text.breaks_off("the ABI's table is missing"));
            }
        }
        let header = text.line().to_owned();
        table(text, &header, abi, &mut counted)?;
    }
    Ok(counted)
}

/// Reads a table whose header was read last.
fn table(
    text: &mut Text<'_, impl BufRead>,
    header: &str,
    abi: Abi,
    counted: &mut Counted,
) -> Result<(), CountError> {
    if !header.starts_with(HEADER) {
        return Err(text.unknown("the header of a table of strace -c"));
    }
    let columns = match text.next()? {
        None => return Err(text.breaks_off(BROKEN_TABLE)),
        Some(line) => columns(header, line),
    };
    let Some(columns) = columns else {
        return Err(text.unknown("dashes under the columns `calls`, `errors` and `syscall`"));
    };
    let mut sum = 0;
    while let Some(line) = text.next()? {
        if is_divider(line) {
            return total(text, &columns, sum);
        }
        let Some((calls, errors, name)) = columns.row(line) else {
            return Err(text.unknown("a row of a table of strace -c"));
        };
        sum += calls;
        let name = names::qualified(abi, name);
        if errors > 0 {
            let of = counted.errors.get_or_insert_default();
            *of.entry(name.clone()).or_default() += errors;
        }
        *counted.calls.entry(name).or_default() += calls;
    }
    Err(text.breaks_off(BROKEN_TABLE))
}

fn total(text: &mut Text<'_, impl BufRead>, columns: &Columns, sum: u64) -> Result<(), CountError> {
    match text.next()? {
        None => Err(text.breaks_off(BROKEN_TABLE)),
        Some(line) => match columns.row(line) {
            Some((calls, _, "total")) if calls == sum => Ok(()),
            Some((_, _, "total")) => {
                Err(text.unknown(format!("the rows above add up to {sum} calls")))
            }
            _ => Err(text.unknown("the total of a table of strace -c")),
        },
    }
}

fn is_divider(line: &str) -> bool {
    !line.is_empty() && line.chars().all(|c| c == '-' || c == ' ')
}

fn columns(header: &str, divider: &str) -> Option<Columns> {
    if !is_divider(divider) {
        return None;
    }
    let mut at = 0;
    let ranges = divider.split(' ').map(|dashes| {
        let range = at..at + dashes.len();
        at = range.end + 1;
        range
    });
    let ranges: Vec<_> = ranges.collect();
    let titled = |title: &str| {
        let range = ranges.iter().find(|range| {
            let end = range.end.min(header.len());
            header.get(range.start..end).map(str::trim) == Some(title)
        });
        range.cloned()
    };
    let name = titled("syscall")?;
    // Only in the last column can a cell be longer than the dashes.
    let is_last = ranges.last() == Some(&name);
    is_last.then_some(())?;
    Some(Columns {
        calls: titled("calls")?,
        errors: titled("errors")?,
        name: name.start,
    })
}

impl Columns {
    /// Calls, errors and name of a row.
    fn row<'a>(&self, line: &'a str) -> Option<(u64, u64, &'a str)> {
        let calls = line.get(self.calls.clone())?.trim().parse().ok()?;
        let errors = match line.get(self.errors.clone())?.trim() {
            "" => 0,
            errors => errors.parse().ok()?,
        };
        let name = line.get(self.name..)?.trim_end();
        let is_word = !name.is_empty() && !name.contains(' ');
        is_word.then_some((calls, errors, name))
    }
}
