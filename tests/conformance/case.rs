//! One scenario under one mode with one trace set.
//!
//! Each case is a run of the binary as its user has it, not of the crates below:
//! it costs a twentieth of a second, and all that is between a command line and
//! its record is under test.

use crate::common::modes;
use crate::log::parse;
use crate::old_kernel::Kernel;
use crate::peers::{self, Outcome};
use crate::programs::Programs;
use crate::room::{Done, Room};
use crate::scenario::{End, Kind, Output, Scenario, Way};
use crate::story::Story;
use crate::supervise::{self, DEADLINE, Ended, LONG_DEADLINE, Left};
use crate::{kill_at_stops, log};
use harness_mode::{Group, Mechanism};
use harness_record::StopLine;
use harness_sys::process;
use harness_testing::{Missing, skip};
use serde_json::Value;
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

const HARNESS: &str = env!("CARGO_BIN_EXE_harness");
/// User and group that have nothing, in Debian and nearly everywhere.
const NOBODY: u32 = 65534;
/// Exit code of a program whose scenario cannot be had here.
const SKIP: i32 = 77;

/// A scenario, and what is known of it once for all modes.
pub(crate) struct Subject {
    pub(crate) scenario: &'static Scenario,
    pub(crate) kernel: Kernel,
    untraced: OnceLock<Done>,
    /// Under mode `ptrace` with the long set.
    every_call: OnceLock<Result<Story, String>>,
}

/// What a run of the harness left.
struct Run {
    room: Room,
    ended: Ended,
}

impl Run {
    fn lines(&self) -> Result<Vec<StopLine>, String> {
        log::read(&self.room.file("log"))
    }

    /// Where to look when it did something else.
    fn context(&self) -> String {
        const LAST: usize = 60;
        let log = self.room.text("log");
        let lines: Vec<_> = log.lines().collect();
        let from = lines.len().saturating_sub(LAST);
        let mut text = format!("standard error:\n{}", self.room.text("stderr"));
        for file in self.room.files() {
            let (name, (mode, bytes)) = file;
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
            let _ = writeln!(text, "file {name} ({mode:o}):\n{shown}");
        }
        text + &format!(
            "event log, lines {} to {} of {}:\n{}\n",
            from + 1,
            lines.len(),
            lines.len(),
            lines[from..].join("\n")
        )
    }
}

impl Subject {
    pub(crate) fn new(scenario: &'static Scenario, kernel: Kernel) -> Self {
        Self {
            scenario,
            kernel,
            untraced: OnceLock::new(),
            every_call: OnceLock::new(),
        }
    }

    /// Checks it under a mode, with both sets.
    ///
    /// # Errors
    /// What it did else, and its event log.
    pub(crate) fn check(&self, mode: &str, programs: &Programs) -> Result<(), String> {
        let missing = modes::missing(mode).or_else(|| self.missing(programs));
        if let Some((missing, why)) = missing {
            let name = self.scenario.name;
            skip(missing, &format!("{name} under {mode}: {why}"));
            return Ok(());
        }
        let (short, long) = (("short", self.scenario.short), ("long", self.scenario.long));
        let sets = match Kind::of(mode) {
            // Nobody is told which calls a peer sees, and one that takes names need not know all of a
            // long set.
            Kind::Peer => vec![short],
            // The program sees nothing of either, and the long one does more.
            Kind::Untraced => vec![long],
            _ => vec![short, long],
        };
        for (length, set) in sets {
            let checked = match self.scenario.way {
                Way::KilledAtEachStop => self.killed_at_each_stop(mode, set, programs),
                Way::KillsTracer | Way::KillsHarness => self.without_tracer(mode, set, programs),
                _ => self.run_and_compare(mode, set, programs),
            };
            checked.map_err(|error| {
                format!(
                    "{}, mode {mode}, {length} set ({set}):\n{error}",
                    self.scenario.name
                )
            })?;
        }
        Ok(())
    }

