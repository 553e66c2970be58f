//! What a file is that is no program: formats that people have at hand where a filter is asked for, and what to give
//! instead. To add one: a line in [`FORMATS`].

use std::fmt;

/// A known format that holds no program which could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// What it is.
    name: &'static str,
    /// What to give instead.
    remedy: &'static str,
}

/// `this is base64: …`.
impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is {}: {}", self.name, self.remedy)
    }
}

impl Foreign {
    /// What `contents` that could not be read as a program are; `None` if they are nothing known.
    #[must_use]
    pub fn recognise(contents: &[u8]) -> Option<Self> {
        let text = str::from_utf8(contents).unwrap_or_default().trim();
        FORMATS
            .iter()
            .find(|(is, ..)| is(contents, text))
            .map(|&(_, name, remedy)| Self { name, remedy })
    }
}

/// Whether contents, and the same as text, are of a format; its name; what to give instead. The first that fits counts.
type Format = (fn(&[u8], &str) -> bool, &'static str, &'static str);

const FORMATS: [Format; 11] = [
    (
        |bytes, _| bytes.starts_with(b"\x7fELF"),
        "an ELF file",
        "run it and read its filter with 'harness filter dump --pid PID'",
    ),
    (
        |bytes, _| bytes.starts_with(b"\x1f\x8b"),
        "compressed by gzip",
        "give what 'gzip -dc' makes of it",
    ),
    (
        |_, text| is_json(text) && text.contains("\"defaultAction\""),
        "a seccomp profile in JSON, as Docker and OCI runtimes take it",
        "it holds rules, not a program; run a container with it and read its filter with 'harness filter dump --pid PID'",
    ),
    (
        |_, text| is_json(text) && text.contains("\"instructions\""),
        "what --format json writes",
        "give what --format text or raw writes",
    ),
    (
        |_, text| is_json(text),
        "JSON",
        "give assembler text or the bytes of the program",
    ),
    (
        |_, text| text.contains("pseudo filter code start"),
        "libseccomp's pseudo filter code (PFC)",
        "it describes a filter and is no program; give what seccomp_export_bpf(3) writes",
    ),
    (
        |_, text| text.contains("BPF_STMT(") || text.contains("struct sock_filter"),
        "C source",
        "give the numbers of its array alone, '{ 0x20, 0, 0, 0x00000004 },' a line, or run the program and read its filter \
         with 'harness filter dump --pid PID'",
    ),
    (
        |_, text| is_seccomp_tools_assembly(text),
        "assembly of seccomp-tools, or its listing without numbers",
        "give what 'seccomp-tools asm FILE -f raw' or 'seccomp-tools disasm' writes",
    ),
    (
        |_, text| is_hex_dump(text),
        "a hex dump with offsets",
        "give what 'xxd -r FILE' makes of a dump by xxd, or the file that was dumped",
    ),
    (
        |_, text| is_hex(text),
        "bytes in hexadecimal",
        "give what 'xxd -r -p FILE' makes of them",
    ),
    (
        |_, text| is_base64(text),
        "base64",
        "give what 'base64 -d FILE' makes of it",
    ),
];

/// Whether it begins as an object or an array of objects does; an instruction in braces begins with a number.
fn is_json(text: &str) -> bool {
    let text = text.trim_start_matches('[').trim_start();
    text.strip_prefix('{')
        .is_some_and(|rest| rest.trim_start().starts_with(['"', '}']))
}

/// `A = sys_number`, also behind the number of a line.
fn is_seccomp_tools_assembly(text: &str) -> bool {
    text.lines().any(|line| {
        let statement = line
            .split_once(": ")
            .map_or(line, |(_, statement)| statement);
        ["A = ", "A=", "if (A ", "return ALLOW", "return KILL"]
            .iter()
            .any(|start| statement.trim_start().starts_with(start))
    })
}

/// As xxd and hexdump -C write it: each line begins with an offset, eight hexadecimal digits.
fn is_hex_dump(text: &str) -> bool {
    let dumped = |line: &str| {
        let offset = line.split([':', ' ']).next().unwrap_or_default();
        offset.len() == 8 && offset.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    text.starts_with("00000000") && text.lines().all(dumped)
}

/// Whole bytes in hexadecimal, in groups of any length, and with `\x` or `0x` before them.
fn is_hex(text: &str) -> bool {
    let bare = text.replace("\\x", "").replace("0x", "");
    let mut digits = 0_usize;
    for byte in bare.bytes() {
        match byte {
            _ if byte.is_ascii_hexdigit() => digits += 1,
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b'"' | b'\'' => {}
            _ => return false,
        }
    }
    digits >= 16 && digits.is_multiple_of(2)
}

/// At least an instruction of eight bytes, in lines of any length.
fn is_base64(text: &str) -> bool {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let body = digits
        .strip_suffix(b"==")
        .or(digits.strip_suffix(b"="))
        .unwrap_or(&digits);
    digits.len() >= 12
        && digits.len().is_multiple_of(4)
        && body
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use crate::program::Program;

    /// `ld [4]; ret #0x7fff0000` in other dresses, and what else people have.
    #[test]
    fn what_is_no_program_is_named() {
        for (contents, expected) in [
            (&b"\x7fELF\x02\x01\x01\0\0\0"[..], "an ELF file"),
            (b"\x1f\x8b\x08\0\0", "gzip"),
            (b"{\n\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": []}", "seccomp profile in JSON"),
            (b"{\"instructions\": [{\"code\": 6, \"jt\": 0, \"jf\": 0, \"k\": 0}]}", "--format json"),
            (b"[{\"a\": 1}]", "JSON"),
            (b"{}", "JSON"),
            (b"#\n# pseudo filter code start\n#\n# filter for arch x86_64 (3221225534)\nif ($arch == 3221225534)\n", "PFC"),
            (b"struct sock_filter f[] = {\nBPF_STMT(BPF_RET, 0)\n};", "C source"),
            (b"A = arch\nreturn ALLOW\n", "seccomp-tools"),
            (b"0000: A = arch\n0001: return ALLOW\n", "seccomp-tools"),
            (b"00000000: 2000 0000 0400 0000 0600 0000 0000 ff7f   ...............\n", "hex dump"),
            (b"00000000  20 00 00 00 04 00 00 00  06 00 00 00 00 00 ff 7f  | .......|\n00000010\n", "hex dump"),
            (b"2000000004000000060000000000ff7f\n", "in hexadecimal"),
            (b"20 00 00 00 04 00 00 00 06 00 00 00 00 00 ff 7f\n", "in hexadecimal"),
            (b"0x20,0x00,0x00,0x00,0x04,0x00,0x00,0x00\n", "in hexadecimal"),
            (b"\"\\x20\\x00\\x00\\x00\\x04\\x00\\x00\\x00\"\n", "in hexadecimal"),
            (b"IAAAAAQAAAAGAAAAAAD/fw==\n", "base64"),
        ] {
            let shown = String::from_utf8_lossy(contents);
            let error = Program::from_file_contents(contents).expect_err(&shown).to_string();
            assert!(error.contains(expected), "{shown}: {error}");
        }
    }

    #[test]
    fn texts_with_a_mistake_keep_the_place_of_it() {
        for text in [
            "ld [4]\nfrob #1\nret #0",
            "ld",
            "jeq #1, there\nret #0",
            "{ 0x20, 0, 0 0 }",
            "0x20 0 0",
            "2,6 0 0 0,",
            "",
        ] {
            let error = Program::from_file_contents(text.as_bytes())
                .expect_err(text)
                .to_string();
            assert!(error.starts_with("line "), "{text}: {error}");
        }
    }
}
