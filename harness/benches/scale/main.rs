//! What a stop costs when many processes live under one tracer.
//!
//! `cargo bench --bench scale -- --output DIR` writes the table and the picture;
//! `scripts/scale` does that for results/scale. It is not a part of a plain
//! `cargo bench`.
//!
//! Every measurement is a process of its own: this program with a hidden word
//! traces this program with another. All are bound to one processor, and each
//! round takes every measurement once, in an order of its own.

mod chart;
mod crowd;
#[path = "../tables.rs"]
mod tables;
mod tracer;
mod waits;

use harness_record::csv_rows;
use harness_stats::median;
use harness_stats::random::Rng;
use harness_sys::affinity;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::{Command, ExitCode};
use tables::Arguments;
use tracer::{Measured, TRACERS};

/// Processes alive at once.
const SIZES: [u32; 6] = [1, 10, 100, 500, 1000, 2000];

const SEED: u64 = 1;

/// One measurement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Case {
    tracer: &'static str,
    work: crowd::Work,
    size: u32,
}

/// Cases that show what stays bounded, with their sizes.
const BOUNDED: [(crowd::Work, [u32; 3]); 2] = [
    (crowd::Work::Short, [100, 1_000, 10_000]),
    (crowd::Work::Threads, [1, 20, 200]),
];

fn cases() -> Vec<Case> {
    use crowd::Work;
    let mut cases = Vec::new();
    for tracer in TRACERS.into_iter().filter(|tracer| tracer::is_here(tracer)) {
        let mut add = |work, sizes: &[u32]| {
            cases.extend(sizes.iter().map(|&size| Case { tracer, work, size }));
        };
        for work in [Work::First, Work::Last, Work::All] {
            add(work, &SIZES);
        }
        match tracer {
            tracer::UNTRACED => add(Work::Switch, &SIZES),
            tracer::PTRACE | tracer::SECCOMP => {
                for (work, sizes) in &BOUNDED {
                    add(*work, sizes);
                }
            }
            _ => {}
        }
    }
    cases
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(crowd::WORD) => return crowd::main(&words[1..]),
        Some(tracer::WORD) => return tracer::main(&words[1..]),
        _ => {}
    }
    let arguments = match Arguments::parse(words, 5) {
        Ok(arguments) => arguments,
        Err(wrong) => return tables::misused("scale", &wrong),
    };
    let processors = affinity::allowed().expect("sched_getaffinity(2)");
    affinity::pin_to(*processors.last().expect("a processor")).expect("sched_setaffinity(2)");
    let mut cases = cases();
    let mut rng = Rng::new(SEED);
    let mut measured: BTreeMap<Case, Vec<Measured>> = BTreeMap::new();
    for round in 0..arguments.rounds {
        eprintln!("round {} of {}", round + 1, arguments.rounds);
        rng.shuffle(&mut cases);
        for case in &cases {
            let one = measure(case);
            measured.entry(case.clone()).or_default().push(one);
        }
    }
    let rows: Vec<Row> = measured
        .iter()
        .map(|(case, all)| Row::of(case, all))
        .collect();
    print!("{}", csv(&rows));
    if let Some(directory) = arguments.output {
        std::fs::create_dir_all(&directory).expect("the directory");
        std::fs::write(directory.join("table.md"), markdown(&rows)).expect("table.md");
        std::fs::write(directory.join("scale.csv"), csv(&rows)).expect("scale.csv");
        std::fs::write(directory.join("scale.svg"), chart::draw(&rows)).expect("scale.svg");
    }
    ExitCode::SUCCESS
}

