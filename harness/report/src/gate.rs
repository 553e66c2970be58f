//! A comparison of two harnesses or records as text.

#![expect(
    clippy::format_push_string,
    reason = "write! would add a Result that is never an error"
)]

use crate::render::Format;
use crate::tables::{escaped, printable_lines, push_markdown_table, push_wrapped, terminal_table};
use crate::units::{UNKNOWN, level_text};
use harness_record::{Change, Comparison, Error, GateReport, Metric, Verdict, counted, csv_rows};

/// The comparison as text that ends with a line's end. CSV has a row a comparison.
///
/// # Errors
///
/// [`Error::Serialize`] for [`Format::Json`].
pub fn render_gate(report: &GateReport, format: Format) -> Result<String, Error> {
    match format {
        Format::Json => report.to_json(),
        Format::Csv => Ok(printable_lines(&csv(report))),
        Format::Table => Ok(table(report)),
        Format::Markdown => Ok(markdown(report)),
    }
}

/// The columns behind workload and mode.
fn header(report: &GateReport) -> Vec<String> {
    let level = report
        .comparisons
        .iter()
        .find(|comparison| !comparison.metric.is_exact())
        .and_then(|comparison| Some(comparison.change?.level));
    let interval = level.map_or_else(
        || "interval".to_owned(),
        |level| format!("{} interval", level_text(level)),
    );
    let columns = [
        "metric",
        "base",
        "head",
        "change",
        &interval,
        "threshold",
        "could see",
        "verdict",
    ];
    columns.map(str::to_owned).to_vec()
}

fn row(comparison: &Comparison) -> Vec<String> {
    let unknown = || UNKNOWN.to_owned();
    let value = |value: Option<f64>| value.map_or_else(unknown, |value| number(comparison, value));
    let of_times = |value: Option<f64>| value.filter(|_| !comparison.metric.is_exact());
    let detectable = of_times(comparison.min_detectable_effect);
    let threshold = of_times(Some(comparison.threshold));
    let change = comparison.change;
    vec![
        metric_text(comparison.metric),
        value(comparison.base),
        value(comparison.head),
        change.map_or_else(unknown, |change| percent(change.estimate)),
        change.and_then(interval_text).unwrap_or_else(unknown),
        threshold.map_or_else(unknown, share),
        detectable.map_or_else(unknown, share),
        comparison.verdict.name().to_owned(),
    ]
}

/// What a metric is called. A record's table counts stops for signals, too.
fn metric_text(metric: Metric) -> String {
    match metric {
        Metric::Stops => "stops less signals".to_owned(),
        metric => metric.name().replace('_', " "),
    }
}

fn number(comparison: &Comparison, value: f64) -> String {
    match comparison.metric {
        Metric::Ratio => format!("{value:.3}"),
        Metric::ContextSwitches => crate::units::count_text(value.round()),
        Metric::FilterExecuted => format!("{value:.2}"),
        _ => crate::units::count_text(value),
    }
}

/// A fraction as a percentage with its sign.
fn percent(fraction: f64) -> String {
    format!("{:+.2} %", fraction * 100.0)
}

/// A fraction that is a size as a percentage.
fn share(fraction: f64) -> String {
    format!("{:.2} %", fraction * 100.0)
}

/// The limits of what is no count.
fn interval_text(change: Change) -> Option<String> {
    let limits = change.low.zip(change.high);
    let (low, high) = limits.filter(|_| change.level < 1.0)?;
    Some(format!("[{:+.2}, {:+.2}]", low * 100.0, high * 100.0))
}

fn change_text(change: Change) -> String {
    let estimate = percent(change.estimate);
    interval_text(change).map_or(estimate.clone(), |interval| {
        format!("{estimate} {interval}")
    })
}

