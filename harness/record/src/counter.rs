//! What modes count, as data. A new counter is one line here: `samples.csv`, `summary.csv`, the
//! results of `run.json` and the exact comparisons of a gate take it from this table.

use crate::Metric;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// What is known of a counter beside its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterInfo {
    /// The column of `samples.csv` and `summary.csv`. In the results of `run.json` a column
    /// `stops_KIND` is the field `KIND` of the object `stops`.
    pub column: &'static str,
    /// What is counted, in the singular.
    pub noun: &'static str,
    /// Under which name a gate compares it exactly: workload and harness alone determine it.
    /// `None` where chance has a part in it, or where another counter says the same.
    pub exact: Option<Metric>,
    /// Whether `harness export` hands it over.
    pub exported: bool,
}

impl CounterInfo {
    /// What is counted, in the plural.
    #[must_use]
    pub fn plural(&self) -> String {
        format!("{}s", self.noun)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident: $column:literal, $noun:literal, $exact:expr, $exported:literal;)*) => {
        /// A counter, as a place in [`Counts`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Counter {
            $($(#[$doc])* $name,)*
        }

        impl Counter {
            /// Every counter, in the order of the columns.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            const INFO: &[CounterInfo] = &[$(CounterInfo {
                column: $column,
                noun: $noun,
                exact: $exact,
                exported: $exported,
            },)*];
        }
    };
}

counters! {
    /// All stops the tracer saw.
    Stops: "stops_total", "stop", None, true;
    /// syscall-enter-stops.
    SyscallEnterStops: "stops_syscall_enter", "syscall-enter-stop", None, false;
    /// syscall-exit-stops.
    SyscallExitStops: "stops_syscall_exit", "syscall-exit-stop", None, false;
    /// seccomp-stops.
    SeccompStops: "stops_seccomp", "seccomp-stop", None, false;
    /// Event stops: fork, vfork, clone, exec, and the first stop of a new tracee.
    EventStops: "stops_event", "event stop", None, false;
    /// signal-delivery-stops.
    SignalStops: "stops_signal", "signal-delivery-stop", None, false;
    /// group-stops.
    GroupStops: "stops_group", "group-stop", None, false;
    /// System calls the tracees entered: all of them, or not known.
    Syscalls: "syscalls", "system call", Some(Metric::Syscalls), false;
    /// System calls of the trace set the tracees entered.
    TracedEvents: "traced_events", "traced event", Some(Metric::TracedEvents), true;
    /// Tracees seen: processes and threads, the first one included.
    Tracees: "tracees", "task", Some(Metric::Tracees), false;
    /// How often the mechanism took a tracee over: ptrace stops, notifications, runs of a program
    /// in the kernel.
    Interceptions: "interceptions", "interception", None, false;
    /// How often a tracee had to wait for another process, the tracer.
    Handovers: "handovers", "handover", None, false;
    /// Events that the mechanism lost; a sample that lost any has failed.
    LostEvents: "lost_events", "lost event", None, false;
    /// Bytes that the tracer wrote to its output.
    OutputBytes: "tracer_output_bytes", "output byte", None, false;
}

impl Counter {
    /// What is known of it.
    #[must_use]
    pub fn info(self) -> &'static CounterInfo {
        &Self::INFO[self as usize]
    }

    /// The counter of a column.
    #[must_use]
    pub fn of_column(column: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|counter| counter.info().column == column)
    }

    /// The object and the field of a column in JSON; no object for most.
    fn path(self) -> (Option<&'static str>, &'static str) {
        let column = self.info().column;
        match column.strip_prefix(STOPS_PREFIX) {
            Some(kind) => (Some(STOPS), kind),
            None => (None, column),
        }
    }
}

const STOPS: &str = "stops";
const STOPS_PREFIX: &str = "stops_";

/// A value for each counter; `None` where the mode cannot know it.
///
/// In JSON its fields stand among those of the object it belongs to (`#[serde(flatten)]`), as
/// `stops: {total, …}`, `syscalls`, and so on. Unknown fields are left to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts(Vec<Option<u64>>);

impl Default for Counts {
    fn default() -> Self {
        Self(vec![None; Counter::ALL.len()])
    }
}

impl Counts {
    /// The value of a counter.
    #[must_use]
    pub fn get(&self, counter: Counter) -> Option<u64> {
        self.0[counter as usize]
    }

    /// Sets the value of a counter.
    pub fn set(&mut self, counter: Counter, value: impl Into<Option<u64>>) {
        self.0[counter as usize] = value.into();
    }

    /// The same with another value of a counter.
    #[must_use]
    pub fn with(mut self, counter: Counter, value: impl Into<Option<u64>>) -> Self {
        self.set(counter, value);
        self
    }

    /// Adds what another execution counted; what one of the two knows is known of both.
    pub fn add(&mut self, other: &Self) {
        for (sum, value) in self.0.iter_mut().zip(&other.0) {
            if let Some(value) = value {
                let so_far = sum.unwrap_or(0);
                *sum = Some(so_far.saturating_add(*value));
            }
        }
    }

