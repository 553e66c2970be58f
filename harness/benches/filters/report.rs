//! The results as Markdown and CSV.

use crate::cache::Cache;
use crate::chart;
use crate::rows::{LEVEL, Row, SetRows};
use crate::tables;
use harness_record::csv_rows;
use harness_stats::Interval;
use harness_sys::probe_calls::Idle;
use harness_sys::procfs;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

/// The compiler that the targets are about.
const OPTIMAL: &str = "optimal";
/// The same without knowledge of the calls.
const NO_PROFILE: &str = "optimal, no profile";

/// Executed instructions, relative to others, over the sets.
struct Against {
    /// Of the sums.
    total: f64,
    /// The mean of the sets' ratios.
    mean: f64,
    /// Their geometric mean.
    geometric: f64,
}

impl std::fmt::Display for Against {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.2} in total ({:.2} as the mean of the sets' ratios, {:.2} as the geometric one)",
            self.total, self.mean, self.geometric
        )
    }
}

/// All results.
pub(crate) struct Report {
    pub(crate) rounds: usize,
    pub(crate) sets: Vec<SetRows>,
    pub(crate) cache: Cache,
}

impl Report {
    /// Writes `README.md`, `filters.csv`, `cache.csv` and `executed.svg`.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("README.md"), self.markdown())?;
        fs::write(directory.join("filters.csv"), self.csv())?;
        fs::write(directory.join("cache.csv"), self.cache_csv())?;
        fs::write(directory.join("executed.svg"), chart::draw(&self.sets))
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        self.heading(&mut text);
        self.targets(&mut text);
        self.comparisons(&mut text);
        self.overview(&mut text);
        self.cache_table(&mut text);
        text.push_str("\n## Every set\n");
        for set in &self.sets {
            set_table(set, &mut text);
        }
        text
    }

    fn heading(&self, text: &mut String) {
        let peers = if cfg!(feature = "peer-libseccomp") {
            "`libseccomp` at optimisation level 2 is given the same three ABIs"
        } else {
            "`libseccomp` is left out (feature `peer-libseccomp`)"
        };
        put(
            text,
            format_args!(
                "# Filters\n\n\
             What the compilers and their peers make of ten sets of system calls, and what it costs. Made by \
             `scripts/filters-table`, on {}.\n\n\
             - *Mean*: instructions executed a call, by the interpreter, over the 4.7 million calls of a tiny kernel build \
             (`harness/filter/data`); *worst*: over every number of the three ABIs of x86-64, and those \
             next to each constant of the program.\n\
             - *Allowed*, *traced*: nanoseconds of a call on this kernel that the set does not hold, or holds; what the call \
             is stands at each set. There is no tracer, so that a traced call fails with ENOSYS at once: what the filter \
             adds, without the stop (`cargo bench --bench per_stop`). Arguments are −1. Medians of {} rounds with their \
             {:.0} % intervals, a process each, everything once a round in random order, bound to one processor.\n\
             - *Cacheable*: the kernel (5.11 and later) need not run the program for any call of x86_64 that it allows. \
             Then mean and worst say nothing of the time of allowed calls, which is the same for all such programs.\n\
             - *Compile*: microseconds from the set to the program.\n\
             - Peers: `strace linear` and `strace bitmap` are strace's two generators on its table, which always trace execve \
             and some calls more; strace installs the shorter (†). {peers}. `seccompiler` knows x86_64 alone and kills \
             a call of another ABI: an easier task than that of all others.\n\
             - `optimal` is given the profile that the instructions are counted with, `optimal, no profile` is not.\n",
                machine(),
                self.rounds,
                LEVEL * 100.0,
            ),
        );
    }

    fn targets(&self, text: &mut String) {
        text.push_str("\n## Targets\n\n| target | found | |\n|---|---|---|\n");
        for name in [OPTIMAL, NO_PROFILE] {
            let found = self.against(|set| set.row(name).mean, SetRows::best_peer);
            put(
                text,
                format_args!(
                    "| `{name}` executes at most half of the best peer's instructions on average | {found} | {} |\n",
                    verdict(found.total.max(found.mean) <= 0.5),
                ),
            );
        }
        let worse: Vec<String> = self
            .sets
            .iter()
            .flat_map(|set| {
                let own = set.row(OPTIMAL).mean;
                let worse = set.rows.iter().filter(move |row| row.mean < own);
                worse.map(|row| format!("{} on `{}`", row.name, set.set))
            })
            .collect();
        let found = if worse.is_empty() {
            "none executes fewer on average".to_owned()
        } else {
            format!("fewer: {}", worse.join(", "))
        };
        put(
            text,
            format_args!(
                "| on no set any other executes fewer | {found} | {} |\n",
                verdict(worse.is_empty())
            ),
        );
        let cached = self
            .sets
            .iter()
            .filter(|set| set.row(OPTIMAL).cacheable)
            .count();
        put(
            text,
            format_args!(
                "| every call of x86_64 that it allows is cacheable | on {cached} of {} sets | {} |\n",
                self.sets.len(),
                verdict(cached == self.sets.len()),
            ),
        );
        let slowest = self
            .sets
            .iter()
            .map(|set| set.row(OPTIMAL).compile.estimate)
            .fold(0.0, f64::max);
        put(
            text,
            format_args!(
                "| it compiles in less than 1 ms | at most {slowest:.0} µs | {} |\n",
                verdict(slowest < 1000.0),
            ),
        );
    }

    /// Executed instructions of `own`, relative to the peer of each set that `peer` picks.
    fn against<'a>(
        &'a self,
        own: impl Fn(&SetRows) -> f64,
        peer: impl Fn(&'a SetRows) -> &'a Row,
    ) -> Against {
        let pairs: Vec<(f64, f64)> = self
            .sets
            .iter()
            .map(|set| (own(set), peer(set).mean))
            .collect();
        let sum = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>();
        let count = pairs.len() as f64;
        Against {
            total: sum(|(own, _)| *own) / sum(|(_, peer)| *peer),
            mean: sum(|(own, peer)| own / peer) / count,
            geometric: (sum(|(own, peer)| (own / peer).ln()) / count).exp(),
        }
    }

    /// What stands behind the first targets: how near any program could come, and each peer by itself.
    fn comparisons(&self, text: &mut String) {
        let floor = self.against(|set| set.floor, SetRows::best_peer);
        put(
            text,
            format_args!(
                "\nThe best peer is that of each set. Against it the *fewest* instructions that any program can execute \
                 come to {floor}: a load, a test and a return for a call whose number every architecture decides on alike, \
                 a load and a test more for another; 1 where nothing is traced.\n\n\
                 `{OPTIMAL}` against each peer alone:\n\n",
            ),
        );
        let peers = self.sets[0].rows.iter().filter(|row| row.peer);
        for name in peers.map(|row| row.name) {
            let found = self.against(|set| set.row(OPTIMAL).mean, |set| set.row(name));
            put(text, format_args!("- {name}: {found}\n"));
        }
        let found = self.against(|set| set.row(OPTIMAL).mean, |set| set.row(set.shorter));
        put(text, format_args!("- what strace would install: {found}\n"));
    }

    fn overview(&self, text: &mut String) {
        text.push_str(
            "\n## Mean instructions executed\n\n![instructions executed](executed.svg)\n\n| set |",
        );
        let names: Vec<&str> = self.sets[0].rows.iter().map(|row| row.name).collect();
        for name in &names {
            put(text, format_args!(" {name} |"));
        }
        text.push_str(
            " fewest | optimal : best peer | allowed, optimal : strace | traced, optimal : strace |\n|---|",
        );
        text.push_str(&"--:|".repeat(names.len() + 4));
        text.push('\n');
        for set in &self.sets {
            put(text, format_args!("| `{}` |", set.set));
            for name in &names {
                let mark = if *name == set.shorter { "†" } else { "" };
                put(text, format_args!(" {:.2}{mark} |", set.row(name).mean));
            }
            let best = set.best_peer();
            put(
                text,
                format_args!(
                    " {:.2} | {:.2} ({}) | {} | {} |\n",
                    set.floor,
                    set.row(OPTIMAL).mean / best.mean,
                    best.name,
                    show(set.to_strace[0], 3),
                    show(set.to_strace[1], 3),
                ),
            );
        }
        text.push_str("\nThe last two columns are ratios of times on this kernel, to the program that strace would install.\n");
    }

    fn cache_table(&self, text: &mut String) {
        let Cache {
            unfiltered,
            rows,
            growth,
        } = &self.cache;
        put(
            text,
            format_args!(
                "\n## The cache and the clock\n\n\
             getppid(2), nanoseconds, under filters that execute so many instructions for it. The second kind differs from \
             the first in its first instruction alone: `tax` instead of a load. Without a filter: {}.\n\n\
             | executed | cacheable | not cacheable |\n|--:|--:|--:|\n",
                show(Some(*unfiltered), 1),
            ),
        );
        for row in rows.iter().filter(|row| row.cacheable) {
            let mut others = rows.iter().filter(|other| !other.cacheable);
            let other = others.find(|other| other.executed == row.executed);
            put(
                text,
                format_args!(
                    "| {} | {} | {} |\n",
                    row.executed,
                    show(Some(row.nanoseconds), 1),
                    show(other.map(|other| other.nanoseconds), 1),
                ),
            );
        }
        put(
            text,
            format_args!(
                "| longest : shortest | {} | {} |\n",
                show(Some(growth[0]), 3),
                show(Some(growth[1]), 3),
            ),
        );
    }

    fn csv(&self) -> String {
        const COLUMNS: [&str; 19] = [
            "set",
            "contender",
            "peer",
            "strace_installs",
            "instructions",
            "mean_executed",
            "worst_executed",
            "cacheable",
            "allowed_call",
            "unfiltered_ns",
            "allowed_ns",
            "allowed_ns_low",
            "allowed_ns_high",
            "traced_call",
            "traced_ns",
            "traced_ns_low",
            "traced_ns_high",
            "compile_us",
            "names_unknown",
        ];
        let name = |call: Option<Idle>| call.map_or("", Idle::name).to_owned();
        let rows = self.sets.iter().flat_map(|set| {
            set.rows.iter().map(move |row| {
                let [allowed, allowed_low, allowed_high] = cells(row.allowed);
                let [traced, traced_low, traced_high] = cells(row.traced);
                let [unfiltered, ..] = cells(set.unfiltered);
                [
                    set.set.to_owned(),
                    row.name.to_owned(),
                    row.peer.to_string(),
                    (row.name == set.shorter).to_string(),
                    row.instructions.to_string(),
                    format!("{:.3}", row.mean),
                    row.worst.to_string(),
                    row.cacheable.to_string(),
                    name(set.allowed),
                    unfiltered,
                    allowed,
                    allowed_low,
                    allowed_high,
                    name(set.traced),
                    traced,
                    traced_low,
                    traced_high,
                    format!("{:.1}", row.compile.estimate),
                    row.unknown.to_string(),
                ]
            })
        });
        csv_rows(std::iter::once(COLUMNS.map(str::to_owned)).chain(rows))
    }

    fn cache_csv(&self) -> String {
        const COLUMNS: [&str; 5] = ["executed", "cacheable", "ns", "ns_low", "ns_high"];
        let row = |executed: u32, cacheable: String, nanoseconds| {
            let [estimate, low, high] = cells(Some(nanoseconds));
            [executed.to_string(), cacheable, estimate, low, high]
        };
        let unfiltered = row(0, String::new(), self.cache.unfiltered);
        let filtered = self.cache.rows.iter();
        let filtered =
            filtered.map(|it| row(it.executed, it.cacheable.to_string(), it.nanoseconds));
        let first = [COLUMNS.map(str::to_owned), unfiltered];
        csv_rows(first.into_iter().chain(filtered))
    }
}

