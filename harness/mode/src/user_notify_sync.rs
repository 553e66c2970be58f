//! User notification with synchronous wake-ups: the supervisor and the thread that waits for it run on
//! one CPU by turns.

use crate::Colour;
use crate::user_notify::UserNotify;
use harness_notify::Options;

/// Mode `user-notify-sync`.
pub(crate) const SYNC: UserNotify = UserNotify::new(
    "user-notify-sync",
    Colour(0x8a, 0x4f, 0x7d),
    Options { sync: true },
    "user-notify with SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP: both sides wake each other on one CPU",
);
