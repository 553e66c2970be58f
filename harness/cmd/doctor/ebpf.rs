//! What eBPF can do here, from what was found out by trying it.

use harness_sys::Errno;
use harness_tracepoint::{Attached, Error, Survey};

/// A line of the doctor's.
pub(super) struct Line {
    /// Whether it is as it should be; `None` where it is neither.
    pub(super) good: Option<bool>,
    /// What it is about.
    pub(super) name: &'static str,
    /// What was found.
    pub(super) found: String,
    /// What helps where it is not good.
    pub(super) remedy: Option<String>,
}

impl Line {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            good: Some(true),
            name,
            found: found.into(),
            remedy: None,
        }
    }

    fn neither(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            good: None,
            ..Self::good(name, found)
        }
    }

    fn bad(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            good: Some(false),
            remedy: Some(remedy.into()),
            ..Self::good(name, found)
        }
    }

    /// What was tried, with `found` if it went well.
    fn tried(name: &'static str, result: &Result<(), Error>, found: impl Into<String>) -> Self {
        match result {
            Ok(()) => Self::good(name, found),
            Err(error) => Self::bad(name, error.to_string(), error.remedy()),
        }
    }
}

/// The section.
pub(super) fn lines(survey: &Survey) -> Vec<Line> {
    let mut lines = vec![capabilities(survey)];
    match &survey.program {
        Err(error) => lines.push(Line::bad(
            "loading a program",
            error.to_string(),
            error.remedy(),
        )),
        Ok(program) => {
            lines.push(Line::good(
                "loading a program",
                if program.jited {
                    "compiled to machine code (JIT)"
                } else {
                    "interpreted, as the BPF JIT is off or absent: it is slower"
                },
            ));
            lines.push(Line::tried(
                "finding its own task",
                &program.by_hand,
                "BPF_PROG_TEST_RUN runs it",
            ));
            let failed = program
                .tracepoints
                .iter()
                .find_map(|(_, attached)| attached.as_ref().err());
            let names = program.tracepoints.iter().map(|(at, _)| at.name());
            let names = names.collect::<Vec<_>>().join(", ");
            lines.push(match failed {
                None => Line::good("raw tracepoints", names),
                Some(error) => Line::bad("raw tracepoints", error.to_string(), error.remedy()),
            });
            lines.push(Line::tried(
                "ring buffer",
                &survey.ring_buffer,
                "ebpf-stream has it",
            ));
            lines.push(statistics(survey));
        }
    }
    lines.push(btf(survey));
    lines.extend(survey.unprivileged_disabled.map(unprivileged));
    lines.push(lockdown(survey));
    lines.push(others(survey));
    lines
}

fn capabilities(survey: &Survey) -> Line {
    let privileges = &survey.privileges;
    let names = privileges.names();
    let found = if names.is_empty() {
        "none of CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN".to_owned()
    } else if privileges.in_user_namespace {
        format!("{}, of a user namespace", names.join(", "))
    } else {
        names.join(", ")
    };
    if privileges.suffice() {
        Line::good("capabilities", found)
    } else {
        // What helps is said of the program, which cannot be loaded for this reason.
        Line {
            good: Some(false),
            ..Line::neither("capabilities", found)
        }
    }
}

fn statistics(survey: &Survey) -> Line {
    const NAME: &str = "run statistics";
    match survey.statistics {
        Ok(()) => Line::good(NAME, "the kernel can measure programs (BPF_ENABLE_STATS)"),
        Err(Errno::EPERM) => Line::neither(
            NAME,
            "the kernel measures programs for CAP_SYS_ADMIN alone; no mode needs it",
        ),
        Err(errno) => Line::neither(
            NAME,
            format!("the kernel cannot measure programs ({errno}; Linux 5.8); no mode needs it"),
        ),
    }
}

fn btf(survey: &Survey) -> Line {
    const NAME: &str = "BTF";
    match (survey.tells_i386, survey.loads_fields) {
        (false, _) => Line::bad(
            NAME,
            "none: calls of i386 count as those of x86-64 with the same number",
            "run a kernel with CONFIG_DEBUG_INFO_BTF, or trace no i386 program",
        ),
        (true, true) => Line::good(
            NAME,
            "calls of i386 are told from those of x86-64 by a field that programs load themselves",
        ),
        // Without the privilege it could not be tried.
        (true, false) if survey.program.is_err() => {
            Line::good(NAME, "calls of i386 can be told from those of x86-64")
        }
        (true, false) => Line::good(
            NAME,
            "calls of i386 are told from those of x86-64 by a field that the kernel copies for programs, which \
             takes longer than loading it (Linux 5.11)",
        ),
    }
}

/// Documentation/admin-guide/sysctl/kernel.rst.
fn unprivileged(value: u8) -> Line {
    let meaning = match value {
        0 => "an ordinary user may load programs of some kinds, but none that runs at a tracepoint",
        1 => "an ordinary user may load no program, until the next boot",
        _ => "an ordinary user may load no program, unless root sets it to 0",
    };
    Line::neither("unprivileged_bpf_disabled", format!("{value}: {meaning}"))
}

