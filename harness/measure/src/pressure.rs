//! How much other load the machine had while a sample was taken.

use harness_sys::rusage;
use std::fs::read_to_string;
use std::os::unix::fs::MetadataExt;
use std::time::Instant;

/// A tick of /proc/stat: USER_HZ is 100 on every architecture Linux still supports.
const TICK_NS: u64 = 10_000_000;

/// What a sum of differences may fall behind and still be made up for, ticks a CPU.
const MOST_DEBT: f64 = 5.0;

/// Cumulative counters; differences belong to a sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pressure {
    at: Instant,
    steal_ns: Option<u64>,
    cpu_some_ns: Option<u64>,
    busy_ns: Option<u64>,
    own_ns: u64,
}

impl Pressure {
    /// Now, for a run on `cpus`.
    pub(crate) fn now(cpus: &[u32]) -> Self {
        let stat = own_stat();
        let stat = stat.as_deref();
        let (own, children) = (rusage::own(), rusage::children());
        Self {
            at: Instant::now(),
            steal_ns: stat.and_then(|stat| steal_ns(stat, cpus)),
            cpu_some_ns: read_to_string("/proc/pressure/cpu")
                .ok()
                .and_then(|text| some_ns(&text)),
            busy_ns: stat.and_then(|stat| busy_ns(stat, cpus)),
            own_ns: own.user_ns + own.sys_ns + children.user_ns + children.sys_ns,
        }
    }

    /// Time since `earlier`, ns.
    pub(crate) fn time_since(self, earlier: Self) -> u64 {
        let time = self.at.saturating_duration_since(earlier.at);
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
    }

    /// CPU time stolen from the CPUs of the run since `earlier`, ns.
    pub(crate) fn steal_since(self, earlier: Self) -> Option<u64> {
        Some(self.steal_ns?.saturating_sub(earlier.steal_ns?))
    }

    /// Time in which some task waited for a CPU since `earlier`, ns.
    pub(crate) fn cpu_since(self, earlier: Self) -> Option<u64> {
        Some(self.cpu_some_ns?.saturating_sub(earlier.cpu_some_ns?))
    }
}

/// CPU time of others, sample by sample: the busy time of the CPUs of a run less what the harness
/// and its descendants used, the tracees among them. Those that were never waited for, as their
/// parent ignores SIGCHLD, count as others (wait4(2) has no account of them).
///
/// A difference of ticks is now too small, now too large. What it was too small by is taken off
/// the next samples', so that sums are right also where each sample is shorter than a tick.
#[derive(Debug, Clone, Default)]
pub(crate) struct Others {
    debt_ns: u64,
}

impl Others {
    /// Between two readings, on `cpus` CPUs, ns; `None` where /proc/stat cannot be used.
    pub(crate) fn between(
        &mut self,
        before: Pressure,
        after: Pressure,
        cpus: usize,
    ) -> Option<u64> {
        let busy = after.busy_ns?.saturating_sub(before.busy_ns?);
        let own = after.own_ns.saturating_sub(before.own_ns);
        Some(self.take(busy, own, cpus))
    }

    fn take(&mut self, busy: u64, own: u64, cpus: usize) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and less than an hour whatever the machine"
        )]
        let most = (MOST_DEBT * TICK_NS as f64 * (cpus as f64).sqrt()) as u64;
        let paid = own.saturating_add(self.debt_ns);
        self.debt_ns = paid.saturating_sub(busy).min(most);
        busy.saturating_sub(paid)
    }
}

/// /proc/stat as the kernel has it. What a container mounts over it (lxcfs) tells of the
/// container alone.
fn own_stat() -> Option<String> {
    let device = |path| Some(std::fs::metadata(path).ok()?.dev());
    if device("/proc/stat")? != device("/proc")? {
        return None;
    }
    read_to_string("/proc/stat").ok()
}

/// User, nice and system time of `cpus` (proc_stat(5)), which are neither idle time nor that of
/// interrupts or other guests; `None` where one of them is missing, or the kernel counts nothing.
fn busy_ns(stat: &str, cpus: &[u32]) -> Option<u64> {
    let (_, total) = stat.lines().find_map(|line| fields_of(line, BUSY))?;
    sum_ns(stat, cpus, BUSY).filter(|_| total > 0)
}

/// Field `steal` of `cpus` (proc_stat(5)); `None` where one of them is missing.
fn steal_ns(stat: &str, cpus: &[u32]) -> Option<u64> {
    sum_ns(stat, cpus, STEAL)
}

