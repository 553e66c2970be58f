//! What the verbs that compile take besides the trace set.

use super::file;
use crate::cmd::Usage;
use anyhow::Context;
use clap::builder::PossibleValuesParser;
use harness_cbpf::Action;
use harness_filter::{Options, Profile};
use harness_syscalls::{Abi, Arch, Table};
use std::path::{Path, PathBuf};

/// Options of a compilation.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "compilation", multiple = true)]
pub(super) struct Compilation {
    /// Action of the calls in the set: trace, errno, trap (each with data, as errno:13),
    /// kill-process, kill-thread, log, user-notif, allow
    #[arg(long, value_name = "ACTION", default_value = "trace", value_parser = action)]
    action: ActionArg,
    /// Data of that action, 16 bits: what a tracer reads, the errno, the si_errno of a trap
    #[arg(long, value_name = "N", value_parser = number)]
    data: Option<u16>,
    /// Action of all other calls
    #[arg(long, value_name = "ACTION", default_value = "allow", value_parser = action)]
    otherwise: ActionArg,
    /// Tell the calls behind i386's socketcall(2) and ipc(2) apart by their first argument
    #[arg(long)]
    subcalls: bool,
    /// How often each call is made, for compiler optimal and for means: a CSV file with columns
    /// syscall and calls, or kernel-build [default: every call once]
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
}

/// Where names and numbers are looked up.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct TableArg {
    /// Table of system calls; programs compiled for strace-* are as that strace makes them, which
    /// always traces execve and some more
    #[arg(long, value_name = "TABLE", default_value = "current", value_parser = PossibleValuesParser::new(Table::names()))]
    table: String,
}

/// Which numbers and names there are.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Numbers {
    #[command(flatten)]
    table: TableArg,
    /// Machine that the program is for [default: that whose architecture a file tests for, else x86]
    #[arg(long, value_enum)]
    arch: Option<ArchArg>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ArchArg {
    /// x86-64 with i386 and x32
    X86,
    /// 64-bit ARM
    Aarch64,
}

/// Which calls are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum AbiArg {
    All,
    #[value(name = "x86_64")]
    X8664,
    I386,
    X32,
    Aarch64,
    /// 32-bit ARM (EABI)
    Arm,
}

impl AbiArg {
    /// The one; `None` for all.
    pub(super) fn one(self) -> Option<Abi> {
        Some(match self {
            Self::All => return None,
            Self::X8664 => Abi::X86_64,
            Self::I386 => Abi::I386,
            Self::X32 => Abi::X32,
            Self::Aarch64 => Abi::Aarch64,
            Self::Arm => Abi::Arm,
        })
    }

    pub(super) fn has(self, abi: Abi) -> bool {
        self.one().is_none_or(|one| one == abi)
    }
}

impl TableArg {
    pub(super) fn get(&self) -> anyhow::Result<&'static Table> {
        Table::named(&self.table).with_context(|| format!("no table {}", self.table))
    }
}

impl Numbers {
    pub(super) fn table(&self) -> anyhow::Result<&'static Table> {
        self.table.get()
    }

    /// The machine asked for, x86 if none is.
    pub(super) fn arch(&self) -> Arch {
        self.arch_asked().unwrap_or(Arch::X86)
    }

    /// The machine asked for.
    pub(super) fn arch_asked(&self) -> Option<Arch> {
        Some(match self.arch? {
            ArchArg::X86 => Arch::X86,
            ArchArg::Aarch64 => Arch::Aarch64,
        })
    }
}

impl Compilation {
    /// Refuses a profile for a compiler that takes none, where no means are shown.
    pub(super) fn check_compiler(&self, compiler: &str) -> anyhow::Result<()> {
        if self.profile.is_some() && compiler != "optimal" {
            return Err(Usage(format!(
                "compiler {compiler} makes no use of --profile: leave it out, or take --compiler optimal"
            ))
            .into());
        }
        Ok(())
    }

