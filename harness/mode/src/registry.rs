//! The modes there are: one line each.

use crate::ebpf::Ebpf;
use crate::{
    Mode, Peer, SeccompFile, allow, ebpf, ebpf_bystander, ebpf_count, ebpf_empty, ebpf_errors,
    ebpf_histogram, ebpf_stream, ebpf_tree, none, ptrace, seccomp, user_notify, user_notify_sync,
};
use harness_record::Role;
use std::sync::{Arc, LazyLock};

/// The modes of eBPF. Each does what the one before it does and one thing more, but for the last two.
pub(crate) static EBPF: [&Ebpf; 8] = [
    &ebpf_empty::EMPTY,
    &ebpf_tree::TREE,
    &ebpf_count::COUNT,
    &ebpf_errors::ERRORS,
    &ebpf::TIME,
    &ebpf_histogram::HISTOGRAM,
    &ebpf_stream::STREAM,
    &ebpf_bystander::BYSTANDER,
];

static REGISTRY: LazyLock<Vec<Arc<dyn Mode>>> = LazyLock::new(|| {
    let mut modes: Vec<Arc<dyn Mode>> = vec![
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
    ];
    for mode in EBPF {
        modes.push(Arc::new(mode.clone()));
    }
    // One file and one line each in `harness_peer`.
    for peer in harness_peer::registry() {
        modes.push(Arc::new(Peer::new(peer.clone())));
    }
    modes
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
    // A peer with a binary of the user's has such a name, too, and a described one may have any.
    let variant = name.split_once('=');
    if let Some(mode) = variant.and_then(|(mode, word)| Ebpf::with_parameter(mode, word)) {
        return mode.map(|mode| Arc::new(mode) as Arc<dyn Mode>);
    }
    match (name, parameter) {
        (SeccompFile::NAME, Some(bytes)) => match SeccompFile::from_bytes(bytes) {
            Ok(mode) => Ok(Arc::new(mode)),
            Err(error) => Err(error.to_string()),
        },
        (name, Some(bytes)) => match Peer::from_parameter(bytes) {
            Ok(mode) if mode.about().name == name => Ok(Arc::new(mode)),
            Ok(_) => Err(format!("mode {name} does not take this parameter")),
            Err(error) => Err(error),
        },
        (name, None) => find(name).cloned().ok_or_else(|| format!("no mode {name}")),
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

    /// By its name and word alone; that a name begins alike makes no mode one of eBPF.
    #[test]
    fn a_variant_is_opened_elsewhere() {
        let variant = Ebpf::with_parameter("ebpf-count", "unchecked").expect("a mode of eBPF");
        let variant = variant.expect("a variant");
        let name = &variant.about().name;
        let again = open(name, variant.parameter().as_deref()).expect("the same");
        assert_eq!(again.about(), variant.about());
        assert!(open("ebpf-count=nothing", Some(b"nothing")).is_err());
        let strace = Peer::built_in("strace").expect("a peer");
        let refused = open("ebpfsnoop", strace.parameter().as_deref()).err();
        assert_eq!(
            refused.as_deref(),
            Some("mode ebpfsnoop does not take this parameter")
        );
    }
}
