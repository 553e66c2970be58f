//! Untraced: what every other mode is compared with.

use crate::{
    About, Capabilities, Colour, Error, Facts, Group, Job, Mechanism, Mode, Outcome, Role, Traced,
    Unavailable, Watcher, untraced,
};
use harness_record::CONTROL;
use harness_sys::launcher::{Launch, Start};
use harness_syscalls::TraceSet;
use std::borrow::Cow;

/// Mode `none`.
pub(crate) struct None;

impl Mode for None {
    fn about(&self) -> &About {
        static ABOUT: About = About {
            name: Cow::Borrowed(CONTROL),
            summary: Cow::Borrowed("untraced"),
            role: Role::Control,
            group: Group::Core,
            colour: Colour(0x77, 0x77, 0x77),
            mechanism: Mechanism::Nothing,
            counts_every_call: false,
            capabilities: Capabilities {
                number: false,
                arguments: false,
                result: false,
                memory: false,
                changes_calls: false,
                follows_children: true,
                survives_exec: true,
                attaches: true,
                static_programs: true,
                needs_privileges: false,
            },
        };
        &ABOUT
    }

    fn check(&self) -> Result<Facts, Unavailable> {
        Ok(Facts::new())
    }

    fn traced(&self, _asked: &TraceSet) -> Traced {
        Traced::Nothing
    }

    fn watcher(&self) -> Result<Watcher<'_>, Unavailable> {
        Ok(Watcher::Nobody)
    }

    fn run(&self, launch: Launch<'_>, _job: &mut Job<'_>) -> Result<Outcome, Error> {
        untraced::run(&launch, Start::UNTRACED)
    }
}
