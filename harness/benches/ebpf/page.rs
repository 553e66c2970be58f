//! The page: every table, with what it was made from.

use crate::loading::{self, LEVELS};
use crate::runs;
use crate::steps::{STEPS, Taken, UNCHECKED};
use crate::tables;
use harness_stats::Interval;
use std::fmt::Write;
use std::path::Path;

/// Tracers of others that count in the kernel, beside ours.
const PEERS: [&str; 2] = ["perf-trace", "bpftrace"];

/// The page of a directory with the records `getppid` and, where it was taken, `peers`.
pub(crate) fn make(directory: &Path, rounds: usize) -> Result<String, String> {
    let taken = Taken::read(&directory.join("getppid"))?;
    let peers = Taken::read(&directory.join("peers")).ok();
    let mut page = String::from(HEAD);
    let record = &taken.record;
    let machine = tables::machine();
    let _ = writeln!(
        page,
        "Made by `scripts/ebpf-steps --runs {}` on {machine}, with harness {}; one CPU.\n",
        record.plan.runs,
        record
            .harness
            .revision
            .as_deref()
            .unwrap_or("of unknown revision")
    );
    steps(&mut page, &taken)?;
    unchecked(&mut page, &taken)?;
    programs(&mut page)?;
    loads(&mut page, rounds)?;
    if let Some(peers) = &peers {
        beside(&mut page, peers);
    }
    Ok(page)
}

const HEAD: &str = "# What each step of an eBPF program costs\n\n\
    A loop of getppid(2) on one CPU, under programs that do a little more each: nothing, a look at the task, a count, \
    errors, time, a histogram, a record of each call. All modes were measured in one run, interleaved. The price of a \
    step is the difference of two modes, paired by their place in that run, with its 95 % interval (Hodges–Lehmann, \
    signed-rank).\n\n";

fn steps(page: &mut String, taken: &Taken) -> Result<(), String> {
    page.push_str(
        "## Step by step\n\nMade from [getppid](getppid/report.html).\n\n\
         | step | mode | less | ns a call | ratio of the mode to untraced |\n|---|---|---|--:|--:|\n",
    );
    for step in STEPS {
        let ns = taken.difference(step.mode, step.before)?;
        let ratio = taken.ratio("getppid", step.mode);
        let _ = writeln!(
            page,
            "| {} | `{}` | `{}` | {} | {} |",
            step.what,
            step.mode,
            step.before,
            interval(ns, 0),
            ratio.map_or_else(|| "–".to_owned(), |ratio| interval(ratio, 2))
        );
    }
    page.push('\n');
    least(page, taken)
}

/// What no program that reads the clock twice a call can do without.
fn least(page: &mut String, taken: &Taken) -> Result<(), String> {
    let hooks = taken.difference("ebpf-empty", "none")?.estimate;
    let clocks = taken.difference("ebpf", "ebpf-errors")?.estimate;
    let (Some(empty), Some(all)) = (
        taken.ratio("getppid", "ebpf-empty"),
        taken.ratio("getppid", "ebpf"),
    ) else {
        return Ok(());
    };
    // The ratio of the hooks says what their price is in calls.
    let call = hooks / (empty.estimate - 1.0);
    let least = 1.0 + (hooks + clocks) / call;
    let _ = writeln!(
        page,
        "The two tracepoints and two readings of the clock alone make a call {least:.2} times as expensive; `ebpf`, which \
         also tells tasks, ABIs, numbers and errors apart, {:.2} times.\n",
        all.estimate
    );
    Ok(())
}

fn unchecked(page: &mut String, taken: &Taken) -> Result<(), String> {
    page.push_str(
        "## The look at the tree\n\nEach mode less the same program that takes every task of the machine for its own \
         (`MODE=unchecked`), which keeps what it knows of a call for each CPU instead of each task.\n\n\
         | mode | ns a call |\n|---|--:|\n",
    );
    for step in UNCHECKED {
        let ns = taken.difference(step.mode, step.before)?;
        let _ = writeln!(page, "| `{}` | {} |", step.mode, interval(ns, 0));
    }
    page.push('\n');
    Ok(())
}

fn programs(page: &mut String) -> Result<(), String> {
    page.push_str(
        "## Inside the programs\n\nHow long a run of a program takes, as the kernel times it (`BPF_ENABLE_STATS`, \
         `run_time_ns` by `run_cnt`). The times contain the reading of the clock, which the first line shows: an empty \
         program does nothing else. What a mode costs beyond them is the tracepoint's: the way through \
         `syscall_trace_enter` and `syscall_exit_work`, which a call without a tracepoint does not take.\n\n\
         | mode | `sys_enter`, ns | `sys_exit`, ns | machine code, bytes |\n|---|--:|--:|--:|\n",
    );
    for (mode, _) in LEVELS {
        let runs = runs::measure(mode)?;
        let of = |name: &str| runs.iter().find(|run| run.tracepoint == name);
        let ns = |name| of(name).map_or_else(|| "–".to_owned(), |run| format!("{:.0}", run.ns));
        let bytes = ["sys_enter", "sys_exit"]
            .map(|name| of(name).map_or_else(|| "–".to_owned(), |run| run.jited_bytes.to_string()));
        let _ = writeln!(
            page,
            "| `{mode}` | {} | {} | {} |",
            ns("sys_enter"),
            ns("sys_exit"),
            bytes.join(", ")
        );
    }
    page.push('\n');
    Ok(())
}

fn loads(page: &mut String, rounds: usize) -> Result<(), String> {
    let _ = write!(
        page,
        "## Loading and attaching\n\nMaps and programs for the trace set `all`, {rounds} times: median and greatest, ms. \
         The time of a run begins after that.\n\n| mode | load | attach | detach |\n|---|--:|--:|--:|\n"
    );
    for (mode, level) in LEVELS {
        let times = loading::measure(level, rounds)?;
        let cell = |[middle, most]: [f64; 2]| format!("{middle:.1} ({most:.1})");
        let _ = writeln!(
            page,
            "| `{mode}` | {} | {} | {} |",
            cell(times.load),
            cell(times.attach),
            cell(times.detach)
        );
    }
    page.push('\n');
    Ok(())
}

fn beside(page: &mut String, taken: &Taken) {
    page.push_str(
        "## Beside others that count in the kernel\n\nRatios to untraced, from [peers](peers/report.html).\n\n\
         | workload | mode | ratio |\n|---|---|--:|\n",
    );
    for workload in &taken.record.plan.workloads {
        for mode in ["ebpf-count", "ebpf", "ebpf-stream"]
            .into_iter()
            .chain(PEERS)
        {
            if let Some(ratio) = taken.ratio(&workload.name, mode) {
                let _ = writeln!(
                    page,
                    "| {} | `{mode}` | {} |",
                    workload.name,
                    interval(ratio, 2)
                );
            }
        }
    }
    page.push('\n');
}

/// An estimate with its interval.
fn interval(interval: Interval, digits: usize) -> String {
    let number = |value: f64| format!("{value:.digits$}").replace('-', "−");
    let limits = interval.low.zip(interval.high);
    let limits = limits.map_or_else(String::new, |(low, high)| {
        format!(" [{}, {}]", number(low), number(high))
    });
    number(interval.estimate) + &limits
}
