//! The tables of `perf trace -s -o FILE`, one a thread.
//!
//! ```text
//!
//!  Summary of events:
//!
//!  true (1234), 42 events, 95.5%
//!
//!    syscall            calls  errors  total       min       avg       max       stddev
//!                                      (msec)    (msec)    (msec)    (msec)        (%)
//!    --------------- --------  ------ -------- --------- --------- ---------     ------
//!    mmap                   8      0     0.050     0.003     0.006     0.011     14.00%
//!
//!
//! ```
//!
//! perf counts when a call returns (`thread__update_stats`, builtin-trace.c). Tried with perf 6.1:
//!
//! - The execve(2) that starts the program is there and exit_group(2) is not. A call in which a thread is killed is
//!   there: the tracepoint of its return comes before the death.
//! - A call that makes a task returns twice, and the second return stands in the new task's table, with 0.000 as the
//!   least time, as no entry belongs to it. It is left out here, since one call was made.
//! - Numbers are named by the native table alone: i386 and x32 calls appear under the names that their numbers have
//!   there, and numbers without a name are missing.
//! - `LOST N events!` stands before the tables, a line each time. Where no call was counted, only the title is there.
//! - When the first process has ended perf ends, too, whatever else of the program runs.
//!
//! Columns are found by their titles, as `errors` came later than the others. `total` is time on the clock, to the
//! microsecond.

use super::text::Text;
use super::{CountError, Counted, names};
use harness_syscalls::Abi;
use std::io::BufRead;

/// The unit of times.
const MILLISECONDS: &str = "(msec)";

const SUMMARY: &str = "Summary of events:";

/// Calls that return in a new task, too.
const MAKE_TASKS: [&str; 4] = ["clone", "clone3", "fork", "vfork"];

pub(super) fn count(text: &mut Text<'_, impl BufRead>) -> Result<Counted, CountError> {
    let mut counted = Counted::default();
    let mut in_summary = false;
    while let Some(line) = text.next()? {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if !in_summary {
            if line != SUMMARY {
                return Err(text.unknown(format!("`{SUMMARY}`")));
            }
            in_summary = true;
        } else if !is_thread(line) {
            if line.starts_with("syscall ") {
                table(text, &mut counted)?;
            } else {
                return Err(text.unknown("a thread's line or the header of its table"));
            }
        }
    }
    if text.number() > 0 && !in_summary {
        return Err(text.breaks_off(format!("`{SUMMARY}` is missing")));
    }
    Ok(counted)
}

/// Of a number of milliseconds with its decimals.
fn nanoseconds(milliseconds: &str) -> Option<u64> {
    let (whole, decimals) = milliseconds.split_once('.')?;
    let decimals = format!("{decimals:0<6}");
    let below: u64 = decimals.get(..6)?.parse().ok()?;
    let whole: u64 = whole.parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(below)
}

/// ` COMMAND (TID), N events, P%`, with more behind it where page faults are counted; `total` where
/// threads are not told apart. A command can have any characters.
fn is_thread(line: &str) -> bool {
    let Some((before, _)) = line.rsplit_once(" events") else {
        return false;
    };
    let Some((who, events)) = before.rsplit_once(", ") else {
        return false;
    };
    events.parse::<u64>().is_ok() && (who.ends_with(')') || who == "total")
}

/// Reads a table whose header was read last.
fn table(text: &mut Text<'_, impl BufRead>, counted: &mut Counted) -> Result<(), CountError> {
    const BREAKS_OFF: &str = "the table's rows are missing";
    let titles: Vec<String> = text.line().split_whitespace().map(str::to_owned).collect();
    let column = |wanted| titles.iter().position(|title| title == wanted);
    let (Some(calls), Some(least)) = (column("calls"), column("min")) else {
        return Err(text.unknown("a table with columns `calls` and `min`"));
    };
    let (errors, mut total) = (column("errors"), column("total"));
    for start in ["(", "-"] {
        match text.next()? {
            None => return Err(text.breaks_off(BREAKS_OFF)),
            Some(line) if line.trim_start().starts_with(start) => {
                // The unit of the first column that has one, which is the total's.
                if start == "(" && !line.trim_start().starts_with(MILLISECONDS) {
                    total = None;
                }
            }
            Some(_) => return Err(text.unknown("the units and the dashes of a table's header")),
        }
    }
    loop {
        let Some(line) = text.next()? else {
            return Err(text.breaks_off("the blank line after a table is missing"));
        };
        if line.trim().is_empty() {
            return Ok(());
        }
        let words: Vec<_> = line.split_whitespace().collect();
        let whole = |cell: &str| cell.parse::<u64>().ok();
        let cell = |column: usize, read: fn(&str) -> Option<u64>| read(words.get(column)?);
        // `None` where the column is there and cannot be read.
        let optional = |column: Option<usize>, read| match column {
            None => Some(None),
            Some(column) => cell(column, read).map(Some),
        };
        let row = (
            cell(calls, whole),
            optional(errors, whole),
            optional(total, nanoseconds),
        );
        let ((Some(count), Some(failed), Some(took)), true) = (row, words.len() == titles.len())
        else {
            return Err(text.unknown("a row of a table of perf trace -s"));
        };
        let name = words[0];
        let in_new_task = MAKE_TASKS.contains(&name) && words[least] == "0.000";
        let count = count.saturating_sub(u64::from(in_new_task));
        if count == 0 {
            continue;
        }
        let name = names::qualified(Abi::NATIVE, name);
        for (sum, value) in [(&mut counted.errors, failed), (&mut counted.total_ns, took)] {
            if let Some(value) = value {
                let of = sum.get_or_insert_default();
                *of.entry(name.clone()).or_default() += value;
            }
        }
        *counted.calls.entry(name).or_default() += count;
    }
}
