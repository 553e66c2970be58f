//! `harness filter check`: whether two programs, or a program and a trace set, decide alike.

use super::input::{self, compile};
use super::options::{AbiArg, Compilation, Numbers};
use crate::cmd::{Exit, Usage, print};
use harness_cbpf::{Action, Program};
use harness_filter::{Comparison, Counterexample, Decider, Options, as_table};
use harness_syscalls::{Abi, Arch, Table, TraceSet, architecture_name};
use std::fmt::Write;
use std::path::Path;

/// Check whether two filters decide every call alike; a counterexample and exit code 1 if not
///
/// Each side is FILE (bytes or text, as --file of show takes it), COMPILER:SET, or set:SET for the trace
/// set itself, without any compiler. A file whose name looks like these is written with ./ before
/// it. Tried are every number of every ABI, numbers next to a constant of the programs or a power of
/// two, under these architectures and two foreign ones, and from each of these on every call at which
/// a test of either program comes out otherwise, one word of the call at a time. --abi leaves out all
/// but one ABI: libseccomp's programs kill calls of foreign architectures, those compiled here do not.
///
/// 'different' is proved, by the call that is shown: it was run through both sides. 'equal' is proved
/// for every call that was tried, in particular every number of the tables with arguments of 0. That
/// all other calls are decided alike follows as far as a program tells calls apart by comparing words
/// of seccomp_data, after arithmetic with constants, with constants, which was followed; it is no
/// formal proof. Numbers and architectures that are compared both by order and bit by bit may
/// differ beyond the tables at places that are next to none of the constants.
///
/// Exit code: 0 equal, 1 different, 2 a side cannot be read, 4 undecided: no difference was found,
/// but a program computes what it compares from several words, or the cases are too many.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// FILE, COMPILER:SET or set:SET
    #[arg(value_name = "A")]
    left: String,
    /// The same
    #[arg(value_name = "B")]
    right: String,
    /// Calls of this ABI; all has those of foreign architectures, too
    #[arg(long, value_enum, default_value_t = AbiArg::All)]
    abi: AbiArg,
    #[command(flatten)]
    compilation: Compilation,
    #[command(flatten)]
    numbers: Numbers,
}

/// One side.
enum Side {
    Program(Program),
    Set(Box<(TraceSet, Options)>),
}

impl Side {
    fn read(text: &str, numbers: &Numbers, options: &Options) -> anyhow::Result<Self> {
        let Some((kind, set)) = text.split_once(':') else {
            return Self::file(text);
        };
        if kind == "set" {
            let side = as_table(set, numbers.table()?, options)?;
            input::say_absent(&side.0, options.arch);
            return Ok(Self::Set(Box::new(side)));
        }
        match harness_filter::find(kind) {
            Some(compiler) => Ok(Self::Program(compile(compiler, set, numbers, options)?)),
            None => Self::file(text),
        }
    }

    fn file(text: &str) -> anyhow::Result<Self> {
        let path = Path::new(text);
        if text != "-" && !path.exists() {
            let names: Vec<_> = harness_filter::registry()
                .iter()
                .map(|c| c.name())
                .collect();
            anyhow::bail!(
                "{text}: no such file; a side is FILE, COMPILER:SET or set:SET, compilers are {}",
                names.join(", ")
            );
        }
        Ok(Self::Program(input::program(path)?))
    }

    fn decider(&self) -> Decider<'_> {
        match self {
            Self::Program(program) => Decider::Program(program),
            Self::Set(set) => Decider::Set(&set.0, &set.1),
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    if args.left == "-" && args.right == "-" {
        return Err(Usage("standard input can be one side only".to_owned()).into());
    }
    // Exit code 1 says that the filters differ, and nothing else.
    let (left, right) = sides(args).map_err(|error| Usage(format!("{error:#}")))?;
    let table = args.numbers.table()?;
    let (one, other) = (left.decider(), right.decider());
    let (comparison, calls) = match args.abi.one() {
        None => (
            harness_filter::compare(one, other, table),
            "call".to_owned(),
        ),
        Some(abi) => (
            harness_filter::compare_of_abi(one, other, table, abi),
            format!("{abi} call"),
        ),
    };
    match comparison {
        Comparison::Alike => {
            print(format!("equal: every {calls} is decided alike\n"))?;
            Ok(Exit::Fine)
        }
        Comparison::Different(found) => {
            let mut text = difference(&found, &args.left, &args.right, table);
            if args.abi == AbiArg::All {
                text += &elsewhere(&found, &machines(args, [&left, &right]));
            }
            print(text)?;
            Ok(Exit::Error)
        }
        Comparison::Undecided(why) => {
            print(format!(
                "undecided: every {calls} that was tried is decided alike, but {why}\n"
            ))?;
            Ok(Exit::Inconclusive)
        }
    }
}

fn sides(args: &Args) -> anyhow::Result<(Side, Side)> {
    let options = args.compilation.options(&args.numbers)?;
    let side = |text| Side::read(text, &args.numbers, &options);
    Ok((side(&args.left)?, side(&args.right)?))
}

/// The machine asked for, or those that programs in files are for by their tests.
fn machines(args: &Args, sides: [&Side; 2]) -> Vec<Arch> {
    if let Some(arch) = args.numbers.arch_asked() {
        return vec![arch];
    }
    let of = |side: &&Side| match side {
        Side::Program(program) => harness_filter::machines(program),
        Side::Set(set) => vec![set.1.arch],
    };
    let found: Vec<Arch> = sides.iter().flat_map(of).collect();
    if found.is_empty() {
        return vec![args.numbers.arch()];
    }
    found
}

/// Of a difference that no call of the machines shows, how to leave such calls out.
fn elsewhere(found: &Counterexample, machines: &[Arch]) -> String {
    let abi = Abi::of(found.data.arch, found.data.nr).map(|(abi, _)| abi);
    let has = |arch: &Arch| abi.is_some_and(|abi| arch.runs().contains(&abi));
    match machines.first() {
        Some(arch) if !machines.iter().any(has) => {
            let abi = arch.native_abi();
            format!("a machine of {abi} has no such call: --abi {abi} checks its own alone\n")
        }
        _ => String::new(),
    }
}

fn difference(found: &Counterexample, left: &str, right: &str, table: &Table) -> String {
    let data = &found.data;
    let mut call = match Abi::of(data.arch, data.nr) {
        Some((abi, nr)) => {
            let name = table.name_of(abi, nr).unwrap_or("no call of the table");
            format!("{abi} number {nr} ({name})")
        }
        None => match architecture_name(data.arch) {
            Some(name) => format!("number {} of {name}", data.nr),
            None => format!("number {} of architecture {:#010x}", data.nr, data.arch),
        },
    };
    for (at, value) in data
        .args
        .iter()
        .enumerate()
        .filter(|(_, value)| **value != 0)
    {
        let _ = write!(call, ", argument {at} = {value:#x}");
    }
    if data.instruction_pointer != 0 {
        let _ = write!(
            call,
            ", instruction pointer = {:#x}",
            data.instruction_pointer
        );
    }
    let action = |value| {
        Action::from_u32(value)
            .map_or_else(|| format!("{value:#010x}"), |action| action.to_string())
    };
    let width = left.chars().count().max(right.chars().count());
    format!(
        "different: {call}\n  {left:width$}  {}\n  {right:width$}  {}\n",
        action(found.left),
        action(found.right)
    )
}
