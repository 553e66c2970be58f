//! Who is left of a tree whose first process is the peer.

use harness_sys::{Tid, process, procfs};
use std::fs::read_to_string;

/// Whether nobody of the tree lives but `root`, a child of this process. It reads a file for each thread of
/// the two (`/proc/PID/task/TID/children`, proc(5)), not all of /proc, as it does so during a measurement.
/// Where the kernel has no such file (without CONFIG_PROC_CHILDREN) nobody is ever seen alone.
pub(crate) fn is_alone(root: Tid) -> bool {
    let nobody =
        |parent| children(parent).map(|all| !all.into_iter().any(|one| one != root && lives(one)));
    nobody(root) == Some(true) && nobody(process::own()) == Some(true)
}

/// Whether a process is there and no zombie.
pub(crate) fn lives(process: Tid) -> bool {
    procfs::stat(process).is_ok_and(|stat| !stat.has_ended())
}

/// The children that the threads of a process have made; `None` where they cannot be read.
fn children(parent: Tid) -> Option<Vec<Tid>> {
    let threads = procfs::threads(parent);
    if threads.is_empty() {
        return None;
    }
    let mut children = Vec::new();
    for thread in threads {
        let text = read_to_string(format!("/proc/{parent}/task/{thread}/children")).ok()?;
        children.extend(
            text.split_whitespace()
                .filter_map(|id| id.parse().ok().map(Tid)),
        );
    }
    Some(children)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_testing::in_own_process;
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    #[test]
    fn a_shell_is_alone_but_for_while_it_has_a_child_that_lives() {
        in_own_process(|| {
            process::become_subreaper().expect("prctl(2)");
            let mut shell = Command::new("sh")
                .args(["-c", "while read command; do eval \"$command\"; echo; done"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("sh(1)");
            let root = Tid(i32::try_from(shell.id()).expect("a process id"));
            let mut stdin = shell.stdin.take().expect("a pipe");
            let mut stdout = BufReader::new(shell.stdout.take().expect("a pipe"));
            let mut tell = |command: &str| {
                writeln!(stdin, "{command}").expect("it reads");
                stdout.read_line(&mut String::new()).expect("it answers");
            };
            tell(":");
            assert!(is_alone(root));
            tell("sleep 100 >/dev/null & child=$!");
            assert!(!is_alone(root));
            tell("kill $child; wait $child 2>/dev/null");
            assert!(is_alone(root));
            // An orphan, which is a child of this process then.
            tell("(sleep 100 >/dev/null & echo $! >&2) 2>/dev/null");
            assert!(!is_alone(root));
            process::kill_descendants();
            assert!(shell.wait().is_err(), "it was waited for");
            assert!(!is_alone(root), "it is not there any more");
        });
    }
}