    /// Whether it says anything of a mode.
    pub(crate) fn applies_to(&self, mode: &str) -> bool {
        // An old kernel is one that a filter makes of this one.
        let noticed = self.kernel == Kernel::Before5_3 && self.scenario.notices_filters;
        let finding = peers::finding(mode, self.scenario.name);
        let left_out = finding.is_some_and(|finding| matches!(finding.outcome, Outcome::LeftOut));
        let about = harness_mode::find(mode)
            .expect("a mode of the registry")
            .about();
        let privileged = about.capabilities.needs_privileges && about.group != Group::Peer;
        let barred = privileged && matches!(self.scenario.way, Way::SetUserIdAsNobody);
        !noticed && !left_out && !barred && !self.scenario.without.contains(&Kind::of(mode))
    }

    /// What cannot be had here, if anything.
    pub(crate) fn missing(&self, programs: &Programs) -> Option<(Missing, String)> {
        match self.scenario.way {
            Way::KillsTracer | Way::KillsHarness | Way::KilledAtEachStop => return None,
            Way::SetUserId | Way::SetUserIdAsNobody if process::effective_user() != 0 => {
                let why = "only root can make a program set-user-ID to somebody else";
                return Some((Missing::Root, why.to_owned()));
            }
            _ => {}
        }
        let done = self.untraced(programs);
        if done.end == Some(End::Exited(SKIP)) {
            return Some((Missing::Host, done.out()));
        }
        let unprivileged = done.out().contains("rights of the caller");
        let why = "the directory for temporary files is mounted nosuid";
        unprivileged.then(|| (Missing::Host, why.to_owned()))
    }

    /// What it does without the harness, which must be what the table says.
    fn untraced(&self, programs: &Programs) -> &Done {
        self.untraced.get_or_init(|| {
            let room = self.room(programs);
            let program = self.program(&room, programs);
            let arguments = self.scenario.arguments.iter().map(OsString::from);
            let words = std::iter::once(program.into_os_string()).chain(arguments);
            let ended = self.supervise(&room, words.collect(), Left::Ending);
            let mut files = room.files();
            if self.scenario.output == Output::AsUntraced
                && let Some((_, out)) = files.get_mut("out")
            {
                // posix_spawn(3) of glibc leaves the two signals that it keeps for
                // itself ignored in its child, which the harness undoes.
                let text = String::from_utf8_lossy(out);
                *out = text
                    .replace("signal 32: 0x1\nsignal 33: 0x1\n", "")
                    .into_bytes();
            }
            Done {
                end: ended.end().filter(|_| ended.left.is_empty()),
                files,
            }
        })
    }

    /// The harness's words, up to the command.
    fn words(mode: &str, set: &str) -> Vec<OsString> {
        let words = [
            "run",
            "--modes",
            mode,
            "--trace",
            set,
            "--runs",
            "1",
            "--warmup",
            "0",
            "--ignore-failure",
            "--format",
            "json",
            "--output",
            "../r",
        ];
        // A peer tells nobody of what it does, and what it loses is not what is asked here.
        let further: &[&str] = match Kind::of(mode) {
            Kind::Peer => &["--allow-loss"],
            // Writing each call down takes longer than a call, so a program that does nothing else fills
            // any buffer.
            _ if modes::mechanism(mode) == Mechanism::TracepointStream => {
                &["--log-stops", "../log", "--allow-loss"]
            }
            _ => &["--log-stops", "../log"],
        };
        let words = words.iter().chain(further).chain(&["--"]);
        words.map(OsString::from).collect()
    }

    fn deadline(&self) -> Duration {
        if self.scenario.ignored {
            LONG_DEADLINE
        } else {
            DEADLINE
        }
    }

    /// A room with what the scenario needs in it.
    pub(crate) fn room(&self, programs: &Programs) -> Room {
        let owner = match self.scenario.way {
            Way::SetUserId => NOBODY,
            Way::SetUserIdAsNobody => 0,
            _ => return Room::new(programs.room()),
        };
        // Where everybody may read, and write into the program's own directory.
        let room = Room::new(tempfile::tempdir().expect("a directory"));
        let mode = |path: &Path, mode| {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(path, permissions).expect("chmod");
        };
        mode(room.path(), 0o777);
        mode(&room.work(), 0o777);
        for (from, to) in [
            (programs.path(self.scenario.program), room.file("program")),
            (
                programs.path(self.scenario.program),
                room.work().join("privileged"),
            ),
            (PathBuf::from(HARNESS), room.file("harness")),
        ] {
            // Not by this process: what it has open to write while another thread
            // forks cannot be executed (ETXTBSY).
            let copied = Command::new("cp").arg(from).arg(to).status();
            assert!(copied.expect("cp").success());
        }
        let privileged = room.work().join("privileged");
        std::os::unix::fs::chown(&privileged, Some(owner), Some(owner)).expect("chown");
        mode(&privileged, 0o4755);
        std::fs::write(room.work().join("out"), "").expect("a file");
        mode(&room.work().join("out"), 0o666);
        room
    }

