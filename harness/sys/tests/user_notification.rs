//! The listener of a launched child's filter, and what can be done with it.

use harness_sys::launcher::{LaunchError, Start, Step, spawn_probe};
use harness_sys::seccomp::{Insn, code};
use harness_sys::user_notification::{Notification, Notifications};
use harness_sys::{Errno, files, process, wait};
use std::os::fd::AsFd;
use std::time::Duration;

// arch/x86/entry/syscalls/syscall_64.tbl
const GETPPID: u32 = 110;
const EXIT_GROUP: u32 = 231;
const AUDIT_ARCH_X86_64: u32 = 0xc000_003e; // uapi/linux/audit.h

// `SECCOMP_RET_*` of uapi/linux/seccomp.h.
const ALLOW: Insn = Insn::statement(code::RET_K, 0x7fff_0000);
const USER_NOTIF: Insn = Insn::statement(code::RET_K, 0x7fc0_0000);

const NOTIFY_OF_GETPPID: [Insn; 4] = [
    Insn::statement(code::LD_ABS, 0), // nr
    Insn::jump(code::JEQ_K, GETPPID, 1, 0),
    ALLOW,
    USER_NOTIF,
];

/// Every call.
const NOTIFY: [Insn; 1] = [USER_NOTIF];

fn next(notifications: &mut Notifications) -> Notification {
    let ready = files::wait_ready([notifications.as_fd()], None);
    assert!(ready.expect("poll")[0].readable);
    notifications.receive().expect("a notification")
}

#[test]
fn a_call_waits_until_it_is_let_go_on() {
    let start = Start::UNTRACED.supervised(&NOTIFY_OF_GETPPID);
    let mut child = spawn_probe(start).expect("fork");
    let tid = child.tid();
    child.release();
    let mut notifications = child.take_listener().expect("a listener");
    let early = files::wait_ready([notifications.as_fd()], Some(Duration::from_millis(20)));
    assert!(
        !early.expect("poll")[0].any(),
        "no call before it may go on"
    );
    child.go_on();
    let call = next(&mut notifications);
    assert_eq!((call.number, call.arch), (GETPPID, AUDIT_ARCH_X86_64));
    assert_eq!(call.tid, tid);
    assert!(notifications.is_waiting(call.id));
    assert_eq!(wait::poll_one(tid), Ok(None), "it waits");
    assert_eq!(notifications.let_go_on(call.id), Ok(()));
    assert_eq!(wait::one(tid), Ok(0));
    assert!(!notifications.is_waiting(call.id));
    assert_eq!(notifications.let_go_on(call.id), Err(Errno::ENOENT));
    child.report().expect("nothing failed");
}

/// From the first call on; the last one, exit_group(2), too.
#[test]
fn a_filter_may_notify_of_every_call() {
    let mut child = spawn_probe(Start::UNTRACED.supervised(&NOTIFY)).expect("fork");
    child.await_ready();
    child.release();
    let mut notifications = child.take_listener().expect("a listener");
    child.go_on();
    let mut numbers = Vec::new();
    while wait::poll_one(child.tid()) == Ok(None) {
        let ready = files::wait_ready([notifications.as_fd()], Some(Duration::from_millis(1)));
        if ready.expect("poll")[0].readable {
            let call = notifications.receive().expect("a notification");
            notifications.let_go_on(call.id).expect("it waits");
            numbers.push(call.number);
        }
    }
    assert_eq!(numbers, [GETPPID, EXIT_GROUP]);
}

#[test]
fn a_call_of_a_thread_that_was_killed_is_gone() {
    let start = Start::UNTRACED.supervised(&NOTIFY_OF_GETPPID);
    let mut child = spawn_probe(start).expect("fork");
    child.release();
    let mut notifications = child.take_listener().expect("a listener");
    child.go_on();
    let call = next(&mut notifications);
    process::kill(child.tid()).expect("it is ours");
    assert_eq!(wait::one(child.tid()), Ok(9));
    assert!(!notifications.is_waiting(call.id));
    assert_eq!(notifications.let_go_on(call.id), Err(Errno::ENOENT));
}

#[test]
fn a_filter_that_the_kernel_refuses_is_reported() {
    // Falls off its end.
    let broken = [Insn::statement(code::LD_ABS, 0)];
    let mut child = spawn_probe(Start::UNTRACED.supervised(&broken)).expect("fork");
    child.release();
    let error = child.take_listener().expect_err("no listener");
    child.cancel();
    assert!(
        matches!(
            error,
            LaunchError::Child {
                step: Step::Filter,
                errno: Errno::EINVAL,
                ..
            }
        ),
        "{error}"
    );
}

/// One that waits to go on as well as one that was not released.
#[test]
fn a_child_that_is_cancelled_is_gone() {
    for released in [false, true] {
        let mut child = spawn_probe(Start::UNTRACED.supervised(&NOTIFY)).expect("fork");
        let tid = child.tid();
        if released {
            child.release();
            child.take_listener().expect("a listener");
        }
        child.cancel();
        assert!(!wait::is_ours(tid));
    }
}
