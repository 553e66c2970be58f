//! What windows on a running process say, and how it is printed.

use crate::caption::{command_text, harness_text, kernel_text, machine_text};
use crate::render::{Format, markdown_text, terminal_text};
use crate::summary::{LEVEL, MIN_PAIRS};
use crate::units::{UNKNOWN, count_text, duration_text, level_text, rate_ratio_text};
use crate::view::View;
use harness_record::{
    AttachReport, AttachState, CONTROL, Counter, Error, ModePlan, Rate, RateDistribution,
    RateRatio, RateRow, Role, Window, counted, csv_rows,
};
use harness_stats::{hodges_lehmann, median};
use std::collections::BTreeMap;

/// The rows of `rates`, a mode that traced after the other, in the order of
/// [`Rate::ALL`]; a rate that no window knows has none.
#[must_use]
pub fn summarise_windows(windows: &[Window]) -> Vec<RateRow> {
    let of = |mode: &str| -> Vec<&Window> {
        let windows = windows.iter();
        windows.filter(|window| window.mode == mode).collect()
    };
    let untraced = windows.iter().filter(|window| window.is_control());
    let untraced: Vec<&Window> = untraced.collect();
    let traced = traced_modes(windows).into_iter();
    let mut modes: Vec<Option<&str>> = traced.map(Some).collect();
    if modes.is_empty() {
        modes.push(None);
    }
    let row = |mode: Option<&str>, rate| {
        let traced = mode.map(of).unwrap_or_default();
        let row = RateRow {
            rate,
            mode: mode.map(str::to_owned),
            untraced: distribution(rate, &untraced),
            traced: distribution(rate, &traced),
            ratio: ratio(rate, &untraced, &traced),
        };
        (row.untraced.is_some() || row.traced.is_some()).then_some(row)
    };
    let rows_of = |mode| {
        let rates = Rate::ALL.into_iter();
        rates.filter_map(move |rate| row(mode, rate))
    };
    modes.into_iter().flat_map(rows_of).collect()
}

/// The modes under which windows were traced, in the order in which they come.
fn traced_modes(windows: &[Window]) -> Vec<&str> {
    let mut modes: Vec<&str> = Vec::new();
    for window in windows.iter().filter(|window| !window.is_control()) {
        if !modes.contains(&window.mode.as_str()) {
            modes.push(&window.mode);
        }
    }
    modes
}

/// A rate in one window, per second.
fn per_second(rate: Rate, window: &Window) -> Option<f64> {
    let tracer = window.tracer.as_ref();
    let counted = tracer.map(|tracer| tracer.counted_ns);
    let (count, ns) = match rate {
        Rate::RateCommand => {
            let counted = window.rate_command?;
            let seconds = counted.between_ns as f64 / 1e9;
            return (seconds > 0.0).then(|| counted.count / seconds);
        }
        Rate::ReadWriteCalls => (window.read_write_calls?, window.window_ns),
        Rate::CpuNs => (window.cpu_ns, window.window_ns),
        Rate::VoluntarySwitches => (window.voluntary_switches, window.window_ns),
        Rate::InvoluntarySwitches => (window.involuntary_switches, window.window_ns),
        Rate::Syscalls => (tracer?.counts.get(Counter::Syscalls)?, counted?),
        Rate::TracedEvents => (tracer?.counts.get(Counter::TracedEvents)?, counted?),
        Rate::Stops => (tracer?.counts.get(Counter::Stops)?, counted?),
        Rate::TracerCpuNs => (tracer?.cpu_ns?, counted?),
    };
    (ns > 0).then(|| count as f64 / (ns as f64 / 1e9))
}

fn distribution(rate: Rate, windows: &[&Window]) -> Option<RateDistribution> {
    let values = windows.iter().filter_map(|window| per_second(rate, window));
    let values: Vec<f64> = values.collect();
    let interval = median(&values, LEVEL).ok()?;
    Some(RateDistribution {
        median: interval.estimate,
        low: interval.low,
        high: interval.high,
        level: interval.level,
        windows: u32::try_from(values.len()).unwrap_or(u32::MAX),
    })
}

fn ratio(rate: Rate, untraced: &[&Window], traced: &[&Window]) -> Option<RateRatio> {
    let known = |window: &&Window| Some((window.pass, per_second(rate, window)?));
    let untraced: BTreeMap<u32, f64> = untraced.iter().filter_map(known).collect();
    let pairs = traced.iter().filter_map(|window| {
        let (pass, traced) = known(window)?;
        let untraced = *untraced.get(&pass)?;
        (traced > 0.0 && untraced > 0.0).then(|| (traced / untraced).ln())
    });
    let differences: Vec<f64> = pairs.collect();
    let interval = hodges_lehmann(&differences, LEVEL).ok()?.map(f64::exp);
    Some(RateRatio {
        estimate: interval.estimate,
        low: interval.low,
        high: interval.high,
        level: interval.level,
        pairs: u32::try_from(differences.len()).unwrap_or(u32::MAX),
    })
}

