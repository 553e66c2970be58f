//! What the stops of a run tell, and what they must tell.
//!
//! A story has a line for each task, named `a`, `b`, … in the order in which they
//! were made, and a word for each stop:
//!
//! | word | stop |
//! |---|---|
//! | `read(` | the call begins: syscall-enter-stop under ptrace, else seccomp-stop, or a supervisor lets it go on; or a record that it has ended |
//! | `read=1` | syscall-exit-stop with this result |
//! | `fork`, `vfork`, `clone`, `exec` | event stop |
//! | `stop` | the first stop of a task, or the end of a group-stop |
//! | `sig17`, `group19` | signal-delivery-stop, group-stop |
//! | `exit0`, `kill9` | no stop: its end |
//!
//! Calls that are not native are written `i386:getpid(`; calls outside of the
//! scenario's short set are left out. What must be told is written alike:
//! `read)` is an exit with any result; what stands behind `~` may come anywhere in
//! its line, so often as `*3` or `*1-3` says, or `?` at most once, or `*` any number of times.
//! `others:` is for all tasks without a line of their own, in any order. A line that
//! begins with a word before its task is for some modes alone: `ptrace` stops at every call,
//! `filter` has a filter and is told of the calls that it names, `tracer` has stops, with a filter
//! or without, `supervisor` has none, `stream` has programs in the kernel record each call.
//!
//! The last two are told of calls and of nothing else, so no task can be known from another when ids
//! come again: of each call they must be told as often as all lines together say.

use crate::scenario::Kind;
use harness_record::{LoggedRun, LoggedStop, StopKind, StopLine};
use harness_syscalls::{Abi, Table, TraceSet};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// The tasks of a run, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Story(Vec<Task>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Task {
    name: String,
    words: Vec<String>,
}

impl Story {
    /// Of the lines of one run; with the calls of `calls` only.
    pub(crate) fn of(lines: &[StopLine], calls: &TraceSet) -> Self {
        let mut words: Vec<Vec<String>> = Vec::new();
        let mut tasks: HashMap<i32, usize> = HashMap::new();
        let mut ended = HashSet::new();
        // Ids of which an event told, or that need none.
        let mut announced: HashSet<i32> = lines.iter().take(1).map(|line| line.stop.tid).collect();
        let mut made = Vec::new();
        for line in lines {
            let stop = &line.stop;
            let end = matches!(stop.stop, StopKind::Exited | StopKind::Killed);
            if end {
                ended.insert(stop.tid);
            }
            let made_task = stop.task.filter(|_| is_new_task(stop));
            let made_again = made_task.is_some_and(|id| announced.contains(&id));
            let mut task_of = |tid: i32, new: bool| {
                if new && ended.remove(&tid) {
                    // The id comes again.
                    tasks.remove(&tid);
                    announced.remove(&tid);
                }
                *tasks.entry(tid).or_insert_with(|| {
                    words.push(Vec::new());
                    words.len() - 1
                })
            };
            let task = task_of(stop.tid, !end);
            // A first stop may come before the event that tells of the task, and so
            // may its whole life: it is not another task with its id.
            if let Some(id) = made_task {
                made.push((task, task_of(id, made_again)));
                announced.insert(id);
            }
            words[task].extend(word(stop, calls));
        }
        let order = order_of_creation(words.len(), &made);
        let tasks = order.iter().enumerate().map(|(at, &task)| Task {
            name: name(at),
            words: std::mem::take(&mut words[task]),
        });
        Self(tasks.collect())
    }

    /// The same without results, for comparison with another run.
    pub(crate) fn calls(&self) -> Self {
        let without = |word: &String| match word.split_once('=') {
            Some((call, _)) => format!("{call})"),
            None => word.clone(),
        };
        let tasks = self.0.iter().map(|task| Task {
            name: task.name.clone(),
            words: task.words.iter().map(without).collect(),
        });
        Self(tasks.collect())
    }

