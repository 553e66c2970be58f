//! How much other load the machine had while a sample was taken.

use std::fs::read_to_string;

/// Cumulative counters; differences belong to a sample.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pressure {
    steal_ns: Option<u64>,
    cpu_some_ns: Option<u64>,
}

impl Pressure {
    pub(crate) fn now() -> Self {
        Self {
            steal_ns: read_to_string("/proc/stat")
                .ok()
                .and_then(|text| steal_ns(&text)),
            cpu_some_ns: read_to_string("/proc/pressure/cpu")
                .ok()
                .and_then(|text| some_ns(&text)),
        }
    }

    /// CPU time stolen from this virtual machine since `earlier`, all CPUs, ns.
    pub(crate) fn steal_since(self, earlier: Self) -> Option<u64> {
        Some(self.steal_ns?.saturating_sub(earlier.steal_ns?))
    }

    /// Time in which some task waited for a CPU since `earlier`, ns.
    pub(crate) fn cpu_since(self, earlier: Self) -> Option<u64> {
        Some(self.cpu_some_ns?.saturating_sub(earlier.cpu_some_ns?))
    }
}

/// Field `steal` of the first line of proc_stat(5), in USER_HZ, which is 100 on
/// every architecture Linux still supports.
fn steal_ns(stat: &str) -> Option<u64> {
    const NS_PER_TICK: u64 = 10_000_000;
    let ticks: u64 = stat
        .lines()
        .next()?
        .split_whitespace()
        .nth(8)?
        .parse()
        .ok()?;
    Some(ticks * NS_PER_TICK)
}

/// `total=` of the line `some`, microseconds (Documentation/accounting/psi.rst).
fn some_ns(pressure: &str) -> Option<u64> {
    let some = pressure.lines().find(|line| line.starts_with("some"))?;
    let total = some
        .split_whitespace()
        .find_map(|field| field.strip_prefix("total="))?;
    Some(total.parse::<u64>().ok()? * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_formats() {
        let stat = "cpu  10 2 3 400 5 6 7 89 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(steal_ns(stat), Some(890_000_000));
        let pressure = "some avg10=0.00 avg60=0.12 avg300=0.05 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(some_ns(pressure), Some(123_456_000));
        assert_eq!(some_ns(""), None);
        assert_eq!(steal_ns("cpu 1 2"), None);
    }
}
