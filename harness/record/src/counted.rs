//! Counts in a sentence.

/// A count and what is counted, by its name in the singular: `1 run`, `2 runs`, `2 processes`.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    let plural = match count {
        1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_names_in_s_get_es() {
        assert_eq!(counted(0, "run"), "0 runs");
        assert_eq!(counted(1, "process"), "1 process");
        assert_eq!(counted(2, "process"), "2 processes");
    }
}
