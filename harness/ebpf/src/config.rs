//! What the programs are to do.

/// How much is done at a call; each level does what those before it do, up to [`Stream`](Self::Stream).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    Empty,
    /// Looks whether the task belongs to the tree.
    Tree,
    /// Counts calls that are entered, by number.
    Count,
    /// Counts those that fail, too.
    Errors,
    /// Adds up how long they take, too.
    Time,
    /// Keeps a log2 histogram of how long they take, too.
    Histogram,
    /// Hands each call over to user space; counts nothing.
    Stream,
}

/// Which of the two tracepoints of a call a program is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hooks {
    /// `sys_enter` alone.
    Enter,
    /// `sys_enter` and `sys_exit`.
    Both,
}

/// Whose calls are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of the tree.
    Tree,
    /// Those of every task of the machine, without a look at which it is. What is known of the call that
    /// a task is in is kept for each CPU, so it is wrong where tasks take turns on one: it prices
    /// the look, and measures nothing.
    Unchecked,
}

/// How tasks come to belong to the tree, beside being children of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// The first one is enrolled before it runs.
    Launched,
    /// Each is enrolled when it enters a call and its process is among [`Map::Processes`](crate::Map).
    Running,
}

/// A PID namespace, by the file that stands for it (`/proc/self/ns/pid`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PidNamespace {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
}

/// What the programs are to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How much.
    pub level: Level,
    /// At which tracepoints; levels from [`Level::Errors`] on need both.
    pub hooks: Hooks,
    /// For whom.
    pub scope: Scope,
    /// How the tree comes about.
    pub attachment: Attachment,
    /// The offset of `thread_info.status` in `struct task_struct`, where `TS_COMPAT` tells a call of
    /// i386; `None` where the kernel does not say, and every call without the bit of x32 counts as
    /// one of x86-64.
    pub status_offset: Option<u32>,
    /// Whether a program can load that field itself ([`Helper::GetCurrentTaskBtf`](crate::Helper), Linux
    /// 5.11), which is cheaper than having the kernel copy it.
    pub typed_task: bool,
    /// Whether so few numbers are traced that looking at the number first pays.
    pub sparse: bool,
    /// The PID namespace in which ids are given; `None` for the initial one.
    pub pid_namespace: Option<PidNamespace>,
    /// How many tasks the tree may have at once.
    pub max_tasks: u32,
    /// How many slots are in use, the unused slot 0 included.
    pub slots: u32,
    /// Bytes of the ring buffer: a power of 2, a multiple of the page.
    pub ring_bytes: u32,
}

impl Config {
    /// A level for a tree that is launched.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self {
            level,
            hooks: if level == Level::Count {
                Hooks::Enter
            } else {
                Hooks::Both
            },
            scope: Scope::Tree,
            attachment: Attachment::Launched,
            status_offset: None,
            typed_task: false,
            sparse: false,
            pid_namespace: None,
            max_tasks: 32_768,
            slots: 1,
            ring_bytes: 8 << 20,
        }
    }

    /// Whether it must know which tasks belong to the tree.
    #[must_use]
    pub fn has_tree(&self) -> bool {
        self.level != Level::Empty && self.scope == Scope::Tree
    }

    /// Whether what was entered is remembered until it returns.
    pub(crate) fn remembers(&self) -> bool {
        self.level >= Level::Errors
    }
}
