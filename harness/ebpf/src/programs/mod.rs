//! The programs: one file for each tracepoint.
//!
//! Registers that keep their meaning through a program:
//!
//! | register | holds |
//! |---|---|
//! | R6 | the context: the arguments of the tracepoint, 8 bytes each |
//! | R7 | the number of the call |
//! | R8 | the value of the task in [`Map::Tasks`](crate::Map::Tasks) |
//! | R9 | first the row, then the slot of the call; at its return, how long it took |

mod enter;
mod exit;
mod fork;
mod own_task;
mod parts;
mod record;
mod task_exit;

use crate::{Config, Hooks, Level, Program};

/// The programs of a configuration, in the order in which they are to be attached: the tree must be
/// followed before its calls are looked at. What is run by hand comes first.
#[must_use]
pub fn programs(config: &Config) -> Vec<Program> {
    let mut programs = Vec::new();
    if config.has_tree() {
        programs.extend([
            own_task::program(),
            fork::program(config),
            task_exit::program(config),
        ]);
    }
    if config.hooks == Hooks::Both || config.level >= Level::Errors {
        programs.push(exit::program(config));
    }
    programs.push(enter::program(config));
    programs
}
