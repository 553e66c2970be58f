//! Where a register's value comes from, and which words of the call would give it another.

/// A step from a word of the call to the value of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Add(u32),
    Neg,
    And(u32),
    Or(u32),
    Xor(u32),
    Lsh(u32),
    Rsh(u32),
    Div(u32),
    /// A constant shifted left by the value.
    Shl(u32),
    /// A constant shifted right by the value.
    Shr(u32),
}

impl Step {
    pub(super) fn apply(self, v: u32) -> u32 {
        match self {
            Self::Add(k) => v.wrapping_add(k),
            Self::Neg => v.wrapping_neg(),
            Self::And(k) => v & k,
            Self::Or(k) => v | k,
            Self::Xor(k) => v ^ k,
            Self::Lsh(k) => v.wrapping_shl(k),
            Self::Rsh(k) => v.wrapping_shr(k),
            Self::Div(k) => v / k,
            Self::Shl(k) => k.wrapping_shl(v),
            Self::Shr(k) => k.wrapping_shr(v),
        }
    }

    /// Values that the step makes `target` of, or something near it; bits that it drops are as in `v`.
    fn invert(self, target: u32, v: u32) -> Vec<u32> {
        vec![match self {
            Self::Add(k) => target.wrapping_sub(k),
            Self::Neg => target.wrapping_neg(),
            Self::And(k) => target & k | v & !k,
            Self::Or(k) => target & !k | v & k,
            Self::Xor(k) => target ^ k,
            Self::Lsh(k) => {
                let kept = u32::MAX.wrapping_shl(k).wrapping_shr(k);
                target.wrapping_shr(k) | v & !kept
            }
            Self::Rsh(k) => {
                let dropped = !u32::MAX.wrapping_shl(k);
                target.wrapping_shl(k) | v & dropped
            }
            Self::Div(k) => target.wrapping_mul(k).wrapping_add(v % k),
            Self::Shl(_) | Self::Shr(_) => {
                return (0..u32::BITS)
                    .map(|shift| v & !(u32::BITS - 1) | shift)
                    .collect();
            }
        }]
    }

    /// Whether numbers that are next to each other stay so, so that an order of the value is one of the word.
    pub(super) fn keeps_order(self) -> bool {
        matches!(self, Self::Add(_) | Self::Rsh(_) | Self::Div(_))
    }
}

/// How many steps are followed back. Filters have a few; each is kept with every test of the value.
const MOST_STEPS: usize = 32;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// No word of the call.
    Constant,
    /// The word at an offset, by these steps.
    Word(u32, Vec<Step>),
    /// Several words, or a word by a step that is not followed.
    Mixed,
}

/// A value and where it comes from.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) now: u32,
    pub(super) source: Source,
}

impl Value {
    pub(super) fn constant(now: u32) -> Self {
        Self {
            now,
            source: Source::Constant,
        }
    }

    /// The value after a step.
    pub(super) fn then(mut self, step: Step) -> Self {
        self.now = step.apply(self.now);
        if let Source::Word(_, steps) = &mut self.source {
            if steps.len() < MOST_STEPS {
                steps.push(step);
            } else {
                self.source = Source::Mixed;
            }
        }
        self
    }

    /// A value that is not followed back, if either of those it is made from depends on the call.
    pub(super) fn mixed(now: u32, from: [&Self; 2]) -> Self {
        let constant = from.iter().all(|value| value.source == Source::Constant);
        let source = if constant {
            Source::Constant
        } else {
            Source::Mixed
        };
        Self { now, source }
    }
}

/// Words from which `steps` make `target` or something near it, most like `word`.
pub(super) fn words(steps: &[Step], target: u32, word: u32) -> Vec<u32> {
    let mut before = vec![word];
    for step in steps {
        before.push(step.apply(before[before.len() - 1]));
    }
    let mut targets = vec![target];
    for (step, &v) in steps.iter().zip(&before).rev() {
        if matches!(step, Step::Shl(_) | Step::Shr(_)) {
            // The same for every target.
            targets.truncate(1);
        }
        targets = targets
            .into_iter()
            .flat_map(|target| step.invert(target, v))
            .collect();
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::{Step, words};

    #[test]
    fn steps_are_inverted() {
        for (steps, target, expected) in [
            (vec![Step::Add(5)], 3, u32::MAX - 1),
            (vec![Step::Neg], 3, u32::MAX - 2),
            (vec![Step::Xor(0xff)], 0x0f, 0xf0),
            (vec![Step::And(0xf0)], 0x30, 0x1234_5638),
            (vec![Step::Rsh(8)], 7, 0x778),
            (vec![Step::Lsh(4)], 0x30, 0x1000_0003),
            (vec![Step::Div(10)], 4, 46),
            (vec![Step::Rsh(4), Step::And(0xf)], 5, 0x1234_5658),
            (vec![Step::And(0xff), Step::Add(1)], 9, 0x1234_5608),
        ] {
            let found = words(&steps, target, 0x1234_5678);
            assert_eq!(found, [expected], "{steps:?}");
            let again = steps.iter().fold(found[0], |v, step| step.apply(v));
            assert_eq!(again, target, "{steps:?}");
        }
        let found = words(&[Step::And(31), Step::Shl(1)], 8, 0x40);
        assert!(found.contains(&0x43) && found.len() == 32);
    }
}
