//! What runs showed that a reader of their record must know.

use super::Runs;
use harness_record::counted;

impl Runs<'_> {
    /// What the runs showed that a reader must know.
    pub(super) fn observations(&self) -> Vec<String> {
        let mut observations: Vec<String> = self
            .escaped
            .iter()
            .map(|(mode, count)| {
                format!(
                    "{} {} not traced under {mode} (CLONE_UNTRACED): the calls made there are missing, and calls that a \
                     filter of the mode traces failed there with ENOSYS",
                    counted(*count, "process"),
                    if *count == 1 { "was" } else { "were" },
                )
            })
            .collect();
        if self.log.is_some() {
            observations.push(
                "every stop was written to a log: times under the modes that trace are those of writing it too"
                    .to_owned(),
            );
        }
        if self.no_new_privs {
            observations.push(
                "the seccomp modes set no_new_privs, as this user has no CAP_SYS_ADMIN: set-user-ID programs then run \
                 without their privileges"
                    .to_owned(),
            );
        }
        observations.extend(self.remarks.iter().cloned());
        if self.not_alternating {
            observations.push(
                "one of the two harnesses is too old to alternate with the other: samples were taken one after the \
                 other, and only larger changes can be seen"
                    .to_owned(),
            );
        }
        observations
    }
}
