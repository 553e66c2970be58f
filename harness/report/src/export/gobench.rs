//! Go's benchmark text, a line a sample, for benchstat.
//!
//! R. Cox, A. Clements, "Go Benchmark Data Format", <https://golang.org/design/14313-benchmark-format>,
//! with the unit lines of <https://golang.org/issue/43744>. An operation is one of the workload's
//! own loop where it times itself, else one execution. `benchstat -col /mode` compares the modes of
//! one record; two records are compared where machine, kernel, trace set, pinning and command are
//! the same, as benchstat makes a table for each configuration.

#![expect(
    clippy::format_push_string,
    reason = "write! would add a Result that is never an error"
)]

use super::{Entry, ExportFormat, Source, Written, exported, slug};
use crate::caption::parameters_text;
use crate::tables::printable;
use harness_record::{Counter, Environment, Sample, TimeMeasure};

pub(super) const FORMAT: ExportFormat = ExportFormat {
    name: "gobench",
    summary: "Go's benchmark text, a line a sample, for benchstat",
    write,
};

fn write(source: &Source) -> Written {
    let environment = &source.record.environment;
    let mut results = String::new();
    let mut left_out = Vec::new();
    let mut workload = None;
    for entry in &source.entries {
        let lines: Vec<_> = (entry.samples.iter())
            .filter_map(|sample| result_line(environment, entry, sample))
            .collect();
        if lines.is_empty() {
            left_out.push(entry.left_out("no sample of it has the time of its loop"));
            continue;
        }
        if workload.replace(&entry.workload.name) != Some(&entry.workload.name) {
            push_workload(&mut results, entry);
        }
        results.push_str(&lines.concat());
    }
    let text = (!results.is_empty()).then(|| {
        let mut text = String::new();
        push_machine(&mut text, environment);
        push_units(&mut text, &source.entries);
        text.push_str(&results);
        text
    });
    Written { text, left_out }
}

/// What holds for all that follows.
fn push_machine(text: &mut String, environment: &Environment) {
    let goarch = match environment.architecture.as_str() {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    push_configuration(text, "goos", "linux");
    push_configuration(text, "goarch", goarch);
    push_configuration(text, "pkg", "harness");
    let model = environment.cpu.model.as_deref();
    push_configuration(text, "cpu", model.unwrap_or("unknown"));
    push_configuration(text, "kernel", &environment.kernel_release);
}

/// What holds until the next workload.
fn push_workload(text: &mut String, entry: &Entry) {
    push_configuration(text, "trace", &entry.workload.trace);
    push_configuration(text, "pin", entry.workload.pin.name());
    push_configuration(text, "command", &parameters_text(entry.workload));
}

fn push_configuration(text: &mut String, key: &str, value: &str) {
    // A value ends with its line.
    text.push_str(&format!("{key}: {}\n", printable(value).trim()));
}

/// Counts that never varied are to be compared exactly, at n = 1.
fn push_units(text: &mut String, entries: &[Entry]) {
    for counter in exported() {
        let count = |sample: &Sample| sample.counts.get(counter);
        let unit = unit(counter);
        let counted = |entry: &Entry| {
            let counts = entry
                .samples
                .iter()
                .map(|sample| Some((count(sample)?, sample.executions)));
            counts.collect::<Option<Vec<_>>>().unwrap_or_default()
        };
        let same = |pair: &[(u64, u32)]| {
            u128::from(pair[0].0) * u128::from(pair[1].1)
                == u128::from(pair[1].0) * u128::from(pair[0].1)
        };
        let exact = entries
            .iter()
            .all(|entry| counted(entry).windows(2).all(same));
        let assume = if exact { " assume=exact" } else { "" };
        text.push_str(&format!("Unit {unit} better=lower{assume}\n"));
    }
}

/// `traced-events/op`.
fn unit(counter: Counter) -> String {
    format!("{}/op", slug(counter))
}

/// `None` where the time of the loop is missing.
fn result_line(environment: &Environment, entry: &Entry, sample: &Sample) -> Option<String> {
    let executions = u64::from(sample.executions);
    let (time, operations) = match entry.workload.time_measure() {
        TimeMeasure::WallNs => (sample.wall_ns, executions),
        TimeMeasure::LoopNs => (
            sample.loop_ns.filter(|ns| *ns > 0)?,
            executions.saturating_mul(entry.workload.operations.unwrap_or(1).max(1)),
        ),
    };
    let per_operation = |total: u64| number(total as f64 / operations as f64);
    let cpu = [
        sample.user_ns,
        sample.sys_ns,
        sample.tracer_user_ns.unwrap_or(0),
        sample.tracer_sys_ns.unwrap_or(0),
    ];
    let cpu = cpu.into_iter().fold(0, u64::saturating_add);
    let mut line = format!(
        "{}\t{operations}\t{} ns/op\t{} cpu-ns/op",
        name(environment, entry),
        per_operation(time),
        per_operation(cpu)
    );
    for counter in exported() {
        let count = sample.counts.get(counter);
        // Zero stops would leave benchstat without a geometric mean.
        if let Some(count) = count.filter(|_| !entry.is_untraced()) {
            line.push_str(&format!("\t{} {}", per_operation(count), unit(counter)));
        }
    }
    line.push('\n');
    Some(line)
}

/// `BenchmarkMakeSim/mode=ptrace-2`: the number is that of the CPUs and is left out where it is 1,
/// as the testing package does.
fn name(environment: &Environment, entry: &Entry) -> String {
    let mut name = String::from("Benchmark");
    for word in entry.row.workload.split(|c: char| !c.is_alphanumeric()) {
        let mut letters = word.chars();
        name.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        name.extend(letters);
    }
    name.push_str("/mode=");
    // A name ends with its field.
    name.extend((entry.row.mode.chars()).map(|c| {
        if c.is_whitespace() || c.is_control() {
            '_'
        } else {
            c
        }
    }));
    match environment.cpu.allowed.len() {
        0 if environment.cpu.online > 1 => name.push_str(&format!("-{}", environment.cpu.online)),
        0 | 1 => {}
        cpus => name.push_str(&format!("-{cpus}")),
    }
    name
}

/// To a millionth, without zeros at the end.
fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}
