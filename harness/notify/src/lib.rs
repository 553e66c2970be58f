//! The supervisor of a whole tree of processes and threads by seccomp user notification
//! (seccomp_unotify(2)).
//!
//! A filter that the first process installs, and that all its descendants inherit, returns
//! `SECCOMP_RET_USER_NOTIF` for the calls of a set. Such a call waits; the supervisor receives it,
//! counts it, and has the kernel make it. What the call returns it is not told, and it sees no other
//! call, no signal and no end but that of the tree.
//!
//! Which calls count: those whose answer the kernel took. A signal can end the wait before; the call is
//! then begun again and notified of again, or fails with `EINTR`, as its handler was installed with
//! `SA_RESTART` or without (signal(7)). Once it was received only SIGKILL does so, where the kernel has
//! `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` (5.19). Before 6.17 it may still happen in the moment in
//! which the answer is given, and the call then counts twice (`seccomp_do_user_notification`,
//! kernel/seccomp.c).
//!
//! What differs for a program: a second listener is refused it (`EBUSY`), and of filters of its own
//! that return `SECCOMP_RET_TRACE` or `SECCOMP_RET_LOG` nothing is seen at calls of the set, as the
//! strictest action decides.

mod error;
mod log;
mod probe;
mod supervisor;

pub use error::Error;
pub use log::{Accepted, Log};
pub use probe::{Facts, probe};
pub use supervisor::{Counts, Options, Outcome, supervise};
