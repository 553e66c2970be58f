//! The calls of a record by number: the rows of `calls[]` and of `calls.csv`.

use crate::csv_rows;
use serde::{Deserialize, Serialize};

/// The calls of one number in the runs of one workload under one mode: medians per execution, over
/// the samples that count.
///
/// Where a mode counts an execution without this call it is 0 in it, so a call that was made in fewer
/// than half of the executions has a median of 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRow {
    /// Name of the workload.
    pub workload: String,
    /// Name of the mode.
    pub mode: String,
    /// Executions in the samples that count.
    pub executions: u64,
    /// The ABI the call was made by: `x86_64`, `i386` or `x32`.
    pub abi: String,
    /// Its number in that ABI's table; x32's without `__X32_SYSCALL_BIT`. `None` where the mode says
    /// a name that no table has, or that several numbers have. 1023 may stand for all numbers from
    /// there on.
    pub number: Option<u32>,
    /// Its name; the number where there is none.
    pub name: String,
    /// Calls; see [`CallStatistics::calls`](crate::CallStatistics::calls).
    pub calls: f64,
    /// Calls that returned an error; `None` where the mode does not see how calls return.
    pub errors: Option<f64>,
    /// Time of all these calls, nanoseconds; `None` where the mode does not measure it.
    pub total_ns: Option<f64>,
    /// Mean time of a call over all executions, nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_ns: Option<f64>,
    /// Median time of a call over all executions, nanoseconds, from a histogram: right within a
    /// factor of 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_ns: Option<f64>,
    /// Time that 99 % of the calls do not exceed, nanoseconds; as `median_ns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<f64>,
}

/// The columns of `calls.csv`.
const COLUMNS: [&str; 8] = [
    "workload", "mode", "abi", "number", "name", "calls", "errors", "total_ns",
];

/// The rows as CSV, header first. A figure that is not known is empty; a median that is no whole
/// number has one decimal.
#[must_use]
pub fn calls_csv(rows: &[CallRow]) -> String {
    let cells = |row: &CallRow| {
        let number = row.number.map(|number| number.to_string());
        [
            row.workload.clone(),
            row.mode.clone(),
            row.abi.clone(),
            number.unwrap_or_default(),
            row.name.clone(),
            median_text(row.calls),
            row.errors.map(median_text).unwrap_or_default(),
            row.total_ns.map(median_text).unwrap_or_default(),
        ]
    };
    let header = COLUMNS.map(str::to_owned);
    csv_rows(std::iter::once(header).chain(rows.iter().map(cells)))
}

/// A median of whole numbers: its digits, and one decimal where it is none.
#[must_use]
pub fn median_text(median: f64) -> String {
    let decimals = usize::from(median.fract() != 0.0);
    format!("{median:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_what_is_known() {
        let known = CallRow {
            workload: "ls, long".to_owned(),
            mode: "ptrace".to_owned(),
            executions: 10,
            abi: "x86_64".to_owned(),
            number: Some(257),
            name: "openat".to_owned(),
            calls: 20.0,
            errors: Some(2.5),
            total_ns: Some(1200.25),
            mean_ns: Some(60.0),
            median_ns: None,
            p99_ns: None,
        };
        let unknown = CallRow {
            number: None,
            name: "made_up".to_owned(),
            errors: None,
            total_ns: None,
            ..known.clone()
        };
        assert_eq!(
            calls_csv(&[known, unknown]),
            "workload,mode,abi,number,name,calls,errors,total_ns\n\
             \"ls, long\",ptrace,x86_64,257,openat,20,2.5,1200.2\n\
             \"ls, long\",ptrace,x86_64,,made_up,20,,\n"
        );
    }
}
