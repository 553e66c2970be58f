//! `harness filter explain`: what a program does with each system call.

use super::input::{Named, Source, parsed};
use super::options::{AbiArg, Numbers};
use super::output::{self, Cells};
use crate::cmd::{Exit, Usage, complain, print};
use harness_cbpf::{Action, Obstacle, Program};
use harness_filter::{Budget, Cache, Explanation, Undecided};
use harness_record::counted;
use harness_syscalls::{Abi, Arch, TraceSet, architecture_name};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Explain a filter call by call: action, instructions executed, cached by the kernel or why not
///
/// All arguments are 0; a call marked * may fare otherwise with others, and what they can lead to
/// follows ('or else': other actions may be possible that could not be found, or not among the
/// cases that are tried, of which a short program can make more than a machine can run). A cached call is allowed
/// without running the program (Linux 5.11 and later): the program allows it by nothing but the
/// number, the architecture, ja, and constants for jeq, jge, jgt, jset and `and`; and so does every
/// other filter of the process. For uretprobe and uprobe of x86_64, which the kernel puts into
/// programs that are probed, no filter is run at all (since Linux 6.14 and 6.18).
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// Calls of this ABI
    #[arg(long, value_enum, default_value_t = AbiArg::All)]
    abi: AbiArg,
    /// Only the calls in this trace set
    #[arg(long, value_name = "SET", allow_hyphen_values = true)]
    only: Option<String>,
    #[command(flatten)]
    numbers: Numbers,
    /// What standard output gets
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For reading, with a summary at the end
    Table,
    /// abi,nr,name,action,executed,conditional,cached,reason,actions,actions_complete: the actions
    /// that other arguments can lead to as well, and whether these are all
    Csv,
    /// The same, an object a call
    Json,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let table = args.numbers.table()?;
    let named = args.source.program(&args.numbers)?;
    let arch = match args.numbers.arch_asked() {
        Some(arch) => arch,
        None => machine(&named, args.numbers.arch())?,
    };
    if !arch.runs().iter().any(|&abi| args.abi.has(abi)) {
        let name = arch.native_abi();
        let text = format!("a machine of {name} has no such ABI as --abi names: see --arch");
        return Err(Usage(text).into());
    }
    let only = args.only.as_deref();
    let only = only.map(|text| TraceSet::parse(text, table));
    let only = parsed(only.transpose())?;
    let mut budget = Budget::new();
    let calls: Vec<Call> = harness_filter::explain(&named.program, table, arch)
        .into_iter()
        .filter(|call| args.abi.has(call.abi))
        .filter(|call| {
            only.as_ref()
                .is_none_or(|set| set.contains(call.abi, call.nr))
        })
        .map(|call| Call::new(call, &named.program, &mut budget))
        .collect();
    let disassembly = harness_cbpf::disassemble(&named.program);
    let text = match args.format {
        Format::Table => format!(
            "{}\n{}",
            listed(&calls, &disassembly).aligned(),
            summary(&named.name, &named.program, &calls, arch)
        ),
        Format::Csv => columns(&calls, &disassembly).csv(),
        Format::Json => {
            let object = |call| Object::new(call, &disassembly);
            let objects = calls.iter().map(object);
            output::array(objects)? + "\n"
        }
    };
    print(text)?;
    Ok(Exit::Fine)
}

/// The machine that a program is for by its tests; what is assumed where they do not tell, it says on standard error.
///
/// # Errors
/// It tests for machines alone that no table here is of.
fn machine(named: &Named, otherwise: Arch) -> anyhow::Result<Arch> {
    let machines = harness_filter::machines(&named.program);
    let others: BTreeSet<&str> = harness_filter::architectures(&named.program)
        .into_iter()
        .filter_map(architecture_name)
        .collect();
    let (name, others) = (
        &named.name,
        (!others.is_empty()).then(|| Vec::from_iter(others).join(", ")),
    );
    match (&machines[..], others) {
        ([], Some(others)) => anyhow::bail!(
            "{name} is for {others}, and there is no table of its system calls here: 'harness filter show' \
             shows the program, --arch explains what it does on another machine"
        ),
        (_, Some(others)) => complain(&format!(
            "{name} has a part for {others}, which is left out: there is no table of its system calls here"
        )),
        _ => {}
    }
    if let [only] = machines[..] {
        return Ok(only);
    }
    let tested = if machines.is_empty() {
        "no architecture that is known here"
    } else {
        "architectures of several machines"
    };
    let assumed = otherwise.native_abi();
    if named.from_file {
        complain(&format!(
            "{} tests for {tested}: explained for a machine of {assumed}, --arch names another",
            named.name
        ));
    }
    Ok(otherwise)
}

