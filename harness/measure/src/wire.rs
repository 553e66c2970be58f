//! What the harness and the process of a sample tell each other, a line of JSON each way.

use crate::event_log::SampleLog;
use crate::processors::Processors;
use harness_mode::{Calls, End, Mode, TracerAccount};
use harness_record::Counts;
use harness_sys::rusage::Usage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The hidden word of the process of a sample.
pub const WORD: &str = "__sample";

/// What one sample is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) mode: String,
    /// What [`Mode::parameter`] says of it. Older harnesses know one mode that has any, by the name
    /// of its filter.
    #[serde(default, rename = "filter")]
    pub(crate) parameter: Option<Vec<u8>>,
    pub(crate) trace: String,
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) environment_padding: u32,
    pub(crate) processors: Processors,
    pub(crate) executions: u32,
    pub(crate) times_itself: bool,
    pub(crate) show_output: bool,
    /// Where the mode writes files of its own.
    #[serde(default)]
    pub(crate) scratch: Option<PathBuf>,
    /// Whether to say what the mode's own program costs.
    #[serde(default)]
    pub(crate) describe_filter: bool,
    #[serde(default)]
    pub(crate) variables: Variables,
    #[serde(default)]
    pub(crate) pace: Pace,
    /// Where each stop is written down.
    #[serde(default)]
    pub(crate) log: Option<SampleLog>,
}

impl Spec {
    /// One execution of a workload of the harness's own, for what must be known
    /// before measuring.
    pub(crate) fn beforehand(
        mode: &dyn Mode,
        trace: &str,
        harness: &Path,
        arguments: Vec<OsString>,
    ) -> Self {
        Self {
            mode: mode.about().name.clone().into_owned(),
            parameter: mode.parameter(),
            trace: trace.to_owned(),
            program: harness.into(),
            arguments,
            directory: None,
            environment_padding: 0,
            processors: Processors::default(),
            executions: 1,
            times_itself: false,
            show_output: false,
            scratch: None,
            describe_filter: false,
            variables: Variables::Fixed,
            pace: Pace::AtOnce,
            log: None,
        }
    }
}

/// When the executions of a sample are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Pace {
    /// One after the other.
    #[default]
    AtOnce,
    /// Each when it is told to.
    Alternating,
}

/// Which environment variables a program gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Variables {
    /// The caller's.
    #[default]
    Callers,
    /// Of the caller's only PATH: calls of the harness's own workloads must not
    /// depend on, say, LD_LIBRARY_PATH, in which a loader looks for libraries.
    Fixed,
}

/// What a mode's program costs. Deterministic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct FilterCost {
    /// Length, instructions.
    pub(crate) instructions: u32,
    /// Instructions that a call executes, on average over the calls of a kernel build.
    pub(crate) mean_executed: f64,
}

/// What one sample did: totals over its executions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Done {
    pub(crate) executions: u32,
    /// Of the last execution; one that ends otherwise than with 0 is the last.
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// Whether the mode is not told how the program ended.
    pub(crate) end_unknown: bool,
    pub(crate) wall_ns: u64,
    pub(crate) loop_ns: Option<u64>,
    pub(crate) tracer: Account,
    /// Whether `tracer` is nobody's account.
    pub(crate) tracer_unknown: bool,
    pub(crate) tracees: Account,
    pub(crate) max_rss_kib: u64,
    #[serde(flatten, with = "counts")]
    pub(crate) counts: Counts,
    /// Traced calls by name, `ABI:name` for those that are not native.
    #[serde(flatten, with = "calls")]
    pub(crate) calls: Calls,
    pub(crate) escaped: u64,
    pub(crate) no_new_privs: bool,
    /// Of `max_rss_kib`, what a tracee had before it executed its program.
    pub(crate) inherited_rss_kib: u64,
    /// What a reader must know of the run, a sentence each.
    pub(crate) remarks: BTreeSet<String>,
    /// The last lines the program wrote to standard error.
    pub(crate) stderr: String,
    /// Where it was asked for.
    pub(crate) filter: Option<FilterCost>,
    /// Whether this harness can alternate with another.
    pub(crate) alternates: bool,
}

/// Counts as in the results of a record, but for one name: `tracees` is an account here, and the
/// counter has always been `tracees_seen`.
mod counts {
    use harness_record::Counts;
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::{Map, Value};

    const HERE: &str = "tracees_seen";
    const IN_RECORDS: &str = "tracees";

    pub(super) fn serialize<S: Serializer>(
        counts: &Counts,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let fields = serde_json::to_value(counts).map_err(S::Error::custom)?;
        let mut fields: Map<String, Value> =
            serde_json::from_value(fields).map_err(S::Error::custom)?;
        if let Some(tasks) = fields.remove(IN_RECORDS) {
            fields.insert(HERE.to_owned(), tasks);
        }
        fields.serialize(serializer)
    }

