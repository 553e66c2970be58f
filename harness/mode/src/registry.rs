//! The modes there are: one line each.

use crate::{Mode, SeccompFile, allow, none, ptrace, seccomp, user_notify, user_notify_sync};
use harness_record::Role;
use std::sync::{Arc, LazyLock};

static REGISTRY: LazyLock<Vec<Arc<dyn Mode>>> = LazyLock::new(|| {
    vec![
        Arc::new(none::None),
        Arc::new(ptrace::Ptrace),
        Arc::new(seccomp::NAIVE),
        Arc::new(seccomp::LINEAR),
        Arc::new(seccomp::BITMAP),
        Arc::new(seccomp::TREE),
        Arc::new(seccomp::OPTIMAL),
        Arc::new(allow::Allow),
        Arc::new(user_notify::PLAIN),
        Arc::new(user_notify_sync::SYNC),
    ]
});

/// Every mode that takes no parameter, in the order in which they are reported.
#[must_use]
pub fn registry() -> &'static [Arc<dyn Mode>] {
    &REGISTRY
}

/// The mode of the registry called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Arc<dyn Mode>> {
    registry().iter().find(|mode| mode.about().name == name)
}

/// The mode that the others are compared with.
///
/// # Panics
/// If the registry has none, which a test forbids.
#[must_use]
pub fn control() -> &'static Arc<dyn Mode> {
    let mut modes = registry().iter();
    let control = modes.find(|mode| mode.about().role == Role::Control);
    control.expect("the registry has a control")
}

/// The mode called `name`, with what [`Mode::parameter`] gave of it in another process.
///
/// # Errors
/// A clause: there is no such mode, or the parameter is none of it.
pub fn open(name: &str, parameter: Option<&[u8]>) -> Result<Arc<dyn Mode>, String> {
    match (name, parameter) {
        (SeccompFile::NAME, Some(bytes)) => match SeccompFile::from_bytes(bytes) {
            Ok(mode) => Ok(Arc::new(mode)),
            Err(error) => Err(error.to_string()),
        },
        (name, None) => find(name).cloned().ok_or_else(|| format!("no mode {name}")),
        (name, Some(_)) => Err(format!("mode {name} takes no parameter")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn there_is_one_control_and_every_name_once() {
        let of_role = |role| {
            let modes = registry().iter();
            modes.filter(move |mode| mode.about().role == role).count()
        };
        assert_eq!(of_role(Role::Control), 1);
        assert_eq!(control().about().name, harness_record::CONTROL);
        let names: BTreeSet<_> = registry().iter().map(|mode| &mode.about().name).collect();
        assert_eq!(names.len(), registry().len());
        for mode in registry() {
            let name = &mode.about().name;
            assert!(open(name, mode.parameter().as_deref()).is_ok(), "{name}");
        }
    }
}
