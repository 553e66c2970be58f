//! How long it takes to load the programs of a level, to attach them and to detach them again.

use harness_stats::median;
use harness_syscalls::{Table, TraceSet};
use harness_tracepoint::{Level, Loaded, Options};
use std::time::{Duration, Instant};

/// The levels, with the modes that have them.
pub(crate) const LEVELS: [(&str, Level); 7] = [
    ("ebpf-empty", Level::Empty),
    ("ebpf-tree", Level::Tree),
    ("ebpf-count", Level::Count),
    ("ebpf-errors", Level::Errors),
    ("ebpf", Level::Time),
    ("ebpf-histogram", Level::Histogram),
    ("ebpf-stream", Level::Stream),
];

/// Times of one level, ms: median and greatest.
pub(crate) struct Times {
    pub(crate) load: [f64; 2],
    pub(crate) attach: [f64; 2],
    pub(crate) detach: [f64; 2],
}

pub(crate) fn measure(level: Level, rounds: usize) -> Result<Times, String> {
    let set = TraceSet::parse("all", Table::current()).map_err(|error| error.to_string())?;
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let start = Instant::now();
        let loaded = Loaded::new(Options::new(level), &set);
        let mut loaded = loaded.map_err(|error| error.to_string())?;
        let is_loaded = Instant::now();
        loaded.attach().map_err(|error| error.to_string())?;
        let is_attached = Instant::now();
        loaded.detach();
        let detaching = is_attached.elapsed();
        for (times, took) in
            times
                .iter_mut()
                .zip([is_loaded - start, is_attached - is_loaded, detaching])
        {
            times.push(milliseconds(took));
        }
    }
    let [load, attach, detach] = times.map(|times| {
        let middle = median(&times, 0.95).map_or(f64::NAN, |middle| middle.estimate);
        [middle, times.into_iter().fold(0.0, f64::max)]
    });
    Ok(Times {
        load,
        attach,
        detach,
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