    /// A harness from before the table of counters tells the kinds of stops and not their sum.
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Counts, D::Error> {
        let mut fields = Map::<String, Value>::deserialize(deserializer)?;
        if let Some(tasks) = fields.remove(HERE) {
            fields.insert(IN_RECORDS.to_owned(), tasks);
        }
        let counts: Result<Counts, _> = serde_json::from_value(Value::Object(fields));
        let mut counts = counts.map_err(D::Error::custom)?;
        counts.complete_stops();
        Ok(counts)
    }
}

/// Calls in two fields: `calls` has how many, which is all that older harnesses tell and read;
/// `call_statistics` has everything else that is known.
mod calls {
    use harness_mode::Calls;
    use harness_record::CallStatistics;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    #[derive(Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Fields {
        calls: BTreeMap<String, u64>,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        call_statistics: Calls,
    }

    pub(super) fn serialize<S: Serializer>(
        calls: &Calls,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut fields = Fields::default();
        for (name, of) in calls {
            fields.calls.insert(name.clone(), of.calls);
            if *of != CallStatistics::counted(of.calls) {
                fields.call_statistics.insert(name.clone(), *of);
            }
        }
        fields.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Calls, D::Error> {
        let fields = Fields::deserialize(deserializer)?;
        let counted = fields.calls.into_iter();
        let mut calls: Calls = counted
            .map(|(name, calls)| (name, CallStatistics::counted(calls)))
            .collect();
        calls.extend(fields.call_statistics);
        Ok(calls)
    }
}

impl Done {
    /// Whether the last execution ended with 0, as far as that is known.
    pub(crate) fn succeeded(&self) -> bool {
        self.exit_code == Some(0) || self.end_unknown
    }

    /// Adds one execution, during which this process and its children used so much; what it says
    /// of its own loop is read elsewhere.
    pub(crate) fn add(&mut self, outcome: harness_mode::Outcome, own: Account, children: Account) {
        self.executions += 1;
        (self.exit_code, self.signal) = match outcome.end {
            Some(End::Exited(code)) => (Some(code), None),
            Some(End::Killed(signal)) => (None, Some(signal)),
            None => (None, None),
        };
        self.end_unknown = outcome.end.is_none();
        self.wall_ns += u64::try_from(outcome.wall.as_nanos()).unwrap_or(u64::MAX);
        self.counts.add(&outcome.counts);
        for (name, of) in outcome.calls.into_iter().flatten() {
            self.calls.entry(name).or_default().add(&of);
        }
        let (tracer, tracees) = match outcome.tracer {
            TracerAccount::ThisProcess => (Some(own), children),
            TracerAccount::Nobody | TracerAccount::InTracees => (None, children),
            TracerAccount::Children(usage) => {
                let tracer = Account::between(Usage::default(), usage);
                (Some(tracer), children.without(tracer))
            }
        };
        self.tracer_unknown |= tracer.is_none();
        self.tracer.add(tracer.unwrap_or_default());
        self.tracees.add(tracees);
        self.remarks.extend(outcome.remarks);
        self.escaped += outcome.escaped;
        self.no_new_privs |= outcome.no_new_privs;
        self.inherited_rss_kib = self.inherited_rss_kib.max(outcome.inherited_rss_kib);
    }
}

/// One side's share of rusage.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) user_ns: u64,
    pub(crate) sys_ns: u64,
    pub(crate) voluntary: u64,
    pub(crate) involuntary: u64,
}

impl Account {
    pub(crate) fn between(before: Usage, after: Usage) -> Self {
        Self {
            user_ns: after.user_ns.saturating_sub(before.user_ns),
            sys_ns: after.sys_ns.saturating_sub(before.sys_ns),
            voluntary: after.voluntary.saturating_sub(before.voluntary),
            involuntary: after.involuntary.saturating_sub(before.involuntary),
        }
    }

    fn add(&mut self, other: Self) {
        self.user_ns += other.user_ns;
        self.sys_ns += other.sys_ns;
        self.voluntary += other.voluntary;
        self.involuntary += other.involuntary;
    }

    fn without(self, part: Self) -> Self {
        Self {
            user_ns: self.user_ns.saturating_sub(part.user_ns),
            sys_ns: self.sys_ns.saturating_sub(part.sys_ns),
            voluntary: self.voluntary.saturating_sub(part.voluntary),
            involuntary: self.involuntary.saturating_sub(part.involuntary),
        }
    }
}

pub(crate) type Outcome = Result<Done, String>;

/// What comes before the answer for each execution of a process that alternates:
/// nothing to who reads JSON.
pub(crate) const ON_REQUEST: u8 = b'\n';

