//! Offsets from BTF: of types written here as a compiler writes them, and of damaged ones.

use harness_ebpf::btf::{Btf, BtfError};
use proptest::prelude::*;

/// `BTF_KIND_*`, include/uapi/linux/btf.h.
const INT: u32 = 1;
const POINTER: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FORWARD: u32 = 7;
const TYPEDEF: u32 = 8;
const CONST: u32 = 10;
const FUNCTION: u32 = 12;
const FUNCTION_PROTOTYPE: u32 = 13;
const VARIABLE: u32 = 14;
const DATA_SECTION: u32 = 15;
const FLOAT: u32 = 16;
const DECLARATION_TAG: u32 = 17;
const TYPE_TAG: u32 = 18;
const ENUM64: u32 = 19;

/// Writes types as a compiler does.
#[derive(Default)]
struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl Builder {
    fn name(&mut self, name: &str) -> u32 {
        if self.strings.is_empty() {
            self.strings.push(0);
        }
        if name.is_empty() {
            return 0;
        }
        let at = self.strings.len();
        self.strings.extend(name.bytes().chain([0]));
        u32::try_from(at).expect("a short test")
    }

    /// Adds a type with the words behind it, and returns its id.
    fn add(&mut self, kind: u32, name: &str, info: u32, size_or_type: u32, tail: &[u32]) -> u32 {
        let name = self.name(name);
        let head = [name, kind << 24 | info, size_or_type];
        for word in head.iter().chain(tail) {
            self.types.extend(word.to_le_bytes());
        }
        self.count += 1;
        self.count
    }

    fn integer(&mut self, name: &str, bytes: u32) -> u32 {
        self.add(INT, name, 0, bytes, &[bytes * 8])
    }

    /// A struct or union of members with a name, a type and an offset in bits.
    fn aggregate(&mut self, kind: u32, name: &str, members: &[(&str, u32, u32)]) -> u32 {
        let mut tail = Vec::new();
        for &(name, r#type, offset) in members {
            tail.extend([self.name(name), r#type, offset]);
        }
        let vlen = u32::try_from(members.len()).expect("a short test");
        self.add(kind, name, vlen, 64, &tail)
    }

    fn bytes(&self) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a short test");
        let (types, strings) = (length(&self.types), length(&self.strings));
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, types, types, strings] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes
    }
}

/// `KIND_FLAG`, which members with sizes of bit fields need.
const KIND_FLAG: u32 = 1 << 31;

/// A `task_struct` like the kernel's, behind a type of every kind.
fn kernel() -> Builder {
    let mut b = Builder::default();
    let long = b.integer("long unsigned int", 8);
    let int = b.integer("unsigned int", 4);
    let pointer = b.add(POINTER, "", 0, 0, &[]);
    let array = b.add(ARRAY, "", 0, 0, &[int, int, 16]);
    b.add(ENUM, "state", 2, 4, &[1, 0, 1, 1]);
    b.add(FORWARD, "nobody", 0, 0, &[]);
    let prototype = b.add(FUNCTION_PROTOTYPE, "", 2, int, &[0, int, 0, long]);
    b.add(FUNCTION, "schedule", 1, prototype, &[]);
    let variable = b.add(VARIABLE, "jiffies", 0, long, &[1]);
    b.add(DATA_SECTION, ".data", 1, 8, &[variable, 0, 8]);
    b.add(FLOAT, "double", 0, 8, &[]);
    b.add(DECLARATION_TAG, "tag", 0, variable, &[u32::MAX]);
    b.add(ENUM64, "wide", 1, 8, &[1, 1, 1]);
    let tagged = b.add(TYPE_TAG, "rcu", 0, int, &[]);
    let status = b.add(TYPEDEF, "u32", 0, tagged, &[]);

    let info = b.aggregate(
        STRUCT,
        "thread_info",
        &[
            ("flags", long, 0),
            ("syscall_work", long, 64),
            ("status", status, 128),
        ],
    );
    let deep = b.aggregate(UNION, "", &[("deep", int, 0), ("deeper", long, 0)]);
    let constant = b.add(CONST, "", 0, deep, &[]);
    let anonymous = b.aggregate(STRUCT, "", &[("pid", int, 0), ("", constant, 64)]);
    // `exit_code:8` is written with its size, `old_style` as an integer of fewer bits.
    let bits = b.add(INT, "", 0, 4, &[4 << 16 | 8]);
    let name = [
        b.name("thread_info"),
        b.name("stack"),
        b.name("comm"),
        b.name("exit_code"),
        b.name("odd"),
        b.name("old_style"),
    ];
    let members = [
        [name[0], info, 0],
        [name[1], pointer, 192],
        [0, anonymous, 256],
        [name[2], array, 384],
        [name[3], int, 8 << 24 | 512],
        [name[4], int, 521],
        [name[5], bits, 544],
        // Padding: bits without a name.
        [0, int, 3 << 24 | 0x244],
    ];
    b.add(
        STRUCT,
        "task_struct",
        KIND_FLAG | 8,
        128,
        members.as_flattened(),
    );
    b
}

