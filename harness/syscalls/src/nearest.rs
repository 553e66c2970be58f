//! Names close to a misspelt one.

/// At most this many suggestions: more is a list to read, not a hint.
const MOST: usize = 3;

/// Names that `text` may have meant, nearest first; empty where nothing is near.
#[must_use]
pub fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let text = text.to_lowercase();
    // A third of the letters may be wrong; a short name may have one swap of neighbours.
    let limit = (text.chars().count() / 3).max(1);
    let mut near: Vec<(usize, &str)> = names
        .map(|name| (strsim::osa_distance(&text, name), name))
        .filter(|&(distance, _)| distance <= limit)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn nearest_names_come_first_and_strangers_not_at_all() {
        let names = ["connect", "open", "openat", "close", "pipe"];
        for (text, expected) in [
            ("conect", vec!["connect"]),
            ("OPEN", vec!["open"]),
            ("opena", vec!["open", "openat"]),
            ("quux", vec![]),
        ] {
            assert_eq!(nearest(text, names.into_iter()), expected, "{text}");
        }
    }
}
