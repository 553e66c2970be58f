//! The harness's names of the calls that a peer names in its own way.

use harness_syscalls::{Abi, Table};

/// Older tables, whose names a peer may use: newest first.
const OLDER: [&str; 2] = ["strace-6.1", "strace-5.4"];

/// Before a number without a name: strace writes it in hexadecimal, others in decimal.
const NUMBER: &str = "syscall_";

/// The harness's name for a call that a peer calls `name`: as the table has it, a number where there is
/// no name, with `ABI:` before it where it is not native.
pub(super) fn qualified(abi: Abi, name: &str) -> String {
    let (abi, name) = known(abi, name);
    if abi == Abi::NATIVE {
        name
    } else {
        format!("{abi}:{name}")
    }
}

/// Whether strace writes this in place of a name, as it could not read the number: the thread was
/// killed while it looked (`???` and `????` in strace 6.1).
pub(super) fn is_unreadable(name: &str) -> bool {
    name.len() >= 3 && name.bytes().all(|byte| byte == b'?')
}

fn known(abi: Abi, name: &str) -> (Abi, String) {
    let digits = name.strip_prefix(NUMBER).unwrap_or(name);
    let number = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        // Some write -1 for the highest one.
        None => digits
            .parse()
            .ok()
            .or_else(|| digits.parse().ok().map(i64::cast_unsigned)),
    };
    if let Some(number) = number {
        return of_number(abi, number);
    }
    let current = Table::current();
    if current.numbers_of(abi, name).next().is_some() {
        return (abi, name.to_owned());
    }
    // The name of an older version of a table: the number says what it is now.
    let number = OLDER.iter().find_map(|table| {
        let table = Table::named(table)?;
        table.numbers_of(abi, name).next()
    });
    // Others call pread64(2) as the library's function.
    let number = number.or_else(|| current.numbers_of(abi, &format!("{name}64")).next());
    let now = number.and_then(|number| current.name_of(abi, number));
    (abi, now.unwrap_or(name).to_owned())
}

fn of_number(abi: Abi, number: u64) -> (Abi, String) {
    // The kernel looks at the low half alone.
    #[expect(clippy::cast_possible_truncation, reason = "as the kernel does")]
    let raw = abi.raw_number(number as u32);
    let (abi, number) = Abi::of(abi.audit_arch(), raw).unwrap_or((abi, raw));
    let name = Table::current().name_of(abi, number);
    (abi, name.map_or_else(|| number.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_harness() {
        for (abi, written, name) in [
            (Abi::X86_64, "getppid", "getppid"),
            (Abi::I386, "getppid", "i386:getppid"),
            (Abi::X32, "getppid", "x32:getppid"),
            // Numbers without a name, in hexadecimal by strace, in decimal by others.
            (Abi::X86_64, "syscall_0x1f4", "500"),
            (Abi::I386, "syscall_0x1f4", "i386:500"),
            (Abi::X86_64, "syscall_500", "500"),
            (Abi::X86_64, "500", "500"),
            (Abi::X86_64, "39", "getpid"),
            // -1, which every table here takes for an x32 number.
            (Abi::X86_64, "syscall_0xffffffffffffffff", "x32:3221225471"),
            (Abi::X86_64, "-1", "x32:3221225471"),
            (Abi::I386, "syscall_0xffffffff", "i386:4294967295"),
            (Abi::X86_64, "pread", "pread64"),
            // What a table does not have stays as it is.
            (Abi::X86_64, "made_up", "made_up"),
        ] {
            assert_eq!(qualified(abi, written), name, "{abi} {written}");
        }
    }

    /// Every name of an older strace leads to a name that the harness counts under.
    #[test]
    fn names_of_older_versions_are_translated_by_their_number() {
        for table in OLDER {
            let table = Table::named(table).expect("a table");
            for abi in [Abi::X86_64, Abi::I386, Abi::X32] {
                // Beyond are strace's numbers of its own.
                for call in table
                    .calls(abi)
                    .filter(|call| call.nr < 500 || abi == Abi::X32)
                {
                    let name = qualified(abi, call.name);
                    let bare = name.rsplit(':').next().expect("a part");
                    let current = Table::current().numbers_of(abi, bare).next();
                    assert!(current.is_some(), "{abi} {}: {name}", call.name);
                }
            }
        }
    }
}
