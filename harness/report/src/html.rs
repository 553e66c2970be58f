//! `report.html`: one page that needs nothing else, not even scripts.

#![expect(
    clippy::format_push_string,
    reason = "write! would add a Result that is never an error"
)]

use crate::calls::{call_notes, call_tables};
use crate::caption::{command_text, harness_text, kernel_text, machine_text, state_text};
use crate::modes;
use crate::plots::Plot;
use crate::units::level_text;
use crate::view::{View, unbroken};
use harness_record::{Environment, Plan, Record, WorkloadPlan, counted, steers};

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:1rem 0}
th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #ddd;vertical-align:bottom}
th:first-child,td:first-child{text-align:left}
table.facts td{text-align:left;vertical-align:top}
table.calls th,table.calls td{text-align:right}
table.calls th:last-child,table.calls td:last-child{text-align:left}
table.calls tbody tr:last-child td{border-top:1px solid #222}
pre{background:#f5f5f5;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere}
.warning{background:#fff3cd;border-left:4px solid #d55e00;padding:.5rem .8rem;margin:.5rem 0}
.notes{color:#555;font-size:13px}
figure{margin:1.5rem 0}
svg{max-width:100%;height:auto}
";

/// The page, with the plots in it.
pub(crate) fn page(record: &Record, plots: &[Plot]) -> String {
    let mut out = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n");
    out.push_str("<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width\">\n");
    let title = format!("What tracing costs on {}", record.environment.host);
    out.push_str(&element("title", &title));
    out.push_str(&format!("<style>\n{STYLE}</style>\n</head>\n<body>\n"));
    out.push_str(&element("h1", &title));
    out.push_str(&element(
        "p",
        &format!(
            "{}. {}. Measured by {}, {} to {}.",
            machine_text(&record.environment),
            kernel_text(&record.environment),
            harness_text(&record.harness),
            record.started_at,
            record.finished_at.as_deref().unwrap_or("(no end)")
        ),
    ));
    out.push_str(&element("pre", &command_text(&record.command)));
    for warning in state_text(record).iter().chain(&record.warnings) {
        push_warning(&mut out, warning);
    }
    for workload in &record.plan.workloads {
        push_view(&mut out, &View::new(record, workload), plots);
        push_calls(&mut out, record, workload);
    }
    if let Some(view) = modes::capabilities(record) {
        push_view(&mut out, &view, &[]);
    }
    out.push_str("<h2>Plan</h2>\n");
    push_facts(&mut out, &plan_facts(record));
    out.push_str("<h2>Machine</h2>\n");
    push_facts(&mut out, &machine_facts(&record.environment));
    out.push_str("</body>\n</html>\n");
    out
}

fn push_view(out: &mut String, view: &View, plots: &[Plot]) {
    out.push_str(&element("h2", &view.title));
    for problem in &view.problems {
        push_warning(out, problem);
    }
    out.push_str("<table>\n");
    push_table(out, &view.header, &view.rows);
    push_notes(out, &view.notes);
    for plot in plots.iter().filter(|plot| plot.workload == view.title) {
        out.push_str(&format!(
            "<figure role=\"img\" aria-label=\"{}\">\n{}</figure>\n",
            escaped(&plot.title),
            plot.svg
        ));
    }
}

/// The calls of a workload under each mode that knows them, folded up: there are many.
fn push_calls(out: &mut String, record: &Record, workload: &WorkloadPlan) {
    let tables = call_tables(record, workload);
    if tables.is_empty() {
        return;
    }
    out.push_str("<details>\n<summary>Calls by number</summary>\n");
    for table in tables {
        out.push_str(&element("h3", &table.title));
        out.push_str("<table class=\"calls\">\n");
        push_table(out, &table.header, &table.rows);
    }
    push_notes(out, &call_notes(record));
    out.push_str("</details>\n");
}

/// What stands in a table, and its end.
fn push_table(out: &mut String, header: &[String], rows: &[Vec<String>]) {
    out.push_str("<thead><tr>");
    for heading in header {
        out.push_str(&format!("<th>{}</th>", escaped(&unbroken(heading))));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            out.push_str(&format!("<td>{}</td>", escaped(cell)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n");
}

fn push_notes(out: &mut String, notes: &[String]) {
    out.push_str("<div class=\"notes\">\n");
    for note in notes {
        out.push_str(&element("div", note));
    }
    out.push_str("</div>\n");
}

fn push_warning(out: &mut String, text: &str) {
    out.push_str(&format!(
        "<p class=\"warning\">Warning: {}</p>\n",
        escaped(text)
    ));
}

fn push_facts(out: &mut String, facts: &[(String, String)]) {
    out.push_str("<table class=\"facts\">\n");
    for (name, value) in facts {
        out.push_str(&format!(
            "<tr><td>{}</td><td>{}</td></tr>\n",
            escaped(name),
            escaped(value)
        ));
    }
    out.push_str("</table>\n");
}

fn plan_facts(record: &Record) -> Vec<(String, String)> {
    let plan = &record.plan;
    let mut facts = vec![
        fact("seed", &plan.seed),
        fact("counted runs a mode", &plan.runs),
        fact("uncounted runs before", &warmup_text(plan)),
        fact(
            "limit for other processes",
            &plan
                .max_pressure
                .map_or_else(|| "no limit".to_string(), level_text),
        ),
        fact("blocks left out", &record.dropped_blocks),
        fact(
            "order",
            &format!(
                "{}; per block a random permutation of the modes, then its reverse",
                counted(plan.order.len() as u64, "run")
            ),
        ),
    ];
    if let Some(first) = plan.order.first() {
        let block: Vec<_> = plan
            .order
            .iter()
            .filter(|slot| slot.workload == first.workload && slot.block == first.block)
            .map(|slot| slot.mode.as_str())
            .collect();
        facts.push(fact("first block", &block.join(", ")));
    }
    for (name, hook) in [
        ("setup", &plan.hooks.setup),
        ("prepare", &plan.hooks.prepare),
        ("conclude", &plan.hooks.conclude),
        ("cleanup", &plan.hooks.cleanup),
    ] {
        if let Some(command) = hook {
            facts.push(fact(name, command));
        }
    }
    facts
}

/// Of each workload, where they differ.
fn warmup_text(plan: &Plan) -> String {
    let of = |workload: &WorkloadPlan| workload.warmup.unwrap_or(plan.warmup);
    let mut workloads = plan.workloads.iter();
    if workloads.all(|workload| of(workload) == plan.warmup) {
        return plan.warmup.to_string();
    }
    let each = plan.workloads.iter();
    let each = each.map(|workload| format!("{} {}", workload.name, of(workload)));
    each.collect::<Vec<_>>().join(", ")
}

fn machine_facts(environment: &Environment) -> Vec<(String, String)> {
    fn known<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(|| "unknown".to_string(), |value| value.to_string())
    }
    let seccomp = &environment.seccomp;
    let allowed: Vec<_> = environment.cpu.allowed.iter().map(u32::to_string).collect();
    let mut facts = vec![
        fact("host", &environment.host),
        fact(
            "kernel",
            &format!(
                "{} {} {}",
                environment.kernel_release, environment.kernel_version, environment.architecture
            ),
        ),
        fact("distribution", &known(environment.os.as_ref())),
        fact("CPU", &known(environment.cpu.model.as_ref())),
        fact("CPUs online", &environment.cpu.online),
        fact("CPUs allowed", &allowed.join(", ")),
        fact("memory, KiB", &known(environment.memory_kib)),
        fact(
            "virtualised by",
            &known(environment.virtualization.as_ref()),
        ),
        fact("clock source", &known(environment.clock_source.as_ref())),
        fact("frequency governor", &known(environment.governor.as_ref())),
        fact(
            "load average at the start",
            &known(environment.load_average),
        ),
        fact(
            "net.core.bpf_jit_enable",
            &known(environment.bpf_jit_enable),
        ),
        fact(
            "net.core.bpf_jit_harden",
            &known(environment.bpf_jit_harden),
        ),
        fact(
            "kernel.yama.ptrace_scope",
            &known(environment.yama_ptrace_scope),
        ),
        fact(
            "kernel.randomize_va_space",
            &known(environment.randomize_va_space),
        ),
        fact("Seccomp of the harness", &known(seccomp.mode)),
        fact("Seccomp_filters of the harness", &known(seccomp.filters)),
        fact("NoNewPrivs of the harness", &known(seccomp.no_new_privs)),
        fact(
            "Speculation_Store_Bypass",
            &known(seccomp.speculation_store_bypass.as_ref()),
        ),
        fact(
            "seccomp-stop order",
            &known(environment.seccomp_stop_order.as_ref()),
        ),
    ];
    // Records from before it was asked do not say.
    let call_source = environment.call_source.as_ref();
    facts.extend(call_source.map(|source| fact("calls read from", source)));
    let cache = environment.seccomp_cache;
    facts.extend(cache.map(|cache| fact("caches what filters allow", &cache)));
    for (name, value) in [
        ("kernel.bpf_stats_enabled", environment.bpf_stats_enabled),
        (
            "kernel.unprivileged_bpf_disabled",
            environment.unprivileged_bpf_disabled,
        ),
    ] {
        facts.extend(value.map(|value| fact(name, &value)));
    }
    let btf = environment.btf;
    facts.extend(btf.map(|btf| fact("BTF of the kernel", &btf)));
    let lockdown = environment.lockdown.as_ref();
    facts.extend(lockdown.map(|level| fact("lockdown", level)));
    facts.extend([
        fact("effective user id", &environment.euid),
        fact("CAP_SYS_ADMIN", &environment.cap_sys_admin),
    ]);
    for (kind, values) in [
        ("cgroup", &environment.cgroup_limits),
        ("mitigation", &environment.mitigations),
    ] {
        for (name, value) in values {
            facts.push(fact(&format!("{kind} {name}"), value));
        }
    }
    facts
}

fn fact<T: ToString + ?Sized>(name: &str, value: &T) -> (String, String) {
    (name.to_string(), value.to_string())
}

fn element(tag: &str, text: &str) -> String {
    format!("<{tag}>{}</{tag}>\n", escaped(text))
}

/// Text as text, in an element or a quoted attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // HTML has no place for the others, or they turn what follows.
            c if steers(c) && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
