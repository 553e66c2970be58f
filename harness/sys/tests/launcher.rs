//! A program gets its descriptors as asked for, whichever numbers are free where
//! it is started from. Alone in its process, as descriptors are the process's.

use harness_sys::launcher::{Launch, Start};
use harness_sys::{files, wait};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, AsRawFd, RawFd};

/// Runs a script of a shell that gets the descriptors that `give` gives it.
fn run(script: &str, give: impl FnOnce(&mut Launch<'static>)) {
    let words = ["sh", "-c", script].map(OsStr::new);
    let mut launch = Launch::new(OsStr::new("/bin/sh"), words, []).expect("sh(1)");
    give(&mut launch);
    let mut child = launch.spawn(Start::UNTRACED).expect("fork");
    let tid = child.tid();
    child.await_ready();
    child.release();
    assert_eq!(wait::one(tid), Ok(0), "{script}");
    child.report().expect("it became the shell");
}

fn text(mut file: &File) -> String {
    let mut text = String::new();
    file.rewind().expect("rewind");
    file.read_to_string(&mut text).expect("text");
    text
}

/// Lives as long as what is launched with it may.
fn memory() -> &'static File {
    Box::leak(Box::new(files::anonymous("test").expect("memfd_create")))
}

#[test]
fn a_program_gets_its_descriptors_whichever_numbers_are_free() {
    // The pipes of the launch get the lowest numbers that are free.
    let file = memory();
    let lowest = File::open("/dev/null").expect("/dev/null").as_raw_fd();
    for number in lowest..lowest + 6 {
        let script = format!("echo {number} >/proc/self/fd/{number}");
        file.set_len(0).expect("ftruncate");
        run(&script, |launch| {
            launch.descriptor(file.as_fd(), number);
        });
        assert_eq!(text(file), format!("{number}\n"));
    }
    // Each where another is to go, two exchanged by their numbers here.
    let (one, two) = (memory(), memory());
    let numbers: [RawFd; 2] = [one.as_raw_fd(), two.as_raw_fd()];
    let script = format!(
        "echo second >/proc/self/fd/{}; echo first >/proc/self/fd/{}",
        numbers[0], numbers[1]
    );
    run(&script, |launch| {
        launch.descriptor(one.as_fd(), numbers[1]);
        launch.inherit(numbers[1], numbers[0]);
    });
    assert_eq!(
        (text(one), text(two)),
        ("first\n".into(), "second\n".into())
    );
    // Nothing else is left open: no pipe, and no duplicate that made room.
    let list = "ls /proc/$$/fd";
    let shell = std::process::Command::new("sh").args(["-c", list]).output();
    let inherited = String::from_utf8(shell.expect("sh(1)").stdout).expect("numbers");
    file.set_len(0).expect("ftruncate");
    (&*file).rewind().expect("rewind");
    run(list, |launch| {
        launch.descriptor(file.as_fd(), 9);
        launch.descriptor(file.as_fd(), 1);
    });
    let open = text(file);
    let left = open
        .lines()
        .filter(|number| !inherited.lines().any(|known| known == *number));
    assert_eq!(left.collect::<Vec<_>>(), ["9"]);
}
