//! `harness/TRANSPARENCY.md`: its tables are made from the differences and findings that the
//! suite demands, and its text must speak of every difference.
//!
//! `UPDATE_EXPECTED=1 cargo test --test conformance the_page` writes the tables anew.

use crate::differences::{DIFFERENCES, Difference, Strace};
use crate::peers::{FINDINGS, Outcome, PEERS};
use crate::scenario::{End, Kind, Output, Scenario};
use crate::table;
use std::fmt::Write;
use std::path::Path;

const PAGE: &str = "harness/TRANSPARENCY.md";

/// Compares the page with what the suite demands.
///
/// # Errors
/// What the page lacks, or has and must not.
pub(crate) fn check() -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(&path).map_err(|error| format!("{PAGE}: {error}"))?;
    let mut made = page.clone();
    for (name, table) in [
        ("modes", modes()),
        ("differences", differences()?),
        ("harness", of_the_harness()?),
        ("peers", peers()),
        ("findings", findings()?),
    ] {
        made = with_table(&made, name, &table)?;
    }
    let errors = unlike_the_suite(&made);
    if !errors.is_empty() {
        return Err(format!("{PAGE}:\n{}", errors.join("\n")));
    }
    if made == page {
        return Ok(());
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        return std::fs::write(&path, made).map_err(|error| format!("{PAGE}: {error}"));
    }
    Err(format!(
        "{PAGE}: its tables are not those of the suite; UPDATE_EXPECTED=1 writes them anew:\n{made}"
    ))
}

/// The page with what stands between the marks of `name` replaced.
fn with_table(page: &str, name: &str, table: &str) -> Result<String, String> {
    let begin = format!("<!-- {name}: made by tests/conformance -->\n");
    let end = format!("<!-- {name} end -->\n");
    let parts = page
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("{PAGE}: no marks of {name}"))?;
    Ok(format!("{before}{begin}{table}{end}{after}"))
}

/// Differences that name no scenario or change nothing, and those of which the text
/// outside of the tables says nothing.
fn unlike_the_suite(page: &str) -> Vec<String> {
    let known = |name: &str| table::scenarios().any(|scenario| scenario.name == name);
    let text: Vec<_> = page.lines().filter(|line| !line.starts_with('|')).collect();
    let scenarios: Vec<&str> = text
        .iter()
        .filter_map(|line| line.strip_prefix("Scenarios: "))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect();
    let mut errors: Vec<String> = scenarios
        .iter()
        .filter(|name| !known(name))
        .map(|name| format!("there is no scenario `{name}`"))
        .collect();
    for difference in DIFFERENCES {
        let name = difference.scenario;
        if !scenarios.contains(&name) {
            errors.push(format!("no line `Scenarios: …` has `{name}`"));
        }
        let cause = format!("`{}`", difference.cause.0);
        if !text.iter().any(|line| line.contains(&cause)) {
            errors.push(format!("the text says nothing of {cause}, for `{name}`"));
        }
        if DIFFERENCES
            .iter()
            .filter(|other| other.scenario == name)
            .count()
            > 1
        {
            errors.push(format!("`{name}` has two differences"));
        }
    }
    errors
}

/// The kinds of the harness's own modes.
const OWN: [Kind; 6] = [
    Kind::Untraced,
    Kind::FilterAlone,
    Kind::EveryCall,
    Kind::Filtered,
    Kind::Notified,
    Kind::Streamed,
];

/// What a kind of mode does to a program.
fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Untraced => "neither ptrace(2) nor a filter",
        Kind::FilterAlone => "a filter, no tracer",
        Kind::EveryCall => "a tracer, at every call",
        Kind::Filtered => "a tracer, where a filter asks for it",
        Kind::Notified => "a supervisor, where a filter asks for it",
        Kind::Streamed => "neither, and each call is recorded in the kernel",
        Kind::Peer => "a tracer of somebody else's",
    }
}

/// The modes of the registry by what they do.
fn modes() -> String {
    let mut table =
        "| the program has | modes | rows below that differ |\n|---|---|---|\n".to_owned();
    for kind in OWN {
        let modes: Vec<String> = harness_mode::registry()
            .iter()
            .filter(|mode| Kind::of(&mode.about().name) == kind)
            .map(|mode| format!("`{}`", mode.about().name))
            .collect();
        let differ = inherent().filter(|difference| difference.kinds.contains(&kind));
        let _ = writeln!(
            table,
            "| {} | {} | {} of {} |",
            name_of(kind),
            modes.join(", "),
            differ.count(),
            inherent().count()
        );
    }
    table
}

/// Differences that the kernel makes; the others are the harness's own.
fn inherent() -> impl Iterator<Item = &'static Difference> {
    DIFFERENCES
        .iter()
        .filter(|difference| !difference.kinds.contains(&Kind::Untraced))
}

