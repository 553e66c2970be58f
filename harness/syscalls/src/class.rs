//! strace's classes of system calls.

use std::fmt;

/// A class of system calls; strace(1), `-e trace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Read or change clocks.
    Clock,
    /// Read or change user and group identities.
    Creds,
    /// Take or return a file descriptor.
    Desc,
    /// Take a file name.
    File,
    /// `fstat` and its like.
    Fstat,
    /// `fstatfs` and its like.
    Fstatfs,
    /// System V interprocess communication.
    Ipc,
    /// `lstat` and its like.
    Lstat,
    /// Memory mapping and policy.
    Memory,
    /// Network.
    Network,
    /// Process life cycle.
    Process,
    /// No arguments and no failure.
    Pure,
    /// Signals.
    Signal,
    /// `stat` and its like.
    Stat,
    /// The whole stat family, written `%%stat`.
    StatLike,
    /// `statfs` and its like.
    Statfs,
    /// The whole statfs family, written `%%statfs`.
    StatfsLike,
}

impl Class {
    /// Every class, in the order of their names.
    pub const ALL: [Self; 17] = [
        Self::Clock,
        Self::Creds,
        Self::Desc,
        Self::File,
        Self::Fstat,
        Self::Fstatfs,
        Self::Ipc,
        Self::Lstat,
        Self::Memory,
        Self::Network,
        Self::Process,
        Self::Pure,
        Self::Signal,
        Self::Stat,
        Self::StatLike,
        Self::Statfs,
        Self::StatfsLike,
    ];

    /// As written in a trace set, with its `%`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clock => "%clock",
            Self::Creds => "%creds",
            Self::Desc => "%desc",
            Self::File => "%file",
            Self::Fstat => "%fstat",
            Self::Fstatfs => "%fstatfs",
            Self::Ipc => "%ipc",
            Self::Lstat => "%lstat",
            Self::Memory => "%memory",
            Self::Network => "%network",
            Self::Process => "%process",
            Self::Pure => "%pure",
            Self::Signal => "%signal",
            Self::Stat => "%stat",
            Self::StatLike => "%%stat",
            Self::Statfs => "%statfs",
            Self::StatfsLike => "%%statfs",
        }
    }

    /// The class an element of a trace set names: with `%`, or by one of the seven bare names strace still takes.
    pub(crate) fn of_element(text: &str) -> Option<Self> {
        match text {
            "desc" => Some(Self::Desc),
            "file" => Some(Self::File),
            "ipc" => Some(Self::Ipc),
            "memory" => Some(Self::Memory),
            "network" | "%net" => Some(Self::Network),
            "process" => Some(Self::Process),
            "signal" => Some(Self::Signal),
            _ => Self::ALL.into_iter().find(|class| class.name() == text),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The classes of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Classes(u32);

impl Classes {
    pub(crate) const fn new(list: &[Class]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < list.len() {
            bits |= 1 << list[at] as u32;
            at += 1;
        }
        Self(bits)
    }

    /// Whether `class` is among them.
    #[must_use]
    pub const fn contains(self, class: Class) -> bool {
        self.0 & (1 << class as u32) != 0
    }

    /// The classes, in the order of their names.
    pub fn iter(self) -> impl Iterator<Item = Class> {
        Class::ALL
            .into_iter()
            .filter(move |&class| self.contains(class))
    }
}