    /// The calls that begin, and nothing else.
    pub(crate) fn beginnings(&self) -> Self {
        let tasks = self.0.iter().map(|task| Task {
            name: task.name.clone(),
            words: task
                .words
                .iter()
                .filter(|word| begins(word))
                .cloned()
                .collect(),
        });
        Self(tasks.collect())
    }

    /// Compares it with what must be told under modes of a kind.
    ///
    /// # Errors
    /// Every line that differs.
    pub(crate) fn check(&self, expected: &str, kind: Kind) -> Result<(), String> {
        let expected: Vec<Line> = expected
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .filter_map(|line| Line::parse(line, kind))
            .collect();
        if !kind.has_stops() {
            return self.check_calls(&expected);
        }
        let mut errors = Vec::new();
        let mut others: Vec<&str> = Vec::new();
        for task in &self.0 {
            match expected.iter().find(|line| line.task == task.name) {
                Some(line) => errors.extend(line.check(&task.words).err()),
                None => others.extend(task.words.iter().map(String::as_str)),
            }
        }
        let rest = expected.iter().find(|line| line.task == "others");
        match rest {
            Some(line) => errors.extend(line.check_free(&others).err()),
            None if others.is_empty() => {}
            None => errors.push(format!(
                "tasks of which nothing is told: {}",
                others.join(" ")
            )),
        }
        for line in &expected {
            let there = line.task == "others" || self.0.iter().any(|task| task.name == line.task);
            if !there {
                errors.push(format!("{}: there is no such task", line.task));
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors.join("\n"))
        }
    }
}

impl Story {
    /// The number of each call, of all tasks together.
    fn check_calls(&self, expected: &[Line]) -> Result<(), String> {
        let mut calls: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
        for line in expected {
            let ordered = line.ordered.iter().map(|&word| (word, 1, 1));
            let free = line
                .free
                .iter()
                .map(|free| (free.word, free.least, free.most));
            for (word, least, most) in ordered.chain(free).filter(|(word, ..)| begins(word)) {
                let call = calls.entry(word).or_default();
                call.0 += least;
                call.1 = call.1.saturating_add(most);
            }
        }
        for word in self.0.iter().flat_map(|task| &task.words) {
            calls.entry(word).or_default().2 += 1;
        }
        let errors: Vec<String> = calls
            .iter()
            .filter(|(_, (least, most, told))| !(least..=most).contains(&told))
            .map(|(word, (least, most, told))| {
                format!("`{word}` comes {told} times, and must {least} to {most} times")
            })
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors.join("\n"))
        }
    }
}

/// Whether a word is the beginning of a call.
fn begins(word: &str) -> bool {
    word.ends_with('(')
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TASKS: usize = 40;
        const WORDS: usize = 120;
        for task in self.0.iter().take(TASKS) {
            let shown = task.words.iter().take(WORDS).cloned().collect::<Vec<_>>();
            let more = if task.words.len() > WORDS { " …" } else { "" };
            writeln!(f, "{}: {}{more}", task.name, shown.join(" "))?;
        }
        if self.0.len() > TASKS {
            writeln!(f, "… and {} tasks more", self.0.len() - TASKS)?;
        }
        Ok(())
    }
}

/// The first task, then those that an event told of, then the rest. `made` holds
/// the creator and the new task of each event. A new task may create another
/// before the event of its own creation is reported: it comes first all the same.
fn order_of_creation(tasks: usize, made: &[(usize, usize)]) -> Vec<usize> {
    let mut order = Vec::with_capacity(tasks);
    let mut known = vec![false; tasks];
    let mut add = |task: usize, known: &mut Vec<bool>| {
        if !std::mem::replace(&mut known[task], true) {
            order.push(task);
        }
    };
    if tasks > 0 {
        add(0, &mut known);
    }
    let mut waiting = made.to_vec();
    loop {
        let before = waiting.len();
        waiting.retain(|&(creator, new)| {
            let ready = known[creator];
            if ready {
                add(new, &mut known);
            }
            !ready
        });
        if waiting.len() == before {
            break;
        }
    }
    for task in 0..tasks {
        add(task, &mut known);
    }
    order
}