/// First of the fields of a CPU in proc_stat(5), and how many.
type Fields = (usize, usize);
const BUSY: Fields = (0, 3);
const STEAL: Fields = (7, 1);

/// The sum of some fields over `cpus`.
fn sum_ns(stat: &str, cpus: &[u32], fields: Fields) -> Option<u64> {
    let lines = stat.lines().filter_map(|line| fields_of(line, fields));
    let lines: Vec<(&str, u64)> = lines.collect();
    let (_, total) = lines.iter().find(|(name, _)| *name == "cpu")?;
    if cpus.is_empty() {
        return None;
    }
    // Their sum is cut off to ticks once, each of them for itself.
    if lines.len() - 1 == cpus.len() {
        return Some(total * TICK_NS);
    }
    let of = |cpu: &u32| {
        let name = format!("cpu{cpu}");
        lines.iter().find(|(found, _)| *found == name)
    };
    let ticks: Option<u64> = cpus.iter().map(|cpu| Some(of(cpu)?.1)).sum();
    Some(ticks? * TICK_NS)
}

/// Name and ticks of a line of a CPU, or of the line of all.
fn fields_of(line: &str, (first, count): Fields) -> Option<(&str, u64)> {
    let mut words = line.split_whitespace();
    let name = words.next().filter(|name| name.starts_with("cpu"))?;
    let mut ticks = words.skip(first).map(|word| word.parse::<u64>().ok());
    let sum: Option<u64> = (0..count).map(|_| ticks.next()?).sum();
    Some((name, sum?))
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

    const STAT: &str = "cpu  10 2 3 400 5 6 7 89 0 0\ncpu0 6 1 1 200 2 3 4 45 0 0\ncpu3 4 1 2 200 3 3 3 44 0 0\nintr 1 2\n";

    #[test]
    fn reads_the_kernels_formats() {
        let pressure = "some avg10=0.00 avg60=0.12 avg300=0.05 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(some_ns(pressure), Some(123_456_000));
        assert_eq!(some_ns(""), None);
    }

    #[test]
    fn busy_time_and_steal_are_those_of_the_cpus_of_the_run() {
        for (cpus, busy, steal) in [
            (&[0, 3][..], Some(150_000_000), Some(890_000_000)),
            (&[0], Some(80_000_000), Some(450_000_000)),
            (&[3], Some(70_000_000), Some(440_000_000)),
            // Another's, as of a container that numbers its CPUs anew.
            (&[1], None, None),
            (&[0, 1, 3], None, None),
            (&[], None, None),
        ] {
            assert_eq!(busy_ns(STAT, cpus), busy, "{cpus:?}");
            assert_eq!(steal_ns(STAT, cpus), steal, "{cpus:?}");
        }
        // Before Linux 2.6.11 there was no such field.
        assert_eq!(steal_ns("cpu 1 2 3 4\ncpu0 1 2 3 4\n", &[0]), None);
        // A kernel of a sandbox that counts nothing.
        assert_eq!(
            busy_ns("cpu 0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0\n", &[0]),
            None
        );
        assert_eq!(busy_ns("", &[0]), None);
    }

    /// Sums are right to some ticks, whatever the length of a sample; none is negative.
    #[test]
    fn others_add_up_whatever_the_ticks() {
        const MS: u64 = 1_000_000;
        // Length of a sample, CPU time of the run and of others in it, ms; on two CPUs.
        for (own, others) in [
            (10, 0),
            (3, 0),
            (200, 0),
            (1, 7),
            (3, 1),
            (100, 100),
            (0, 20),
        ] {
            let mut account = Others::default();
            let (mut exact, mut sum) = (0, 0);
            let samples = 200;
            for _ in 0..samples {
                let before = exact / 10 * 10;
                exact += own + others;
                let busy = exact / 10 * 10 - before;
                sum += account.take(busy * MS, own * MS, 2);
            }
            let expected = samples * others * MS;
            let error = sum.abs_diff(expected);
            assert!(error <= 30 * MS, "{own} + {others}: {sum} for {expected}");
        }
    }

    /// A run that seems to have used more than there was cannot hide others for ever.
    #[test]
    fn little_is_made_up_for() {
        let mut account = Others::default();
        assert_eq!(account.take(0, 10_000 * TICK_NS, 1), 0);
        assert_eq!(account.take(100 * TICK_NS, 0, 1), 95 * TICK_NS);
        assert_eq!(account.take(100 * TICK_NS, 0, 1), 100 * TICK_NS);
    }
}