    /// Every counter with its value, in the order of the columns.
    pub fn iter(&self) -> impl Iterator<Item = (Counter, Option<u64>)> + '_ {
        Counter::ALL
            .iter()
            .map(|&counter| (counter, self.get(counter)))
    }

    /// The counters that `value` gives, in the order of the columns.
    pub fn from_fn(value: impl Fn(Counter) -> Option<u64>) -> Self {
        Self(Counter::ALL.iter().map(|&counter| value(counter)).collect())
    }

    /// Interceptions; in records from before they were counted, all of them were stops.
    #[must_use]
    pub fn interceptions(&self) -> Option<u64> {
        self.get(Counter::Interceptions)
            .or_else(|| self.get(Counter::Stops))
    }

    /// Adds the total of stops where their kinds alone are known.
    pub fn complete_stops(&mut self) {
        const KINDS: [Counter; 6] = [
            Counter::SyscallEnterStops,
            Counter::SyscallExitStops,
            Counter::SeccompStops,
            Counter::EventStops,
            Counter::SignalStops,
            Counter::GroupStops,
        ];
        let mut kinds = KINDS.iter().map(|&kind| self.get(kind));
        if self.get(Counter::Stops).is_none() && kinds.clone().any(|kind| kind.is_some()) {
            let total = kinds.try_fold(0u64, |sum, kind| sum.checked_add(kind.unwrap_or(0)));
            self.set(Counter::Stops, total);
        }
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut stops_written = false;
        for (counter, value) in self.iter() {
            match counter.path() {
                (None, field) => map.serialize_entry(field, &value)?,
                (Some(object), _) if !std::mem::replace(&mut stops_written, true) => {
                    map.serialize_entry(object, &self.get(Counter::Stops).map(|_| Kinds(self)))?;
                }
                _ => {}
            }
        }
        map.end()
    }
}

/// The object `stops`.
struct Kinds<'a>(&'a Counts);

impl Serialize for Kinds<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kinds = self.0.iter().filter_map(|(counter, value)| {
            let (object, kind) = counter.path();
            object.map(|_| (kind, value.unwrap_or(0)))
        });
        serializer.collect_map(kinds)
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Counts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with counts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counts, A::Error> {
                let mut counts = Counts::default();
                while let Some(field) = map.next_key::<String>()? {
                    if field == STOPS {
                        let kinds: Option<BTreeMap<String, u64>> = map.next_value()?;
                        for (kind, value) in kinds.into_iter().flatten() {
                            let column = format!("{STOPS_PREFIX}{kind}");
                            if let Some(counter) = Counter::of_column(&column) {
                                counts.set(counter, value);
                            }
                        }
                    } else if let Some(counter) = Counter::of_column(&field) {
                        counts.set(counter, map.next_value::<Option<u64>>()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(counts)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        mode: String,
        #[serde(flatten)]
        counts: Counts,
        after: Option<u64>,
    }

    /// As results have always had them, so that old records and scripts that read new ones agree.
    #[test]
    fn stops_are_an_object_and_the_rest_fields() {
        let text = r#"{"mode":"ptrace","stops":{"total":10,"syscall_enter":4,"syscall_exit":4,"seccomp":0,"event":2,"signal":0,"group":0},"syscalls":null,"traced_events":3,"after":7}"#;
        let row: Row = serde_json::from_str(text).unwrap();
        let expected = [
            (Counter::Stops, Some(10)),
            (Counter::EventStops, Some(2)),
            (Counter::Syscalls, None),
            (Counter::TracedEvents, Some(3)),
            (Counter::Interceptions, None),
        ];
        for (counter, value) in expected {
            assert_eq!(row.counts.get(counter), value, "{counter:?}");
        }
        assert_eq!(row.counts.interceptions(), Some(10));
        let written = serde_json::to_string(&row).unwrap();
        assert!(
            written.starts_with(&text[..text.len() - r#","after":7}"#.len()]),
            "{written}"
        );
        assert_eq!(serde_json::from_str::<Row>(&written).unwrap(), row);
    }

    #[test]
    fn where_nobody_counted_stops_there_are_none() {
        let row = Row {
            mode: "strace".to_owned(),
            counts: Counts::default().with(Counter::TracedEvents, 5),
            after: None,
        };
        let written = serde_json::to_string(&row).unwrap();
        assert!(written.contains(r#""stops":null"#), "{written}");
        assert_eq!(serde_json::from_str::<Row>(&written).unwrap(), row);
    }

    #[test]
    fn kinds_without_a_total_are_added_up() {
        let mut counts = Counts::default()
            .with(Counter::SeccompStops, 3)
            .with(Counter::EventStops, 4);
        counts.complete_stops();
        assert_eq!(counts.get(Counter::Stops), Some(7));
        let mut unknown = Counts::default();
        unknown.complete_stops();
        assert_eq!(unknown.get(Counter::Stops), None);
    }

    #[test]
    fn columns_are_distinct() {
        for &counter in Counter::ALL {
            assert_eq!(Counter::of_column(counter.info().column), Some(counter));
        }
    }
}
