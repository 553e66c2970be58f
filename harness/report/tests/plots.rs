//! What every picture must have on it, for few modes and many, small ratios
//! and large ones.
//!
//! `PICTURES=DIR cargo test -p harness-report --test plots` also writes the
//! pictures to `DIR`, to be looked at.

mod common;

use common::{CORE, Mode, measured, mode};
use harness_record::{Counter, Record};
use harness_report::plots;
use proptest::prelude::*;
use std::path::Path;

const ALL: [Mode; 13] = [
    mode("none", 1.0, None),
    mode("ptrace", 61.0, Some(9_471_204)),
    mode("seccomp-linear", 1.0003, Some(42_310)),
    mode("seccomp-bitmap", 1.02, Some(42_310)),
    mode("seccomp-naive", 1.05, Some(42_310)),
    mode("seccomp-tree", 0.985, Some(42_310)),
    mode("seccomp-allow", 1.01, Some(0)),
    mode("ebpf", 1.1, None),
    mode("user-notify", 1.6, None),
    mode("sud", 1.3, None),
    mode("strace", 400.0, Some(17_100_000)),
    mode("strace-seccomp", 12.5, Some(3_000_000)),
    mode("a-mode-16-longer", 3.0, Some(1)),
];

fn cases() -> [(&'static str, Record); 6] {
    let mut long = measured("make-sim", &CORE, 12);
    long.command = vec!["--setup".into(), "x".repeat(700), "<&>\"'\u{1b}[31m".into()];
    [
        ("one", measured("make-sim", &CORE[1..2], 12)),
        ("core", measured("make-sim", &CORE, 12)),
        (
            "tiny",
            measured("make-sim", &[mode("none", 1.0, None), ALL[2]], 24),
        ),
        ("few-runs", measured("make-sim", &CORE, 2)),
        ("all", measured("fork-exec", &ALL, 12)),
        ("long-command", long),
    ]
}

/// The texts of the SVG elements, in order.
fn texts(svg: &str) -> Vec<String> {
    svg.split("<text ")
        .skip(1)
        .map(|element| {
            let text = &element[element.find('>').unwrap() + 1..element.find("</text>").unwrap()];
            text.trim().to_string()
        })
        .collect()
}

/// Each attribute of that name as a number.
fn numbers(svg: &str, attribute: &str) -> Vec<f64> {
    svg.split(&format!(" {attribute}=\""))
        .skip(1)
        .map(|rest| rest[..rest.find('"').unwrap()].parse().unwrap())
        .collect()
}

#[test]
fn pictures_are_labelled_and_captioned() {
    for (case, record) in cases() {
        let plots = plots(&record);
        // Without the untraced mode there is nothing to divide by.
        let expected = if case == "one" { 1 } else { 3 };
        assert_eq!(plots.len(), expected, "{case}");
        for plot in plots {
            let name = format!("{case}: {}", plot.name);
            if let Some(directory) = std::env::var_os("PICTURES") {
                let file = format!("{case}-{}.svg", plot.name);
                std::fs::write(Path::new(&directory).join(file), &plot.svg).unwrap();
            }
            let texts = texts(&plot.svg);
            let all = texts.join(" ");
            assert!(texts[0].starts_with(&plot.workload), "{name}");
            assert_eq!(texts[0], plot.title, "{name}");
            for part in [
                "build-7: 2 × Intel",
                "Linux 6.1.0-18-amd64 x86_64",
                "trace set connect",
                "Measured: harness workload",
                "By: ",
                "logarithmic axis",
            ] {
                let linear = case != "all" && plot.name.ends_with("-overhead");
                assert!(
                    all.contains(part) || (part.starts_with("log") && linear),
                    "{name}: no {part:?} in {all}"
                );
            }
            if !plot.name.ends_with("-stops") {
                assert!(all.contains("[95 % interval]"), "{name}");
            }
            for row in &record.results {
                let untraced = row.mode == "none" && plot.name.ends_with("ns-per-syscall");
                let negative = row.overhead_ns_per_syscall_distribution.is_none();
                assert!(
                    texts.contains(&row.mode) || untraced || negative,
                    "{name}: {}",
                    row.mode
                );
            }
        }
    }
}

/// An estimate that is not above 0 has no place on a logarithmic axis: an arrow
/// marks it, and only where there is one is that said.
#[test]
fn an_estimate_below_the_axis_is_marked() {
    let below = measured(
        "make-sim",
        &[CORE[0], mode("seccomp-tree", 0.985, Some(7)), CORE[1]],
        12,
    );
    for (record, arrows) in [(measured("make-sim", &CORE, 12), 0), (below, 3)] {
        let plots = plots(&record);
        let plot = plots
            .iter()
            .find(|plot| plot.name.ends_with("ns-per-syscall"))
            .unwrap();
        assert_eq!(plot.svg.matches("stroke-width=\"4\"").count(), arrows);
        let said = texts(&plot.svg).join(" ").contains("so does the estimate");
        assert_eq!(said, arrows > 0);
    }
}

/// Nothing is drawn outside, and no text can run over the right edge.
#[test]
fn pictures_stay_within_their_edges() {
    for (case, record) in cases() {
        for plot in plots(&record) {
            let name = format!("{case}: {}", plot.name);
            let width = numbers(&plot.svg, "width")[0];
            let height = numbers(&plot.svg, "height")[0];
            for (attributes, limit) in [
                (["x", "x1", "x2", "cx"], width),
                (["y", "y1", "y2", "cy"], height),
            ] {
                for attribute in attributes {
                    for value in numbers(&plot.svg, attribute) {
                        assert!(
                            (0.0..=limit).contains(&value),
                            "{name}: {attribute}={value}"
                        );
                    }
                }
            }
            for element in plot.svg.split("<text ").skip(1) {
                let element = format!(" {element}");
                let x = numbers(&element, "x")[0];
                let size = numbers(&element, "font-size")[0];
                let text = &texts(&format!("<text {element}"))[0];
                // Half an em a character is what a sans-serif font takes on average.
                let extent = text.chars().count() as f64 * size * 0.5;
                let (from, to) = match () {
                    () if element.contains("text-anchor=\"end\"") => (x - extent, x),
                    () if element.contains("text-anchor=\"middle\"") => {
                        (x - extent / 2.0, x + extent / 2.0)
                    }
                    () => (x, x + extent),
                };
                assert!(
                    from >= 0.0 && to <= width,
                    "{name}: {text:?} from {from} to {to}"
                );
            }
        }
    }
}

/// A long command is wrapped, and whole; its characters are text, not markup.
#[test]
fn commands_are_never_cut() {
    let record = &cases()[5].1;
    for plot in plots(record) {
        assert!(!plot.svg.contains('\u{1b}'));
        let texts = texts(&plot.svg);
        let from = texts
            .iter()
            .position(|text| text.starts_with("By: "))
            .unwrap();
        let command = texts[from..].concat();
        assert_eq!(command.matches('x').count(), 700 + 1, "{command}");
        assert!(
            command.ends_with("$&apos;&lt;&amp;&gt;&quot;\\&apos;\\x1b[31m&apos;"),
            "{command}"
        );
    }
}

/// A mode has one colour, whichever modes are beside it.
#[test]
fn colours_do_not_depend_on_the_company() {
    let colours = |record: &Record, colour: &str| plots(record)[0].svg.contains(colour);
    let orange = "#D55E00";
    assert!(colours(&measured("make-sim", &CORE, 6), orange));
    assert!(colours(&measured("make-sim", &ALL, 6), orange));
    assert!(!colours(&measured("make-sim", &ALL[2..], 6), orange));
}

proptest! {
    /// No figure, however odd, makes a picture fail or leave its edges.
    #[test]
    fn any_figures_are_drawn(figures in prop::collection::vec(any::<f64>(), 4), count in any::<u64>()) {
        let mut record = measured("make-sim", &CORE, 6);
        for (at, row) in record.results.iter_mut().enumerate() {
            let figure = |offset: usize| figures[(at + offset) % figures.len()];
            if let Some(ratio) = &mut row.ratio {
                (ratio.estimate, ratio.low, ratio.high) = (figure(0), Some(figure(1)), Some(figure(2)));
            }
            if let Some(ns) = &mut row.overhead_ns_per_syscall_distribution {
                (ns.median, ns.low, ns.high) = (figure(0), Some(figure(1)), Some(figure(2)));
            }
            if row.counts.get(Counter::Stops).is_some() {
                row.counts.set(Counter::Stops, count);
            }
        }
        for plot in plots(&record) {
            let width = numbers(&plot.svg, "width")[0];
            for x in numbers(&plot.svg, "x1").into_iter().chain(numbers(&plot.svg, "x2")) {
                prop_assert!((0.0..=width).contains(&x), "{}: {}", plot.name, x);
            }
        }
    }
}
