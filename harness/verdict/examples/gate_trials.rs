//! What many gates said, for `scripts/gate-trials`: a row a gate, and what other
//! orders of the same runs would have made of them.
//!
//! ```text
//! gate_trials rows DIR…        directories that `harness gate` wrote, as CSV
//! gate_trials verdicts FILE    what such rows come to, as a Markdown table
//! gate_trials orders FILE      what other orders would have said, where both sides were one
//! ```

use harness_record::{GateReport, Metric, RecordDirectory, TimeMeasure, Verdict};
use harness_verdict::floor::{self, Design, Judged};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::io;
use std::process::ExitCode;

/// One comparison of ratios by one gate. Changes are fractions.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    seed: u64,
    workload: String,
    mode: String,
    verdict: Verdict,
    /// Without the confirmation by fresh blocks.
    unconfirmed: bool,
    observations: u32,
    change: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    could_see: Option<f64>,
    blocked_p_change: Option<f64>,
    blocked_p_regression: Option<f64>,
    fixed_order_p_change: Option<f64>,
    fixed_order_p_regression: Option<f64>,
    alternating_p_change: Option<f64>,
    alternating_p_regression: Option<f64>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match &words[..] {
        ["rows", directories @ ..] if !directories.is_empty() => rows(directories),
        ["verdicts", file] => read(file).map(|rows| verdicts(&rows)),
        ["orders", file] => read(file).map(|rows| orders(&rows)),
        _ => Err("usage: gate_trials rows DIR… | gate_trials verdicts|orders FILE".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gate_trials: {error}");
            ExitCode::FAILURE
        }
    }
}

fn rows(directories: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut writer = csv::Writer::from_writer(io::stdout().lock());
    for path in directories {
        let directory = RecordDirectory::open_gate(path)?;
        let report = directory.read_gate()?;
        for row in of_gate(&directory, &report)? {
            writer.serialize(row)?;
        }
    }
    Ok(writer.flush()?)
}

fn of_gate(
    directory: &RecordDirectory,
    report: &GateReport,
) -> Result<Vec<Row>, harness_record::Error> {
    let samples = directory.read_samples()?.samples;
    let comparisons = report.comparisons.iter();
    let ratios = comparisons.filter(|comparison| comparison.metric == Metric::Ratio);
    Ok(ratios
        .map(|comparison| {
            let mut samples = floor::in_order(&samples, &comparison.workload, &comparison.mode);
            // The blocks of the verdict, without those of a confirmation.
            let blocks = report.rules.looks.last().copied().unwrap_or(0);
            samples.retain(|sample| sample.block < blocks);
            let times_itself = samples.iter().all(|sample| sample.loop_ns.is_some());
            let of = if times_itself {
                TimeMeasure::LoopNs
            } else {
                TimeMeasure::WallNs
            };
            let judge = |design: Design| design.judge(&samples, of, report.rules.min_effect);
            let [blocked, fixed_order, alternating] = Design::ALL.map(judge);
            let p_change = |judged: &Option<Judged>| judged.map(|judged| judged.p_change);
            let p_regression = |judged: &Option<Judged>| judged.map(|judged| judged.p_regression);
            Row {
                seed: report.rules.seed,
                workload: comparison.workload.clone(),
                mode: comparison.mode.clone(),
                verdict: comparison.verdict,
                unconfirmed: comparison.verdict == Verdict::Inconclusive
                    && comparison.confirmation.is_some(),
                observations: comparison.observations,
                change: comparison.change.map(|change| change.estimate),
                low: comparison.change.and_then(|change| change.low),
                high: comparison.change.and_then(|change| change.high),
                could_see: comparison.min_detectable_effect,
                blocked_p_change: p_change(&blocked),
                blocked_p_regression: p_regression(&blocked),
                fixed_order_p_change: p_change(&fixed_order),
                fixed_order_p_regression: p_regression(&fixed_order),
                alternating_p_change: p_change(&alternating),
                alternating_p_regression: p_regression(&alternating),
            }
        })
        .collect())
}

/// A column of the rows.
type PValue = fn(&Row) -> Option<f64>;

/// The level of the tests in the summary.
const ALPHA: f64 = 0.05;

fn read(file: &str) -> Result<Vec<Row>, Box<dyn Error>> {
    let rows: Result<Vec<Row>, csv::Error> = csv::Reader::from_path(file)?.deserialize().collect();
    Ok(rows?)
}

fn share(count: usize, rows: &[Row]) -> f64 {
    count as f64 * 100.0 / rows.len().max(1) as f64
}

fn verdicts(rows: &[Row]) {
    let verdicts = [Verdict::Pass, Verdict::Inconclusive, Verdict::Fail];
    println!("| verdict of the gate | comparisons | share |");
    println!("|---|---|---|");
    for verdict in verdicts {
        let count = rows.iter().filter(|row| row.verdict == verdict).count();
        println!(
            "| {} | {count} | {:.1} % |",
            verdict.name(),
            share(count, rows)
        );
    }
    let unconfirmed = rows.iter().filter(|row| row.unconfirmed).count();
    println!("\nSeen once and not confirmed by fresh blocks: {unconfirmed}.");
    let mut changes: Vec<f64> = rows.iter().filter_map(|row| row.change).collect();
    changes.sort_by(f64::total_cmp);
    if let (Some(first), Some(last)) = (changes.first(), changes.last()) {
        println!(
            "Estimated change: median {:+.2} %, from {:+.2} % to {:+.2} %.",
            changes[changes.len() / 2] * 100.0,
            first * 100.0,
            last * 100.0
        );
    }
}

fn orders(rows: &[Row]) {
    println!(
        "| order of the same runs | called different | called slower by more than the threshold |"
    );
    println!("|---|---|---|");
    let columns: [[PValue; 2]; 3] = [
        [|row| row.blocked_p_change, |row| row.blocked_p_regression],
        [
            |row| row.fixed_order_p_change,
            |row| row.fixed_order_p_regression,
        ],
        [
            |row| row.alternating_p_change,
            |row| row.alternating_p_regression,
        ],
    ];
    for (design, columns) in Design::ALL.iter().zip(columns) {
        let [different, slower] = columns.map(|p| {
            let called = |row: &&Row| p(row).is_some_and(|p| p <= ALPHA);
            rows.iter().filter(called).count()
        });
        println!(
            "| {} | {different} ({:.1} %) | {slower} ({:.1} %) |",
            design.name(),
            share(different, rows),
            share(slower, rows)
        );
    }
}
