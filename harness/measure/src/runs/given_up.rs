//! A peer that cannot measure a subject does not end the measurement of all the others.
//!
//! Other people's tracers fail on some programs: perf trace ends with the first process. Where such a
//! mode was taken with its group and not asked for by its name, its first failure is a failed row, its
//! further runs of that subject are left out, and the rest goes on.

use super::{Arm, Known, Runs, nanoseconds, row};
use crate::Error;
use crate::row::Context;
use crate::subject::Subject;
use crate::wire::Done;
use harness_mode::{Mechanism, Role};
use harness_record::Slot;
use std::time::Duration;

impl Runs<'_> {
    /// Goes on after the failure of a run, if the arm may be given up; `recorded` says whether its row
    /// is written.
    ///
    /// # Errors
    /// The failure itself, where it ends the measurement.
    pub(super) fn give_up(
        &self,
        arm: &Arm,
        failure: Error,
        recorded: bool,
        known: &mut Known,
    ) -> Result<(), Error> {
        let mut choices = self.request.modes.iter();
        let choice = choices.find(|choice| choice.mode.about().name == arm.mode);
        let may = choice.is_some_and(|choice| {
            !choice.required && choice.mode.about().mechanism == Mechanism::Peer
        });
        let reason = match failure {
            Error::Sample { reason, .. } | Error::Isolated(reason) if may && arm.side.is_none() => {
                reason
            }
            failure => return Err(failure),
        };
        tracing::info!("{} is left out from here on: {reason}", arm.mode);
        let unrecorded = (!recorded).then_some(reason);
        known.given_up.insert(arm.clone(), unrecorded);
        Ok(())
    }

    /// Whether the runs of an arm are left out; the first of them is a failed row, if there is none yet.
    ///
    /// # Errors
    /// [`Error::Record`].
    pub(super) fn is_left_out(
        &mut self,
        subject: &Subject,
        slot: &Slot,
        arm: &Arm,
        known: &mut Known,
    ) -> Result<bool, Error> {
        let Some(unrecorded) = known.given_up.get_mut(arm) else {
            return Ok(false);
        };
        if let Some(reason) = unrecorded.take() {
            let context = Context {
                padding: 0,
                started_ns: nanoseconds(self.started),
                steal_ns: None,
                cpu_pressure_ns: None,
                others_cpu_ns: None,
                lifetime_ns: 0,
            };
            let has_tracer = self.role(arm) == Role::Tracer;
            let index = self.samples.len() as u64;
            let none = Done::default();
            let sample = row(index, slot, &none, &context, has_tracer, Some(reason));
            self.writer.append(&sample)?;
            self.samples.push(sample);
        }
        let name = &subject.plan.name;
        self.progress.done(name, &arm.mode, Duration::ZERO, true);
        Ok(true)
    }
}
