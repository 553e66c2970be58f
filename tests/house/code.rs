//! Rust source without its comments and literals, so that a rule about code
//! is not broken by text that speaks of it.

/// `source` with every comment and every string, byte and character literal
/// blanked. Lines and byte offsets stay as they are.
pub(crate) fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let blank = comment(rest).or_else(|| literal(rest));
        // A word is kept whole: the `r` of `for"…"` begins no raw string.
        let length = blank.unwrap_or_else(|| word(rest).max(first.len_utf8()));
        let (head, tail) = rest.split_at(length);
        if blank.is_some() {
            code.extend(head.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
        } else {
            code.push_str(head);
        }
        rest = tail;
    }
    code
}

/// Where a word stands.
pub(crate) struct Place {
    /// Line, from 1.
    pub(crate) line: usize,
    /// Offset of that line's first byte.
    pub(crate) line_start: usize,
    /// Offset behind the word.
    pub(crate) end: usize,
}

/// Every place where `wanted` stands as a word of its own.
pub(crate) fn words(code: &str, wanted: &str) -> Vec<Place> {
    code.match_indices(wanted)
        .filter(|&(at, _)| {
            let before = code[..at].chars().next_back();
            let after = code[at + wanted.len()..].chars().next();
            ![before, after].into_iter().flatten().any(is_word)
        })
        .map(|(at, _)| Place {
            line: code[..at].matches('\n').count() + 1,
            line_start: code[..at].rfind('\n').map_or(0, |newline| newline + 1),
            end: at + wanted.len(),
        })
        .collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of the word at the start of `rest`.
fn word(rest: &str) -> usize {
    rest.find(|c| !is_word(c)).unwrap_or(rest.len())
}

/// Length of the comment at the start of `rest`.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let step = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        at += step.0;
        depth += step.1;
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// Length of the string, byte or character literal at the start of `rest`.
fn literal(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""]
        .into_iter()
        .find(|prefix| rest.starts_with(prefix))?;
    let body = &rest[prefix.len()..];
    let length = if prefix.ends_with('r') {
        raw_string(body)?
    } else if body.starts_with('"') {
        escaped(body, '"')
    } else if prefix != "c" && is_character(body) {
        escaped(body, '\'')
    } else {
        return None;
    };
    Some(prefix.len() + length)
}

/// Length of `#…"…"#…`; nothing for a raw identifier.
fn raw_string(body: &str) -> Option<usize> {
    let hashes = body.len() - body.trim_start_matches('#').len();
    let text = body[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", &body[..hashes]);
    let inner = text.find(&close).unwrap_or(text.len() - hashes);
    Some(hashes + 1 + inner + close.len())
}

/// Whether `'…` is a character and not a lifetime or a label.
fn is_character(body: &str) -> bool {
    let mut chars = body.chars();
    chars.next() == Some('\'') && (chars.next() == Some('\\') || chars.next() == Some('\''))
}

/// Length of a literal between two `quote`s, in which `\` escapes.
fn escaped(body: &str, quote: char) -> usize {
    let mut chars = body.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote {
            return at + quote.len_utf8();
        }
    }
    body.len()
}

#[test]
fn comments_and_literals_are_blank() {
    let cases = [
        ("a // unsafe\nb", "a          \nb"),
        ("a /* x /* unsafe */ y */ b", "a                        b"),
        ("f(\"unsafe \\\" x\") b", "f(             ) b"),
        ("r#\"un\"safe\"# b", "             b"),
        ("br\"unsafe\" b", "           b"),
        ("b'\\'' '\"' unsafe", "          unsafe"),
        ("&'a str '\\u{41}' x", "&'a str          x"),
        ("'l: loop { 'é' }", "'l: loop {      }"),
        ("r#fn unsafe", "r#fn unsafe"),
        ("for\"x\"", "for   "),
    ];
    for (source, code) in cases {
        assert_eq!(code_only(source), code, "{source}");
        assert_eq!(code.len(), source.len(), "{source}");
    }
}

#[test]
fn a_word_is_found_whole_and_on_its_line() {
    let places = words("unsafe_code\nx unsafe {\n", "unsafe");
    let places: Vec<_> = (places.iter())
        .map(|place| (place.line, place.line_start, place.end))
        .collect();
    assert_eq!(places, [(2, 12, 20)]);
}