/// The report as text that ends with a line's end. CSV has a row a rate.
///
/// # Errors
///
/// [`Error::Serialize`] for [`Format::Json`].
pub fn render_attach(report: &AttachReport, format: Format) -> Result<String, Error> {
    match format {
        Format::Json => report.to_json(),
        Format::Csv => Ok(csv(report)),
        Format::Table => Ok(terminal_text(
            &views(report),
            &warnings(report),
            &[provenance(report)],
        )),
        Format::Markdown => Ok(markdown_text(
            &views(report),
            &warnings(report),
            &[provenance(report)],
        )),
    }
}

/// A table for each mode that traced; the notes below the last one.
fn views(report: &AttachReport) -> Vec<View> {
    let tables = report.rates.chunk_by(|a, b| a.mode == b.mode);
    let mut views: Vec<View> = tables.map(|rows| view(report, rows)).collect();
    if views.is_empty() {
        views.push(view(report, &[]));
    }
    if let Some(last) = views.last_mut() {
        last.notes = notes(report);
    }
    views
}

fn view(report: &AttachReport, rows: &[RateRow]) -> View {
    let recorded = rows.iter().find_map(|row| row.mode.as_deref());
    let only = || {
        let mut windows = report.windows.iter();
        let traced = windows.find(|window| !window.is_control());
        traced.map(|window| window.mode.as_str())
    };
    let traced = recorded.or_else(only);
    let ratio = format!("ratio to {CONTROL}\n[{} interval]", level_text(LEVEL));
    let header = ["per second", CONTROL, traced.unwrap_or("traced"), &ratio];
    View {
        title: format!("process {} ({})", report.process.pid, report.process.name),
        header: header.map(ToString::to_string).to_vec(),
        rows: rows.iter().map(cells).collect(),
        problems: Vec::new(),
        notes: Vec::new(),
    }
}

fn cells(row: &RateRow) -> Vec<String> {
    let value = |distribution: Option<RateDistribution>| {
        distribution.map_or_else(
            || UNKNOWN.to_string(),
            |distribution| match row.rate {
                Rate::CpuNs | Rate::TracerCpuNs => duration_text(distribution.median),
                Rate::RateCommand => count_text(distribution.median),
                // No count is so small that a fraction matters.
                _ => count_text(distribution.median.round()),
            },
        )
    };
    let name = match row.rate {
        Rate::RateCommand => "count of --rate-command",
        Rate::ReadWriteCalls => "calls that read or write",
        Rate::CpuNs => "CPU time",
        Rate::VoluntarySwitches => "voluntary switches",
        Rate::InvoluntarySwitches => "involuntary switches",
        Rate::Syscalls => "syscalls",
        Rate::TracedEvents => "traced events",
        Rate::Stops => "stops",
        Rate::TracerCpuNs => "CPU time of the tracer",
    };
    let ratio = row.ratio.as_ref();
    vec![
        name.to_string(),
        value(row.untraced),
        value(row.traced),
        ratio.map_or_else(|| UNKNOWN.to_string(), rate_ratio_text),
    ]
}

