//! The house rules of `harness/ARCHITECTURE.md`, as tests: which crate may use
//! which, where `unsafe` may stand, how a file begins and how long it grows.
//!
//! They read the sources as text and run nothing. A failure lists where
//! (`file:line`) and says what to do.

mod code;
mod manifest;
mod tree;

use code::{code_only, words};
use manifest::{Dependency, Kind, Manifest};
use std::collections::BTreeMap;

/// Which `harness-*` crates a crate may depend on, other than for its tests.
/// The root package puts everything together and may use all.
const ROOMS: &[(&str, &[&str])] = &[
    ("cbpf", &["insn"]),
    ("ebpf", &[]),
    ("filter", &["cbpf", "syscalls"]),
    ("insn", &[]),
    (
        "measure",
        &[
            "mode",
            "record",
            "stats",
            "sys",
            "syscalls",
            "tracer",
            "verdict",
            "workloads",
        ],
    ),
    (
        "mode",
        &[
            "cbpf",
            "filter",
            "notify",
            "peer",
            "record",
            "sys",
            "syscalls",
            "tracepoint",
            "tracer",
        ],
    ),
    ("notify", &["sys", "syscalls", "tracer"]),
    ("peer", &["sys", "syscalls", "tracer"]),
    ("record", &[]),
    ("report", &["record", "stats"]),
    ("stats", &[]),
    ("sys", &["insn"]),
    ("syscalls", &[]),
    ("testing", &["sys"]),
    ("tracepoint", &["ebpf", "sys", "syscalls", "tracer"]),
    ("tracer", &["sys", "syscalls"]),
    ("verdict", &["record", "stats"]),
    ("workloads", &["sys"]),
];

/// Crates that speak to the kernel without the standard library between.
const KERNEL_CRATES: &[&str] = &["libc", "nix"];

/// Lines beyond which a file holds more than one concept.
const MAX_LINES: usize = 600;

/// Files that may be longer, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Beginnings of paths that exist on one machine only. Spliced, as this file is
/// searched too.
const PRIVATE_PATHS: &[&str] = &[
    concat!("/work", "/"),
    concat!("/root", "/"),
    concat!("/tmp/", "target"),
    concat!("/tmp/", "brief"),
];

/// Fails with what to do and all findings, unless there is none.
#[track_caller]
fn judge(remedy: &str, findings: &[String]) {
    assert!(
        findings.is_empty(),
        "{remedy}:\n  {}",
        findings.join("\n  ")
    );
}

/// Directory of a crate's room: `harness/tracer` is `tracer`.
fn room(manifest: &Manifest) -> Option<&str> {
    let directory = manifest.path.strip_suffix("/Cargo.toml")?;
    Some(directory.rsplit('/').next().unwrap_or(directory))
}

#[test]
fn crates_use_only_the_rooms_below_them() {
    let rooms: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let mut findings = Vec::new();
    for manifest in tree::manifests() {
        let Some(room) = room(&manifest) else {
            continue;
        };
        let Some(allowed) = rooms.get(room) else {
            findings.push(format!("{}:1: room `{room}` is not known", manifest.path));
            continue;
        };
        for Dependency { name, kind, line } in manifest.dependencies() {
            let used = name.strip_prefix("harness-");
            if kind != Kind::Dev && used.is_some_and(|used| !allowed.contains(&used)) {
                findings.push(format!(
                    "{}:{line}: `{room}` must not use `{name}`",
                    manifest.path
                ));
            }
        }
    }
    judge(
        "Move the code to the room that may do this, or change ROOMS here and the picture in \
         harness/ARCHITECTURE.md together",
        &findings,
    );
}

#[test]
fn only_sys_depends_on_the_kernels_crates() {
    let mut findings = Vec::new();
    for manifest in tree::manifests() {
        if room(&manifest) == Some("sys") {
            continue;
        }
        for Dependency { name, line, .. } in manifest.dependencies() {
            if KERNEL_CRATES.contains(&name) {
                findings.push(format!("{}:{line}: `{name}`", manifest.path));
            }
        }
    }
    judge(
        "Wrap the call in harness/sys and use it from there",
        &findings,
    );
}

