//! How long two ways to measure take until the 95 % interval of a ratio is narrow
//! enough, for `scripts/against-hyperfine`.
//!
//! ```text
//! precision harness DIR SECONDS PERCENT       a record of modes none and another
//! precision hyperfine FILE SECONDS PERCENT    what --export-json wrote of two commands
//! ```
//!
//! SECONDS is how long the whole measurement took. Prints
//! `runs,seconds,ratio,low,high,all`: the fewest runs of each whose interval is
//! within ±PERCENT, how long those take, what the measurement takes besides its
//! runs included, the ratio then with its interval, and the ratio of all runs;
//! but for the last it prints nothing where all of them do not suffice.

use harness_record::{CONTROL, RecordDirectory, Sample};
use harness_stats::hodges_lehmann;
use harness_verdict::LEVEL;
use serde::Deserialize;
use std::error::Error;
use std::process::ExitCode;

/// Below this the signed-rank interval has no limits at 95 %; the other is held
/// to it too, as few runs say little about how they scatter.
const FEWEST: usize = 6;

/// Half the width of a normal 95 % interval in standard errors.
const Z: f64 = 1.959_963_985;

/// A pair of runs of each kind, seconds: the untraced and the traced one.
struct Runs {
    untraced: Vec<f64>,
    traced: Vec<f64>,
}

/// An interval of the logarithm of the ratio.
struct LogRatio {
    estimate: f64,
    half_width: f64,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["harness", path, took, percent] => {
            of_record(path).and_then(|runs| report(&runs, signed_rank, took, percent))
        }
        ["hyperfine", path, took, percent] => {
            of_hyperfine(path).and_then(|runs| report(&runs, of_means, took, percent))
        }
        _ => Err("usage: precision harness|hyperfine PATH SECONDS PERCENT".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("precision: {error}");
            ExitCode::FAILURE
        }
    }
}

fn report(
    runs: &Runs,
    interval: fn(&Runs, usize) -> Option<LogRatio>,
    took: &str,
    percent: &str,
) -> Result<(), Box<dyn Error>> {
    let (took, percent): (f64, f64) = (took.parse()?, percent.parse()?);
    let most = runs.untraced.len().min(runs.traced.len());
    let seconds = |count: usize| -> f64 {
        runs.untraced[..count].iter().sum::<f64>() + runs.traced[..count].iter().sum::<f64>()
    };
    let besides = took - seconds(most);
    let limit = (percent / 100.0).ln_1p();
    let enough = (FEWEST..=most).find_map(|count| {
        let found = interval(runs, count)?;
        (found.half_width <= limit).then_some((count, found))
    });
    let all = interval(runs, most).map_or(f64::NAN, |found| found.estimate.exp());
    if let Some((count, found)) = enough {
        let took = seconds(count) + besides;
        let [ratio, low, high] = [0.0, -1.0, 1.0].map(|side: f64| {
            let limit = side.mul_add(found.half_width, found.estimate);
            limit.exp()
        });
        println!("{count},{took:.1},{ratio:.3},{low:.3},{high:.3},{all:.3}");
    } else {
        println!(",,,,,{all:.3}");
    }
    Ok(())
}

/// Pairs of one pass: the Hodges–Lehmann estimate and its signed-rank interval,
/// its farther limit.
fn signed_rank(runs: &Runs, count: usize) -> Option<LogRatio> {
    let pairs = runs.traced.iter().zip(&runs.untraced).take(count);
    let logarithms: Vec<f64> = pairs.map(|(traced, none)| (traced / none).ln()).collect();
    let found = hodges_lehmann(&logarithms, LEVEL).ok()?;
    let below = found.estimate - found.low?;
    Some(LogRatio {
        estimate: found.estimate,
        half_width: below.max(found.high? - found.estimate),
    })
}

/// The ratio of two means of independent runs, by the delta method with normal
/// quantiles: a narrower interval than those of Student or Fieller.
fn of_means(runs: &Runs, count: usize) -> Option<LogRatio> {
    let moments = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (mean, squares / (values.len() - 1) as f64)
    };
    let (none, none_variance) = moments(runs.untraced.get(..count)?);
    let (traced, traced_variance) = moments(runs.traced.get(..count)?);
    let variance = none_variance / none.powi(2) + traced_variance / traced.powi(2);
    Some(LogRatio {
        estimate: (traced / none).ln(),
        half_width: Z * (variance / count as f64).sqrt(),
    })
}

fn of_record(path: &str) -> Result<Runs, Box<dyn Error>> {
    let samples = RecordDirectory::open(path)?.read_samples()?.samples;
    let seconds = |sample: &Sample| sample.wall_ns as f64 / 1e9;
    let mut runs = Runs {
        untraced: Vec::new(),
        traced: Vec::new(),
    };
    let passes = samples.iter().map(|sample| sample.pass).max().unwrap_or(0);
    for pass in 0..=passes {
        for sample in samples.iter().filter(|sample| sample.pass == pass) {
            if sample.mode == CONTROL {
                runs.untraced.push(seconds(sample));
            } else {
                runs.traced.push(seconds(sample));
            }
        }
    }
    Ok(runs)
}

fn of_hyperfine(path: &str) -> Result<Runs, Box<dyn Error>> {
    #[derive(Deserialize)]
    struct Export {
        results: Vec<Measured>,
    }
    #[derive(Deserialize)]
    struct Measured {
        times: Vec<f64>,
    }
    let export: Export = serde_json::from_slice(&std::fs::read(path)?)?;
    match <[Measured; 2]>::try_from(export.results) {
        Ok([untraced, traced]) => Ok(Runs {
            untraced: untraced.times,
            traced: traced.times,
        }),
        Err(_) => Err(format!("{path} is not of two commands").into()),
    }
}