fn notes(report: &AttachReport) -> Vec<String> {
    let plan = &report.plan;
    let taken = |of: &dyn Fn(&Window) -> bool| report.windows.iter().filter(|w| of(w)).count();
    let mut windows = vec![format!("{} untraced", taken(&Window::is_control))];
    let planned = |mode: &&ModePlan| {
        mode.role() != Role::Control && plan.order.iter().any(|slot| slot.mode == mode.name)
    };
    windows.extend(plan.modes.iter().filter(planned).map(|mode| {
        let of_mode = |window: &Window| window.mode == mode.name;
        format!("{} under {}", taken(&of_mode), mode.name)
    }));
    let mut notes = vec![
        format!(
            "{}; {}{} at the start; trace set {}; windows of {}: {}, of {} planned each.",
            command_text(&report.process.command),
            counted(report.process.threads.into(), "thread"),
            match report.process.descendants {
                0 => String::new(),
                some => format!(" and {}", counted(some.into(), "descendant")),
            },
            plan.trace,
            duration_text(plan.window_ns as f64),
            windows.join(", "),
            plan.runs
        ),
        "median a window; ratio: Hodges–Lehmann estimate of the paired windows and its signed-rank interval."
            .to_string(),
        "rates: of the process and its descendants; switches: of the threads that lived to the window's end."
            .to_string(),
        "calls that read or write: those of read(2), write(2) and their like, without send(2) and recv(2); how many \
         other calls an untraced process makes cannot be known. A counter of its own work is the better rate: \
         --rate-command."
            .to_string(),
    ];
    if let Some(command) = &plan.rate_command {
        notes.push(format!("count of --rate-command: {command}."));
    }
    let pairs = report.rates.iter().filter_map(|row| row.ratio);
    let least = pairs
        .filter(|ratio| ratio.low.is_none())
        .map(|ratio| ratio.pairs)
        .min();
    if let Some(pairs) = least {
        notes.push(format!(
            "No interval where there are too few pairs for {} ({pairs}; it takes {MIN_PAIRS}).",
            level_text(LEVEL)
        ));
    }
    let middle = |values: Vec<f64>| Some(median(&values, LEVEL).ok()?.estimate);
    for mode in traced_modes(&report.windows) {
        let of_mode = report.windows.iter().filter(|window| window.mode == mode);
        let tracers: Vec<_> = of_mode
            .filter_map(|window| window.tracer.as_ref())
            .collect();
        let attaching = tracers.iter().map(|tracer| tracer.attaching_ns as f64);
        let detaching = tracers.iter().map(|tracer| tracer.detaching_ns as f64);
        let times = middle(attaching.collect()).zip(middle(detaching.collect()));
        notes.extend(times.map(|(attaching, detaching)| {
            format!(
                "{mode}: attaching took {}, detaching {} (medians); both are outside of the windows.",
                duration_text(attaching),
                duration_text(detaching)
            )
        }));
    }
    let mut refused: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for mode in plan.modes.iter().filter(|mode| !mode.available) {
        let reason = mode.unavailable_reason.as_deref();
        let reason = reason.unwrap_or("unknown reason");
        refused.entry(reason).or_default().push(&mode.name);
    }
    for (reason, modes) in refused {
        notes.push(format!("{} did not run: {reason}.", modes.join(", ")));
    }
    notes
}

fn warnings(report: &AttachReport) -> Vec<String> {
    let state = match &report.state {
        AttachState::Complete => None,
        AttachState::Running => Some("the measurement did not come to its end".to_string()),
        AttachState::ProcessEnded => {
            Some("the process ended before all windows were taken".to_string())
        }
        AttachState::Interrupted { signal } => Some(format!(
            "stopped by signal {signal} before all windows were taken"
        )),
        AttachState::Failed { reason } => Some(format!(
            "stopped by an error before all windows were taken: {reason}"
        )),
    };
    report.warnings.iter().cloned().chain(state).collect()
}

fn provenance(report: &AttachReport) -> String {
    format!(
        "{}; {}; {}, seed {}",
        machine_text(&report.environment),
        kernel_text(&report.environment),
        harness_text(&report.harness),
        report.plan.seed
    )
}