/// Takes one measurement in a process of its own.
fn measure(case: &Case) -> Measured {
    let own = std::env::current_exe().expect("this program");
    let output = Command::new(own)
        .args([tracer::WORD, case.tracer, case.work.name()])
        .arg(case.size.to_string())
        .output()
        .expect("this program");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{case:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Measured::parse(&text).unwrap_or_else(|| panic!("{case:?}: {text}"))
}

/// Medians over the rounds.
struct Row {
    tracer: &'static str,
    work: crowd::Work,
    size: u32,
    rounds: usize,
    /// Of the time in which the calls were made, ns a stop: median, least, most.
    ns_per_stop: [f64; 3],
    /// Of the whole run; 0 where the tracer does not say.
    stops: f64,
    /// Resident set of the tracer at its greatest, KiB; 0 where it is not known.
    tracer_peak_kib: f64,
}

impl Row {
    fn of(case: &Case, all: &[Measured]) -> Self {
        let each = |value: fn(&Measured) -> f64| -> Vec<f64> { all.iter().map(value).collect() };
        let middle = |values: &[f64]| median(values, 0.95).expect("finite numbers").estimate;
        let times = each(|one| one.ns as f64 / one.timed_stops as f64);
        Self {
            tracer: case.tracer,
            work: case.work,
            size: case.size,
            rounds: all.len(),
            ns_per_stop: [
                middle(&times),
                times.iter().copied().fold(f64::INFINITY, f64::min),
                times.iter().copied().fold(0.0, f64::max),
            ],
            stops: middle(&each(|one| one.stops as f64)),
            tracer_peak_kib: middle(&each(|one| one.tracer_peak_kib as f64)),
        }
    }
}

fn csv(rows: &[Row]) -> String {
    const COLUMNS: [&str; 9] = [
        "tracer",
        "work",
        "size",
        "rounds",
        "ns_per_stop_median",
        "ns_per_stop_least",
        "ns_per_stop_most",
        "stops",
        "tracer_peak_kib",
    ];
    let whole = |value: f64| format!("{value:.0}");
    let cells = rows.iter().map(|row| {
        let [median, least, most] = row.ns_per_stop;
        [
            row.tracer.to_owned(),
            row.work.name().to_owned(),
            row.size.to_string(),
            row.rounds.to_string(),
            whole(median),
            whole(least),
            whole(most),
            whole(row.stops),
            whole(row.tracer_peak_kib),
        ]
    });
    csv_rows(std::iter::once(COLUMNS.map(str::to_owned)).chain(cells))
}

/// The tables, with what they are and where they were made.
fn markdown(rows: &[Row]) -> String {
    let rounds = rows.iter().map(|row| row.rounds).max().unwrap_or(0);
    let mut text = format!(
        "# What a stop costs by the number of processes

Made by `scripts/scale`, on {}: medians of {rounds} rounds and, in brackets, the least and the most, in ns a stop.
Every measurement is a process of its own and comes once a round, in random order; all are bound to one processor.

- `ptrace`, `strace` and the loops stop twice at every call, `seccomp-linear` and `strace --seccomp-bpf` twice at every traced
  call, which nearly all of these are. strace writes the calls to /dev/null. The loops are the least that do the same; they wait
  with wait4(2) for any child, ask tracees in turn by their ids where that was right last, or ask the one SIGCHLD tells of.
- *first*, *last*: the eldest or the youngest of N processes makes 4,000 calls while the others sleep. *all*: all N make calls
  at once. *switch*: all N call sched_yield(2), which switches to another process, untraced. *short*: N processes one
  after the other, each of which exits at once; the time is shared out over all stops. *threads*: N threads of one process
  make 1,000 calls each.
- *untraced* is ns a call. *peak* is VmHWM of the tracer.

| calls | N |",
        tables::machine()
    );
    let tracers: Vec<_> = TRACERS
        .into_iter()
        .filter(|tracer| rows.iter().any(|row| row.tracer == *tracer))
        .collect();
    for tracer in &tracers {
        let _ = write!(text, " {tracer} |");
    }
    text.push_str(" peak of ptrace, KiB |\n|---|--:|");
    text.push_str(&"--:|".repeat(tracers.len() + 1));
    text.push('\n');
    let mut places: Vec<_> = rows.iter().map(|row| (row.work, row.size)).collect();
    places.sort_unstable();
    places.dedup();
    for (work, size) in places {
        let _ = write!(text, "| {} | {size} |", work.name());
        let of = |tracer| {
            let mut rows = rows.iter();
            rows.find(|row| (row.tracer, row.work, row.size) == (tracer, work, size))
        };
        for row in tracers.iter().copied().map(of) {
            let cell = row.map_or_else(
                || "–".to_owned(),
                |row| {
                    let [median, least, most] = row.ns_per_stop;
                    format!("{median:.0} [{least:.0}, {most:.0}]")
                },
            );
            let _ = write!(text, " {cell} |");
        }
        let peak = of("ptrace").map_or(0.0, |row| row.tracer_peak_kib);
        let _ = writeln!(text, " {peak:.0} |");
    }
    text
}
