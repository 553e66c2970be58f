//! Every compiler and its peers on the published sets: program length, instructions executed by the calls
//! of a kernel build, time of an allowed and of a traced call on this kernel, time to compile. Then the
//! kernel's cache against the clock.
//!
//! `cargo bench --bench filters [--features peer-libseccomp]` lets Criterion measure each of this project's
//! compilers, and then prints the tables. With Criterion's flags (behind `--`) it does only what they say.
//! With `-- [--output DIR] [--rounds N]` it makes the tables alone; `--output` writes them, as CSV too, and a
//! chart. A round measures everything once, in an order of its own, so that a drift of the machine falls on all
//! alike; what stands in the tables is the median of the rounds. (Criterion measures one thing after the other.)

mod cache;
mod chart;
mod contender;
#[cfg(feature = "peer-libseccomp")]
mod libseccomp_peer;
mod live;
mod report;
mod rows;
mod singly;
#[path = "../tables.rs"]
mod tables;

use contender::{Contender, contenders};
use harness_cbpf::{Program, cacheable};
use harness_filter::{Profile, TALK_SETS, cost};
use harness_stats::random::Rng;
use harness_stats::{hodges_lehmann, median};
use harness_sys::affinity;
use harness_sys::probe_calls::Idle;
use harness_syscalls::{Abi, Arch, Table, TraceSet};
use live::NO_TRACER;
use report::Report;
use rows::{LEVEL, Row, SetRows};
use std::process::ExitCode;
use std::time::Instant;
use tables::Arguments;

const SEED: u64 = 1;

/// How often a program is compiled a round; the median counts.
const COMPILATIONS: usize = 5;

/// A contender's program for one set, and what was measured of it, a value a round.
struct Case {
    contender: Contender,
    program: Program,
    allowed: Vec<f64>,
    traced: Vec<f64>,
    compile: Vec<f64>,
}

/// A set, and the calls to time: one it does not hold and one it does.
struct Subject {
    text: &'static str,
    allowed: Option<Idle>,
    traced: Option<Idle>,
    cases: Vec<Case>,
    unfiltered: Vec<f64>,
}

impl Subject {
    fn new(text: &'static str) -> Self {
        let set = TraceSet::parse(text, Table::current()).expect("a published set");
        let traced = |call: &Idle| {
            let nr = Table::current().numbers_of(Abi::X86_64, call.name()).next();
            set.contains(Abi::X86_64, nr.expect("in the table"))
        };
        let cases = contenders(text).into_iter().map(|contender| Case {
            program: contender.verified(),
            contender,
            allowed: Vec::new(),
            traced: Vec::new(),
            compile: Vec::new(),
        });
        Self {
            text,
            allowed: Idle::ALL.into_iter().find(|call| !traced(call)),
            traced: Idle::ALL.into_iter().find(traced),
            cases: cases.collect(),
            unfiltered: Vec::new(),
        }
    }

    /// Everything about one case, or, behind the last, about no filter.
    fn measure(&mut self, at: usize) {
        let Some(case) = self.cases.get_mut(at) else {
            if let Some(call) = self.allowed {
                self.unfiltered.push(live::time(None, call).0);
            }
            return;
        };
        let times = [(); COMPILATIONS].map(|()| {
            let start = Instant::now();
            let program = (case.contender.compile)();
            let time = start.elapsed().as_secs_f64() * 1e6;
            assert_eq!(program, case.program, "compiling is repeatable");
            time
        });
        let time = median(&times, LEVEL).expect("finite numbers").estimate;
        case.compile.push(time);
        if let Some(call) = self.allowed {
            let (nanoseconds, error) = live::time(Some(&case.program), call);
            assert_ne!(error, NO_TRACER, "{} is allowed", call.name());
            case.allowed.push(nanoseconds);
        }
        if let Some(call) = self.traced {
            let (nanoseconds, error) = live::time(Some(&case.program), call);
            assert_eq!(error, NO_TRACER, "{} is traced", call.name());
            case.traced.push(nanoseconds);
        }
    }

