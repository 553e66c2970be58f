//! Listings of programs, kept so that a change of a compiler shows in review.
//!
//! `UPDATE_GOLDEN=1 cargo test -p harness-filter --test golden` writes them anew.

use std::fs;
use std::path::PathBuf;

use harness_cbpf::{Action, assemble};
use harness_filter::{Options, Profile, listing, registry};
use harness_syscalls::{Arch, Table, TraceSet};

#[test]
fn listings_are_as_kept() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for (name, text, subcalls) in [
        ("connect", "connect", false),
        ("connect-subcalls", "connect", true),
        ("classes", "%ipc,%lstat", false),
        ("negated", "!%fstat,read", false),
    ] {
        let set = TraceSet::parse(text, Table::current()).expect("parses");
        let options = Options {
            arch: Arch::X86,
            subcalls,
            profile: Some(Profile::kernel_build()),
            ..Options::new(Action::Trace(0x5ec), Action::Allow)
        };
        // The naive program of a negated set has a test for nearly every number.
        let compilers = registry()
            .iter()
            .filter(|compiler| compiler.name() != "naive" || !set.contains_unknown());
        for compiler in compilers {
            let program = compiler.compile(&set, &options).expect("compiles");
            let found = listing(&program, Table::current());
            assert_eq!(
                assemble(&found),
                Ok(program),
                "a listing is the program's source"
            );
            let path = folder.join(format!("{name}-{}.txt", compiler.name()));
            if update {
                fs::create_dir_all(&folder).expect("the folder can be made");
                fs::write(&path, &found).expect("the file can be written");
            }
            let kept = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                found,
                kept,
                "{} (UPDATE_GOLDEN=1 rewrites it)",
                path.display()
            );
        }
    }
}