fn name(at: usize) -> String {
    match u8::try_from(at) {
        Ok(at) if at < 26 => char::from(b'a' + at).to_string(),
        _ => format!("t{at}"),
    }
}

fn is_new_task(stop: &LoggedStop) -> bool {
    matches!(
        stop.stop,
        StopKind::Fork | StopKind::Vfork | StopKind::Clone
    )
}

fn word(stop: &LoggedStop, calls: &TraceSet) -> Option<String> {
    let number = |value: Option<i32>| value.map_or_else(|| "?".to_owned(), |n| n.to_string());
    Some(match stop.stop {
        StopKind::SyscallEnter
        | StopKind::Seccomp
        | StopKind::Notification
        | StopKind::Returned => {
            format!("{}(", call(stop, calls)?)
        }
        StopKind::SyscallExit => {
            let result = stop
                .result
                .map_or_else(|| "?".to_owned(), |n| n.to_string());
            format!("{}={result}", call(stop, calls)?)
        }
        StopKind::Fork => "fork".to_owned(),
        StopKind::Vfork => "vfork".to_owned(),
        StopKind::Clone => "clone".to_owned(),
        StopKind::Exec => "exec".to_owned(),
        StopKind::EventStop => "stop".to_owned(),
        StopKind::Group => format!("group{}", number(stop.signal)),
        StopKind::Signal => format!("sig{}", number(stop.signal)),
        StopKind::Exited => format!("exit{}", number(stop.exit_code)),
        StopKind::Killed => format!("kill{}", number(stop.signal)),
        StopKind::OtherEvent => "event".to_owned(),
        // What killed it ends its line.
        StopKind::Dying => return None,
    })
}

/// The ABI and number of a line, where they are known.
pub(crate) fn number(stop: &LoggedStop) -> Option<(Abi, u32)> {
    let abi = stop.abi.as_deref()?;
    let abi = Abi::ALL.into_iter().find(|known| known.name() == abi)?;
    Some((abi, stop.number?))
}

/// How a call is written; `None` where it is not to be told of.
fn call(stop: &LoggedStop, calls: &TraceSet) -> Option<String> {
    let (abi, number) = number(stop)?;
    if !calls.contains(abi, number) {
        return None;
    }
    let name = stop.call.clone().unwrap_or_else(|| number.to_string());
    Some(if abi == Abi::NATIVE {
        name
    } else {
        format!("{abi}:{name}")
    })
}

/// What must be told of a task.
struct Line<'a> {
    task: &'a str,
    ordered: Vec<&'a str>,
    free: Vec<Free<'a>>,
}

/// A word that may come anywhere.
struct Free<'a> {
    word: &'a str,
    least: usize,
    most: usize,
}

impl<'a> Line<'a> {
    /// `None` where it is for modes of another kind.
    fn parse(line: &'a str, kind: Kind) -> Option<Self> {
        let (head, words) = line.split_once(':').unwrap_or((line, ""));
        let (whose, task) = head.split_once(' ').unwrap_or(("", head));
        let kinds: &[Kind] = match whose {
            "ptrace" => &[Kind::EveryCall],
            "filter" => &[Kind::Filtered, Kind::Notified],
            "tracer" => &[Kind::EveryCall, Kind::Filtered],
            "supervisor" => &[Kind::Notified],
            "stream" => &[Kind::Streamed],
            "" => &Kind::ALL,
            other => panic!("{line}: `{other}` is the word of no modes"),
        };
        if !kinds.contains(&kind) {
            return None;
        }
        let (ordered, free) = words.split_once('~').unwrap_or((words, ""));
        let (ordered, free) = if task == "others" {
            ("", ordered)
        } else {
            (ordered, free)
        };
        Some(Self {
            task,
            ordered: ordered.split_whitespace().collect(),
            free: free.split_whitespace().map(Free::parse).collect(),
        })
    }