    pub(crate) fn program(&self, room: &Room, programs: &Programs) -> PathBuf {
        match self.scenario.way {
            Way::SetUserId | Way::SetUserIdAsNobody => room.file("program"),
            _ => programs.path(self.scenario.program),
        }
    }

    /// Runs these words in the way of the scenario.
    pub(crate) fn supervise(&self, room: &Room, words: Vec<OsString>, left: Left) -> Ended {
        let before: &[&str] = match self.scenario.way {
            Way::SetUserIdAsNobody => &[
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
            ],
            Way::BesideUnknownChild if left == Left::Nothing => {
                &["sh", "-c", "sleep 100000 & exec \"$0\" \"$@\""]
            }
            _ => &[],
        };
        let before = before.iter().map(OsString::from);
        let words: Vec<_> = before.chain(words).collect();
        let words = self.kernel.executing(words);
        supervise::run(&words, &room.work(), room.path(), left, self.deadline())
    }

    fn run(&self, mode: &str, set: &str, programs: &Programs, left: Left) -> Result<Run, String> {
        let room = self.room(programs);
        let harness = match self.scenario.way {
            Way::SetUserId | Way::SetUserIdAsNobody => room.file("harness"),
            _ => PathBuf::from(HARNESS),
        };
        let mut words = vec![harness.into_os_string()];
        words.extend(Self::words(mode, set));
        words.push(self.program(&room, programs).into_os_string());
        words.extend(self.scenario.arguments.iter().map(OsString::from));
        let mut ended = self.supervise(&room, words, left);
        if self.scenario.way == Way::BesideUnknownChild && !ended.hung {
            // It is no affair of the harness, which leaves it alone.
            let before = ended.left.len();
            ended
                .left
                .retain(|process| !process.contains("sleep 100000"));
            if ended.left.len() + 1 != before {
                return Err("the child that was there before is not there any more".to_owned());
            }
        }
        let run = Run { room, ended };
        if run.ended.hung {
            return Err(format!(
                "it hangs: not ended within {:?}:\n{}\n{}",
                self.deadline(),
                run.ended.left.join("\n"),
                run.context()
            ));
        }
        if !run.ended.left.is_empty() {
            return Err(format!(
                "processes are left:\n{}\n{}",
                run.ended.left.join("\n"),
                run.context()
            ));
        }
        Ok(run)
    }

    fn run_and_compare(&self, mode: &str, set: &str, programs: &Programs) -> Result<(), String> {
        let left = match Kind::of(mode) {
            // perf-trace(1) does not wait for the program.
            Kind::Peer => Left::Ending,
            _ => Left::Nothing,
        };
        let run = self.run(mode, set, programs, left)?;
        self.compare(mode, set, programs, &run)
            .map_err(|error| format!("{error}\n{}", run.context()))
    }

