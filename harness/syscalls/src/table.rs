//! Tables of system calls: number to call in O(1), name to numbers.

use std::fmt;

use crate::abi::{Abi, Multiplexer};
use crate::class::{Class, Classes};

/// One system call of one ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syscall {
    /// Its number, for x32 without [`X32_SYSCALL_BIT`](crate::X32_SYSCALL_BIT).
    pub nr: u32,
    /// strace's name for it.
    pub name: &'static str,
    /// How many arguments it takes.
    pub arguments: u8,
    /// strace's classes.
    pub classes: Classes,
    /// strace stops at it whatever its trace set says (it must see execve).
    pub always_traced: bool,
}

/// A call behind one of i386's multiplexers, standing in strace's table as a number of its own.
const fn pseudo(row: &Row, base: u32) -> Syscall {
    Syscall {
        nr: base + row.nr,
        always_traced: true,
        ..*row
    }
}

/// A row of a generated file.
pub(crate) type Row = Syscall;

pub(crate) const fn row(nr: u32, name: &'static str, arguments: u8, classes: &[Class]) -> Row {
    Syscall {
        nr,
        name,
        arguments,
        classes: Classes::new(classes),
        always_traced: false,
    }
}

pub(crate) const fn always(nr: u32, name: &'static str, arguments: u8, classes: &[Class]) -> Row {
    Syscall {
        always_traced: true,
        ..row(nr, name, arguments, classes)
    }
}

/// The rows of one ABI by number; `None` where the number has no call.
pub(crate) type Dense = [Option<Syscall>];

/// The highest number of sorted `rows`, plus 1.
pub(crate) const fn size(rows: &[Row]) -> usize {
    rows[rows.len() - 1].nr as usize + 1
}

/// Rows by number.
pub(crate) const fn dense<const N: usize>(rows: &[Row]) -> [Option<Syscall>; N] {
    let mut table = [None; N];
    let mut at = 0;
    while at < rows.len() {
        table[rows[at].nr as usize] = Some(rows[at]);
        at += 1;
    }
    table
}

/// i386 rows by number, followed by the calls of its multiplexers as strace numbers them.
pub(crate) const fn dense_with_subcalls<const N: usize>(
    rows: &[Row],
    socketcall: &[Row],
    ipc: &[Row],
) -> [Option<Syscall>; N] {
    let mut table = dense(rows);
    let mut at = 0;
    while at < socketcall.len() {
        let row = pseudo(&socketcall[at], Multiplexer::Socketcall.pseudo_base());
        table[row.nr as usize] = Some(row);
        at += 1;
    }
    at = 0;
    while at < ipc.len() {
        let row = pseudo(&ipc[at], Multiplexer::Ipc.pseudo_base());
        table[row.nr as usize] = Some(row);
        at += 1;
    }
    table
}

/// The system calls of every ABI, as one version of strace knows them.
pub struct Table {
    pub(crate) name: &'static str,
    pub(crate) as_strace: bool,
    /// Indexed by [`Abi::index`].
    pub(crate) abis: [&'static Dense; Abi::ALL.len()],
    pub(crate) socketcall: &'static [Row],
    pub(crate) ipc: &'static [Row],
}

/// Its name alone: the rows would bury any message.
impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({})", self.name)
    }
}

/// Tables are statics: two are equal if they are the same one.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Table {}