/// Where a workload that times itself reports.
pub(crate) const REPORT_FD: i32 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use harness_record::{CallStatistics, Counter, Latency};
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn outcome(tracer: TracerAccount) -> harness_mode::Outcome {
        harness_mode::Outcome {
            end: Some(End::Exited(0)),
            wall: Duration::from_nanos(5),
            counts: Counts::default().with(Counter::TracedEvents, 2),
            calls: Some([("connect".to_owned(), connects(2))].into()),
            tracer,
            escaped: 0,
            no_new_privs: false,
            inherited_rss_kib: 0,
            remarks: Vec::new(),
        }
    }

    fn connects(calls: u64) -> CallStatistics {
        let mut latency = Latency::default();
        latency.record(7);
        CallStatistics {
            calls,
            errors: Some(1),
            total_ns: Some(7),
            latency: Some(latency),
        }
    }

    fn account(user_ns: u64) -> Account {
        Account {
            user_ns,
            ..Account::default()
        }
    }

    /// A wrapper is a child like the tracees, and its own account is taken from theirs.
    #[test]
    fn the_tracers_account_is_whose_the_mode_says() {
        let wrapper = TracerAccount::Children(Usage {
            user_ns: 30,
            ..Usage::default()
        });
        for (tracer, unknown, own, tracees) in [
            (TracerAccount::ThisProcess, false, 7, 100),
            (TracerAccount::Nobody, true, 0, 100),
            (TracerAccount::InTracees, true, 0, 100),
            (wrapper, false, 30, 70),
        ] {
            let mut done = Done::default();
            done.add(outcome(tracer), account(7), account(100));
            assert_eq!(done.tracer_unknown, unknown, "{tracer:?}");
            assert_eq!(done.tracer.user_ns, own, "{tracer:?}");
            assert_eq!(done.tracees.user_ns, tracees, "{tracer:?}");
        }
    }

    /// What a harness from before the table of counters reads of an answer.
    #[derive(Deserialize)]
    struct Older {
        tracees: Account,
        stops: Option<OlderStops>,
        syscalls: Option<u64>,
        traced_events: Option<u64>,
        tracees_seen: Option<u64>,
        calls: BTreeMap<String, u64>,
    }

    #[derive(Deserialize)]
    struct OlderStops {
        syscall_enter: u64,
        event: u64,
    }

    /// A gate may have such a harness on either side.
    #[test]
    fn an_older_harness_and_this_one_understand_each_other() {
        let answer = r#"{"Ok":{"executions":1,"exit_code":0,"signal":null,"wall_ns":5,"loop_ns":null,
            "tracer":{"user_ns":1,"sys_ns":2,"voluntary":3,"involuntary":4},
            "tracees":{"user_ns":1,"sys_ns":2,"voluntary":3,"involuntary":4},"max_rss_kib":9,
            "stops":{"syscall_enter":4,"syscall_exit":3,"seccomp":0,"event":2,"signal":1,"group":0},
            "syscalls":4,"traced_events":2,"calls":{"connect":2},"tracees_seen":1,"escaped":0,
            "no_new_privs":false,"inherited_rss_kib":1,"stderr":"","filter":null,"alternates":true}}"#;
        let read = |text: &str| serde_json::from_str::<Outcome>(text).unwrap().unwrap();
        let done = read(answer);
        for (counter, value) in [
            (Counter::Stops, 10),
            (Counter::EventStops, 2),
            (Counter::Syscalls, 4),
            (Counter::TracedEvents, 2),
            (Counter::Tracees, 1),
        ] {
            assert_eq!(done.counts.get(counter), Some(value), "{counter:?}");
        }
        assert!(!done.tracer_unknown);
        assert_eq!(done.calls["connect"], CallStatistics::counted(2));
        let done = Done {
            calls: [
                ("connect".to_owned(), connects(2)),
                ("i386:read".to_owned(), CallStatistics::counted(1)),
            ]
            .into(),
            ..done
        };
        let calls = done.calls.clone();
        let written = serde_json::to_string(&Ok::<_, String>(done)).unwrap();
        assert_eq!(read(&written).counts.get(Counter::Tracees), Some(1));
        assert_eq!(read(&written).calls, calls);
        // And it understands what this one answers.
        let older: Result<Older, String> = serde_json::from_str(&written).unwrap();
        let older = older.unwrap();
        assert_eq!((older.tracees_seen, older.tracees.user_ns), (Some(1), 1));
        let stops = older.stops.unwrap();
        assert_eq!((stops.syscall_enter, stops.event), (4, 2));
        assert_eq!((older.syscalls, older.traced_events), (Some(4), Some(2)));
        assert_eq!((older.calls["connect"], older.calls["i386:read"]), (2, 1));
    }
}
