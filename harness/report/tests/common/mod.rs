//! Synthetic measurements with known properties.

#![allow(dead_code, reason = "no test uses all of it")]

use harness_record::{
    Counter, Counts, Cpu, Environment, FilterPlan, FilterSummary, Hooks, ModePlan, Pin, Plan,
    Provenance, Record, SCHEMA_VERSION, Sample, SampleStatus, SeccompState, Slot, State,
    WorkloadPlan,
};
use harness_report::summarise;
use harness_stats::random::Rng;
use std::collections::BTreeMap;

/// A mode of a synthetic measurement.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    /// Time under it divided by the untraced time.
    pub(crate) ratio: f64,
    /// Stops of one execution; `None` where it has no tracer.
    pub(crate) stops: Option<u64>,
}

pub(crate) const fn mode(name: &'static str, ratio: f64, stops: Option<u64>) -> Mode {
    Mode { name, ratio, stops }
}

/// The core modes with the ratios of the talk's headline.
pub(crate) const CORE: [Mode; 4] = [
    mode("none", 1.0, None),
    mode("ptrace", 2.001, Some(9_471_204)),
    mode("seccomp-linear", 1.029, Some(42_310)),
    mode("seccomp-bitmap", 1.031, Some(42_310)),
];

pub(crate) fn workload(name: &str) -> WorkloadPlan {
    WorkloadPlan {
        name: name.into(),
        command: vec!["harness".into(), "workload".into(), name.into()],
        trace: "connect".into(),
        pin: Pin::None,
        placement: None,
        cpus: vec![0, 1],
        warmup: Some(1),
        times_itself: false,
        operations: None,
        loop_syscalls: None,
        stated_calls: Some(BTreeMap::from([
            ("connect".to_string(), 12),
            ("read".to_string(), 4_720_000),
        ])),
        stated_traced_events: Some(12),
        stated_execs: None,
        stated_tasks: None,
    }
}

pub(crate) fn plan(workloads: Vec<WorkloadPlan>, modes: &[Mode], runs: u32) -> Plan {
    let mut order = Vec::new();
    for workload in &workloads {
        for pass in 0..runs {
            for mode in modes {
                order.push(Slot {
                    workload: workload.name.clone(),
                    mode: mode.name.into(),
                    block: pass / 2,
                    pass,
                    side: None,
                });
            }
        }
    }
    let mut filters = Vec::new();
    for workload in &workloads {
        for mode in modes {
            if let Some(compiler) = mode.name.strip_prefix("seccomp-") {
                filters.push(FilterPlan {
                    workload: workload.name.clone(),
                    mode: mode.name.into(),
                    filter: FilterSummary {
                        compiler: compiler.into(),
                        instructions: 41,
                        cacheable: compiler == "linear",
                        allowed_calls: Some(371),
                        cached_calls: Some(if compiler == "linear" { 371 } else { 0 }),
                    },
                });
            }
        }
    }
    Plan {
        seed: 42,
        runs,
        warmup: 1,
        max_pressure: None,
        ignore_failure: false,
        accept_variation: false,
        workloads,
        modes: modes
            .iter()
            .map(|mode| ModePlan {
                name: mode.name.into(),
                available: true,
                unavailable_reason: None,
                traces_set: true,
                ..ModePlan::default()
            })
            .collect(),
        hooks: Hooks::default(),
        order,
        filters,
    }
}

/// A sample of `executions` runs that take `wall_ns` each.
pub(crate) fn sample(slot: &Slot, executions: u32, wall_ns: u64) -> Sample {
    let total = u64::from(executions);
    Sample {
        index: 0,
        workload: slot.workload.clone(),
        mode: slot.mode.clone(),
        block: slot.block,
        pass: slot.pass,
        status: SampleStatus::Ok,
        error: None,
        executions,
        exit_code: Some(0),
        signal: None,
        wall_ns: total * wall_ns,
        loop_ns: None,
        user_ns: total * 1_600_000_000,
        sys_ns: total * 300_000_000,
        tracer_user_ns: None,
        tracer_sys_ns: None,
        tracee_voluntary: total * 36_000,
        tracee_involuntary: total * 120,
        tracer_voluntary: None,
        tracer_involuntary: None,
        counts: no_stops(),
        max_rss_kib: Some(4096),
        env_padding_bytes: 0,
        steal_ns: Some(0),
        cpu_pressure_ns: None,
        others_cpu_ns: Some(0),
        lifetime_ns: Some(total * wall_ns),
        started_ns: 0,
        side: None,
    }
}