impl Table {
    /// The table the harness works with: strace 7.2's numbers, and nothing but real ones.
    #[must_use]
    pub fn current() -> &'static Self {
        &crate::tables::CURRENT
    }

    /// The table of that name: `current`, or `strace-5.4`, `strace-6.1`, `strace-7.2`.
    ///
    /// A `strace-*` table also has strace's pseudo numbers for the calls behind i386's socketcall(2) (500 + call)
    /// and ipc(2) (521 + call), so that programs come out as strace's.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        crate::tables::ALL
            .into_iter()
            .find(|table| table.name == name)
    }

    /// The names that [`Table::named`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        crate::tables::ALL.into_iter().map(|table| table.name)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it has strace's pseudo numbers.
    #[must_use]
    pub fn is_strace(&self) -> bool {
        self.as_strace
    }

    /// The highest number of `abi`, plus 1: the first number beyond the table.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "some hundred rows; sizes are checked at compile time"
    )]
    pub fn size(&self, abi: Abi) -> u32 {
        self.abis[abi.index()].len() as u32
    }

    /// The call with number `nr` (for x32 without its bit), if there is one. O(1).
    #[must_use]
    pub fn get(&self, abi: Abi, nr: u32) -> Option<&'static Syscall> {
        self.abis[abi.index()].get(nr as usize)?.as_ref()
    }

    /// The name of number `nr`, if it has one. O(1).
    #[must_use]
    pub fn name_of(&self, abi: Abi, nr: u32) -> Option<&'static str> {
        self.get(abi, nr).map(|call| call.name)
    }

    /// The numbers of the calls named `name`, ascending. Walks the table.
    pub fn numbers_of(&self, abi: Abi, name: &str) -> impl Iterator<Item = u32> {
        self.calls(abi)
            .filter(move |call| call.name == name)
            .map(|call| call.nr)
    }

    /// Every call of an ABI, ascending by number.
    pub fn calls(&self, abi: Abi) -> impl Iterator<Item = &'static Syscall> + use<> {
        self.abis[abi.index()].iter().flatten()
    }

    /// The calls behind one of i386's multiplexers; `nr` is the number in the first argument.
    #[must_use]
    pub fn subcalls(&self, of: Multiplexer) -> &'static [Syscall] {
        match of {
            Multiplexer::Socketcall => self.socketcall,
            Multiplexer::Ipc => self.ipc,
        }
    }

    /// The classes that have a call in this table, in the order of their names.
    pub fn classes(&self) -> impl Iterator<Item = Class> {
        Class::ALL.into_iter().filter(|&class| {
            Abi::ALL
                .into_iter()
                .any(|abi| self.calls(abi).any(|call| call.classes.contains(class)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::abi::{Abi, Multiplexer};
    use std::fmt::Write as _;

    const DATA: [(&str, &str); 3] = [
        ("strace-5.4", include_str!("../data/strace-5.4.csv")),
        ("strace-6.1", include_str!("../data/strace-6.1.csv")),
        ("strace-7.2", include_str!("../data/strace-7.2.csv")),
    ];

    /// The data's rows, written from the compiled tables.
    fn written(table: &Table) -> Vec<String> {
        let line = |abi: &str, call: &super::Syscall, nr: u32, always: bool| {
            let mut classes: Vec<_> = call
                .classes
                .iter()
                .map(|class| &class.name()[1..])
                .collect();
            classes.sort_unstable();
            let mut text = String::new();
            let (name, nargs, classes) = (call.name, call.arguments, classes.join(" "));
            write!(
                text,
                "{abi},{nr},{name},{nargs},{classes},{}",
                u8::from(always)
            )
            .expect("writing to a String");
            text
        };
        let mut rows = Vec::new();
        for abi in Abi::ALL {
            for call in table.calls(abi) {
                if abi != Abi::I386 || call.nr < 500 {
                    rows.push(line(abi.name(), call, call.nr, call.always_traced));
                }
            }
        }
        for call in table.subcalls(Multiplexer::Socketcall) {
            rows.push(line("i386-socketcall", call, call.nr, call.always_traced));
        }
        for call in table.subcalls(Multiplexer::Ipc) {
            rows.push(line("i386-ipc", call, call.nr, call.always_traced));
        }
        rows.sort();
        rows
    }

    #[test]
    fn generated_tables_equal_the_data() {
        for (name, csv) in DATA {
            let mut expected: Vec<String> = csv
                .lines()
                .skip(1)
                .map(|line| {
                    let fields: Vec<&str> = line.split(',').collect();
                    let mut classes: Vec<&str> = fields[4].split_whitespace().collect();
                    classes.sort_unstable();
                    let (head, classes) = (fields[..4].join(","), classes.join(" "));
                    format!("{head},{classes},{}", fields[5])
                })
                .collect();
            expected.sort();
            let table = Table::named(name).expect("a table for each data file");
            assert_eq!(written(table), expected, "{name}");
        }
        assert_eq!(
            written(Table::current()),
            written(Table::named("strace-7.2").expect("named")),
            "current is 7.2"
        );
    }

    #[test]
    fn sizes_are_the_highest_number_plus_one_with_straces_pseudo_numbers_in_its_tables() {
        for (name, x86_64, i386, x32, aarch64, arm) in [
            ("strace-5.4", 436, 546, 548, 436, 436),
            ("strace-6.1", 451, 546, 548, 451, 451),
            ("strace-7.2", 472, 546, 548, 472, 472),
            ("current", 472, 472, 548, 472, 472),
        ] {
            let table = Table::named(name).expect("named");
            let sizes = Abi::ALL.map(|abi| table.size(abi));
            assert_eq!(sizes, [x86_64, i386, x32, aarch64, arm], "{name}");
        }
    }

    /// Numbers of the kernel's own tables: `arch/x86/entry/syscalls/*.tbl`, `include/uapi/asm-generic/unistd.h`.
    #[test]
    fn lookups_go_both_ways() {
        let table = Table::current();
        for (abi, nr, name) in [
            (Abi::X86_64, 42, "connect"),
            (Abi::X86_64, 59, "execve"),
            (Abi::I386, 11, "execve"),
            (Abi::I386, 362, "connect"),
            (Abi::X32, 520, "execve"),
            (Abi::Aarch64, 203, "connect"),
            (Abi::Aarch64, 221, "execve"),
            (Abi::Arm, 283, "connect"),
            (Abi::Arm, 11, "execve"),
        ] {
            assert_eq!(table.name_of(abi, nr), Some(name), "{abi} {nr}");
            assert_eq!(table.numbers_of(abi, name).collect::<Vec<_>>(), [nr]);
        }
        assert_eq!(table.name_of(Abi::X86_64, 400), None, "a hole");
        assert_eq!(table.name_of(Abi::X86_64, u32::MAX), None, "beyond");
        let strace = Table::named("strace-6.1").expect("named");
        assert_eq!(
            strace.name_of(Abi::I386, 503),
            Some("connect"),
            "socketcall's"
        );
        assert_eq!(strace.name_of(Abi::I386, 522), Some("semop"), "ipc's");
    }
}
