//! Histories of made-up records: order, what is kept apart, what is left out, change points.
//!
//! `PICTURES=DIR cargo test -p harness-report --test history` also writes the picture to `DIR`.

mod common;

use common::{CORE, measured};
use harness_record::{Pin, State};
use harness_report::{
    Format, History, HistoryError, NamedRecord, Selection, history, plot_history, render_history,
};
use proptest::prelude::*;

/// A record of make-sim under the core modes, taken on that day, its ratios multiplied by `factor`.
fn record(day: u32, factor: f64) -> NamedRecord {
    let mut record = measured("make-sim", &CORE, 12);
    record.started_at = format!("2026-01-{day:02}T03:04:05.123456789Z");
    record.harness.revision = Some(format!("{day:012x}"));
    for ratio in record
        .results
        .iter_mut()
        .filter_map(|row| row.ratio.as_mut())
    {
        ratio.estimate *= factor;
        ratio.low = ratio.low.map(|low| low * factor);
        ratio.high = ratio.high.map(|high| high * factor);
    }
    NamedRecord {
        name: format!("day-{day}"),
        record,
    }
}

/// Noise of half a percent that is the same every time.
fn noise(day: u32) -> f64 {
    1.0 + 0.005 * f64::from(day * 7 % 11) / 11.0
}

/// A step of 8 % on the tenth day.
fn stepped() -> Vec<NamedRecord> {
    let factor = |day| noise(day) * if day < 10 { 1.0 } else { 1.08 };
    (1..=18).map(|day| record(day, factor(day))).collect()
}

fn all(records: Vec<NamedRecord>) -> History {
    history(records, &Selection::default()).unwrap()
}

#[test]
fn records_are_ordered_by_their_start() {
    let mut records = stepped();
    records.reverse();
    records.swap(3, 11);
    // Other ways to write a time: the second day at 23:30 UTC, and without a fraction.
    let second = records
        .iter_mut()
        .find(|named| named.name == "day-2")
        .unwrap();
    second.record.started_at = "2026-01-03T01:30:00+02:00".into();
    let third = records
        .iter_mut()
        .find(|named| named.name == "day-3")
        .unwrap();
    third.record.started_at = "2026-01-03T03:04:05Z".into();
    let history = all(records);
    assert_eq!(history.machines.len(), 1);
    let modes: Vec<_> = history.machines[0]
        .series
        .iter()
        .map(|series| &*series.mode)
        .collect();
    assert_eq!(modes, ["ptrace", "seccomp-linear", "seccomp-bitmap"]);
    for series in &history.machines[0].series {
        let names: Vec<_> = series
            .points
            .iter()
            .map(|point| point.record.clone())
            .collect();
        let expected: Vec<_> = (1..=18).map(|day| format!("day-{day}")).collect();
        assert_eq!(names, expected);
    }
    assert!(history.warnings.is_empty(), "{:?}", history.warnings);
}

/// A planted step is found where it is, with its size; without a step there is none.
#[test]
fn change_points_are_where_the_step_is() {
    let history = all(stepped());
    for series in &history.machines[0].series {
        let [change] = &series.change_points[..] else {
            panic!("{}: {:?}", series.mode, series.change_points)
        };
        assert_eq!((change.index, &*change.record), (9, "day-10"));
        assert!(change.p_value <= 0.05, "{change:?}");
        let factor = change.after / change.before;
        assert!((factor - 1.08).abs() < 0.005, "{factor}");
    }
    let flat = all((1..=18).map(|day| record(day, noise(day))).collect());
    for series in &flat.machines[0].series {
        assert!(
            series.change_points.is_empty(),
            "{:?}",
            series.change_points
        );
    }
    // Too few to say anything.
    let few = all((1..=4).map(|day| record(day, f64::from(day))).collect());
    assert!(few.machines[0].series[0].change_points.is_empty());
}

#[test]
fn machines_and_kernels_are_kept_apart() {
    let mut records = stepped();
    records[4].record.environment.host = "build-8".into();
    records[5].record.environment.kernel_release = "6.12.9".into();
    records[6].record.environment.cpu.model = None;
    let history = all(records);
    let points: Vec<_> = (history.machines.iter())
        .map(|machine| machine.series[0].points.len())
        .collect();
    assert_eq!(points, [15, 1, 1, 1]);
    let warning = &history.warnings[0];
    assert!(warning.contains("4 machines or kernels"), "{warning}");
    assert!(warning.contains("build-8: 2 × Intel"), "{warning}");
    assert!(warning.contains("CPU of unknown model"), "{warning}");
}

