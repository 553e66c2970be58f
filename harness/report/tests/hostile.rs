//! Records in which somebody wrote what he liked: whatever a field holds, all
//! that is made of the record ends, and neither steers a terminal nor turns
//! into markup.

use harness_record::{Counter, Record, RecordDirectory, Sample, steers};
use harness_report::{
    EXPORT_FORMATS, Format, NamedRecord, Selection, export, history, plot_history, plots, render,
    render_history, render_with_calls, summarise, write_report,
};
use serde_json::{Value, json};
use std::path::Path;

const TEXT: &str =
    "\u{1b}]0;title\u{7}\u{9b}31m\u{202e}\u{2028}\r\n<script>alert('1')</script>\"&|`# é";

/// What stands in the place of each leaf, by its kind.
fn instead(leaf: &Value) -> Vec<Value> {
    match leaf {
        Value::String(_) => vec![json!(TEXT), json!("")],
        Value::Number(number) if number.is_f64() => {
            vec![json!(1e308), json!(-1e308), json!(0.0)]
        }
        Value::Number(_) => vec![json!(u64::MAX), json!(u32::MAX), json!(0)],
        Value::Bool(value) => vec![json!(!value)],
        Value::Null => vec![json!(TEXT), json!(0)],
        Value::Array(_) => vec![json!([])],
        Value::Object(_) => vec![],
    }
}

/// Every leaf, and every list, by its JSON pointer (RFC 6901).
fn places(value: &Value, at: &str, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                self::places(field, &format!("{at}/{name}"), places);
            }
        }
        Value::Array(items) => {
            // Items are alike: one shows what holds for all.
            for (number, item) in items.iter().enumerate().take(1) {
                self::places(item, &format!("{at}/{number}"), places);
            }
            places.push(at.to_owned());
        }
        _ => places.push(at.to_owned()),
    }
}

fn committed() -> (Value, Vec<Sample>) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let run = std::fs::read(data.join("run.json")).unwrap();
    let directory = RecordDirectory::open(&data).unwrap();
    (
        serde_json::from_slice(&run).unwrap(),
        directory.read_samples().unwrap().samples,
    )
}

/// Nothing that steers, and no element of the record's own.
#[track_caller]
fn is_tame(what: &str, text: &str, markup: bool) {
    let steering = text.chars().find(|&c| !"\n\t".contains(c) && steers(c));
    assert_eq!(steering, None, "{what}");
    if markup {
        assert!(!text.contains("<script"), "{what}");
    }
}

/// Makes everything that is made of a record.
fn make_all(what: &str, record: &Record, samples: &[Sample]) {
    for format in [Format::Table, Format::Json, Format::Csv, Format::Markdown] {
        let whole = render_with_calls(record, format).unwrap();
        is_tame(&format!("{what} with calls as {format:?}"), &whole, false);
        let text = render(record, format).unwrap();
        is_tame(&format!("{what} as {format:?}"), &text, false);
        if format == Format::Markdown {
            assert!(!whole.replace("\\<", "").contains("<script"), "{what}");
        }
    }
    for plot in plots(record) {
        is_tame(&format!("{what} in {}", plot.name), &plot.svg, true);
    }
    for format in EXPORT_FORMATS {
        match export(record, samples, format) {
            Ok(export) => is_tame(&format!("{what} for {}", format.name), &export.text, false),
            Err(nothing) => is_tame(what, &nothing.to_string(), false),
        }
    }
    let named = || NamedRecord {
        name: "a".to_owned(),
        record: record.clone(),
    };
    if let Ok(history) = history(vec![named(), named()], &Selection::default()) {
        for format in [Format::Table, Format::Json, Format::Csv, Format::Markdown] {
            let text = render_history(&history, format);
            is_tame(&format!("{what}: history as {format:?}"), &text, false);
        }
        is_tame(what, &plot_history(&history), true);
    }
}

#[test]
fn any_field_may_hold_anything() {
    let (whole, samples) = committed();
    let mut all = Vec::new();
    places(&whole, "", &mut all);
    assert!(all.len() > 100, "the record has fields: {}", all.len());
    let mut accepted = 0;
    for place in &all {
        for value in instead(whole.pointer(place).unwrap()) {
            let mut changed = whole.clone();
            *changed.pointer_mut(place).unwrap() = value.clone();
            let Ok(mut record) = serde_json::from_value::<Record>(changed) else {
                continue;
            };
            accepted += 1;
            let shown: String = value.to_string().chars().take(40).collect();
            let what = format!("{place} = {shown}");
            if place.starts_with("/plan") {
                record.results = summarise(&record.plan, &samples);
            }
            make_all(&what, &record, &samples);
        }
    }
    assert!(accepted > 150, "{accepted} records could be read");
}

/// All texts at once, and the page of it, in a directory.
#[test]
fn a_record_of_markup_is_text() {
    let (mut whole, samples) = committed();
    let mut all = Vec::new();
    places(&whole, "", &mut all);
    for place in &all {
        let leaf = whole.pointer_mut(place).unwrap();
        if leaf.is_string() {
            let former = leaf.clone();
            *leaf = json!(TEXT);
            if serde_json::from_value::<Record>(whole.clone()).is_err() {
                *whole.pointer_mut(place).unwrap() = former;
            }
        }
    }
    let record: Record = serde_json::from_value(whole).unwrap();
    make_all("all texts", &record, &samples);
    let parent = tempfile::tempdir().unwrap();
    let directory = RecordDirectory::create(parent.path().join("r")).unwrap();
    write_report(&directory, &record).unwrap();
    let page = std::fs::read_to_string(directory.path().join("report.html")).unwrap();
    is_tame("report.html", &page, true);
    assert!(
        page.contains("&lt;script&gt;"),
        "the text is there, as text"
    );
}

/// Counts and times of samples at their limits, one column after the other and
/// all at once.
#[test]
fn samples_may_hold_any_number() {
    type Change = fn(&mut Sample, u64);
    let (whole, samples) = committed();
    let record: Record = serde_json::from_value(whole).unwrap();
    let changes: [(&str, Change); 10] = [
        ("wall_ns", |sample, n| sample.wall_ns = n),
        ("loop_ns", |sample, n| sample.loop_ns = Some(n)),
        ("user_ns", |sample, n| sample.user_ns = n),
        ("tracer", |sample, n| {
            (sample.tracer_user_ns, sample.tracer_sys_ns) = (Some(n), Some(n));
        }),
        ("stops", |sample, n| sample.counts.set(Counter::Stops, n)),
        ("syscalls", |sample, n| {
            sample.counts.set(Counter::Syscalls, n);
        }),
        ("traced events", |sample, n| {
            sample.counts.set(Counter::TracedEvents, n);
        }),
        ("switches", |sample, n| sample.tracer_voluntary = Some(n)),
        ("executions", |sample, n| {
            sample.executions = u32::try_from(n).unwrap_or(u32::MAX);
        }),
        ("pass", |sample, n| {
            sample.pass = u32::try_from(n).unwrap_or(u32::MAX);
        }),
    ];
    for limit in [0, 1, u64::MAX] {
        let mut all = samples.clone();
        for (column, change) in changes {
            // Every second one, so that differences are extreme too.
            let mut one = samples.clone();
            for sample in one.iter_mut().step_by(2) {
                change(sample, limit);
            }
            for sample in &mut all {
                change(sample, limit);
            }
            for samples in [&one, &all] {
                let mut record = record.clone();
                record.results = summarise(&record.plan, samples);
                make_all(&format!("{column} = {limit}"), &record, samples);
            }
        }
    }
}
