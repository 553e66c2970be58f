//! What is known of the calls of one number: how many, how many failed, and how long they took.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The calls of one number.
///
/// A mode knows a thing of all calls that it counts or of none, so a field is either `None` in all
/// of them or in none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallStatistics {
    /// Calls entered; under a peer that counts when a call returns, calls that returned.
    pub calls: u64,
    /// Calls that returned an error: -4095 to -1 (`MAX_ERRNO`, `include/linux/err.h`). A call that a
    /// signal interrupted and the kernel makes again is one of them each time, as for strace(1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<u64>,
    /// Time from the enter to the exit of all calls that returned, nanoseconds on the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ns: Option<u64>,
    /// The times that `total_ns` adds up, by their length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
}

impl CallStatistics {
    /// So many calls, of which nothing else is known.
    #[must_use]
    pub fn counted(calls: u64) -> Self {
        Self {
            calls,
            ..Self::default()
        }
    }

    /// Adds calls of another number or execution; what is known of one of the two is known of both.
    pub fn add(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        add(&mut self.errors, other.errors);
        add(&mut self.total_ns, other.total_ns);
        if let Some(latency) = &other.latency {
            self.latency.get_or_insert_default().add(latency);
        }
    }

    /// Mean time of a call, nanoseconds: of those that returned, where that is known. `None` where
    /// no time is known, which a total of 0 says, too: of calls that never return, for one.
    #[must_use]
    pub fn mean_ns(&self) -> Option<f64> {
        let returned = self.latency.map_or(self.calls, |latency| latency.total());
        let total = self.total_ns.filter(|&ns| ns > 0)?;
        (returned > 0).then_some(total as f64 / returned as f64)
    }
}

fn add(sum: &mut Option<u64>, value: Option<u64>) {
    if let Some(value) = value {
        *sum = Some(sum.unwrap_or(0).saturating_add(value));
    }
}

/// Times of calls by their length: a histogram whose buckets double.
///
/// Bucket 0 holds 0 and 1 ns, bucket `i` holds 2ⁱ ns to 2ⁱ⁺¹ - 1 ns, and the last one all that is
/// longer, too (9 minutes and more).
///
/// In JSON it is a list of the buckets, without the zeros at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency([u64; Self::BUCKETS]);

impl Default for Latency {
    fn default() -> Self {
        Self([0; Self::BUCKETS])
    }
}

impl Latency {
    /// How many buckets there are.
    pub const BUCKETS: usize = 40;

    /// A histogram of which something else counted the buckets.
    #[must_use]
    pub fn from_buckets(buckets: [u64; Self::BUCKETS]) -> Self {
        Self(buckets)
    }

    /// How many times each bucket holds.
    #[must_use]
    pub fn buckets(&self) -> &[u64; Self::BUCKETS] {
        &self.0
    }

    /// The bucket of a time, nanoseconds.
    #[must_use]
    pub fn bucket_of(ns: u64) -> usize {
        let doublings = ns.max(1).ilog2() as usize;
        doublings.min(Self::BUCKETS - 1)
    }

    /// Counts a time, nanoseconds.
    pub fn record(&mut self, ns: u64) {
        let bucket = &mut self.0[Self::bucket_of(ns)];
        *bucket = bucket.saturating_add(1);
    }

