//! `harness filter chart`: how long programs are and how much of them a call executes.

use super::input::{compiler_names, find_compiler, say_absent};
use super::options::{Compilation, Numbers};
use super::output::{self, Cells};
use crate::cmd::{Exit, Usage, print};
use harness_filter::{ChartError, ChartRow, TALK_SETS};
use harness_syscalls::TraceSet;

/// Chart filters over trace sets and compilers: length, instructions executed, cached calls
///
/// The mean is over every named call of the 64-bit ABI, each once, or as often as --profile has it;
/// the worst is over every number of every ABI. All arguments are 0. Cached: how many of the native
/// calls that the program allows a kernel of 5.11 or later allows without running it; older kernels
/// cache nothing.
#[derive(Debug, clap::Args)]
// It reads no file that could test for an architecture.
#[command(mut_arg("arch", |arch| arch.help("Machine that the programs are for [default: x86]")))]
pub(super) struct Args {
    /// Trace sets, separated by semicolons; talk is the ten sets of the published chart (FOSDEM 2020)
    #[arg(
        long,
        value_name = "SET;…",
        value_delimiter = ';',
        allow_hyphen_values = true
    )]
    sets: Vec<String>,
    /// A trace set; may be repeated [default: --sets talk]
    #[arg(long, value_name = "SET", allow_hyphen_values = true)]
    set: Vec<String>,
    /// Compilers, separated by commas; see `harness list compilers` [default: every one]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = compiler_names())]
    compilers: Vec<String>,
    #[command(flatten)]
    compilation: Compilation,
    #[command(flatten)]
    numbers: Numbers,
    /// What standard output gets
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For reading; mean and worst are of the instructions that a call executes
    Table,
    /// set,compiler,instructions,mean_executed,worst_executed,cacheable,allowed_calls,cached_calls:
    /// cacheable where every call that is allowed is cached
    Csv,
    /// The same, an object a row
    Json,
    /// The table for a pull request
    Markdown,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut sets: Vec<&str> = Vec::new();
    for set in args.sets.iter().chain(&args.set) {
        if set == "talk" {
            sets.extend(TALK_SETS);
        } else {
            sets.push(set);
        }
    }
    if sets.is_empty() {
        sets.extend(TALK_SETS);
    }
    let compilers = if args.compilers.is_empty() {
        harness_filter::registry().to_vec()
    } else {
        let named = args
            .compilers
            .iter()
            .enumerate()
            .filter(|(at, name)| !args.compilers[..*at].contains(name))
            .map(|(_, name)| find_compiler(name));
        named.collect::<Result<_, _>>()?
    };
    let options = args.compilation.options(&args.numbers)?;
    let table = args.numbers.table()?;
    let rows = harness_filter::chart(&sets, table, &compilers, &options);
    let rows = rows.map_err(|error| match error {
        ChartError::Set(error) => anyhow::Error::new(Usage(error.to_string())),
        error => error.into(),
    })?;
    for text in sets {
        if let Ok(set) = TraceSet::parse(text, table) {
            say_absent(&set, options.arch);
        }
    }
    let text = match args.format {
        Format::Table => listed(&rows).aligned(),
        Format::Csv => cells(&rows, |mean| mean.to_string()).csv(),
        Format::Markdown => cells(&rows, |mean| format!("{mean:.2}")).markdown(),
        Format::Json => output::array(rows.iter().map(Object::new))? + "\n",
    };
    print(text)?;
    Ok(Exit::Fine)
}

fn cells(rows: &[ChartRow], mean: impl Fn(f64) -> String) -> Cells {
    let columns = vec![
        ("set", false),
        ("compiler", false),
        ("instructions", true),
        ("mean_executed", true),
        ("worst_executed", true),
        ("cacheable", false),
        ("allowed_calls", true),
        ("cached_calls", true),
    ];
    let cells = |row: &ChartRow| {
        vec![
            row.set.clone(),
            row.compiler.to_owned(),
            row.instructions.to_string(),
            mean(row.mean_executed),
            row.worst_executed.to_string(),
            row.cacheable.is_all().to_string(),
            row.cacheable.allowed.to_string(),
            row.cacheable.cached.to_string(),
        ]
    };
    Cells {
        columns,
        rows: rows.iter().map(cells).collect(),
    }
}

/// For reading: short headings, and each set once.
fn listed(rows: &[ChartRow]) -> Cells {
    let mut cells = cells(rows, |mean| format!("{mean:.2}"));
    let headings = ["set", "compiler", "instructions", "mean", "worst", "cached"];
    // The counts say more than yes or no, and are one column here.
    cells.columns.truncate(headings.len());
    for ((name, _), heading) in cells.columns.iter_mut().zip(headings) {
        *name = heading;
    }
    for (at, pair) in rows.windows(2).enumerate() {
        if pair[0].set == pair[1].set {
            cells.rows[at + 1][0].clear();
        }
    }
    for row in &mut cells.rows {
        row[5] = format!("{} of {}", row[7], row[6]);
        row.truncate(headings.len());
    }
    cells
}

/// A row in JSON.
#[derive(serde::Serialize)]
struct Object<'a> {
    set: &'a str,
    compiler: &'a str,
    instructions: usize,
    mean_executed: f64,
    worst_executed: u32,
    cacheable: bool,
    allowed_calls: u32,
    cached_calls: u32,
}

impl<'a> Object<'a> {
    fn new(row: &'a ChartRow) -> Self {
        Self {
            set: &row.set,
            compiler: row.compiler,
            instructions: row.instructions,
            mean_executed: row.mean_executed,
            worst_executed: row.worst_executed,
            cacheable: row.cacheable.is_all(),
            allowed_calls: row.cacheable.allowed,
            cached_calls: row.cacheable.cached,
        }
    }
}