    fn compare(&self, mode: &str, set: &str, programs: &Programs, run: &Run) -> Result<(), String> {
        let kind = Kind::of(mode);
        let expected = match kind {
            Kind::Peer => peers::expected(mode, self.scenario),
            _ => Outcome::of(self.scenario.expected(kind)),
        };
        let expected = match expected {
            Outcome::MayFail(part) if failed(run, part) => return Ok(()),
            Outcome::MayFail(_) => peers::without_finding(mode, self.scenario),
            expected => expected,
        };
        if run.ended.end() != Some(End::Exited(0)) {
            return Err(format!("the harness ended with {:?}", run.ended.end()));
        }
        let record: Value = serde_json::from_str(&run.room.text("stdout"))
            .map_err(|error| format!("standard output: {error}"))?;
        match expected {
            Outcome::Does(output, end) => self.compare_outcome((output, end), programs, run)?,
            Outcome::Shows(line) => self.shows(line, programs, run)?,
            Outcome::MayFail(_) | Outcome::LeftOut => {}
        }
        self.compare_warnings(mode, &record)?;
        if kind == Kind::Peer {
            return Ok(());
        }
        let lines = run.lines()?;
        let row = crate::common::row(&record, "command", mode);
        log::check(&lines, &parse(set)?, mode, row)?;
        // What was lost cannot be told, and the record says that it was.
        let lost = row["lost_events"].as_u64().is_some_and(|lost| lost > 0);
        if lost || !kind.sees_calls() {
            return Ok(());
        }
        let story = Story::of(&lines, &parse(self.scenario.short)?);
        let told = |error| format!("{error}\nthe whole story:\n{story}");
        story.check(self.scenario.story, kind).map_err(told)?;
        if self.scenario.every_call && set == self.scenario.long {
            self.compare_calls(kind, programs, &lines)?;
        }
        Ok(())
    }

    /// That the program writes this line here, and not untraced.
    fn shows(&self, line: &str, programs: &Programs, run: &Run) -> Result<(), String> {
        let done = Done {
            end: run.room.sampled_end()?,
            files: run.room.files(),
        };
        let has = |done: &Done| done.out().lines().any(|known| known == line);
        let end = done.end.is_none_or(|end| end == End::Exited(0));
        if has(&done) && !has(self.untraced(programs)) && end {
            Ok(())
        } else {
            Err(format!(
                "it must write {line:?}, and not untraced, and end with 0"
            ))
        }
    }

    /// Output, end and side effects: those of the table, and those of the
    /// untraced run.
    fn compare_outcome(
        &self,
        expected: (Output, Option<End>),
        programs: &Programs,
        run: &Run,
    ) -> Result<(), String> {
        let untraced = self.untraced(programs);
        let (output, end) = expected;
        let done = Done {
            end: run.room.sampled_end()?,
            files: run.room.files(),
        };
        let (mut own, mut others) = (done.clone(), untraced.clone());
        match output {
            Output::Is(text) if text != done.out() => {
                return Err(format!("it must write\n{text}and wrote\n{}", done.out()));
            }
            Output::AsUntraced if done.out() != untraced.out() => {
                return Err(format!(
                    "untraced it writes\n{}and here\n{}",
                    untraced.out(),
                    done.out()
                ));
            }
            Output::Is(_) | Output::AsUntraced => {}
        }
        if done.end != end {
            return Err(format!(
                "it must end with {end:?}, and ended with {:?} (none: nobody is told)",
                done.end
            ));
        }
        // By itself too: the table must not say what is not so.
        let by_itself = (self.scenario.output, self.scenario.end);
        if untraced.end != Some(by_itself.1) {
            return Err(format!(
                "untraced it ends with {:?} (none: it hung)",
                untraced.end
            ));
        }
        if let Output::Is(text) = by_itself.0
            && text != untraced.out()
        {
            return Err(format!(
                "untraced it must write\n{text}and wrote\n{}",
                untraced.out()
            ));
        }
        own.files.remove("out");
        others.files.remove("out");
        if own.files != others.files {
            let names = |done: &Done| format!("{:?}", done.files);
            return Err(format!(
                "other files:\n{}\nuntraced:\n{}",
                names(&own),
                names(&others)
            ));
        }
        Ok(())
    }

