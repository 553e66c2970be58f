//! What a table or picture must say about where its numbers come from.

#![expect(
    clippy::format_push_string,
    reason = "write! would add a Result that is never an error"
)]

use harness_record::{Environment, Pin, Provenance, Record, Relation, State, WorkloadPlan, steers};

/// A command as it would be typed into a POSIX shell. Control characters are
/// written in the way of `$'…'`.
pub(crate) fn command_text(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=:,./@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    if !word.chars().any(steers) {
        return format!("'{}'", word.replace('\'', "'\\''"));
    }
    let mut out = String::from("$'");
    for c in word.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if steers(c) => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    out.push_str(&format!("\\x{byte:02x}"));
                }
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// What was executed, without the seed: that changes the order of a workload's work, not its
/// amount.
pub(crate) fn parameters_text(workload: &WorkloadPlan) -> String {
    without_seed(&workload.command)
}

/// The same without what each record calibrates for itself.
pub(crate) fn uncalibrated_text(workload: &WorkloadPlan) -> String {
    without_seed(&workload.uncalibrated_command())
}

fn without_seed(words: &[String]) -> String {
    let seed = words.iter().position(|word| word == "--seed");
    let seed = seed.filter(|_| words.get(1).is_some_and(|word| word == "__workload"));
    let words: Vec<_> = (words.iter().enumerate())
        .filter(|(at, _)| seed.is_none_or(|seed| *at != seed && *at != seed + 1))
        .map(|(_, word)| word.clone())
        .collect();
    command_text(&words)
}

/// The processors and what they are seen through.
pub(crate) fn machine_text(environment: &Environment) -> String {
    let model = environment.cpu.model.as_deref();
    let mut text = format!(
        "{}: {} × {}",
        environment.host,
        environment.cpu.online,
        model.unwrap_or("CPU of unknown model")
    );
    if let Some(hypervisor) = &environment.virtualization {
        text.push_str(&format!(", virtualised by {hypervisor}"));
    }
    text
}

/// Kernel and architecture.
pub(crate) fn kernel_text(environment: &Environment) -> String {
    format!(
        "Linux {} {}",
        environment.kernel_release, environment.architecture
    )
}

/// The program that measured.
pub(crate) fn harness_text(harness: &Provenance) -> String {
    match &harness.revision {
        Some(revision) => format!("harness {} ({revision})", harness.version),
        None => format!("harness {}", harness.version),
    }
}

/// How the measurement ended, where that is not the planned end.
pub(crate) fn state_text(record: &Record) -> Option<String> {
    match &record.state {
        State::Complete => None,
        State::Running => Some(
            "The measurement has not ended, or the harness was killed; these are the samples so far."
                .to_string(),
        ),
        State::Interrupted { signal } => Some(format!(
            "The measurement was interrupted by signal {signal}; these are the samples until then."
        )),
        State::Failed { reason } => Some(format!(
            "The measurement failed: {reason}; these are the samples until then."
        )),
    }
}

/// What a pinning is.
pub(crate) fn pin_text(pin: Pin) -> &'static str {
    match pin {
        Pin::SameCpu => "tracer and tracees pinned to one CPU",
        Pin::Split => "tracer pinned to one CPU, tracees to another",
        Pin::None => "not pinned",
    }
}

/// Where tracer and tracees ran.
pub(crate) fn placement_text(workload: &WorkloadPlan) -> String {
    let Some(placement) = workload.placement else {
        return pin_text(workload.pin).to_owned();
    };
    let (tracer, tracees) = (placement.tracer, placement.tracees);
    let relation = match placement.relation {
        Relation::SameCpu => return format!("tracer and tracees pinned to CPU {tracer}"),
        Relation::DifferentCores => ", another core",
        Relation::DifferentPackages => ", a core of another package",
        Relation::Siblings => ", a sibling on the same core",
        Relation::Unknown => "",
    };
    format!("tracer pinned to CPU {tracer}, tracees to CPU {tracees}{relation}")
}

/// The start to the second: RFC 3339 without a fraction.
pub(crate) fn start_text(record: &Record) -> String {
    let start = &record.started_at;
    match start.split_once('.') {
        Some((second, fraction)) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{second}{zone}")
        }
        None => start.clone(),
    }
}

/// The lines under a picture: machine and kernel, harness and plan, the
/// workload's command, and the command that measured.
pub(crate) fn caption(record: &Record, workload: &WorkloadPlan) -> Vec<String> {
    vec![
        format!(
            "{}; {}",
            machine_text(&record.environment),
            kernel_text(&record.environment)
        ),
        format!(
            "{}, {}; trace set {}; {}; seed {}",
            harness_text(&record.harness),
            start_text(record),
            workload.trace,
            placement_text(workload),
            record.plan.seed
        ),
        format!("Measured: {}", command_text(&workload.command)),
        format!("By: {}", command_text(&record.command)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed can be pasted, and cannot steer a terminal.
    #[test]
    fn commands_are_quoted_for_a_shell() {
        for (word, expected) in [
            ("make", "make"),
            ("-j2", "-j2"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("$HOME", "'$HOME'"),
            ("<&>\"", "'<&>\"'"),
            ("a\nb'\u{1b}[31m", "$'a\\nb\\'\\x1b[31m'"),
            ("\u{85}", "$'\\xc2\\x85'"),
        ] {
            assert_eq!(command_text(&[word.to_string()]), expected);
        }
    }
}