fn offset(builder: &Builder, structure: &str, path: &[&str]) -> Result<u32, BtfError> {
    let bytes = builder.bytes();
    Btf::parse(&bytes)?.member_offset(structure, path)
}

#[test]
fn members_are_found_through_nested_and_anonymous_structures() {
    let kernel = kernel();
    for (path, expected) in [
        (&[][..], 0),
        (&["thread_info"], 0),
        (&["thread_info", "flags"], 0),
        (&["thread_info", "status"], 16),
        (&["stack"], 24),
        (&["pid"], 32),
        (&["deep"], 40),
        (&["deeper"], 40),
        (&["comm"], 48),
    ] {
        let found = offset(&kernel, "task_struct", path);
        assert_eq!(found, Ok(expected), "{path:?}");
    }
    assert_eq!(offset(&kernel, "thread_info", &["syscall_work"]), Ok(8));
}

#[test]
fn what_has_no_offset_in_bytes_is_refused() {
    let kernel = kernel();
    for name in ["exit_code", "odd", "old_style"] {
        let found = offset(&kernel, "task_struct", &[name]);
        let member = format!("task_struct.{name}");
        assert_eq!(found, Err(BtfError::BitField { member }));
    }
}

#[test]
fn what_is_missing_is_named() {
    let kernel = kernel();
    for (structure, path, message) in [
        (
            "task",
            &["thread_info"][..],
            "the BTF has no struct or union `task`; take that of a running kernel",
        ),
        // A type, but not a structure.
        (
            "u32",
            &[],
            "the BTF has no struct or union `u32`; take that of a running kernel",
        ),
        (
            "task_struct",
            &["thread_info", "cpu"],
            "the kernel's `task_struct.thread_info` has no member `cpu`; this kernel is not supported",
        ),
        // An empty string is not a name.
        (
            "task_struct",
            &[""],
            "the kernel's `task_struct` has no member ``; this kernel is not supported",
        ),
        (
            "task_struct",
            &["stack", "end"],
            "`task_struct.stack` is not a struct or union, so it has no member `end`; shorten the path",
        ),
    ] {
        let error = offset(&kernel, structure, path).expect_err(message);
        assert_eq!(error.to_string(), message);
    }
}

/// No type is taken for another of its name.
#[test]
fn structures_of_one_name_must_agree() {
    let mut twice = Builder::default();
    let int = twice.integer("int", 4);
    twice.aggregate(STRUCT, "s", &[("same", int, 0), ("moved", int, 32)]);
    twice.aggregate(STRUCT, "s", &[("same", int, 0), ("moved", int, 64)]);
    assert_eq!(offset(&twice, "s", &["same"]), Ok(0));
    let member = "s.moved".to_owned();
    assert_eq!(
        offset(&twice, "s", &["moved"]),
        Err(BtfError::Ambiguous { member })
    );
}

/// A kind that came later has a length that is not known: what lies before it is used, and no guess is made.
#[test]
fn an_unknown_kind_hides_what_lies_behind_it_only() {
    let mut b = Builder::default();
    let int = b.integer("int", 4);
    b.aggregate(STRUCT, "before", &[("a", int, 32)]);
    let id = b.add(20, "later", 0, 0, &[]);
    b.aggregate(STRUCT, "behind", &[("a", int, 32)]);
    assert_eq!(offset(&b, "before", &["a"]), Ok(4));
    let unknown = BtfError::UnknownKind { id, kind: 20 };
    assert_eq!(offset(&b, "behind", &["a"]), Err(unknown));
}

