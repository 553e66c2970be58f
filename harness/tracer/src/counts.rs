//! What a tracer counts.

use harness_syscalls::Abi;

/// Stops by kind, and the calls they showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Stops by kind.
    pub stops: Stops,
    /// System calls entered, as far as the policy shows them.
    pub calls_seen: u64,
    /// System calls of the trace set entered.
    pub traced_events: u64,
    /// Tracees: processes and threads, the first one included.
    pub tracees: u64,
    /// Children that were seen to be created or to end without having been
    /// traced (`CLONE_UNTRACED`).
    pub escaped: u64,
    /// The calls of the trace set, by ABI and number.
    pub calls: CallCounts,
}

/// Stops by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stops {
    /// syscall-enter-stops.
    pub syscall_enter: u64,
    /// syscall-exit-stops.
    pub syscall_exit: u64,
    /// seccomp-stops.
    pub seccomp: u64,
    /// Event stops.
    pub event: u64,
    /// signal-delivery-stops.
    pub signal: u64,
    /// group-stops.
    pub group: u64,
}

impl Stops {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.syscall_enter
            + self.syscall_exit
            + self.seccomp
            + self.event
            + self.signal
            + self.group
    }
}

/// What was seen of the calls of one number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCount {
    /// How often it was entered.
    pub calls: u64,
    /// How often it returned an error; one whose exit was not seen is none.
    pub errors: u64,
}

/// What was seen of each call, by ABI and number. Numbers beyond any table share one count, so that
/// counting never allocates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCounts(Vec<CallCount>);

/// Above the highest number of any ABI's table.
const NUMBERS: usize = 1024;
const ABIS: [Abi; 3] = [Abi::X86_64, Abi::I386, Abi::X32];

impl Default for CallCounts {
    fn default() -> Self {
        Self(vec![CallCount::default(); ABIS.len() * NUMBERS])
    }
}

impl CallCounts {
    /// The count of one number, to be added to; all from 1023 on share the last one.
    #[inline]
    pub fn of(&mut self, abi: Abi, number: u32) -> &mut CallCount {
        let row = match abi {
            Abi::X86_64 => 0,
            Abi::I386 => 1,
            _ => 2,
        };
        let column = (number as usize).min(NUMBERS - 1);
        &mut self.0[row * NUMBERS + column]
    }

    /// Every ABI and number that was entered, with its count; number 1023 stands for all
    /// from there on.
    pub fn iter(&self) -> impl Iterator<Item = (Abi, u32, CallCount)> + '_ {
        self.0
            .iter()
            .enumerate()
            .filter(|&(_, count)| count.calls > 0)
            .map(|(i, &count)| {
                let number = u32::try_from(i % NUMBERS).unwrap_or(u32::MAX);
                (ABIS[i / NUMBERS], number, count)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_different_abis_stay_apart() {
        let mut counts = CallCounts::default();
        counts.of(Abi::X86_64, 42).calls += 1;
        counts.of(Abi::I386, 42).calls += 2;
        counts.of(Abi::X32, u32::MAX).calls += 3;
        counts.of(Abi::X32, 1023).errors += 1;
        let seen = counts.iter();
        let seen: Vec<_> = seen
            .map(|(abi, number, of)| (abi, number, of.calls, of.errors))
            .collect();
        assert_eq!(
            seen,
            [
                (Abi::X86_64, 42, 1, 0),
                (Abi::I386, 42, 2, 0),
                (Abi::X32, 1023, 3, 1)
            ]
        );
    }
}
