//! What each step of an eBPF program costs: `cargo bench --bench ebpf -- --output DIR` makes the tables of
//! DIR from the records in it; `scripts/ebpf-steps` takes the records, and calls it for results/ebpf.
//!
//! - [`steps`]: from a record, what a call costs more under each mode than under the one before.
//! - [`loading`]: how long it takes to load, to attach and to detach.
//! - [`runs`]: how long the programs themselves run, as the kernel times it.

mod loading;
mod page;
mod runs;
mod steps;
#[path = "../tables.rs"]
mod tables;

use std::process::ExitCode;
use tables::Arguments;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(runs::WORD) => return runs::main(&words[1..]),
        Some(runs::CALLS_WORD) => return runs::calls(&words[1..]),
        _ => {}
    }
    let arguments = match Arguments::parse(words, 20) {
        Ok(arguments) => arguments,
        Err(wrong) => return tables::misused("ebpf", &wrong),
    };
    let Some(directory) = arguments.output else {
        return tables::misused("ebpf", "name the directory of the records: --output DIR");
    };
    let made = page::make(&directory, arguments.rounds);
    let written = made.and_then(|page| {
        std::fs::write(directory.join("README.md"), page).map_err(|error| error.to_string())
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ebpf: {}: {error}", directory.display());
            ExitCode::FAILURE
        }
    }
}
