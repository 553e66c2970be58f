//! What was measured: a row a contender, by set.

use harness_stats::Interval;
use harness_sys::probe_calls::Idle;

/// The confidence level of all intervals.
pub(crate) const LEVEL: f64 = 0.95;

/// One contender on one set.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) peer: bool,
    pub(crate) instructions: usize,
    /// Executed instructions a call of the profile.
    pub(crate) mean: f64,
    pub(crate) worst: u32,
    pub(crate) cacheable: bool,
    /// Nanoseconds.
    pub(crate) allowed: Option<Interval>,
    /// Nanoseconds.
    pub(crate) traced: Option<Interval>,
    /// Microseconds.
    pub(crate) compile: Interval,
    /// How many names of the set it does not know.
    pub(crate) unknown: usize,
}

/// One set.
pub(crate) struct SetRows {
    pub(crate) set: &'static str,
    /// The fewest instructions that any program can execute on average.
    pub(crate) floor: f64,
    pub(crate) allowed: Option<Idle>,
    pub(crate) traced: Option<Idle>,
    /// Nanoseconds of the allowed call without a filter.
    pub(crate) unfiltered: Option<Interval>,
    /// The program that strace would install.
    pub(crate) shorter: &'static str,
    /// Time of an allowed and of a traced call under `optimal`, relative to that program.
    pub(crate) to_strace: [Option<Interval>; 2],
    pub(crate) rows: Vec<Row>,
}

impl SetRows {
    pub(crate) fn row(&self, name: &str) -> &Row {
        let mut rows = self.rows.iter();
        rows.find(|row| row.name == name).expect("a contender")
    }

    pub(crate) fn best_peer(&self) -> &Row {
        let peers = self.rows.iter().filter(|row| row.peer);
        peers
            .min_by(|a, b| a.mean.total_cmp(&b.mean))
            .expect("there are peers")
    }
}