/// What the verdict on the whole means, and what was declared.
fn sentences(report: &GateReport) -> Vec<String> {
    let count = |verdict| {
        let same = report
            .comparisons
            .iter()
            .filter(|comparison| comparison.verdict == verdict);
        same.count()
    };
    let mut sentences = vec![format!(
        "Verdict: {}. {} pass, {} fail, {} inconclusive.",
        report.verdict.name(),
        count(Verdict::Pass),
        count(Verdict::Fail),
        count(Verdict::Inconclusive)
    )];
    let times = report
        .comparisons
        .iter()
        .filter(|comparison| !comparison.metric.is_exact());
    sentences.extend(detectable(report, times.clone()));
    let rules = &report.rules;
    let mut declared = format!(
        "Declared beforehand: a regression is more than {} or the calibrated noise, whichever is larger (column threshold), false alarms {} over all comparisons",
        share(rules.min_effect),
        level_text(rules.alpha),
    );
    if !rules.looks.is_empty() {
        let looks: Vec<String> = rules.looks.iter().map(u32::to_string).collect();
        declared.push_str(&format!(
            ", looks after {} blocks, seed {}",
            looks.join(", "),
            rules.seed
        ));
    }
    sentences.push(declared + ".");
    if times.clone().any(|comparison| comparison.change.is_some()) {
        sentences.push(
            "Intervals are two-sided and of one comparison; a verdict rests on one-sided tests against the threshold, \
             over all comparisons: one that passes may have an interval that reaches beyond it."
                .to_owned(),
        );
    }
    if report
        .comparisons
        .iter()
        .any(|comparison| comparison.metric == Metric::Stops)
    {
        sentences.push(
            "stops less signals: all but those for signals and group-stops, which the workload does not determine."
                .to_owned(),
        );
    }
    if report.dropped_blocks > 0 {
        sentences.push(format!(
            "Left out: {}, as more than {} of the CPU time was stolen.",
            counted(report.dropped_blocks.into(), "block"),
            level_text(rules.max_steal)
        ));
    }
    sentences.push(format!(
        "Base: {} ({}). Head: {} ({}).",
        report.base.path, report.base.version, report.head.path, report.head.version
    ));
    sentences
}

/// What the procedure as a whole would have found, the comparisons of `times` taken
/// one at a time.
fn detectable<'a>(
    report: &GateReport,
    times: impl Iterator<Item = &'a Comparison>,
) -> Option<String> {
    let effects: Vec<Option<f64>> = times
        .map(|comparison| comparison.min_detectable_effect)
        .collect();
    let blind = effects.iter().filter(|effect| effect.is_none()).count();
    let Some(greatest) = effects.iter().copied().flatten().reduce(f64::max) else {
        return (blind > 0).then(|| "No regression of any size would have been found.".to_owned());
    };
    // Two records are looked at once, and nothing confirms what they show.
    let included = if report.rules.looks.is_empty() {
        "the sharing of the error over all comparisons"
    } else {
        "the looks, the sharing of the error over all comparisons and any confirmation"
    };
    let mut sentence = format!(
        "If any one comparison had a regression of {} or more, it would have failed four times out of five, with {included} taken into account",
        share(greatest)
    );
    if blind > 0 {
        sentence.push_str(&format!(
            "; in {} no regression of any size would have been found",
            counted(blind as u64, "other comparison")
        ));
    }
    Some(sentence + ".")
}

/// Why those that do not pass do not.
fn problems(report: &GateReport) -> Vec<String> {
    let problem = |comparison: &Comparison| {
        let mut text = format!(
            "{} under {}, {}: {}: {}",
            comparison.workload,
            comparison.mode,
            metric_text(comparison.metric),
            comparison.verdict.name(),
            comparison.reason
        );
        if let Some(change) = comparison.confirmation {
            text.push_str(&format!(" ({})", change_text(change)));
        }
        text
    };
    report
        .comparisons
        .iter()
        .filter(|comparison| comparison.verdict != Verdict::Pass)
        .map(problem)
        .collect()
}