/// What a mode counts under which nothing stops.
fn no_stops() -> Counts {
    let stops = |counter: Counter| counter.info().column.starts_with("stops_").then_some(0);
    Counts::from_fn(stops)
}

/// What the slots of a plan would record: 2 s untraced, noise of about 1 %.
pub(crate) fn samples(plan: &Plan, modes: &[Mode]) -> Vec<Sample> {
    let mut rng = Rng::new(plan.seed);
    let mut samples = Vec::new();
    for (index, slot) in (0..).zip(&plan.order) {
        let mode = modes.iter().find(|mode| mode.name == slot.mode).unwrap();
        let noise = rng.below(20_000_000);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive and small"
        )]
        let wall_ns = (2e9 * mode.ratio) as u64 + noise;
        let mut sample = sample(slot, 1, wall_ns);
        sample.index = index;
        if let Some(stops) = mode.stops {
            sample.counts.set(Counter::Stops, Some(stops));
            sample
                .counts
                .set(Counter::SyscallEnterStops, Some(stops / 2));
            sample
                .counts
                .set(Counter::SyscallExitStops, Some(stops - stops / 2));
            sample.counts.set(Counter::TracedEvents, Some(12));
            sample.tracer_user_ns = Some(0);
            sample.tracer_voluntary = Some(2 + stops);
            sample.tracer_involuntary = Some(0);
            sample.tracee_voluntary += stops;
            sample.tracer_sys_ns = Some(stops * 2_000);
        }
        if mode.name == "ptrace" {
            sample.counts.set(Counter::Syscalls, Some(4_735_602));
        }
        samples.push(sample);
    }
    samples
}

pub(crate) fn record(plan: Plan, samples: &[Sample]) -> Record {
    let results = summarise(&plan, samples);
    Record {
        schema_version: SCHEMA_VERSION,
        calls: Vec::new(),
        harness: Provenance {
            version: "0.1.0".into(),
            revision: Some("0123456789ab".into()),
        },
        command: [
            "harness",
            "run",
            "--workload",
            "make-sim",
            "--modes",
            "all",
            "--seed",
            "42",
        ]
        .map(String::from)
        .to_vec(),
        started_at: "2026-01-02T03:04:05Z".into(),
        finished_at: Some("2026-01-02T03:09:05Z".into()),
        state: State::Complete,
        environment: Environment {
            host: "build-7".into(),
            kernel_release: "6.1.0-18-amd64".into(),
            kernel_version: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1".into(),
            architecture: "x86_64".into(),
            os: Some("Debian GNU/Linux 12 (bookworm)".into()),
            cpu: Cpu {
                model: Some("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz".into()),
                online: 2,
                allowed: vec![0, 1],
                cores: vec![vec![0], vec![1]],
            },
            memory_kib: Some(8_000_000),
            mitigations: BTreeMap::from([("spectre_v2".into(), "Mitigation: IBRS".into())]),
            bpf_jit_enable: Some(1),
            bpf_jit_harden: Some(0),
            yama_ptrace_scope: Some(1),
            seccomp: SeccompState::default(),
            clock_source: Some("tsc".into()),
            governor: None,
            cgroup_limits: BTreeMap::from([("cpu.max".into(), "max 100000".into())]),
            virtualization: Some("kvm".into()),
            randomize_va_space: Some(2),
            euid: 0,
            cap_sys_admin: true,
            seccomp_stop_order: Some("after-enter".into()),
            call_source: Some("syscall-info".into()),
            seccomp_cache: Some(true),
            btf: None,
            bpf_stats_enabled: None,
            unprivileged_bpf_disabled: None,
            lockdown: None,
            load_average: Some(0.25),
            others_runnable: Some(0),
        },
        plan,
        results,
        dropped_blocks: 0,
        warnings: Vec::new(),
    }
}

/// The whole way for one workload.
pub(crate) fn measured(name: &str, modes: &[Mode], runs: u32) -> Record {
    let plan = plan(vec![workload(name)], modes, runs);
    let samples = samples(&plan, modes);
    record(plan, &samples)
}
