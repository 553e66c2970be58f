//! `harness compare`: two records side by side.

use crate::cmd::{Exit, print, provenance};
use harness_record::{
    Calibration, Compared, Fingerprint, GateReport, Record, RecordDirectory, Rules, SCHEMA_VERSION,
    Sample, Verdict,
};
use harness_report::{Format, render_gate};
use harness_verdict::floor;
use harness_verdict::records::{self, Taken};
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Compare two records: ratios to untraced, and counts, with a verdict on each
///
/// Each mode is compared with itself by its ratio to the untraced runs of its own record, counts
/// exactly. Ends with 0 whatever the verdict; `harness gate` ends with 3 after a regression.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of the record to compare with
    base: PathBuf,
    /// Directory of the record that is judged
    new: PathBuf,
    #[command(flatten)]
    judging: Judging,
    /// What standard output gets
    #[arg(long, value_enum, default_value_t = FormatArg::Table)]
    format: FormatArg,
}

/// How a comparison is printed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum FormatArg {
    /// For reading
    Table,
    /// What gate.json holds
    Json,
    /// A row a comparison
    Csv,
    /// The table for a pull request
    Markdown,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Table => Self::Table,
            FormatArg::Json => Self::Json,
            FormatArg::Csv => Self::Csv,
            FormatArg::Markdown => Self::Markdown,
        }
    }
}

/// What a verdict rests on.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Judging {
    /// Smallest change of a ratio that is a regression, in percent; the calibrated noise of the
    /// host where that is larger
    #[arg(long, value_name = "PERCENT", default_value = "1", allow_negative_numbers = true, value_parser = percent)]
    pub(super) min_effect: f64,
    /// Probability of a false alarm, over all comparisons together
    #[arg(long, value_name = "P", default_value = "0.05", value_parser = probability)]
    pub(super) alpha: f64,
    /// What `harness calibrate` wrote for this host
    /// [default: results/calibration.json, where it is there]
    #[arg(long, value_name = "FILE")]
    pub(super) calibration: Option<PathBuf>,
}

/// Where the calibration of this host is looked for.
pub(super) const CALIBRATION: &str = "results/calibration.json";

/// A change in percent, as a fraction.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    percent_up_to(1000.0, text)
}

/// A share of a whole in percent, as a fraction.
pub(super) fn share(text: &str) -> Result<f64, String> {
    percent_up_to(100.0, text)
}

fn percent_up_to(most: f64, text: &str) -> Result<f64, String> {
    let number: f64 = text
        .trim_end_matches('%')
        .trim()
        .parse()
        .map_err(|_| "a number of percent, as 1 or 0.5".to_owned())?;
    if (0.0..=most).contains(&number) {
        Ok(number / 100.0)
    } else {
        Err(format!("a number of percent from 0 to {most}"))
    }
}

pub(super) fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(p) if p > 0.0 && p < 1.0 => Ok(p),
        _ => Err("a probability between 0 and 1, as 0.05".to_owned()),
    }
}

impl Judging {
    /// The calibration to use, and what a reader must know of it.
    pub(super) fn calibration(
        &self,
        here: &Fingerprint,
    ) -> anyhow::Result<(Option<Calibration>, Vec<String>)> {
        let default = Path::new(CALIBRATION);
        let path = match &self.calibration {
            Some(path) => path,
            None if default.exists() => default,
            None => return Ok((None, Vec::new())),
        };
        let calibration = Calibration::read(path)?;
        if let Some(difference) = calibration.fingerprint.difference(here) {
            let warning = format!(
                "The calibration in {} is of another host ({difference}) and is not used; run `harness calibrate` here.",
                path.display()
            );
            return Ok((None, vec![warning]));
        }
        Ok((Some(calibration), Vec::new()))
    }

    pub(super) fn rules(&self, looks: Vec<u32>, seed: u64, max_steal: f64) -> Rules {
        Rules {
            alpha: self.alpha,
            min_effect: self.min_effect,
            looks,
            seed,
            max_steal,
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let report = report(&args.base, &args.new, &args.judging)?;
    print(render_gate(&report, args.format.into())?)?;
    Ok(Exit::Fine)
}

/// Compares the records of two directories.
pub(super) fn report(base: &Path, new: &Path, judging: &Judging) -> anyhow::Result<GateReport> {
    let (base_record, base_samples) = load(base)?;
    let (new_record, new_samples) = load(new)?;
    let here = Fingerprint::of(&new_record.environment);
    let (calibration, mut warnings) = judging.calibration(&here)?;
    let threshold = |workload: &str, mode: &str| {
        let floor = calibration
            .as_ref()
            .and_then(|calibration| calibration.floor(workload, mode));
        floor.map_or(judging.min_effect, |floor| floor.max(judging.min_effect))
    };
    let taken = |record, samples| Taken { record, samples };
    let compared = records::compare(
        taken(&base_record, &base_samples),
        taken(&new_record, &new_samples),
        threshold,
        judging.alpha,
    )?;
    warnings.extend(compared.warnings);
    if let Some(calibration) = &calibration {
        warnings.extend(floor::warnings(calibration, &compared.comparisons));
    }
    for (path, record) in [(base, &base_record), (new, &new_record)] {
        for warning in &record.warnings {
            warnings.push(format!("{}: {warning}", path.display()));
        }
    }
    let verdicts = compared.comparisons.iter().map(|one| one.verdict);
    Ok(GateReport {
        schema_version: SCHEMA_VERSION,
        harness: provenance::own(),
        command: provenance::command_line(),
        made_at: OffsetDateTime::now_utc().format(&Rfc3339)?,
        environment: None,
        base: of_record(base, &base_record),
        head: of_record(new, &new_record),
        rules: judging.rules(Vec::new(), new_record.plan.seed, 0.0),
        verdict: Verdict::of_all(verdicts),
        comparisons: compared.comparisons,
        dropped_blocks: 0,
        warnings,
    })
}

fn load(path: &Path) -> anyhow::Result<(Record, Vec<Sample>)> {
    let directory = RecordDirectory::open(path)?;
    let record = harness_report::load(&directory)?;
    let mut samples = directory.read_samples()?.samples;
    // As marked already, but where the measurement did not come to its end.
    harness_record::leave_out_busy_blocks(&mut samples, &record.plan);
    Ok((record, samples))
}

fn of_record(path: &Path, record: &Record) -> Compared {
    let revision = record.harness.revision.as_deref();
    Compared {
        path: path.display().to_string(),
        version: format!(
            "harness {}{}, {}",
            record.harness.version,
            revision.map_or_else(String::new, |revision| format!(" ({revision})")),
            record.started_at
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_no_more_than_a_whole() {
        for (text, as_change, as_share) in [
            ("0", Some(0.0), Some(0.0)),
            ("12.5 %", Some(0.125), Some(0.125)),
            ("100", Some(1.0), Some(1.0)),
            ("100.1", Some(1.001), None),
            ("1001", None, None),
            ("-1", None, None),
            ("NaN", None, None),
            ("ten", None, None),
        ] {
            let near = |found: Result<f64, String>, expected: Option<f64>| match expected {
                Some(expected) => found.is_ok_and(|found| (found - expected).abs() < 1e-9),
                None => found.is_err(),
            };
            assert!(near(percent(text), as_change), "{text}");
            assert!(near(share(text), as_share), "{text}");
        }
    }
}
