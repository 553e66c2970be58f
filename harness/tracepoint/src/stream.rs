//! Reads the records of calls, as a tracer does that needs each of them.

use crate::error::Error;
use crate::loaded::{Call, Loaded};
use crate::log::{Log, Returned};
use harness_ebpf::layout::{BUCKETS, NUMBERS, Record, Totals};
use harness_sys::Tid;
use harness_sys::bpf::RingBuffer;
use harness_sys::files::Ready;
use harness_syscalls::{Abi, X32_SYSCALL_BIT};
use harness_tracer::tree::Beside;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// How long a record waits at most where calls are rare: the programs wake the reader once the buffer is
/// an eighth full.
const PERIOD: Duration = Duration::from_millis(10);

/// Reads the ring buffer beside waiting for the end of the tree.
pub(crate) struct Stream<'a> {
    ring: RingBuffer,
    /// The ABI and the number of each slot.
    calls: Vec<Option<(Abi, u32)>>,
    totals: Vec<Totals>,
    log: Option<&'a mut dyn Log>,
    /// When the first process was let go on, ns of CLOCK_MONOTONIC.
    started_ns: u64,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(ring: RingBuffer, loaded: &Loaded) -> Self {
        let slots = u32::try_from(loaded.slots()).unwrap_or(u32::MAX);
        Self {
            ring,
            calls: (0..slots).map(|slot| loaded.call_of(slot)).collect(),
            totals: vec![Totals::default(); loaded.slots()],
            log: None,
            started_ns: 0,
        }
    }

    /// The same, and `log` is told of each call, with its time since `started_ns` of CLOCK_MONOTONIC.
    pub(crate) fn told(self, log: Option<&'a mut dyn Log>, started_ns: u64) -> Self {
        Self {
            log,
            started_ns,
            ..self
        }
    }

    /// Reads all records that there are.
    pub(crate) fn read(&mut self) -> Result<(), Error> {
        let Self {
            ring,
            calls,
            totals,
            log,
            started_ns,
        } = self;
        ring.consume(|bytes| {
            let record = Record::read(bytes);
            let slot = record.slot as usize;
            let (Some(Some(call)), Some(totals)) = (calls.get(slot), totals.get_mut(slot)) else {
                return Ok(());
            };
            let returned = (record.returned_ns != 0).then_some(record.result);
            let took_ns = returned.map(|_| record.returned_ns.saturating_sub(record.entered_ns));
            add(totals, returned, took_ns);
            match log {
                None => Ok(()),
                Some(log) => log
                    .returned(&of_record(&record, *call, *started_ns))
                    .map_err(Error::from),
            }
        })?;
        Ok(())
    }

    /// What was read, for each number that was seen.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let seen = self.calls.iter().zip(&self.totals);
        let seen = seen.filter(|(_, totals)| totals.calls > 0);
        seen.filter_map(|(call, &totals)| {
            call.map(|(abi, number)| Call {
                abi,
                number,
                totals,
            })
        })
        .collect()
    }
}

fn of_record(record: &Record, (abi, number): (Abi, u32), started_ns: u64) -> Returned {
    let has_returned = record.returned_ns != 0;
    let at_ns = if has_returned {
        record.returned_ns
    } else {
        record.entered_ns
    };
    Returned {
        tid: Tid(record.tid.cast_signed()),
        abi,
        // The last one stands for all that are greater, and the record has which it was.
        number: if (number as usize) < NUMBERS - 1 {
            number
        } else if abi == Abi::X32 {
            record.number & !X32_SYSCALL_BIT
        } else {
            record.number
        },
        arguments: record.arguments,
        result: has_returned.then_some(record.result),
        at: Duration::from_nanos(at_ns.saturating_sub(started_ns)),
        took_ns: has_returned.then(|| record.returned_ns.saturating_sub(record.entered_ns)),
    }
}

/// The least of the results that are errors: `-MAX_ERRNO`, include/linux/err.h.
const LEAST_ERROR: i64 = -4095;

/// Does what the programs of the other levels do in the kernel.
fn add(totals: &mut Totals, result: Option<i64>, took_ns: Option<u64>) {
    totals.calls += 1;
    if result.is_some_and(|result| (LEAST_ERROR..0).contains(&result)) {
        totals.errors += 1;
    }
    if let Some(took_ns) = took_ns {
        totals.total_ns += took_ns;
        let bucket = took_ns.checked_ilog2().unwrap_or(0) as usize;
        totals.latency[bucket.min(BUCKETS - 1)] += 1;
    }
}

impl Beside for Stream<'_> {
    type Error = Error;

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.ring.as_fd())
    }

    fn serve(&mut self, _: Ready) -> Result<(), Error> {
        self.read()
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn tick(&mut self) -> Result<(), Error> {
        self.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_add_up_as_in_the_kernel() {
        let mut totals = Totals::default();
        for (result, took_ns) in [
            (Some(0), Some(0)),
            (Some(-1), Some(1)),
            (Some(-4095), Some(2)),
            (Some(-4096), Some(3)),
            (Some(i64::MIN), Some(1 << 50)),
            (None, None),
        ] {
            add(&mut totals, result, took_ns);
        }
        assert_eq!((totals.calls, totals.errors), (6, 2));
        assert_eq!(totals.total_ns, 6 + (1 << 50));
        let counts = |bucket: usize| totals.latency[bucket];
        assert_eq!((counts(0), counts(1), counts(BUCKETS - 1)), (2, 2, 1));
    }
}