    pub(super) fn options(&self, numbers: &Numbers) -> anyhow::Result<Options> {
        let data = match (self.data, self.action.data) {
            (Some(_), Some(_)) => {
                let text = "--data and the data after the ':' of --action: leave one out";
                return Err(Usage(text.to_owned()).into());
            }
            (data, after) => data.or(after).unwrap_or(0),
        };
        let matched = self.action.kind.with(data).map_err(Usage)?;
        let data = self.otherwise.data.unwrap_or(0);
        let unmatched = self.otherwise.kind.with(data).map_err(Usage)?;
        if matched == unmatched {
            return Err(Usage(format!(
                "calls in the set and all others would get the same action, {matched}: change --action or --otherwise"
            ))
            .into());
        }
        if self.subcalls && numbers.arch() == Arch::Aarch64 {
            let text = "--subcalls is of i386's socketcall(2) and ipc(2), which --arch aarch64 does not have";
            return Err(Usage(text.to_owned()).into());
        }
        let profile = self.profile.as_deref().map(|path| profile(path, numbers));
        Ok(Options {
            arch: numbers.arch(),
            subcalls: self.subcalls,
            profile: profile.transpose()?,
            ..Options::new(matched, unmatched)
        })
    }
}

fn profile(path: &Path, numbers: &Numbers) -> anyhow::Result<Profile> {
    if path.as_os_str() == "kernel-build" {
        return Ok(Profile::kernel_build());
    }
    let text = file::read(path)?;
    let text = String::from_utf8(text)
        .map_err(|_| anyhow::anyhow!("{}: a profile is text, this is not UTF-8", path.display()))?;
    Profile::parse(&text, numbers.table()?).with_context(|| path.display().to_string())
}

/// An action as it is named on the command line.
#[derive(Debug, Clone, Copy)]
struct ActionArg {
    kind: Kind,
    data: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Without data.
    Plain(Action),
    Trace,
    Errno,
    Trap,
}

/// `MAX_ERRNO`, `include/linux/err.h`; the kernel caps what is above.
const MAX_ERRNO: u16 = 4095;

impl Kind {
    const ALL: [(&str, Self); 9] = [
        ("trace", Self::Trace),
        ("errno", Self::Errno),
        ("trap", Self::Trap),
        ("kill", Self::Plain(Action::KillProcess)),
        ("kill-process", Self::Plain(Action::KillProcess)),
        ("kill-thread", Self::Plain(Action::KillThread)),
        ("log", Self::Plain(Action::Log)),
        ("user-notif", Self::Plain(Action::UserNotif)),
        ("allow", Self::Plain(Action::Allow)),
    ];

    fn with(self, data: u16) -> Result<Action, String> {
        match self {
            Self::Trace => Ok(Action::Trace(data)),
            Self::Errno if data > MAX_ERRNO => Err(format!(
                "there is no errno {data}: the highest is {MAX_ERRNO}"
            )),
            Self::Errno => Ok(Action::Errno(data)),
            Self::Trap => Ok(Action::Trap(data)),
            Self::Plain(action) if data == 0 => Ok(action),
            Self::Plain(action) => Err(format!("{action} has no data; trace, errno and trap have")),
        }
    }
}

fn action(text: &str) -> Result<ActionArg, String> {
    let (name, data) = match text.split_once(':') {
        Some((name, data)) => (name, Some(number(data)?)),
        None => (text, None),
    };
    let found = Kind::ALL.into_iter().find(|(known, _)| *known == name);
    let Some((_, kind)) = found else {
        let names = Kind::ALL.map(|(name, _)| name).join(", ");
        return Err(format!("no action '{name}'; it is one of {names}"));
    };
    kind.with(data.unwrap_or(0))?;
    Ok(ActionArg { kind, data })
}

/// 16 bits, decimal or hexadecimal.
fn number(text: &str) -> Result<u16, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("'{text}' is no number from 0 to 65535 (0xffff)"))
}
