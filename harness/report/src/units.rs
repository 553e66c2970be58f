//! Numbers as people read them. What is not known is a dash.

use harness_record::{Distribution, RateRatio, Ratio};

/// In the place of an unknown figure.
pub(crate) const UNKNOWN: &str = "–";

/// A duration with four significant digits.
pub(crate) fn duration_text(ns: f64) -> String {
    // The limits lie where rounding would show the next unit's 1000.
    let (value, unit) = match ns.abs() {
        ns if ns < 999.95 => (ns, "ns"),
        ns if ns < 999.95e3 => (ns / 1e3, "µs"),
        ns if ns < 999.95e6 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    let decimals = match value {
        v if v < 9.9995 => 3,
        v if v < 99.995 => 2,
        v if v < 999.95 => 1,
        _ => 0,
    };
    let sign = if ns < 0.0 { "-" } else { "" };
    format!("{sign}{value:.decimals$} {unit}")
}

/// A count: every digit below a million, three significant ones from there.
pub(crate) fn count_text(count: f64) -> String {
    const UNITS: [&str; 6] = ["M", "G", "T", "P", "E", "Z"];
    if count < 999_999.5 {
        let decimals = if (count - count.round()).abs() < 1e-9 {
            0
        } else {
            2
        };
        return grouped(&format!("{count:.decimals$}"));
    }
    let mut value = count / 1e6;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// Commas between groups of three digits before the point.
fn grouped(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// Nanoseconds per call or per stop, without the unit.
pub(crate) fn ns_text(ns: f64) -> String {
    let decimals = match ns.abs() {
        ns if ns < 9.995 => 2,
        ns if ns < 99.95 => 1,
        _ => 0,
    };
    if ns.abs() >= 1e9 {
        return format!("{ns:.2e}");
    }
    let text = grouped(&format!("{ns:.decimals$}"));
    // Rounded to nothing: no sign then.
    if text.trim_start_matches(['-', '0', '.']).is_empty() {
        return text.trim_start_matches('-').to_string();
    }
    text
}

/// Decimals that show what a ratio of about this size is about.
fn ratio_decimals(ratio: f64) -> usize {
    match ratio {
        r if (r - 1.0).abs() < 0.01 => 4,
        r if r < 9.9995 => 3,
        r if r < 99.995 => 2,
        r if r < 999.95 => 1,
        _ => 0,
    }
}

/// A ratio and its interval, `2.001 [1.990, 2.012]`.
pub(crate) fn ratio_interval_text(ratio: &Ratio) -> String {
    interval_text(ratio.estimate, ratio.low, ratio.high)
}

/// The same of rates.
pub(crate) fn rate_ratio_text(ratio: &RateRatio) -> String {
    interval_text(ratio.estimate, ratio.low, ratio.high)
}

fn interval_text(estimate: f64, low: Option<f64>, high: Option<f64>) -> String {
    let decimals = ratio_decimals(estimate);
    let estimate = format!("{estimate:.decimals$}");
    match (low, high) {
        (Some(low), Some(high)) => format!("{estimate} [{low:.decimals$}, {high:.decimals$}]"),
        _ => estimate,
    }
}

/// Nanoseconds and their interval, `6,312 [6,290, 6,340]`.
pub(crate) fn ns_interval_text(ns: &Distribution) -> String {
    let estimate = ns_text(ns.median);
    match (ns.low, ns.high) {
        (Some(low), Some(high)) => format!("{estimate} [{}, {}]", ns_text(low), ns_text(high)),
        _ => estimate,
    }
}

/// A quotient of counts, such as stops per system call.
pub(crate) fn per_text(quotient: f64) -> String {
    match quotient {
        q if q <= 0.0 => "0".to_string(),
        q if q < 0.000_05 => "<0.0001".to_string(),
        q if q < 0.1 => format!("{q:.4}"),
        q => format!("{q:.2}"),
    }
}

/// A confidence level, `95 %`.
pub(crate) fn level_text(level: f64) -> String {
    let text = format!("{:.1}", level * 100.0);
    format!("{} %", text.trim_end_matches(".0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_record::TimeMeasure;

    fn check(format: fn(f64) -> String, cases: &[(f64, &str)]) {
        for (value, expected) in cases {
            assert_eq!(format(*value), *expected, "{value}");
        }
    }

    /// Rounding never shows a thousand of the smaller unit.
    #[test]
    fn durations() {
        check(
            duration_text,
            &[
                (0.0, "0.000 ns"),
                (812.4, "812.4 ns"),
                (999.96, "1.000 µs"),
                (12_345.0, "12.35 µs"),
                (999_999_999.0, "1.000 s"),
                (2_051_000_000.0, "2.051 s"),
                (747.01e9, "747.0 s"),
                (7.47e13, "74700 s"),
                (-1500.0, "-1.500 µs"),
            ],
        );
    }

    /// Whole below a million, fractions only where there are some.
    #[test]
    fn counts() {
        check(
            count_text,
            &[
                (0.0, "0"),
                (0.5, "0.50"),
                (999.0, "999"),
                (200_061.0, "200,061"),
                (999_999.0, "999,999"),
                (1_234_567.0, "1.23 M"),
                (17_100_000.0, "17.1 M"),
                (999_600_000.0, "1.00 G"),
                (u64::MAX as f64, "18.4 E"),
            ],
        );
    }

    /// Small overheads keep their digits, nothing is not negative.
    #[test]
    fn nanoseconds() {
        check(
            ns_text,
            &[
                (0.0, "0.00"),
                (-0.001, "0.00"),
                (-0.3, "-0.30"),
                (85.23, "85.2"),
                (6312.4, "6,312"),
                (-1_234_567.0, "-1,234,567"),
                (3.2e12, "3.20e12"),
            ],
        );
    }

    /// From a ten-thousandth to hundreds.
    #[test]
    fn ratios() {
        let ratio = |estimate| {
            ratio_interval_text(&Ratio {
                estimate,
                low: None,
                high: None,
                level: 0.95,
                pairs: 1,
                of: TimeMeasure::WallNs,
            })
        };
        check(
            ratio,
            &[
                (1.0, "1.0000"),
                (1.0003, "1.0003"),
                (0.9871, "0.987"),
                (2.0014, "2.001"),
                (12.345, "12.35"),
                (442.0, "442.0"),
                (12_345.6, "12346"),
            ],
        );
        check(
            per_text,
            &[
                (0.0, "0"),
                (0.000_01, "<0.0001"),
                (0.0123, "0.0123"),
                (2.0, "2.00"),
            ],
        );
        check(level_text, &[(0.95, "95 %"), (0.999, "99.9 %")]);
    }
}