fn set_table(set: &SetRows, text: &mut String) {
    put(text, format_args!("\n### `{}`\n\n", set.set));
    match (set.allowed, set.unfiltered) {
        (Some(call), Some(time)) => put(
            text,
            format_args!(
                "Allowed: {}, {} ns without a filter. ",
                call.name(),
                show(Some(time), 1)
            ),
        ),
        _ => text.push_str("No call to time is allowed. "),
    }
    match set.traced {
        Some(call) => put(text, format_args!("Traced: {}.\n\n", call.name())),
        None => text.push_str("No call to time is traced.\n\n"),
    }
    text.push_str(
        "| | length | mean | worst | cacheable | allowed, ns | traced, ns | compile, µs |\n\
         |---|--:|--:|--:|---|--:|--:|--:|\n",
    );
    for row in &set.rows {
        put(
            text,
            format_args!(
                "| {}{} | {} | {:.2} | {} | {} | {} | {} | {:.0} |\n",
                row.name,
                if row.name == set.shorter { " †" } else { "" },
                row.instructions,
                row.mean,
                row.worst,
                if row.cacheable { "yes" } else { "no" },
                show(row.allowed, 1),
                show(row.traced, 1),
                row.compile.estimate,
            ),
        );
    }
    for row in set.rows.iter().filter(|row| row.unknown > 0) {
        put(
            text,
            format_args!(
                "\n{} does not know {} of the names and leaves them out.\n",
                row.name, row.unknown
            ),
        );
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "**missed**" }
}

/// `estimate [low, high]`.
fn show(interval: Option<Interval>, digits: usize) -> String {
    match interval {
        None => "–".to_owned(),
        Some(Interval {
            estimate,
            low: Some(low),
            high: Some(high),
            ..
        }) => {
            format!("{estimate:.digits$} [{low:.digits$}, {high:.digits$}]")
        }
        Some(interval) => format!("{:.digits$}", interval.estimate),
    }
}

/// Estimate and limits as cells of CSV.
fn cells(interval: Option<Interval>) -> [String; 3] {
    let text = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.1}"));
    [
        text(interval.map(|interval| interval.estimate)),
        text(interval.and_then(|interval| interval.low)),
        text(interval.and_then(|interval| interval.high)),
    ]
}

/// The machine, and what decides on how filters run.
fn machine() -> String {
    let setting = |name: &str| {
        let value = procfs::sysctl(&format!("net.core.{name}"));
        value.unwrap_or_else(|| "unknown".to_owned())
    };
    format!(
        "{}; `net.core.bpf_jit_enable` {}, `bpf_jit_harden` {}",
        tables::machine(),
        setting("bpf_jit_enable"),
        setting("bpf_jit_harden"),
    )
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a String");
}
