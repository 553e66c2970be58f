//! What else ran on the machine while samples were taken, and which blocks that spoils.
//!
//! CPU time of /proc/stat comes in ticks of 10 ms, so a figure of one short sample says little.
//! Everything here is judged on sums, from which what the ticks explain is taken off first.

use crate::{Plan, Sample, SampleStatus, WorkloadPlan};
use std::collections::BTreeMap;

/// Others may use this share of the CPU time of the CPUs of a run. A machine without other work
/// stays below it, kernel threads that work for the run included.
pub const MOST_OTHERS: f64 = 0.1;

/// The hypervisor may take this share of the CPU time that was wanted.
pub const MOST_STEAL: f64 = 0.05;

/// Threads may wait for a CPU in this share of the time, where the run leaves CPUs idle and
/// nothing says who else uses them.
pub const MOST_PRESSURE: f64 = 0.5;

/// Three standard errors of a sum over one sample and one CPU: three fields of /proc/stat, each cut
/// off to whole ticks at both ends.
const TICKS_NS: f64 = 30e6;

/// Sums over samples. What no sample knows is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    samples: u32,
    /// Wall time of the runs, ns.
    pub wall_ns: u64,
    /// Time in which the figures below were counted, ns.
    pub lifetime_ns: Option<u64>,
    /// CPU time of tracer and tracees, ns.
    pub own_ns: u64,
    /// CPU time of others on the CPUs of the run, ns.
    pub others_ns: Option<u64>,
    /// CPU time stolen from the CPUs of the run, ns.
    pub steal_ns: Option<u64>,
    /// Time in which some thread waited for a CPU, ns.
    pub pressure_ns: Option<u64>,
}

impl Load {
    /// Takes one more sample into account.
    pub fn add(&mut self, sample: &Sample) {
        let add = |sum: &mut Option<u64>, value: Option<u64>| {
            if let Some(value) = value {
                *sum = Some(sum.unwrap_or(0).saturating_add(value));
            }
        };
        self.samples = self.samples.saturating_add(1);
        self.wall_ns = self.wall_ns.saturating_add(sample.wall_ns);
        for ns in [
            Some(sample.user_ns),
            Some(sample.sys_ns),
            sample.tracer_user_ns,
            sample.tracer_sys_ns,
        ] {
            self.own_ns = self.own_ns.saturating_add(ns.unwrap_or(0));
        }
        add(&mut self.lifetime_ns, sample.lifetime_ns);
        add(&mut self.others_ns, sample.others_cpu_ns);
        add(&mut self.steal_ns, sample.steal_ns);
        add(&mut self.pressure_ns, sample.cpu_pressure_ns);
    }

    /// The sums over `samples`.
    #[must_use]
    pub fn of<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Self {
        let mut load = Self::default();
        for sample in samples {
            load.add(sample);
        }
        load
    }

    /// The share of the CPU time of `cpus` CPUs that others used, 0 to 1.
    #[must_use]
    pub fn others(&self, cpus: usize) -> Option<f64> {
        let available = self.lifetime_ns? as f64 * cpus as f64;
        (available > 0.0).then_some((self.others_ns? as f64 / available).min(1.0))
    }

    /// The same where it is more than `most`, whatever the ticks may add.
    #[must_use]
    pub fn others_beyond(&self, cpus: usize, most: f64) -> Option<f64> {
        let available = self.lifetime_ns? as f64 * cpus as f64;
        let certain = self.others_ns? as f64 - self.ticks_ns(cpus);
        self.others(cpus).filter(|_| certain > most * available)
    }

    /// The share that others must use beyond a limit before [`Self::others_beyond`] is certain of it,
    /// as the kernel counts in ticks.
    #[must_use]
    pub fn allowance(&self, cpus: usize) -> Option<f64> {
        let available = self.lifetime_ns? as f64 * cpus as f64;
        (available > 0.0).then(|| self.ticks_ns(cpus) / available)
    }