    fn check(&self, words: &[String]) -> Result<(), String> {
        let is_free = |word: &str| self.free.iter().any(|free| matches(free.word, word));
        let (free, ordered): (Vec<&str>, Vec<&str>) = words
            .iter()
            .map(String::as_str)
            .partition(|word| is_free(word));
        let alike = self.ordered.len() == ordered.len()
            && self
                .ordered
                .iter()
                .zip(&ordered)
                .all(|(expected, word)| matches(expected, word));
        if !alike {
            return Err(format!(
                "{}: it must tell `{}`, and tells `{}`",
                self.task,
                self.ordered.join(" "),
                ordered.join(" ")
            ));
        }
        self.check_free(&free)
    }

    fn check_free(&self, words: &[&str]) -> Result<(), String> {
        let mut errors = Vec::new();
        for free in &self.free {
            let count = words.iter().filter(|word| matches(free.word, word)).count();
            if !(free.least..=free.most).contains(&count) {
                errors.push(format!(
                    "{}: `{}` comes {count} times, and must {} to {} times",
                    self.task, free.word, free.least, free.most
                ));
            }
        }
        let unknown = words
            .iter()
            .find(|word| !self.free.iter().any(|free| matches(free.word, word)));
        if let Some(word) = unknown {
            errors.push(format!("{}: `{word}` must not come", self.task));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors.join("\n"))
        }
    }
}

impl<'a> Free<'a> {
    fn parse(word: &'a str) -> Self {
        let (word, least, most) = if let Some(word) = word.strip_suffix('?') {
            (word, 0, 1)
        } else if let Some((word, count)) = word.split_once('*') {
            let (least, most) = count.split_once('-').unwrap_or((count, count));
            match (least.parse(), most.parse()) {
                (Ok(least), Ok(most)) => (word, least, most),
                _ => (word, 0, usize::MAX),
            }
        } else {
            (word, 1, 1)
        };
        Self { word, least, most }
    }
}

fn matches(expected: &str, word: &str) -> bool {
    match expected.strip_suffix(')') {
        Some(call) => word.split_once('=').is_some_and(|(name, _)| name == call),
        None => expected == word,
    }
}

/// That tasks are told apart, and that the comparison finds what differs.
pub(crate) fn self_test() -> Result<(), String> {
    tasks_are_told_apart()?;
    let story = |text: &str| {
        let task = |line: &str| {
            let (name, words) = line.split_once(':').expect("TASK: WORDS");
            Task {
                name: name.to_owned(),
                words: words.split_whitespace().map(str::to_owned).collect(),
            }
        };
        Story(text.split('|').map(task).collect())
    };
    let told = story("a:execve( exec execve=0 fork sig17 exit0|b:stop exit3|c:stop exit0");
    let right = [
        "a: execve( exec execve=0 fork sig17 exit0\nb: stop exit3\nc: stop exit0",
        "a: execve( exec execve) fork exit0 ~ sig17?\nothers: stop*2 exit3 exit0",
        "a: execve( exec execve) fork exit0 ~ sig17* sig18*\nothers: stop* exit3 exit0",
        "a: execve( exec execve) fork sig17 exit0\nb: stop exit3\nptrace c: stop exit0\nfilter c: x",
    ];
    let wrong = [
        "a: execve( exec execve=-2 fork sig17 exit0\nb: stop exit3\nc: stop exit0",
        "a: execve( exec fork execve=0 sig17 exit0\nb: stop exit3\nc: stop exit0",
        "a: execve( exec execve) fork sig17 exit0\nb: stop exit3",
        "a: execve( exec execve) fork exit0 ~ sig17*2\nothers: stop*2 exit3 exit0",
        "a: execve( exec execve) fork sig17 exit0\nothers: stop exit3 exit0",
        "a: execve( exec execve) fork sig17 exit0\nothers: stop*2 exit3",
        "a: execve( exec execve) fork sig17 exit0\nb: stop exit3\nc: stop exit0\nd: stop",
        "a: execve( exec execve) fork sig17 exit0 exit0\nb: stop exit3\nc: stop exit0",
        "",
    ];
    for expected in right {
        told.check(expected, Kind::EveryCall)
            .map_err(|error| format!("{expected}: {error}"))?;
    }
    for expected in wrong {
        if told.check(expected, Kind::EveryCall).is_ok() {
            return Err(format!("passes: {expected}"));
        }
    }
    calls_are_counted(&story(
        "a:execve( read( read( exit_group(|b:read( exit_group(",
    ))
}

