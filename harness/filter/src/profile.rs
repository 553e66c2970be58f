//! How often a program makes each system call.

use harness_syscalls::{Abi, Table};

/// Calls of a program, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    calls: Vec<(String, u64)>,
}

/// Why a text is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("profile, line {line}: {reason}")]
pub struct ProfileError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: ProfileReason,
}

/// What is wrong with a line of a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileReason {
    /// The heading lacks a column.
    #[error(
        "the first line must name the columns 'syscall' and 'calls', as in 'syscall,calls,errors'"
    )]
    Heading,
    /// A row with too few fields.
    #[error("there is no column '{0}' in this row")]
    Missing(&'static str),
    /// No number of calls.
    #[error("'{0}' is no number of calls")]
    Calls(String),
    /// A name that the table does not have.
    #[error("there is no system call '{0}'")]
    Unknown(String),
    /// No row at all.
    #[error("there is no row: a profile needs a call at least")]
    Empty,
}

impl Profile {
    /// Reads CSV with the columns `syscall` (a name that `table` has in some ABI) and `calls`; others are ignored.
    ///
    /// # Errors
    ///
    /// A heading without these columns, a row that cannot be read, no row.
    pub fn parse(text: &str, table: &Table) -> Result<Self, ProfileError> {
        let mut lines = text.lines().enumerate();
        let error = |line, reason| ProfileError { line, reason };
        let (_, heading) = lines
            .next()
            .ok_or_else(|| error(1, ProfileReason::Heading))?;
        let column = |name| {
            heading
                .split(',')
                .position(|column| column.trim() == name)
                .ok_or_else(|| error(1, ProfileReason::Heading))
        };
        let (name_column, calls_column) = (column("syscall")?, column("calls")?);
        let mut calls = Vec::new();
        for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let field = |column, name| {
                let field = line.split(',').nth(column).map(str::trim);
                field.ok_or_else(|| error(at + 1, ProfileReason::Missing(name)))
            };
            let name = field(name_column, "syscall")?;
            let number = field(calls_column, "calls")?;
            let count = number
                .parse()
                .map_err(|_| error(at + 1, ProfileReason::Calls(number.to_owned())))?;
            let known = Abi::ALL
                .into_iter()
                .any(|abi| table.numbers_of(abi, name).next().is_some());
            if !known {
                return Err(error(at + 1, ProfileReason::Unknown(name.to_owned())));
            }
            calls.push((name.to_owned(), count));
        }
        if calls.is_empty() {
            return Err(error(1, ProfileReason::Empty));
        }
        Ok(Self { calls })
    }

    /// The system calls of `make -j2` on Linux 6.1 `tinyconfig`: 4,723,731 calls (`data/README.md`).
    ///
    /// # Panics
    ///
    /// Never: a test reads it.
    #[must_use]
    pub fn kernel_build() -> Self {
        Self::parse(
            include_str!("../data/tiny-kernel-build.csv"),
            Table::current(),
        )
        .expect("the profile in the project is valid")
    }

    /// The numbers and counts of an ABI's calls; a name that the ABI does not have is left out.
    pub fn calls(&self, table: &'static Table, abi: Abi) -> impl Iterator<Item = (u32, u64)> {
        self.calls.iter().filter_map(move |(name, calls)| {
            let nr = table.numbers_of(abi, name).next()?;
            Some((nr, *calls))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Profile, ProfileReason};
    use harness_syscalls::{Abi, Table};

    #[test]
    fn the_profile_in_the_project_has_every_call_it_says() {
        let profile = Profile::kernel_build();
        let total: u64 = profile
            .calls(Table::current(), Abi::X86_64)
            .map(|(_, calls)| calls)
            .sum();
        assert_eq!(total, 4_723_731);
    }

    #[test]
    fn columns_are_found_by_name_and_errors_by_line() {
        let parse = |text| Profile::parse(text, Table::current());
        let profile = parse("errors,calls,syscall\n0, 7 ,read\n\n1,8,connect\n").expect("valid");
        let calls: Vec<_> = profile.calls(Table::current(), Abi::X86_64).collect();
        assert_eq!(calls, [(0, 7), (42, 8)]);
        for (text, line, reason) in [
            ("", 1, ProfileReason::Heading),
            ("syscall,count\nread,1\n", 1, ProfileReason::Heading),
            ("syscall,calls\n", 1, ProfileReason::Empty),
            ("syscall,calls\nread\n", 2, ProfileReason::Missing("calls")),
            (
                "syscall,calls\nread,1\nread,-1\n",
                3,
                ProfileReason::Calls("-1".to_owned()),
            ),
            (
                "syscall,calls\nraed,1\n",
                2,
                ProfileReason::Unknown("raed".to_owned()),
            ),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!((error.line, error.reason), (line, reason), "{text}");
        }
    }
}
