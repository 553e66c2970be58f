//! A progress bar with the time left, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::time::Duration;

/// Progress through the slots of a plan. Slots of one workload and mode take
/// about the same time, and those of different ones do not, so the time left
/// is the sum of what each has taken so far.
pub(crate) struct Progress {
    bar: ProgressBar,
    left: HashMap<(String, String), u64>,
    taken: HashMap<(String, String), (Duration, u32)>,
    remark: Option<String>,
}

impl Progress {
    /// For slots given as workload and mode; drawn, on a terminal, if `shown`.
    pub(crate) fn new(slots: impl Iterator<Item = (String, String)>, shown: bool) -> Self {
        let mut left = HashMap::new();
        for slot in slots {
            *left.entry(slot).or_default() += 1;
        }
        let target = if shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(left.values().sum()), target);
        // The template is a constant that parses.
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            left,
            taken: HashMap::new(),
            remark: None,
        }
    }

    /// Says what is being run now.
    pub(crate) fn start(&self, workload: &str, mode: &str, what: &str) {
        self.bar.set_message(self.message(workload, mode, what));
        self.bar.tick();
    }

    /// Has every message from now on end with this, or with nothing.
    pub(crate) fn remark(&mut self, text: Option<String>) {
        self.remark = text;
    }

    fn message(&self, workload: &str, mode: &str, what: &str) -> String {
        let left = self.time_left();
        let left = left.map_or_else(String::new, |left| format!(", {} left", human(left)));
        let remark = self.remark.as_deref();
        let remark = remark.map_or_else(String::new, |remark| format!("; {remark}"));
        format!("{what} {workload} under {mode}{left}{remark}")
    }

    /// Takes a run into account; `counted` if it was one of the plan's.
    pub(crate) fn done(&mut self, workload: &str, mode: &str, took: Duration, counted: bool) {
        let key = (workload.to_owned(), mode.to_owned());
        let (sum, runs) = self.taken.entry(key.clone()).or_default();
        *sum += took;
        *runs += 1;
        if counted {
            if let Some(left) = self.left.get_mut(&key) {
                *left = left.saturating_sub(1);
            }
            self.bar.inc(1);
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// `None` until every mode that is left has been seen once.
    fn time_left(&self) -> Option<Duration> {
        let mut sum = Duration::ZERO;
        for (key, &left) in self.left.iter().filter(|&(_, &left)| left > 0) {
            let (taken, runs) = self.taken.get(key)?;
            sum += *taken / *runs * u32::try_from(left).ok()?;
        }
        Some(sum)
    }
}

fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds >= 60 {
        format!("{} min {} s", seconds / 60, seconds % 60)
    } else {
        format!("{seconds} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(mode: &str) -> (String, String) {
        ("w".to_owned(), mode.to_owned())
    }

    #[test]
    fn time_left_is_the_sum_over_the_slots_that_are_left() {
        let mut progress = Progress::new([slot("a"), slot("a"), slot("b")].into_iter(), false);
        assert_eq!(progress.time_left(), None);
        progress.done("w", "a", Duration::from_secs(1), false);
        progress.done("w", "b", Duration::from_secs(10), true);
        assert_eq!(progress.time_left(), Some(Duration::from_secs(2)));
        assert_eq!(human(Duration::from_secs(61)), "1 min 1 s");
        let message = progress.message("w", "a", "measuring");
        assert_eq!(message, "measuring w under a, 2 s left");
        for (remark, end) in [
            (Some("others use 83 %"), "left; others use 83 %"),
            (None, "2 s left"),
        ] {
            progress.remark(remark.map(str::to_owned));
            let message = progress.message("w", "a", "measuring");
            assert!(message.ends_with(end), "{message}");
        }
    }
}