    fn rows(self, profile: &Profile) -> SetRows {
        let estimate = |sample: &[f64]| median(sample, LEVEL).ok();
        let shorter = self
            .cases
            .iter()
            .filter(|case| case.contender.name.starts_with("strace "))
            .min_by_key(|case| case.program.len())
            .expect("strace is a contender");
        let optimal = self.case("optimal");
        let ratio = |of: &[f64], to: &[f64]| {
            let logs: Vec<f64> = of.iter().zip(to).map(|(of, to)| (of / to).ln()).collect();
            Some(hodges_lehmann(&logs, LEVEL).ok()?.map(f64::exp))
        };
        let to_strace = [
            ratio(&optimal.allowed, &shorter.allowed),
            ratio(&optimal.traced, &shorter.traced),
        ];
        let row = |case: &Case| {
            let table = Table::current();
            let (mean, worst) = cost(&case.program, table, Arch::X86, Some(profile));
            let numbers = table.calls(Abi::X86_64).map(|call| call.nr);
            let verdict = cacheable(&case.program, Abi::X86_64.audit_arch(), numbers);
            Row {
                name: case.contender.name,
                peer: case.contender.peer,
                instructions: case.program.len(),
                mean,
                worst,
                cacheable: verdict.is_all(),
                allowed: estimate(&case.allowed),
                traced: estimate(&case.traced),
                compile: estimate(&case.compile).expect("it was compiled"),
                unknown: case.contender.unknown.len(),
            }
        };
        SetRows {
            set: self.text,
            floor: floor(self.text, profile),
            allowed: self.allowed,
            traced: self.traced,
            unfiltered: estimate(&self.unfiltered),
            shorter: shorter.contender.name,
            to_strace,
            rows: self.cases.iter().map(row).collect(),
        }
    }

    fn case(&self, name: &str) -> &Case {
        self.cases
            .iter()
            .find(|case| case.contender.name == name)
            .expect("a contender")
    }
}

/// The fewest instructions a call of the profile that any program can execute on average. A call whose number every
/// architecture decides on alike takes a load, a test and a return; another a load and a test more, of the architecture.
/// Where nothing is in the set there is only the return.
fn floor(text: &str, profile: &Profile) -> f64 {
    let set = TraceSet::parse(text, Table::current()).expect("a published set");
    if set.is_empty() {
        return 1.0;
    }
    let (mut instructions, mut calls) = (0, 0);
    for (nr, count) in profile.calls(Table::current(), Abi::X86_64) {
        let own = set.contains(Abi::X86_64, nr);
        let alike = own == set.contains(Abi::I386, nr) && own == set.contains_unknown();
        instructions += if alike { 3 } else { 5 } * count;
        calls += count;
    }
    instructions as f64 / calls as f64
}

fn main() -> ExitCode {
    let processors = affinity::allowed().expect("sched_getaffinity");
    affinity::pin_to(*processors.last().expect("a processor")).expect("sched_setaffinity");
    let words: Vec<String> = std::env::args().skip(1).collect();
    let for_tables = |word: &String| ["--output", "--rounds"].contains(&word.as_str());
    let only_tables = words.iter().any(for_tables);
    if only_tables {
        match Arguments::parse(words, 21) {
            Ok(arguments) => make_tables(&arguments),
            Err(wrong) => return tables::misused("filters", &wrong),
        }
        return ExitCode::SUCCESS;
    }
    singly::measure();
    // Cargo's word, which is missing where it tests, and no flag of Criterion's.
    if words == ["--bench"] {
        // Fewer rounds, so that all benchmarks together take some minutes.
        make_tables(&Arguments {
            output: None,
            rounds: 11,
        });
    }
    ExitCode::SUCCESS
}

fn make_tables(arguments: &Arguments) {
    if !cfg!(feature = "peer-libseccomp") {
        eprintln!(
            "libseccomp is left out: add --features peer-libseccomp (needs its library, Debian: libseccomp-dev)"
        );
    }
    let mut rng = Rng::new(SEED);
    let mut subjects = TALK_SETS.map(Subject::new);
    let mut order: Vec<(usize, usize)> = subjects
        .iter()
        .enumerate()
        .flat_map(|(at, subject)| (0..=subject.cases.len()).map(move |case| (at, case)))
        .collect();
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        rng.shuffle(&mut order);
        for &(subject, case) in &order {
            subjects[subject].measure(case);
        }
    }
    let cache = cache::measure(arguments.rounds, &mut rng);
    let profile = Profile::kernel_build();
    let sets = subjects.into_iter().map(|subject| subject.rows(&profile));
    let report = Report {
        rounds: arguments.rounds,
        sets: sets.collect(),
        cache,
    };
    println!("{}", report.markdown());
    if let Some(directory) = &arguments.output {
        report
            .write(directory)
            .expect("the output directory can be written to");
    }
}
