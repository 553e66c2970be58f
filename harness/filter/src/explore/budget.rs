//! What telling calls apart may cost.

/// What a command may spend on telling calls apart.
///
/// How many calls a program tells apart grows with the power of its independent tests, so a short program can ask for more
/// than any machine has. Everything that takes time is counted in executed instructions, not measured, so that an
/// answer is the same on every machine.
#[derive(Debug)]
pub struct Budget {
    left: u64,
}

/// Some seconds. Of two programs of a compiler for every second call, a check takes a fortieth of it.
const INSTRUCTIONS: u64 = 1 << 26;

impl Budget {
    /// That of one command.
    #[must_use]
    pub const fn new() -> Self {
        Self::of(INSTRUCTIONS)
    }

    /// A smaller or larger one.
    #[must_use]
    pub const fn of(instructions: u64) -> Self {
        Self { left: instructions }
    }

    /// What is left.
    pub(crate) const fn all(&self) -> u64 {
        self.left
    }

    /// What one of many numbers may spend: of what is left a part, so that one that spends all it gets leaves enough for
    /// the others.
    pub(crate) const fn part(&self) -> u64 {
        self.left / 4
    }

    pub(crate) const fn spend(&mut self, instructions: u64) {
        self.left = self.left.saturating_sub(instructions);
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}