/// Another trace set, pinning, command or size makes another series; another seed does not.
#[test]
fn other_parameters_are_kept_apart() {
    let mut records = stepped();
    for (at, named) in records.iter_mut().enumerate() {
        let command = [
            "harness",
            "__workload",
            "make-sim",
            "--seed",
            &at.to_string(),
        ];
        named.record.plan.workloads[0].command = command.map(String::from).to_vec();
    }
    records[1].record.plan.workloads[0].trace = "%file".into();
    records[2].record.plan.workloads[0].pin = Pin::SameCpu;
    records[3].record.plan.workloads[0]
        .command
        .push("--units".into());
    records[4].record.plan.workloads[0].operations = Some(7);
    let history = all(records);
    assert_eq!(history.machines.len(), 1);
    let ptrace = history.machines[0]
        .series
        .iter()
        .filter(|series| series.mode == "ptrace");
    let points: Vec<_> = ptrace.map(|series| series.points.len()).collect();
    assert_eq!(points, [14, 1, 1, 1, 1]);
    let warning = &history.warnings[0];
    for part in [
        "measured in 5 ways",
        "trace set %file",
        "pinned to one CPU",
        "--units",
    ] {
        assert!(warning.contains(part), "{part}: {warning}");
    }
}

/// What a record calibrates for itself makes no series of its own, and is said; an option of that
/// name in a command of the user's is the user's.
#[test]
fn what_each_record_calibrates_is_no_other_way_to_measure() {
    let told = |program: &str| {
        let mut records = stepped();
        for (at, named) in records.iter_mut().enumerate() {
            let turns = (1245 + at / 9).to_string();
            let command = ["harness", program, "make-sim", "--turns", &turns];
            named.record.plan.workloads[0].command = command.map(String::from).to_vec();
        }
        all(records)
    };
    let history = told("__workload");
    assert_eq!(history.machines[0].series.len(), 3);
    assert_eq!(history.machines[0].series[0].points.len(), 18);
    assert_eq!(history.warnings.len(), 1, "{:?}", history.warnings);
    assert!(history.warnings[0].contains("how much to compute"));

    let history = told("user");
    assert_eq!(history.machines[0].series.len(), 6);
    assert!(history.warnings[0].contains("--turns 1246"));
}

/// Nothing unverified, no impossible number, no measurement twice; all of it is said.
#[test]
fn what_is_left_out_is_said() {
    let mut records = stepped();
    let row = |named: &mut NamedRecord| named.record.results[1].clone();
    let mut unverified = row(&mut records[0]);
    unverified.verified = Some(false);
    unverified.verification = "traced events 11, but the workload states 12".into();
    records[0].record.results[1] = unverified;
    for (at, estimate) in [(1, -1.0), (2, f64::NAN), (3, 0.0), (4, f64::INFINITY)] {
        let mut odd = row(&mut records[at]);
        odd.ratio.as_mut().unwrap().estimate = estimate;
        records[at].record.results[1] = odd;
    }
    records[5].record.results[1].ratio = None;
    records[6].record.state = State::Interrupted { signal: 2 };
    let copy = NamedRecord {
        name: "copy".into(),
        ..records[7].clone()
    };
    let twice = records[8].clone();
    records.extend([copy, twice]);
    let history = all(records);
    let points = history.machines[0].series.iter();
    let points: Vec<_> = points.map(|series| series.points.len()).collect();
    assert_eq!(points, [12, 18, 18]);
    let warnings = history.warnings.join("\n");
    for part in [
        "make-sim under ptrace is left out of day-1: it is not verified: traced events 11",
        "left out of day-2: a ratio of -1 is none",
        "left out of day-3: a ratio of NaN is none",
        "left out of day-4: a ratio of 0 is none",
        "left out of day-5: a ratio of inf is none",
        "left out of day-6: it has no ratio",
        "day-7 ended early",
        "copy is left out: it is the same measurement as day-8.",
        "day-9 is named twice and counts once.",
    ] {
        assert!(warnings.contains(part), "{part}: {warnings}");
    }
}

#[test]
fn errors_say_what_there_is() {
    let error = |records, selection| history(records, &selection).unwrap_err();
    let select = |workloads: &[&str], modes: &[&str]| Selection {
        workloads: workloads.iter().map(ToString::to_string).collect(),
        modes: modes.iter().map(ToString::to_string).collect(),
    };
    let text = error(stepped(), select(&["make-simm"], &[])).to_string();
    assert_eq!(text, "no record has workload make-simm; there are make-sim");
    let text = error(stepped(), select(&[], &["ptrace", "strace"])).to_string();
    assert!(
        text.ends_with("there are none, ptrace, seccomp-linear, seccomp-bitmap"),
        "{text}"
    );
    assert_eq!(
        error(stepped(), select(&[], &["none"])),
        HistoryError::Nothing
    );
    let mut records = stepped();
    records[3].record.started_at = "yesterday".into();
    let text = error(records, Selection::default()).to_string();
    assert!(
        text.starts_with("day-4 was started at \"yesterday\""),
        "{text}"
    );
    let one = history(stepped(), &select(&["make-sim"], &["ptrace"])).unwrap();
    assert_eq!(one.machines[0].series.len(), 1);
}