fn table(report: &GateReport) -> String {
    let mut out = String::new();
    let same = |a: &Comparison, b: &Comparison| (&a.workload, &a.mode) == (&b.workload, &b.mode);
    for group in report.comparisons.chunk_by(same) {
        let rows: Vec<_> = group.iter().map(row).collect();
        out.push_str(&format!(
            "{} under {}\n\n",
            group[0].workload, group[0].mode
        ));
        for line in terminal_table(&header(report), &rows, 0).lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
    for problem in problems(report) {
        push_wrapped(&mut out, "", &problem);
    }
    for warning in &report.warnings {
        push_wrapped(&mut out, "WARNING: ", warning);
    }
    for sentence in sentences(report) {
        push_wrapped(&mut out, "", &sentence);
    }
    out
}

fn markdown(report: &GateReport) -> String {
    let mut out = format!("### Overhead gate: {}\n\n", report.verdict.name());
    let names = ["workload", "mode"].map(str::to_owned).into_iter();
    let header: Vec<String> = names.chain(header(report)).collect();
    let rows = report.comparisons.iter().map(|comparison| {
        let names = [comparison.workload.clone(), comparison.mode.clone()];
        names.into_iter().chain(row(comparison)).collect()
    });
    push_markdown_table(&mut out, &header, &rows.collect::<Vec<_>>(), 0);
    for problem in problems(report) {
        out.push_str(&format!("- **{}**\n", escaped(&problem)));
    }
    for warning in &report.warnings {
        out.push_str(&format!("- **Warning:** {}\n", escaped(warning)));
    }
    for sentence in sentences(report) {
        out.push_str(&format!("- {}\n", escaped(&sentence)));
    }
    out
}

fn csv(report: &GateReport) -> String {
    const COLUMNS: [&str; 13] = [
        "workload",
        "mode",
        "metric",
        "verdict",
        "base",
        "head",
        "change",
        "change_low",
        "change_high",
        "change_level",
        "min_detectable_effect",
        "threshold",
        "observations",
    ];
    let cell = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let rows = report.comparisons.iter().map(|comparison| {
        let change = comparison.change;
        [
            comparison.workload.clone(),
            comparison.mode.clone(),
            comparison.metric.name().to_owned(),
            comparison.verdict.name().to_owned(),
            cell(comparison.base),
            cell(comparison.head),
            cell(change.map(|change| change.estimate)),
            cell(change.and_then(|change| change.low)),
            cell(change.and_then(|change| change.high)),
            cell(change.map(|change| change.level)),
            cell(comparison.min_detectable_effect),
            comparison.threshold.to_string(),
            comparison.observations.to_string(),
        ]
    });
    csv_rows(std::iter::once(COLUMNS.map(str::to_owned)).chain(rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_record::{Compared, Provenance, Rules};

    fn comparison(workload: &str, min_detectable_effect: Option<f64>) -> Comparison {
        Comparison {
            workload: workload.to_owned(),
            mode: "ptrace".to_owned(),
            metric: Metric::Ratio,
            verdict: Verdict::Inconclusive,
            change: None,
            min_detectable_effect,
            threshold: 0.01,
            base: Some(2.0),
            head: None,
            observations: 12,
            p_regression: None,
            p_no_regression: None,
            confirmation: None,
            reason: "why".to_owned(),
        }
    }

    fn report(comparisons: Vec<Comparison>) -> GateReport {
        let compared = || Compared {
            path: "p".to_owned(),
            version: "v".to_owned(),
        };
        GateReport {
            schema_version: harness_record::SCHEMA_VERSION,
            harness: Provenance {
                version: "0.1.0".to_owned(),
                revision: None,
            },
            command: Vec::new(),
            made_at: String::new(),
            environment: None,
            base: compared(),
            head: compared(),
            rules: Rules {
                alpha: 0.05,
                min_effect: 0.01,
                looks: vec![12],
                seed: 1,
                max_steal: 0.05,
            },
            verdict: Verdict::Inconclusive,
            comparisons,
            dropped_blocks: 0,
            warnings: Vec::new(),
        }
    }

    /// A workload's name may be any text, and stays one cell.
    #[test]
    fn names_are_quoted_in_csv() {
        let name = "a \"b\", c";
        let text = render_gate(&report(vec![comparison(name, None)]), Format::Csv).unwrap();
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let row = reader.records().next().expect("a row").expect("CSV");
        assert_eq!((&row[0], &row[1], row.len()), (name, "ptrace", 13));
    }

    /// The largest effect is said, and that some comparisons have none.
    #[test]
    fn what_would_have_been_found_is_said() {
        let said = |effects: &[Option<f64>]| {
            let comparisons = effects.iter().map(|effect| comparison("w", *effect));
            let report = report(comparisons.collect());
            sentences(&report).join(" ")
        };
        let all = said(&[Some(0.02), Some(0.03)]);
        assert!(
            all.contains(
                "a regression of 3.00 % or more, it would have failed four times out of five"
            ),
            "{all}"
        );
        assert!(!all.contains("no regression of any size"), "{all}");
        let some = said(&[Some(0.02), None]);
        assert!(
            some.contains("in 1 other comparison no regression of any size"),
            "{some}"
        );
        let none = said(&[None]);
        assert!(
            none.contains("No regression of any size would have been found."),
            "{none}"
        );
    }
}