fn csv(report: &AttachReport) -> String {
    const COLUMNS: [&str; 16] = [
        "pid",
        "rate",
        "untraced_per_s",
        "untraced_low",
        "untraced_high",
        "untraced_windows",
        "traced_per_s",
        "traced_low",
        "traced_high",
        "traced_windows",
        "ratio_estimate",
        "ratio_low",
        "ratio_high",
        "ratio_level",
        "ratio_pairs",
        "mode",
    ];
    let cell = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let distribution = |of: Option<RateDistribution>| {
        [
            cell(of.map(|of| of.median)),
            cell(of.and_then(|of| of.low)),
            cell(of.and_then(|of| of.high)),
            cell(of.map(|of| f64::from(of.windows))),
        ]
    };
    let rows = report.rates.iter().map(|row| {
        let names = [report.process.pid.to_string(), row.rate.name().to_owned()];
        let ratio = [
            cell(row.ratio.map(|ratio| ratio.estimate)),
            cell(row.ratio.and_then(|ratio| ratio.low)),
            cell(row.ratio.and_then(|ratio| ratio.high)),
            cell(row.ratio.map(|ratio| ratio.level)),
            cell(row.ratio.map(|ratio| f64::from(ratio.pairs))),
        ];
        let cells = names
            .into_iter()
            .chain(distribution(row.untraced))
            .chain(distribution(row.traced))
            .chain(ratio)
            .chain([row.mode.clone().unwrap_or_default()]);
        cells.collect::<Vec<String>>()
    });
    csv_rows(std::iter::once(COLUMNS.map(str::to_owned).to_vec()).chain(rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_record::{Counts, TracerWindow};

    const SECOND: u64 = 1_000_000_000;

    fn window(pass: u32, traced: bool, calls: Option<u64>, window_ns: u64) -> Window {
        let counts = Counts::default()
            .with(Counter::Stops, 2000)
            .with(Counter::SyscallEnterStops, 1000)
            .with(Counter::SyscallExitStops, 1000)
            .with(Counter::Syscalls, 1000)
            .with(Counter::TracedEvents, 10);
        Window {
            mode: if traced { "ptrace" } else { CONTROL }.to_owned(),
            block: pass / 2,
            pass,
            started_ns: 0,
            window_ns,
            cpu_ns: 0,
            read_write_calls: calls,
            voluntary_switches: 5,
            involuntary_switches: 0,
            threads: 1,
            processes: Some(1),
            rate_command: None,
            tracer: traced.then_some(TracerWindow {
                counted_ns: 2 * SECOND,
                attaching_ns: 1,
                detaching_ns: 1,
                unstopped: Some(0),
                processes: Some(1),
                left_alone: Vec::new(),
                counts,
                cpu_ns: Some(7),
            }),
        }
    }

    fn row(rows: &[RateRow], rate: Rate) -> &RateRow {
        rows.iter().find(|row| row.rate == rate).expect("the rate")
    }

    /// A process that works half as fast while it is traced, on a machine that
    /// gets faster from pass to pass, in windows of any length.
    #[test]
    fn rates_are_per_second_and_paired_by_pass() {
        let windows: Vec<Window> = (0..6)
            .flat_map(|pass| {
                let speed = 100 * u64::from(pass + 1);
                [
                    window(pass, true, Some(speed), 2 * SECOND),
                    window(pass, false, Some(speed), SECOND),
                ]
            })
            .collect();
        let rows = summarise_windows(&windows);
        let calls = row(&rows, Rate::ReadWriteCalls);
        let ratio = calls.ratio.expect("a ratio");
        for limit in [Some(ratio.estimate), ratio.low, ratio.high] {
            assert!(
                limit.is_some_and(|limit| (limit - 0.5).abs() < 1e-12),
                "{ratio:?}"
            );
        }
        assert_eq!(ratio.pairs, 6);
        assert!((calls.untraced.expect("known").median - 350.0).abs() < 1e-9);
        // What only the tracer sees, over the time in which it counted.
        let stops = row(&rows, Rate::Stops);
        assert_eq!(stops.untraced, None);
        assert!((stops.traced.expect("known").median - 1000.0).abs() < 1e-9);
        assert_eq!(stops.ratio, None);
    }

    /// Windows of two modes that trace are never taken together.
    #[test]
    fn every_mode_that_traces_has_its_own_rates() {
        let mut windows = Vec::new();
        for pass in 0..2 {
            windows.push(window(pass, false, Some(100), SECOND));
            windows.push(window(pass, true, Some(50), SECOND));
            windows.push(Window {
                mode: "other".to_owned(),
                ..window(pass, true, Some(80), SECOND)
            });
        }
        let rows = summarise_windows(&windows);
        let ratio = |mode: &str| {
            let row = (rows.iter())
                .find(|row| row.rate == Rate::ReadWriteCalls && row.mode.as_deref() == Some(mode));
            row.and_then(|row| row.ratio).expect("a ratio").estimate
        };
        assert!((ratio("ptrace") - 0.5).abs() < 1e-12);
        assert!((ratio("other") - 0.8).abs() < 1e-12);
    }

    /// A counter has its own times.
    #[test]
    fn what_a_command_counts_is_shared_out_over_its_own_time() {
        let counted = |traced, count| Window {
            rate_command: Some(harness_record::CommandCount {
                count,
                between_ns: 4 * SECOND,
            }),
            ..window(0, traced, None, SECOND)
        };
        let rows = summarise_windows(&[counted(true, 10.0), counted(false, 40.0)]);
        let row = row(&rows, Rate::RateCommand);
        assert!((row.untraced.expect("known").median - 10.0).abs() < 1e-12);
        assert!((row.ratio.expect("a ratio").estimate - 0.25).abs() < 1e-12);
    }

    /// No logarithm of nothing, no rate of what is not known.
    #[test]
    fn what_cannot_be_divided_has_no_ratio() {
        let windows = [
            window(0, true, None, SECOND),
            window(0, false, None, SECOND),
        ];
        let rows = summarise_windows(&windows);
        assert!(rows.iter().all(|row| row.rate != Rate::ReadWriteCalls));
        assert_eq!(row(&rows, Rate::CpuNs).ratio, None);
        let switches = row(&rows, Rate::VoluntarySwitches).ratio.expect("a ratio");
        assert_eq!((switches.pairs, switches.low), (1, None));
        assert!(summarise_windows(&[]).is_empty());
    }
}