/// That a story without stops is compared by the number of each call.
fn calls_are_counted(told: &Story) -> Result<(), String> {
    let right = [
        "a: execve( exec execve=0 read( read) exit_group( exit0\nothers: stop*2 read(*2 exit_group(",
        "a: execve( exit_group( ~ read(*2-5\nsupervisor b: exit_group(\ntracer b: wait4(",
        "a: execve( ~ read(*\nfilter b: ~ exit_group(*2\nptrace b: ~ exit_group(*3",
    ];
    let wrong = [
        "a: execve( exit_group( ~ read(*2\nb: exit_group(",
        "a: execve( exit_group( ~ read(*4-9\nb: exit_group(",
        "a: execve( exit_group( ~ read(*3",
        "a: execve( exit_group( wait4( ~ read(*3\nb: exit_group(",
        "a: exit_group( ~ read(*3\nb: exit_group(",
    ];
    for expected in right {
        told.check(expected, Kind::Notified)
            .map_err(|error| format!("{expected}: {error}"))?;
    }
    for expected in wrong {
        if told.check(expected, Kind::Notified).is_ok() {
            return Err(format!("passes: {expected}"));
        }
    }
    Ok(())
}

/// Whether a task ends before its creator's event or its id comes again.
fn tasks_are_told_apart() -> Result<(), String> {
    let first_stop = (2, StopKind::EventStop, None);
    let event = (1, StopKind::Clone, Some(2));
    let end = (2, StopKind::Exited, None);
    let one = "a: clone\nb: stop exit0\n";
    let two = "a: clone clone\nb: stop exit0\nc: stop exit0\n";
    let table: [(&[_], &str); 6] = [
        (&[event, first_stop, end], one),
        (&[first_stop, event, end], one),
        (&[first_stop, end, event], one),
        (&[event, first_stop, end, event, first_stop, end], two),
        (&[event, first_stop, end, first_stop, event, end], two),
        (&[first_stop, end, event, first_stop, end, event], two),
    ];
    let grandchild = "a: clone\nb: stop vfork\nc: stop exit0\n";
    let grandchild_first = [
        (2, StopKind::EventStop, None),
        (2, StopKind::Vfork, Some(3)),
        (3, StopKind::EventStop, None),
        (1, StopKind::Clone, Some(2)),
        (3, StopKind::Exited, None),
    ];
    let calls = TraceSet::parse("all", Table::current()).map_err(|error| error.to_string())?;
    let table = table
        .into_iter()
        .chain([(&grandchild_first[..], grandchild)]);
    for (stops, expected) in table {
        let beginning = (1, StopKind::SyscallEnter, None);
        let lines: Vec<StopLine> = std::iter::once(&beginning)
            .chain(stops)
            .map(|&(tid, stop, task)| StopLine {
                run: LoggedRun::default(),
                stop: LoggedStop {
                    tid,
                    stop,
                    task,
                    exit_code: Some(0),
                    ..LoggedStop::default()
                },
            })
            .collect();
        let told = Story::of(&lines, &calls).to_string();
        if told != expected {
            return Err(format!("{stops:?} tells\n{told}and must tell\n{expected}"));
        }
    }
    Ok(())
}