/// A search ends, whatever refers to whatever.
#[test]
fn types_that_contain_themselves_end_the_search() {
    let mut b = Builder::default();
    // Each is its own type, or the other's.
    b.aggregate(STRUCT, "itself", &[("", 1, 0), ("", 1, 8), ("", 1, 16)]);
    b.add(TYPEDEF, "loop", 0, 3, &[]);
    b.add(TYPEDEF, "loop", 0, 2, &[]);
    b.aggregate(STRUCT, "of_a_loop", &[("a", 2, 0)]);
    b.aggregate(STRUCT, "of_nothing", &[("a", 99, 0)]);
    let missing = offset(&b, "itself", &["a"]);
    assert!(
        matches!(missing, Err(BtfError::NoMember { .. })),
        "{missing:?}"
    );
    assert_eq!(
        offset(&b, "of_a_loop", &["a"]),
        Err(BtfError::Malformed { id: 2 })
    );
    assert_eq!(
        offset(&b, "of_nothing", &["a"]),
        Err(BtfError::Malformed { id: 99 })
    );
}

#[test]
fn what_is_not_btf_is_refused() {
    let bytes = kernel().bytes();
    let error = |bytes: &[u8]| Btf::parse(bytes).expect_err("not BTF").to_string();
    let changed = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        error(&bytes)
    };
    let magic = "these bytes are not BTF of this machine: they begin with ";
    assert!(error(b"").starts_with(magic));
    // The other byte order.
    let swapped = error(&[0xeb, 0x9f, 1, 0]);
    assert!(
        swapped.starts_with(magic) && swapped.contains("[eb, 9f]"),
        "{swapped}"
    );
    for text in [changed(2, 2), changed(4, 23)] {
        assert!(text.contains("is not supported, only version 1"), "{text}");
    }
    for (length, part) in [(23, "header"), (200, "types"), (bytes.len() - 1, "strings")] {
        let expected = format!("the BTF ends within its {part}; ");
        let found = error(&bytes[..length]);
        assert!(found.starts_with(&expected), "{found}");
    }
    // A type section that ends within a type.
    let mut cut = kernel();
    cut.types.truncate(cut.types.len() - 4);
    assert!(error(&cut.bytes()).contains("within its types"));
}

/// Fields that a newer kernel adds to the header are skipped: its length says where the sections begin.
#[test]
fn a_longer_header_is_read() {
    let mut bytes = kernel().bytes();
    bytes[4] = 32;
    bytes.splice(24..24, [0xff; 8]);
    let btf = Btf::parse(&bytes).expect("BTF");
    assert_eq!(
        btf.member_offset("task_struct", &["thread_info", "status"]),
        Ok(16)
    );
}

/// Whatever the bytes, an answer comes, and nothing panics.
fn answers(bytes: &[u8]) {
    if let Ok(btf) = Btf::parse(bytes) {
        for path in [
            &["thread_info", "status"][..],
            &["deep"],
            &["exit_code"],
            &["old_style"],
            &["nothing"],
        ] {
            let _ = btf.member_offset("task_struct", path);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        answers(&bytes);
        // Behind a header that is in order.
        let length = u32::try_from(bytes.len()).expect("below 200");
        let mut whole = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, length, 0, length] {
            whole.extend(word.to_le_bytes());
        }
        whole.extend(bytes);
        answers(&whole);
    }

    #[test]
    fn damaged_types_are_answered(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = kernel().bytes();
        answers(&whole[..cut.index(whole.len())]);
        let mut bytes = whole;
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        answers(&bytes);
    }

    /// Whatever lies around it, and however deep it is, a member is where its structures put it.
    #[test]
    fn offsets_add_up(
        steps in prop::collection::vec((any::<bool>(), 0..1000_u32, prop::collection::vec(0..1000_u32, 0..3)), 1..8),
    ) {
        let mut b = Builder::default();
        let int = b.integer("int", 4);
        let (mut id, mut expected, mut path) = (int, 0, Vec::new());
        for (depth, (named, bytes, others)) in steps.iter().enumerate().rev() {
            // The innermost has a name, and so has the one that is looked up.
            let named = *named || depth + 1 == steps.len();
            let name = if named { format!("m{depth}") } else { String::new() };
            let others: Vec<_> = others.iter().map(|at| (format!("o{depth}x{at}"), at * 8)).collect();
            let mut members: Vec<_> = others.iter().map(|(name, at)| (&**name, int, *at)).collect();
            members.push((&*name, id, bytes * 8));
            id = b.aggregate(STRUCT, if depth == 0 { "outer" } else { "" }, &members);
            expected += bytes;
            if named {
                path.insert(0, name);
            }
        }
        let path: Vec<_> = path.iter().map(|name| &**name).collect();
        prop_assert_eq!(offset(&b, "outer", &path), Ok(expected));
    }
}