    /// The share of the CPU time that was wanted from `cpus` CPUs, 0 to 1, which the hypervisor took,
    /// where it is more than [`MOST_STEAL`]. `None` where no CPUs are known: records from before they
    /// were kept have the steal of all CPUs of the machine, which the run's own time says nothing about.
    #[must_use]
    pub fn stolen(&self, cpus: usize) -> Option<f64> {
        let stolen = self.steal_ns.filter(|_| cpus > 0)? as f64;
        let wanted = stolen + self.own_ns as f64 + self.others_ns.unwrap_or(0) as f64;
        let certain = stolen - self.ticks_ns(cpus);
        (certain > MOST_STEAL * wanted).then(|| stolen / wanted)
    }

    /// The share of the time in which some thread waited for a CPU.
    #[must_use]
    pub fn pressure(&self) -> Option<f64> {
        let lifetime = self.lifetime_ns.filter(|ns| *ns > 0)? as f64;
        Some(self.pressure_ns? as f64 / lifetime)
    }

    /// The same where it is more than [`MOST_PRESSURE`], nothing says what others used, and the run
    /// alone, which left half of its CPUs idle, does not explain it.
    #[must_use]
    pub fn unexplained_pressure(&self, cpus: usize) -> Option<f64> {
        let available = self.lifetime_ns? as f64 * cpus as f64;
        let idle = (self.own_ns as f64) < available / 2.0;
        let unknown = self.others_ns.is_none() && idle;
        self.pressure()
            .filter(|pressure| unknown && *pressure > MOST_PRESSURE)
    }

    fn ticks_ns(&self, cpus: usize) -> f64 {
        TICKS_NS * (f64::from(self.samples) * cpus as f64).sqrt()
    }
}

/// The blocks of a workload whose sums are `beyond` a limit; a whole block, failed samples included.
#[must_use]
pub fn blocks_beyond(
    samples: &[Sample],
    workload: &str,
    beyond: impl Fn(&Load) -> bool,
) -> Vec<u32> {
    let mut blocks: BTreeMap<u32, Load> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.workload == workload) {
        blocks.entry(sample.block).or_default().add(sample);
    }
    let spoiled = blocks.into_iter().filter(|(_, load)| beyond(load));
    spoiled.map(|(block, _)| block).collect()
}

/// Marks the samples of every block in which others used more than the plan's limit as
/// [`SampleStatus::Dropped`], and returns the number of such blocks. Failed ones stay failed.
pub fn leave_out_busy_blocks(samples: &mut [Sample], plan: &Plan) -> u32 {
    let Some(most) = plan.max_pressure else {
        return 0;
    };
    let mut count = 0;
    for WorkloadPlan { name, cpus, .. } in &plan.workloads {
        let beyond = |load: &Load| load.others_beyond(cpus.len(), most).is_some();
        let blocks = blocks_beyond(samples, name, beyond);
        for sample in samples.iter_mut() {
            let spoiled = sample.workload == *name && blocks.contains(&sample.block);
            if spoiled && sample.status == SampleStatus::Ok {
                sample.status = SampleStatus::Dropped;
            }
        }
        count += blocks.len();
    }
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The blocks of a workload that a limit of `most` could not judge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unjudged {
    /// Nothing says what others used in them.
    pub unknown: Vec<u32>,
    /// They are so short that what ticks may add is more than the limit; they were not left out.
    pub short: Vec<u32>,
}

/// The blocks of `workload` to which a limit of `most` could not be applied.
#[must_use]
pub fn unjudged_blocks(samples: &[Sample], workload: &WorkloadPlan, most: f64) -> Unjudged {
    let cpus = workload.cpus.len();
    let blocks = |beyond: &dyn Fn(&Load) -> bool| blocks_beyond(samples, &workload.name, beyond);
    Unjudged {
        unknown: blocks(&|load| load.others(cpus).is_none()),
        short: blocks(&|load| {
            let judged = load.others(cpus).is_none() || load.others_beyond(cpus, most).is_some();
            !judged && load.allowance(cpus).is_some_and(|share| share > most)
        }),
    }
}