    /// Of what is logged, of `no_new_privs` for an ordinary user, of processes that must
    /// have escaped, and of what a peer keeps to itself; of nothing else.
    fn compare_warnings(&self, mode: &str, record: &Value) -> Result<(), String> {
        let kind = Kind::of(mode);
        let of_peer = |warning: &str| {
            let remark = warning
                .strip_prefix(mode)
                .and_then(|rest| rest.strip_prefix(": "));
            kind == Kind::Peer && remark.is_some()
        };
        let warnings = record["warnings"].as_array().ok_or("no warnings")?;
        let unknown = warnings.iter().filter_map(Value::as_str).filter(|warning| {
            // What else runs on the machine is none of the tracer's.
            let of_the_machine = ["End what else runs", "lies below 1", "(steal)"];
            !warning.contains("was written to a log")
                && !of_peer(warning)
                && !warning.contains("no_new_privs")
                && !of_the_machine.iter().any(|words| warning.contains(words))
        });
        let unknown: Vec<_> = unknown.collect();
        let processes = match self.scenario.escaped {
            1 => "process was",
            _ => "processes were",
        };
        let escaped = format!("{} {processes} not traced", self.scenario.escaped);
        // Whoever does not trace a process does not miss it.
        let as_it_must = if self.scenario.escaped == 0 || !kind.has_stops() {
            unknown.is_empty()
        } else {
            matches!(&unknown[..], [only] if only.contains(&escaped))
        };
        if as_it_must {
            Ok(())
        } else {
            Err(format!(
                "warnings: {unknown:?}, and {} must have escaped",
                self.scenario.escaped
            ))
        }
    }

    /// The calls of the long set are those that mode `ptrace` sees.
    fn compare_calls(
        &self,
        kind: Kind,
        programs: &Programs,
        lines: &[StopLine],
    ) -> Result<(), String> {
        let long = parse(self.scenario.long)?;
        let own = Story::of(lines, &long).calls();
        let reference = self.every_call.get_or_init(|| {
            if kind == Kind::EveryCall {
                return Ok(own.clone());
            }
            let run = self.run("ptrace", self.scenario.long, programs, Left::Nothing)?;
            Ok(Story::of(&run.lines()?, &long).calls())
        });
        let reference = reference.clone()?;
        let reference = match kind {
            Kind::Notified | Kind::Streamed => reference.beginnings(),
            _ => reference,
        };
        if reference == own {
            return Ok(());
        }
        Err(format!(
            "under ptrace these are seen:\n{reference}\nand here:\n{own}"
        ))
    }

    /// The tracer, or the harness, is killed: nothing is left, and the harness says so.
    fn without_tracer(&self, mode: &str, set: &str, programs: &Programs) -> Result<(), String> {
        let harness_dies = self.scenario.way == Way::KillsHarness;
        let left = if harness_dies {
            Left::Ending
        } else {
            Left::Nothing
        };
        let run = self.run(mode, set, programs, left)?;
        let end = if harness_dies {
            End::Killed(9)
        } else {
            End::Exited(1)
        };
        if run.ended.end() != Some(end) {
            return Err(format!(
                "the harness ended with {:?}\n{}",
                run.ended.end(),
                run.context()
            ));
        }
        let stderr = run.room.text("stderr");
        if !harness_dies && !stderr.contains("its process ended early (signal: 9") {
            return Err(format!("it does not say what happened\n{}", run.context()));
        }
        let out = run.room.files().get("out").map(|(_, text)| text.clone());
        if out.as_deref() != Some(b"killing\n") {
            return Err(format!("the program did something else\n{}", run.context()));
        }
        Ok(())
    }

    fn killed_at_each_stop(
        &self,
        mode: &str,
        set: &str,
        programs: &Programs,
    ) -> Result<(), String> {
        let room = self.room(programs);
        let own = std::env::current_exe().expect("this binary");
        let mut words = vec![own.into_os_string()];
        words.extend([kill_at_stops::WORD, mode, set].map(OsString::from));
        words.push(self.program(&room, programs).into_os_string());
        let files = room.path();
        let ended = supervise::run(
            &self.kernel.executing(words),
            &room.work(),
            files,
            Left::Nothing,
            kill_at_stops::DEADLINE,
        );
        if ended.hung || !ended.left.is_empty() || ended.end() != Some(End::Exited(0)) {
            return Err(format!(
                "{:?}, hung: {}, left: {:?}\n{}{}",
                ended.end(),
                ended.hung,
                ended.left,
                room.text("stdout"),
                room.text("stderr")
            ));
        }
        Ok(())
    }
}

/// Whether the harness has no result, and says so.
fn failed(run: &Run, part: &str) -> bool {
    run.ended.end() == Some(End::Exited(1)) && run.room.text("stderr").contains(part)
}