#[test]
fn crates_take_the_workspaces_lints() {
    let manifests = tree::manifests();
    let (sys, others): (Vec<_>, Vec<_>) =
        (manifests.iter()).partition(|manifest| room(manifest) == Some("sys"));
    let mut findings = Vec::new();
    for manifest in others {
        if manifest.get("lints", "workspace") != Some("true") {
            findings.push(format!(
                "{}:1: add `[lints] workspace = true`",
                manifest.path
            ));
        }
    }
    // Cargo cannot override one inherited lint, so sys repeats all but `unsafe_code`.
    let root = manifests.iter().find(|manifest| room(manifest).is_none());
    for (root, sys) in root.iter().zip(sys) {
        for section in ["lints.rust", "lints.clippy"] {
            for entry in root.section(&format!("workspace.{section}")) {
                if entry.key != "unsafe_code" && sys.get(section, &entry.key).is_none() {
                    findings.push(format!(
                        "{}:1: [{section}] lacks `{}` of {}:{}",
                        sys.path, entry.key, root.path, entry.line
                    ));
                }
            }
        }
    }
    judge("Every crate keeps to the same lints", &findings);
}

#[test]
fn unsafe_stands_in_sys_only() {
    let mut findings = Vec::new();
    for source in tree::rust_sources() {
        if source.path.starts_with("harness/sys/") {
            continue;
        }
        for place in words(&code_only(&source.text), "unsafe") {
            findings.push(format!("{}:{}", source.path, place.line));
        }
    }
    judge(
        "Give harness/sys a safe function for this and call that",
        &findings,
    );
}

#[test]
fn files_begin_with_their_documentation() {
    let findings: Vec<_> = tree::rust_sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| format!("{}:1", source.path))
        .collect();
    judge(
        "Begin the file with `//!` and say what it is for",
        &findings,
    );
}

#[test]
fn files_hold_one_concept() {
    let reasons: BTreeMap<_, _> = LONG_FILES.iter().copied().collect();
    let mut findings = Vec::new();
    for source in tree::rust_sources() {
        let lines = source.text.lines().count();
        match (lines > MAX_LINES, reasons.contains_key(&*source.path)) {
            (true, false) => findings.push(format!("{}:{lines}: too long", source.path)),
            (false, true) => findings.push(format!(
                "{}:{lines}: short enough, take it off LONG_FILES",
                source.path
            )),
            _ => {}
        }
    }
    judge(
        &format!(
            "Split what is longer than {MAX_LINES} lines by concept, or list it in LONG_FILES with \
             the reason"
        ),
        &findings,
    );
}

#[test]
fn ignored_tests_say_why() {
    let mut findings = Vec::new();
    for source in tree::rust_sources() {
        let code = code_only(&source.text);
        for place in words(&code, "ignore") {
            let attribute = code[place.line_start..].trim_start().starts_with("#[");
            // The reason itself is a string, which `code` no longer has.
            let after = &source.text[place.end..];
            let reasoned = after
                .strip_prefix(" = \"")
                .is_some_and(|reason| reason.chars().next().is_some_and(|first| first != '"'));
            if attribute && !reasoned {
                findings.push(format!("{}:{}", source.path, place.line));
            }
        }
    }
    judge(
        "Write `#[ignore = \"what it needs and how to run it\"]`",
        &findings,
    );
}

#[test]
fn nothing_names_a_path_of_one_machine() {
    let mut findings = Vec::new();
    for file in tree::repository_files() {
        for (at, line) in file.text.lines().enumerate() {
            for path in private_paths(line) {
                findings.push(format!("{}:{}: {path}", file.path, at + 1));
            }
        }
    }
    judge(
        "Use a path relative to the repository, or one from the environment",
        &findings,
    );
}

/// The private paths that begin in a line, not those inside a longer path.
fn private_paths(line: &str) -> impl Iterator<Item = &'static str> {
    PRIVATE_PATHS.iter().copied().filter(move |path| {
        line.match_indices(path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            before.is_none_or(|c| !c.is_alphanumeric() && !"._-}*)".contains(c))
        })
    })
}

#[test]
fn a_private_path_is_found_where_a_path_begins() {
    let [work, ..] = PRIVATE_PATHS else {
        unreachable!("the list is not empty")
    };
    for line in [
        format!("{work}x"),
        format!("cd \"{work}x\""),
        format!("A={work}"),
    ] {
        assert_eq!(private_paths(&line).count(), 1, "{line}");
    }
    for line in [format!("scripts{work}x"), format!("${{dir}}{work}x")] {
        assert_eq!(private_paths(&line).count(), 0, "{line}");
    }
}