fn action(call: &Explanation) -> String {
    match call.action() {
        Some(action) => action.to_string(),
        None => format!("{:#010x} (kills)", call.action_value),
    }
}

/// Why the kernel runs the program, which has this text, each time, and that it runs none; `None` where the call is merely
/// cached.
fn reason(call: &Explanation, text: &str) -> Option<String> {
    let runs = runs(call, text);
    let exempt = call.exempt.map(|exempt| exempt.to_string());
    runs.into_iter()
        .chain(exempt)
        .reduce(|runs, exempt| runs + "; " + &exempt)
}

fn runs(call: &Explanation, text: &str) -> Option<String> {
    Some(match call.cache {
        Cache::Cached => return None,
        Cache::Outside => "not in the kernel's bitmap".to_owned(),
        Cache::No {
            pc,
            obstacle: Obstacle::Opcode(_),
        } => {
            let line = text.lines().nth(pc).unwrap_or_default();
            let insn = line.rsplit_once(':').map_or(line, |(_, insn)| insn);
            format!("instruction {pc} is {}", insn.trim())
        }
        Cache::No { pc, obstacle } => format!("instruction {pc} {obstacle}"),
    })
}

/// A call with every action that it can get.
struct Call {
    explained: Explanation,
    actions: BTreeSet<Action>,
    /// Why these may not be all.
    undecided: Option<Undecided>,
}

impl Call {
    fn new(explained: Explanation, program: &Program, budget: &mut Budget) -> Self {
        let (actions, undecided) = if explained.conditional {
            harness_filter::actions(program, explained.abi, explained.nr, budget)
        } else {
            (
                BTreeSet::from([Action::effect(explained.action_value)]),
                None,
            )
        };
        Self {
            explained,
            actions,
            undecided,
        }
    }

    fn action_names(&self) -> Vec<String> {
        self.actions.iter().map(Action::to_string).collect()
    }

    /// The action if all arguments are 0, and those with others.
    fn all_actions(&self) -> String {
        let mut text = action(&self.explained);
        if self.explained.conditional {
            text.push('*');
            let first = Action::effect(self.explained.action_value);
            for other in self.actions.iter().filter(|&&action| action != first) {
                let _ = write!(text, " or {other}");
            }
            if self.undecided.is_some() {
                text.push_str(" or else");
            }
        }
        text
    }
}

fn listed(calls: &[Call], text: &str) -> Cells {
    let columns = vec![
        ("abi", false),
        ("nr", true),
        ("name", false),
        ("action", false),
        ("executed", true),
        ("cached", false),
    ];
    let row = |row: &Call| {
        let call = &row.explained;
        let cached = match (call.exempt, reason(call, text)) {
            (Some(exempt), _) => exempt.to_string(),
            (None, Some(why)) => format!("no: {why}"),
            (None, None) => "yes".to_owned(),
        };
        vec![
            call.abi.to_string(),
            call.nr.to_string(),
            call.name.unwrap_or("-").to_owned(),
            row.all_actions(),
            call.executed.to_string(),
            cached,
        ]
    };
    Cells {
        columns,
        rows: calls.iter().map(row).collect(),
    }
}

