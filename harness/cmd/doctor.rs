//! `harness doctor`: what can be measured here, and what would disturb it.

mod ebpf;

use crate::cmd::{Exit, print};
use harness_mode::Group;
use harness_record::Environment;
use harness_tracepoint::survey;
use std::fmt::Write;

/// Say which modes can run here, and what on this machine would disturb a measurement
///
/// Ends with 1 if a core mode cannot run.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> anyhow::Result<Exit> {
    let mut text = String::new();
    // First, as it looks at who else has attached programs.
    let survey = survey();
    let mut exit = Exit::Fine;
    writeln!(text, "modes")?;
    for mode in harness_mode::registry() {
        let about = mode.about();
        match mode.check() {
            Ok(facts) => {
                let facts = facts.iter().map(|(name, value)| format!("{name}: {value}"));
                let facts = facts.collect::<Vec<_>>().join("; ");
                let facts = if facts.is_empty() {
                    facts
                } else {
                    format!(" ({facts})")
                };
                writeln!(text, "  ok    {}{facts}", about.name)?;
            }
            Err(why) => {
                writeln!(
                    text,
                    "  no    {}: {}\n        remedy: {}",
                    about.name, why.reason, why.remedy
                )?;
                if about.group == Group::Core {
                    exit = Exit::Error;
                }
            }
        }
    }
    if let Err(why) = harness_sys::pid_namespace::check() {
        writeln!(text, "  no    measurement at all: {why}")?;
        exit = Exit::Error;
    }
    writeln!(text, "eBPF, which the ebpf modes need")?;
    for line in ebpf::lines(&survey) {
        let mark = match line.good {
            Some(true) => "ok",
            Some(false) => "no",
            None => "",
        };
        writeln!(text, "  {mark:5} {:25} {}", line.name, line.found)?;
        if let Some(remedy) = line.remedy {
            writeln!(text, "        remedy: {remedy}")?;
        }
    }
    let here = harness_measure::environment::read();
    writeln!(text, "machine")?;
    for (name, value) in machine(&here) {
        writeln!(text, "  {name:22} {value}")?;
    }
    writeln!(text, "what would disturb a measurement")?;
    let mut disturbances = disturbances(&here);
    disturbances.extend(ebpf::disturbances(&survey));
    for line in &disturbances {
        writeln!(text, "  - {line}")?;
    }
    if disturbances.is_empty() {
        writeln!(text, "  nothing found")?;
    }
    print(&text)?;
    Ok(exit)
}

fn machine(here: &Environment) -> Vec<(&'static str, String)> {
    let known = |value: Option<String>| value.unwrap_or_else(|| "not known".to_owned());
    let cpu = format!(
        "{}, {} online",
        known(here.cpu.model.clone()),
        here.cpu.online
    );
    vec![
        (
            "kernel",
            format!("{} {}", here.kernel_release, here.architecture),
        ),
        ("system", known(here.os.clone())),
        ("processor", cpu),
        ("allowed processors", format!("{:?}", here.cpu.allowed)),
        (
            "virtualisation",
            here.virtualization
                .clone()
                .unwrap_or_else(|| "none seen".to_owned()),
        ),
        ("seccomp-stop order", known(here.seccomp_stop_order.clone())),
        ("calls read from", known(here.call_source.clone())),
        ("seccomp cache", {
            let cache = here.caches_filters().map(|cache| {
                if cache {
                    "allowed calls of cacheable filters are cached"
                } else {
                    "none: filters are run for every call (5.11 and later cache what they allow)"
                }
            });
            known(cache.map(str::to_owned))
        }),
        (
            "BPF JIT",
            known(
                here.bpf_jit_enable
                    .map(|enabled| (enabled != 0).to_string()),
            ),
        ),
        (
            "Yama ptrace_scope",
            here.yama_ptrace_scope
                .map_or_else(|| "no Yama".to_owned(), |scope| scope.to_string()),
        ),
        ("clock source", known(here.clock_source.clone())),
        (
            "user",
            format!(
                "{}{}",
                here.euid,
                if here.cap_sys_admin {
                    ", CAP_SYS_ADMIN"
                } else {
                    ""
                }
            ),
        ),
    ]
}

fn disturbances(here: &Environment) -> Vec<String> {
    let mut found = Vec::new();
    if here.seccomp.mode.is_some_and(|mode| mode != 0) {
        found.push(format!(
            "this process runs under {} seccomp filter(s) already: every mode pays for them, and one that is not cacheable \
             takes the kernel's cache from ours",
            here.seccomp.filters.unwrap_or(1)
        ));
    }
    if here.call_source.as_deref() == Some("registers") {
        found.push(
            "PTRACE_GET_SYSCALL_INFO is not there (Linux 5.3): registers are read at each stop instead, which takes up to \
             two calls more, so compare with no record that was taken with it"
                .to_owned(),
        );
    }
    if here.bpf_jit_enable == Some(0) {
        found.push("filters are interpreted, as the BPF JIT is off; enable it: sysctl net.core.bpf_jit_enable=1".to_owned());
    }
    if here.cpu.allowed.len() < 2 {
        found.push("one processor is allowed: --pin split cannot be measured".to_owned());
    }
    let processors = f64::from(here.cpu.online.max(1));
    if let Some(load) = here.load_average.filter(|load| *load > processors / 2.0) {
        found.push(format!(
            "other work is running: load average {load} on {} processors; stop it",
            here.cpu.online
        ));
    }
    if let Some(governor) = here
        .governor
        .as_deref()
        .filter(|governor| *governor != "performance")
    {
        found.push(format!(
            "frequency governor {governor}: set performance (cpupower frequency-set -g performance)"
        ));
    }
    if here.virtualization.is_some() {
        found.push(
            "a virtual machine: time may be stolen by the host; compare ratios, not times"
                .to_owned(),
        );
    }
    found
}