fn differences() -> Result<String, String> {
    let kinds = [
        Kind::EveryCall,
        Kind::Filtered,
        Kind::FilterAlone,
        Kind::Notified,
    ];
    let mut table = heading(&kinds, "strace 6.1");
    for difference in inherent() {
        let strace = match difference.strace {
            Strace::Same => "the same",
            Strace::NotCompared(_) => "not compared",
        };
        row(&mut table, difference, &kinds, Some(strace))?;
    }
    for difference in inherent() {
        if let Strace::NotCompared(why) = difference.strace {
            let _ = writeln!(
                table,
                "\nstrace is not compared in `{}`: {why}.",
                difference.scenario
            );
        }
    }
    Ok(table)
}

fn of_the_harness() -> Result<String, String> {
    let mut table = heading(&OWN, "");
    for difference in DIFFERENCES {
        if difference.kinds.contains(&Kind::Untraced) {
            row(&mut table, difference, &OWN, None)?;
        }
    }
    Ok(table)
}

/// What peers do to a program.
fn peers() -> String {
    let mut table =
        "| peer | differs from untraced as modes with | how the program ended | findings |\n\
                     |---|---|---|---|\n"
            .to_owned();
    for peer in PEERS {
        let of_it = FINDINGS
            .iter()
            .filter(|finding| finding.peers.contains(&peer.name));
        let _ = writeln!(
            table,
            "| `{}` | {} | {} | {} |",
            peer.name,
            peer.like.map_or("nothing: as untraced", name_of),
            if peer.passes_end_on {
                "passed on"
            } else {
                "not passed on"
            },
            of_it.count()
        );
    }
    table
}

fn findings() -> Result<String, String> {
    let mut table = "| scenario | peers | what happens | why |\n|---|---|---|---|\n".to_owned();
    for finding in FINDINGS {
        let name = finding.scenario;
        if !table::scenarios().any(|scenario| scenario.name == name) {
            return Err(format!("a finding in `{name}`, which is no scenario"));
        }
        let peers: Vec<String> = finding
            .peers
            .iter()
            .map(|peer| format!("`{peer}`"))
            .collect();
        let what = match finding.outcome {
            Outcome::Does(Output::Is(text), end) => {
                let lines: Vec<String> = text.lines().map(|line| format!("`{line}`")).collect();
                format!("{}{}", lines.join("<br>"), in_brackets(end))
            }
            Outcome::Does(Output::AsUntraced, end) => format!("as untraced{}", in_brackets(end)),
            Outcome::Shows(line) => format!("`{line}`"),
            Outcome::MayFail(part) => format!("the run may fail (`… {part} …`)"),
            Outcome::LeftOut => "left out: it would not end".to_owned(),
        };
        let _ = writeln!(
            table,
            "| `{name}` | {} | {what} | {} |",
            peers.join(", "),
            finding.why
        );
    }
    Ok(table)
}

fn in_brackets(end: Option<End>) -> String {
    end.map_or_else(String::new, |end| format!(" ({end})"))
}

fn heading(kinds: &[Kind], last: &str) -> String {
    let mut columns = vec!["what", "untraced"];
    columns.extend(kinds.iter().map(|&kind| name_of(kind)));
    columns.extend((!last.is_empty()).then_some(last));
    columns.push("cause");
    let rule = "|---".repeat(columns.len());
    format!("| {} |\n{rule}|\n", columns.join(" | "))
}

fn row(
    table: &mut String,
    difference: &Difference,
    kinds: &[Kind],
    strace: Option<&str>,
) -> Result<(), String> {
    let name = difference.scenario;
    let scenario = table::scenarios()
        .find(|scenario| scenario.name == name)
        .ok_or_else(|| format!("a difference of `{name}`, which is no scenario"))?;
    let (untraced, differs) = cells(scenario, difference)?;
    let mut columns = vec![difference.what.to_owned(), untraced];
    columns.extend(kinds.iter().map(|kind| {
        let differs_here = difference.kinds.contains(kind);
        if differs_here {
            differs.clone()
        } else {
            "as untraced".to_owned()
        }
    }));
    columns.extend(strace.map(str::to_owned));
    let (function, file) = difference.cause;
    columns.push(format!("`{function}`, {file}"));
    let _ = writeln!(table, "| {} |", columns.join(" | "));
    Ok(())
}

/// What is done untraced and what is done else, as far as it is not the same.
fn cells(scenario: &Scenario, difference: &Difference) -> Result<(String, String), String> {
    let Output::Is(untraced) = scenario.output else {
        return Err(format!(
            "`{}`: the machine decides on its output",
            scenario.name
        ));
    };
    let cell = |of: &str, other: &str, end: End| {
        let lines = of
            .lines()
            .filter(|line| !other.lines().any(|known| known == *line));
        let mut words: Vec<String> = lines.map(|line| format!("`{line}`")).collect();
        if scenario.end != difference.end {
            words.push(format!("({end})"));
        }
        words.join("<br>")
    };
    let by_itself = cell(untraced, difference.output, scenario.end);
    let differs = cell(difference.output, untraced, difference.end);
    if by_itself == differs {
        return Err(format!("the difference of `{}` is none", scenario.name));
    }
    Ok((by_itself, differs))
}
