//! The listings of all programs, letter by letter, with the maps that they use. A file is a level, or what one thing
//! different changes in the level's programs.
//!
//! `UPDATE_EXPECTED=1 cargo test -p harness-ebpf --test golden` writes them anew; what changed in them then shows in the
//! difference to be committed.

mod common;

use common::{LEVELS, NAMESPACE, VARIATIONS, Variation, config};
use harness_ebpf::layout::maps;
use harness_ebpf::programs::programs;
use harness_ebpf::{Attachment, Config, Insn, MapSpec, Program, Wide, disassemble};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Beside those that change one thing.
const PAIRS: [Variation; 1] = [("running-namespace", |config| {
    config.attachment = Attachment::Running;
    config.pid_namespace = Some(NAMESPACE);
})];

fn listing(program: &Program) -> String {
    let place = program
        .tracepoint
        .map_or("run by hand", |tracepoint| tracepoint.name());
    let (name, length) = (program.name, program.len());
    format!(
        "\n{name}: {place}, {length} instructions\n{}",
        disassemble(&program.insns)
    )
}

fn line(spec: &MapSpec) -> String {
    let MapSpec {
        map,
        kind,
        key_size,
        value_size,
        max_entries,
    } = spec;
    let name = map.name();
    format!("{name}: {kind:?}, key {key_size}, value {value_size}, entries {max_entries}\n")
}

/// The maps and the programs, each with a text of its own.
fn parts(config: &Config) -> Vec<String> {
    let (maps, programs) = (maps(config), programs(config));
    let programs = programs.iter().map(listing);
    maps.iter().map(line).chain(programs).collect()
}

/// Every file with its text.
fn expected() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for level in LEVELS {
        let base = config(level);
        let known = parts(&base);
        for (name, change) in VARIATIONS.into_iter().chain(PAIRS) {
            let mut changed = base.clone();
            change(&mut changed);
            let level = format!("{level:?}").to_lowercase();
            let mut parts = parts(&changed);
            let file = if name.is_empty() {
                format!("{level}.txt")
            } else {
                parts.retain(|part| !known.contains(part));
                format!("{level}-{name}.txt")
            };
            let text = parts.concat();
            if !text.is_empty() {
                files.insert(file, text);
            }
        }
    }
    files
}

#[test]
fn listings() {
    let expected = expected();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let _ = fs::remove_dir_all(directory());
        fs::create_dir_all(directory()).expect("a directory");
        for (file, text) in &expected {
            fs::write(directory().join(file), text).expect("a file");
        }
    }
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory()).expect("the listings") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        found.insert(
            name.to_owned(),
            fs::read_to_string(&path).expect("a listing"),
        );
    }
    let mut differences = String::new();
    for name in expected.keys().chain(found.keys()) {
        if expected.get(name) != found.get(name) {
            writeln!(differences, "  {name}").expect("a String takes everything");
        }
    }
    assert!(
        differences.is_empty(),
        "these listings differ; UPDATE_EXPECTED=1 writes them anew, and git diff shows what changed:\n{differences}"
    );
}

/// Every program of every combination: a program refers to maps of its configuration alone, every jump goes forward to an
/// instruction, every instruction can be reached, and the last one ends the program.
#[test]
fn programs_are_whole() {
    for bits in 0..1 << VARIATIONS.len() {
        for level in LEVELS {
            let mut config = config(level);
            for (at, (_, change)) in VARIATIONS.into_iter().enumerate() {
                if bits & 1 << at != 0 {
                    change(&mut config);
                }
            }
            let maps = maps(&config);
            for program in programs(&config) {
                whole(&program, &maps);
            }
        }
    }
}

fn whole(program: &Program, maps: &[MapSpec]) {
    let listing = listing(program);
    // Where jumps lead, in words, and whether the instruction before goes on.
    let (mut targets, mut goes_on) = (BTreeSet::new(), true);
    let mut next = 0;
    for insn in &program.insns {
        let is_target = targets.remove(&next);
        assert!(is_target || goes_on, "{insn} is not reached:{listing}");
        assert!(
            targets.first().is_none_or(|first| *first > next),
            "a jump into an instruction:{listing}"
        );
        next += insn.words();
        goes_on = !matches!(insn, Insn::Jump { .. } | Insn::Exit);
        match *insn {
            Insn::Jump { offset } | Insn::Branch { offset, .. } => {
                // Forward, so that it ends; before Linux 5.3 the kernel takes no other.
                let offset = usize::try_from(offset);
                targets.insert(next + offset.unwrap_or_else(|_| panic!("{insn}:{listing}")));
            }
            Insn::LoadWide {
                value: Wide::Map(map) | Wide::Value(map, _),
                ..
            } => {
                let is_known = maps.iter().any(|spec| spec.map == map);
                assert!(is_known, "{insn}:{listing}");
            }
            _ => {}
        }
    }
    assert!(targets.is_empty() && !goes_on, "it does not end:{listing}");
}
