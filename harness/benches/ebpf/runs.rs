//! How long the programs run themselves, as the kernel times it (`BPF_ENABLE_STATS`): what is left of a
//! mode's price is the tracepoint's. A process of its own for each level, as a mode has it.

use crate::loading::LEVELS;
use harness_stats::median;
use harness_sys::launcher::Launch;
use harness_sys::{bpf, process};
use harness_syscalls::{Table, TraceSet};
use harness_tracepoint::{Options, Tracepoint, Tracked, observe};
use std::ffi::OsString;
use std::process::{Command, ExitCode};

pub(crate) const WORD: &str = "__observe";
pub(crate) const CALLS_WORD: &str = "__calls";

/// Calls that the observed program makes in its loop.
const CALLS: u32 = 200_000;

/// Of one program at a tracepoint of calls.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) tracepoint: String,
    /// Of one run, ns; reading the clock before and after it is a part.
    pub(crate) ns: f64,
    /// Instructions that the kernel makes of it, bytes of machine code.
    pub(crate) jited_bytes: u32,
}

/// How often each level is measured.
const ROUNDS: usize = 5;

/// The programs at the tracepoints of calls of one level: medians.
pub(crate) fn measure(mode: &str) -> Result<Vec<Run>, String> {
    let rounds: Vec<Vec<Run>> = (0..ROUNDS).map(|_| once(mode)).collect::<Result<_, _>>()?;
    let mut runs = Vec::new();
    for (at, first) in rounds[0].iter().enumerate() {
        let all: Vec<f64> = rounds
            .iter()
            .filter_map(|runs| Some(runs.get(at)?.ns))
            .collect();
        let middle = median(&all, 0.95).map_err(|error| error.to_string())?;
        runs.push(Run {
            ns: middle.estimate,
            ..first.clone()
        });
    }
    Ok(runs)
}

fn once(mode: &str) -> Result<Vec<Run>, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(own).args([WORD, mode]).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .map(|line| parse(line).ok_or_else(|| format!("{mode}: {line}")))
        .collect()
}

fn parse(line: &str) -> Option<Run> {
    let mut words = line.split_whitespace();
    Some(Run {
        tracepoint: words.next()?.to_owned(),
        ns: words.next()?.parse().ok()?,
        jited_bytes: words.next()?.parse().ok()?,
    })
}

/// `MODE`: observes [`calls`] and prints a line for each program.
pub(crate) fn main(words: &[String]) -> ExitCode {
    let found = LEVELS.iter().find(|(mode, _)| words == [*mode]);
    let Some(&(_, level)) = found else {
        eprintln!("{WORD} takes a mode of eBPF");
        return ExitCode::from(2);
    };
    match observed(Options::new(level)) {
        Ok(lines) => {
            print!("{lines}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn observed(options: Options) -> Result<String, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    process::become_subreaper().map_err(|error| text(&error))?;
    let set = TraceSet::parse("getppid", Table::current()).map_err(|error| text(&error))?;
    let own = std::env::current_exe().map_err(|error| text(&error))?;
    let arguments = [own.clone().into_os_string(), OsString::from(CALLS_WORD)];
    let launch = Launch::new(
        own.as_os_str(),
        arguments.iter().map(OsString::as_os_str),
        std::iter::empty::<(OsString, OsString)>(),
    );
    let launch = launch.map_err(|error| text(&error))?;
    let _statistics = bpf::enable_statistics().map_err(|error| text(&error))?;
    let outcome = observe(&launch, options, Tracked::Program, &set, None);
    let outcome = outcome.map_err(|error| text(&error))?;
    let of_calls = outcome
        .programs
        .iter()
        .filter(|(tracepoint, _)| matches!(tracepoint, Tracepoint::SysEnter | Tracepoint::SysExit));
    let lines = of_calls.map(|(tracepoint, info)| {
        let ns = info.run_time_ns as f64 / info.run_count.max(1) as f64;
        format!("{} {ns} {}\n", tracepoint.name(), info.jited_bytes)
    });
    Ok(lines.collect())
}

/// Makes the calls.
pub(crate) fn calls(_: &[String]) -> ExitCode {
    for _ in 0..CALLS {
        let _ = process::parent();
    }
    ExitCode::SUCCESS
}