/// Every format holds every point, the interval of each, the change points and the warnings.
#[test]
fn formats_hold_the_same() {
    let mut records = stepped();
    records[17].record.environment.host = "build-8".into();
    let history = all(records);
    let csv = render_history(&history, Format::Csv);
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 1 + 3 * 18);
    assert!(lines[0].starts_with("host,kernel_release,cpu_model,cpus_online,workload,mode,"));
    assert_eq!(csv.matches(",true,").count(), 3, "{csv}");
    let json: serde_json::Value =
        serde_json::from_str(&render_history(&history, Format::Json)).unwrap();
    let series = &json["machines"][0]["series"][0];
    assert_eq!(series["workload"], "make-sim");
    assert_eq!(series["points"].as_array().unwrap().len(), 17);
    assert_eq!(series["change_points"][0]["record"], "day-10");
    assert!(series["points"][0]["ratio"]["low"].as_f64().is_some());
    assert_eq!(json["warnings"].as_array().unwrap().len(), 1);
    for format in [Format::Table, Format::Markdown] {
        let text = render_history(&history, format).replace('\\', "");
        for part in [
            "make-sim under ptrace",
            "2026-01-10 03:04",
            "00000000000a",
            "here",
            "2 machines or kernels",
            "Change points are advice",
            "build-8: 2 × Intel",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    for line in render_history(&history, Format::Table).lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

/// Each attribute of that name as a number.
fn numbers(svg: &str, attribute: &str) -> Vec<f64> {
    svg.split(&format!(" {attribute}=\""))
        .skip(1)
        .map(|rest| rest[..rest.find('"').unwrap()].parse().unwrap())
        .collect()
}

fn within_its_edges(svg: &str) {
    let (width, height) = (numbers(svg, "width")[0], numbers(svg, "height")[0]);
    for (attributes, limit) in [
        (["x", "x1", "x2", "cx"], width),
        (["y", "y1", "y2", "cy"], height),
    ] {
        for attribute in attributes {
            for value in numbers(svg, attribute) {
                assert!((0.0..=limit).contains(&value), "{attribute}={value}");
            }
        }
    }
}

#[test]
fn the_picture_is_labelled_and_captioned() {
    let mut records = stepped();
    records[2].record.results[1].ratio.as_mut().unwrap().low = None;
    records[17].record.environment.host = "build-8\u{1b}<&>".into();
    let svg = plot_history(&all(records));
    if let Some(directory) = std::env::var_os("PICTURES") {
        std::fs::write(std::path::Path::new(&directory).join("trend.svg"), &svg).unwrap();
    }
    within_its_edges(&svg);
    assert!(!svg.contains('\u{1b}') && !svg.contains("<&>"));
    for part in [
        "make-sim under seccomp-bitmap",
        "wall time, ratio to none (no unit; axis not from 0)",
        "latest ratio [95 % interval]",
        "revision of the harness, day",
        "2026-01-01",
        "trace set connect; not pinned",
        "build-7: 2 × Intel",
        "+8.0 %",
        "WARNING: The records are of 2 machines",
        "Change points are advice",
    ] {
        // Long lines are wrapped, and every text is an element of its own.
        let first = part.split(' ').take(4).collect::<Vec<_>>().join(" ");
        assert!(svg.contains(&first), "{part}");
    }
    // The one record of the other machine makes no trend.
    assert_eq!(svg.matches("<circle").count(), 3 * 17);
    assert!(svg.contains("Left out: 3 series of one record."));
}

proptest! {
    /// No figure, however odd, makes a picture fail or leave its edges.
    #[test]
    fn any_figures_are_drawn(figures in prop::collection::vec(any::<f64>(), 12)) {
        let mut records: Vec<_> = (1..=4).map(|day| record(day, 1.0)).collect();
        for (at, named) in records.iter_mut().enumerate() {
            let ratio = named.record.results[1].ratio.as_mut().unwrap();
            ratio.estimate = figures[3 * at].abs();
            (ratio.low, ratio.high) = (Some(figures[3 * at + 1].abs()), Some(figures[3 * at + 2].abs()));
        }
        within_its_edges(&plot_history(&all(records)));
    }
}