fn lockdown(survey: &Survey) -> Line {
    const NAME: &str = "lockdown";
    match survey.privileges.lockdown.as_deref() {
        None => Line::neither(NAME, "not in this kernel, or securityfs is not mounted"),
        Some("confidentiality") => Line::bad(
            NAME,
            "confidentiality: programs cannot read the kernel's memory, so ebpf-stream has no arguments to read",
            "boot with lockdown=integrity or lockdown=none",
        ),
        Some(level) => Line::good(NAME, format!("{level}: it forbids nothing of this")),
    }
}

fn others(survey: &Survey) -> Line {
    const NAME: &str = "programs of others";
    match &survey.others {
        Ok(others) if others.is_empty() => Line::good(NAME, "none at sys_enter and sys_exit"),
        Ok(others) => Line::neither(NAME, list(others)),
        Err(Errno::EPERM) => Line::neither(
            NAME,
            "not known: only CAP_SYS_ADMIN may list what is attached",
        ),
        Err(errno) => Line::neither(NAME, format!("not known: {errno} (Linux 5.8)")),
    }
}

fn list(others: &[Attached]) -> String {
    let each = others
        .iter()
        .map(|other| format!("id {} at {}", other.program, other.tracepoint.name()));
    each.collect::<Vec<_>>().join(", ")
}

/// What slows down programs of every mode, or calls under every mode.
pub(super) fn disturbances(survey: &Survey) -> Vec<String> {
    let mut found = Vec::new();
    if survey.measures_all {
        found.push(
            "the kernel measures every run of every eBPF program, which makes the ebpf modes more expensive; switch it \
             off: sysctl kernel.bpf_stats_enabled=0"
                .to_owned(),
        );
    }
    if let Some(others) = survey.others.as_ref().ok().filter(|all| !all.is_empty()) {
        found.push(format!(
            "programs of others run at each call of every process, under every mode: {}; end what attached them (bpftool \
             link show names it)",
            list(others)
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_tracepoint::{OfProgram, Privileges, Tracepoint};

    /// As on an ordinary machine, for root.
    fn survey() -> Survey {
        Survey {
            privileges: Privileges {
                sys_admin: true,
                ..Privileges::default()
            },
            program: Ok(OfProgram {
                jited: true,
                by_hand: Ok(()),
                tracepoints: vec![(Tracepoint::SysEnter, Ok(()))],
            }),
            ring_buffer: Ok(()),
            tells_i386: true,
            loads_fields: true,
            statistics: Ok(()),
            measures_all: false,
            unprivileged_disabled: Some(2),
            others: Ok(Vec::new()),
        }
    }

    fn line(survey: &Survey, name: &str) -> Line {
        let found = lines(survey).into_iter().find(|line| line.name == name);
        found.unwrap_or_else(|| panic!("no line {name}"))
    }

    #[test]
    fn nothing_is_wrong_where_all_is_there() {
        let survey = survey();
        for line in lines(&survey) {
            assert_ne!(line.good, Some(false), "{}: {}", line.name, line.found);
        }
        assert!(disturbances(&survey).is_empty());
    }

    /// What cannot be made to happen on every machine.
    #[test]
    fn what_is_missing_is_said_with_what_follows() {
        let has = |change: &dyn Fn(&mut Survey), name, part: &str| {
            let mut survey = survey();
            change(&mut survey);
            let line = line(&survey, name);
            let text = format!("{} {}", line.found, line.remedy.unwrap_or_default());
            assert!(text.contains(part), "{part}: {text}");
        };
        has(&|s| s.tells_i386 = false, "BTF", "CONFIG_DEBUG_INFO_BTF");
        has(&|s| s.loads_fields = false, "BTF", "copies");
        has(
            &|s| s.statistics = Err(Errno::EINVAL),
            "run statistics",
            "Linux 5.8",
        );
        has(
            &|s| s.privileges.lockdown = Some("confidentiality".to_owned()),
            "lockdown",
            "lockdown=integrity",
        );
        has(
            &|s| s.privileges.in_user_namespace = true,
            "capabilities",
            "of a user namespace",
        );
        for (value, part) in [(0, "of some kinds"), (1, "next boot"), (2, "root sets it")] {
            has(
                &|s| s.unprivileged_disabled = Some(value),
                "unprivileged_bpf_disabled",
                part,
            );
        }
    }

    #[test]
    fn what_slows_down_every_mode_disturbs() {
        let mut survey = survey();
        survey.measures_all = true;
        survey.others = Ok(vec![Attached {
            program: 7,
            tracepoint: Tracepoint::SysExit,
        }]);
        let found = disturbances(&survey);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("kernel.bpf_stats_enabled=0"));
        assert!(found[1].contains("id 7 at sys_exit"));
    }
}