/// How many of the native calls that are allowed are cached, by kernels that do so, and whether this one does.
fn cached(calls: &[Call], arch: Arch) -> Option<String> {
    let abi = arch.native_abi();
    let allowed = calls.iter().map(|call| &call.explained).filter(|call| {
        call.abi == abi && call.name.is_some() && call.action() == Some(Action::Allow)
    });
    let (mut all, mut cached) = (0_u64, 0_u64);
    for call in allowed {
        all += 1;
        cached += u64::from(call.cache == Cache::Cached);
    }
    if all == 0 {
        return None;
    }
    let (kernel, here) = harness_measure::environment::kernel_and_cache();
    let here = match here {
        _ if arch != Arch::NATIVE => String::new(),
        Some(true) => format!("this kernel, {kernel}, does so\n"),
        Some(false) => format!("this kernel, {kernel}, caches nothing\n"),
        None => format!("whether this kernel, {kernel}, does so is not known\n"),
    };
    Some(format!(
        "Linux 5.11 and later cache {cached} of the {} of {abi} that it allows\n{here}",
        counted(all, "named call"),
    ))
}

/// For each ABI and action: how many numbers, how many of them cached, and what they execute.
fn summary(name: &str, program: &Program, calls: &[Call], arch: Arch) -> String {
    #[derive(Default)]
    struct Group {
        numbers: u64,
        cached: u64,
        executed: u64,
        most: u32,
    }
    let mut groups: BTreeMap<(Abi, Option<Action>), Group> = BTreeMap::new();
    for Call {
        explained: call, ..
    } in calls
    {
        let group = groups.entry((call.abi, call.action())).or_default();
        group.numbers += 1;
        group.cached += u64::from(call.cache == Cache::Cached);
        group.executed += u64::from(call.executed);
        group.most = group.most.max(call.executed);
    }
    let rows = groups.iter().map(|((abi, action), group)| {
        vec![
            abi.to_string(),
            action.map_or_else(|| "unknown (kills)".to_owned(), |action| action.to_string()),
            group.numbers.to_string(),
            group.cached.to_string(),
            format!("{:.2}", group.executed as f64 / group.numbers as f64),
            group.most.to_string(),
        ]
    });
    let groups = Cells {
        columns: vec![
            ("abi", false),
            ("action", false),
            ("numbers", true),
            ("cached", true),
            ("mean_executed", true),
            ("worst_executed", true),
        ],
        rows: rows.collect(),
    };
    let mut text = format!("{name}: {}\n", output::instruction_count(program));
    text += &groups.aligned();
    text += &cached(calls, arch).unwrap_or_default();
    if calls.iter().any(|call| call.explained.conditional) {
        let _ = writeln!(
            text,
            "* looks at arguments or the instruction pointer; first what happens if they are 0, then what else can"
        );
    }
    let too_many = |call: &Call| matches!(call.undecided, Some(Undecided::TooMany { .. }));
    if calls.iter().any(too_many) {
        text.push_str(
            "or else: the program tells more cases apart than can be tried, other actions may be possible\n",
        );
    }
    text
}

fn columns(calls: &[Call], text: &str) -> Cells {
    let columns = [
        "abi",
        "nr",
        "name",
        "action",
        "executed",
        "conditional",
        "cached",
        "reason",
        "actions",
        "actions_complete",
    ];
    let row = |row: &Call| {
        let call = &row.explained;
        vec![
            call.abi.to_string(),
            call.nr.to_string(),
            call.name.unwrap_or_default().to_owned(),
            action(call),
            call.executed.to_string(),
            call.conditional.to_string(),
            (call.cache == Cache::Cached).to_string(),
            reason(call, text).unwrap_or_default(),
            row.action_names().join(" "),
            row.undecided.is_none().to_string(),
        ]
    };
    Cells {
        columns: columns.map(|name| (name, false)).to_vec(),
        rows: calls.iter().map(row).collect(),
    }
}

/// A call in JSON.
#[derive(serde::Serialize)]
struct Object {
    abi: &'static str,
    nr: u32,
    name: Option<&'static str>,
    action: String,
    action_value: u32,
    executed: u32,
    conditional: bool,
    cached: bool,
    reason: Option<String>,
    actions: Vec<String>,
    actions_complete: bool,
}

impl Object {
    fn new(row: &Call, text: &str) -> Self {
        let call = &row.explained;
        Self {
            abi: call.abi.name(),
            nr: call.nr,
            name: call.name,
            action: action(call),
            action_value: call.action_value,
            executed: call.executed,
            conditional: call.conditional,
            cached: call.cache == Cache::Cached,
            reason: reason(call, text),
            actions: row.action_names(),
            actions_complete: row.undecided.is_none(),
        }
    }
}