    /// How many times there are in all buckets.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, &times| sum.saturating_add(times))
    }

    /// Adds the times of another.
    pub fn add(&mut self, other: &Self) {
        for (sum, &times) in self.0.iter_mut().zip(&other.0) {
            *sum = sum.saturating_add(times);
        }
    }

    /// The time, nanoseconds, that a share `p` (0 to 1) of the times does not exceed: linear within
    /// its bucket. It is right within a factor of 2, as it lies in the same bucket as the time that
    /// it stands for; in bucket 0 within 2 ns, and in the last bucket it is a lower bound at best.
    /// `None` where there are no times.
    #[must_use]
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let rank = p.clamp(0.0, 1.0) * self.total() as f64;
        let mut below = 0.0;
        let mut last = None;
        for (i, &times) in self.0.iter().enumerate().filter(|&(_, &times)| times > 0) {
            let (low, high) = Self::limits(i);
            let times = times as f64;
            let share = ((rank - below) / times).clamp(0.0, 1.0);
            last = Some(low + share * (high - low));
            below += times;
            if below >= rank {
                break;
            }
        }
        last
    }

    /// From where to where a bucket reaches, nanoseconds; the last one as if it were no longer than
    /// its part of the series.
    fn limits(bucket: usize) -> (f64, f64) {
        let power = |exponent: usize| (1_u64 << exponent) as f64;
        let low = if bucket == 0 { 0.0 } else { power(bucket) };
        (low, power(bucket + 1))
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let used = self.0.iter().rposition(|&times| times > 0);
        self.0[..used.map_or(0, |last| last + 1)].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Vec::<u64>::deserialize(deserializer)?;
        let mut buckets = [0; Self::BUCKETS];
        let used = buckets.get_mut(..read.len()).ok_or_else(|| {
            let (most, found) = (Self::BUCKETS, read.len());
            D::Error::custom(format!(
                "a histogram has at most {most} buckets, not {found}"
            ))
        })?;
        used.copy_from_slice(&read);
        Ok(Self(buckets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn latency(times: &[u64]) -> Latency {
        let mut latency = Latency::default();
        for &ns in times {
            latency.record(ns);
        }
        latency
    }

    #[test]
    fn a_time_falls_into_the_bucket_of_its_power_of_two() {
        for (ns, bucket) in [
            (0, 0),
            (1, 0),
            (2, 1),
            (3, 1),
            (4, 2),
            (1023, 9),
            (1024, 10),
            ((1 << 39) - 1, 38),
            (1 << 39, 39),
            (u64::MAX, 39),
        ] {
            assert_eq!(Latency::bucket_of(ns), bucket, "{ns} ns");
        }
    }

    #[test]
    fn a_quantile_is_linear_within_its_bucket() {
        // Four in 16..32, four in 1024..2048.
        let of = latency(&[16, 20, 24, 31, 1024, 1500, 1600, 2047]);
        for (p, expected) in [
            (0.0, 16.0),
            (0.25, 24.0),
            (0.5, 32.0),
            (0.75, 1536.0),
            (1.0, 2048.0),
        ] {
            assert_eq!(of.quantile(p), Some(expected), "{p}");
        }
        assert_eq!(Latency::default().quantile(0.5), None);
        assert_eq!(latency(&[1]).quantile(0.5), Some(1.0));
    }

    proptest! {
        /// What the documentation promises, against the times themselves.
        #[test]
        fn a_quantile_is_right_within_a_factor_of_two(
            mut times in prop::collection::vec(2_u64..1 << 39, 1..200),
            p in 0.0..=1.0,
        ) {
            let found = latency(&times).quantile(p).expect("there are times");
            times.sort_unstable();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
            let rank = (p * times.len() as f64).ceil() as usize;
            let exact = times[rank.max(1) - 1] as f64;
            prop_assert!((0.5..=2.0).contains(&(found / exact)), "{found} for {exact}");
        }
    }

    #[test]
    fn what_one_execution_knows_is_known_of_both() {
        let mut sum = CallStatistics::counted(2);
        sum.add(&CallStatistics {
            calls: 3,
            errors: Some(1),
            total_ns: Some(30),
            latency: Some(latency(&[10, 20])),
        });
        sum.add(&CallStatistics {
            calls: 1,
            errors: Some(1),
            total_ns: Some(12),
            latency: Some(latency(&[12])),
        });
        let expected = CallStatistics {
            calls: 6,
            errors: Some(2),
            total_ns: Some(42),
            latency: Some(latency(&[10, 12, 20])),
        };
        assert_eq!(sum, expected);
        let mut unknown = CallStatistics::counted(1);
        unknown.add(&CallStatistics::counted(1));
        assert_eq!(unknown, CallStatistics::counted(2));
    }

    /// exit_group(2) has no exit: it makes the mean of the others no shorter.
    #[test]
    fn the_mean_is_of_calls_that_returned() {
        let of = |latency| CallStatistics {
            calls: 4,
            total_ns: Some(30),
            latency,
            ..CallStatistics::default()
        };
        assert_eq!(of(None).mean_ns(), Some(7.5));
        assert_eq!(of(Some(latency(&[10, 20]))).mean_ns(), Some(15.0));
        assert_eq!(of(Some(Latency::default())).mean_ns(), None);
        assert_eq!(CallStatistics::counted(4).mean_ns(), None);
        let never_returned = CallStatistics {
            total_ns: Some(0),
            ..of(None)
        };
        assert_eq!(never_returned.mean_ns(), None);
    }

    #[test]
    fn json_has_what_is_known_and_no_more_buckets_than_are_used() {
        let json = |of: &CallStatistics| serde_json::to_string(of).unwrap();
        assert_eq!(json(&CallStatistics::counted(2)), r#"{"calls":2}"#);
        let all = CallStatistics {
            calls: 2,
            errors: Some(0),
            total_ns: Some(5),
            latency: Some(latency(&[1, 4])),
        };
        let text = json(&all);
        assert_eq!(
            text,
            r#"{"calls":2,"errors":0,"total_ns":5,"latency":[1,0,1]}"#
        );
        assert_eq!(serde_json::from_str::<CallStatistics>(&text).unwrap(), all);
        let long = format!("[{}]", ["0"; Latency::BUCKETS + 1].join(","));
        let error = serde_json::from_str::<Latency>(&long).unwrap_err();
        assert!(
            error.to_string().contains("at most 40 buckets, not 41"),
            "{error}"
        );
    }
}
