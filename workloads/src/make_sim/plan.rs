//! The plan: which program images a unit runs, and what each does how often.
//!
//! The one place for it: [`super::image`] runs from this table and [`super::cost`] counts from it, so
//! the statement cannot drift from the program. The numbers follow
//! `data/tiny-kernel-build-profile.csv`, net of what start-up costs each image, at 21 program images a
//! unit (the build has 20.8 an object); the tests hold them to it.
//!
//! All counts stand some 6 % above the build's. An image's start-up makes more `mprotect`
//! calls than the build's programs did (one a library and one for the loader), which nothing here can
//! take back; more of all the others brings its share down to the build's.

/// One kind of work that no file passes through; [`super::cost`] says what each costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// A header opened, its size asked for, read and closed.
    Header,
    /// A header looked for where it is not.
    OpenMissing,
    /// A path asked about that is not there.
    StatMissing,
    /// A header's size asked for by path.
    StatHeader,
    /// The image's source read once more from its beginning.
    Reread,
    /// The image's source read at its end.
    ReadEnd,
    /// Memory mapped and written to.
    Map,
    /// The heap grown by a page, which is written to.
    Grow,
    /// A futex with no waiter woken.
    Wake,
    /// A signal's action asked for.
    Action,
    /// The signal mask asked for.
    Mask,
    /// A link read that is none, as realpath(3) does for each part of a path.
    ReadNoLink,
    /// A path tried for access that is not there.
    AccessMissing,
    /// A header tried for access.
    AccessHeader,
    /// A descriptor's flags asked for.
    Flags,
    /// The working directory asked for.
    Directory,
    /// Real and effective user and group asked for.
    Identity,
    /// The process's id and its parent's asked for.
    Parentage,
    /// User and group set to what they are.
    SetIdentity,
    /// A header asked about with the old stat(2).
    OldStat,
    /// A path asked about with lstat(2) that is not there.
    LinkStatMissing,
    /// Whether the source is a terminal asked.
    Terminal,
    /// A descriptor duplicated onto itself.
    Duplicate,
    /// A pipe made, and its ends closed.
    Pipe,
    /// The directory of headers listed.
    List,
    /// A directory made that is there.
    MakeExisting,
    /// The machine's load asked for.
    Load,
    /// A child that executes nothing, and the wait for it: a subshell.
    Subshell,
    /// A service looked for at a Unix socket that is not there, as the name service's cache is.
    Lookup,
}

/// What an image does with a file that images pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Opened, its size asked for, read once and closed.
    Take(File),
    /// Made with so many writes.
    Make(File, u32),
    /// Renamed.
    Rename(File, File),
    /// Removed.
    Remove(File),
}

/// A file that images pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    /// Of the unit: its name with this ending.
    Unit(&'static str),
    /// Of all units together.
    Whole(&'static str),
}

/// A program image: what it does, and which others it runs.
///
/// In this order: its source opened; `work` spread evenly, with `burn_us` of computing, over
/// [`ROUNDS`] rounds; `children` one after the other; `each_unit` for each unit; `finish`; its
/// source closed.
#[derive(Debug)]
pub(super) struct Image {
    /// Names the image on the command line; unique.
    pub(super) name: &'static str,
    /// The program it stands for: what it is executed as.
    pub(super) program: &'static str,
    pub(super) work: &'static [(Work, u32)],
    pub(super) children: &'static [Child],
    pub(super) each_unit: &'static [Step],
    pub(super) finish: &'static [Step],
    /// Computing, in microseconds; how many turns of the loop these are, [`super::Job`] says.
    pub(super) burn_us: u32,
    /// Pages of each [`Work::Map`], all of which are written to.
    pub(super) map_pages: u32,
}

/// An image that another one runs.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) image: &'static Image,
    /// Directories on the way to the program where it is not: execve(2) calls that fail.
    pub(super) misses: u32,
}

const fn child(image: &'static Image, misses: u32) -> Child {
    Child { image, misses }
}

/// The computing of an image and of those it runs.
pub(super) fn burn_us(image: &Image) -> u64 {
    let children = image.children.iter();
    u64::from(image.burn_us) + children.map(|child| burn_us(child.image)).sum::<u64>()
}

/// Rounds over which an image spreads its work.
pub(super) const ROUNDS: u32 = 8;

/// What an image does that is all zero but for what is said.
const NOTHING: Image = Image {
    name: "",
    program: "",
    work: &[],
    children: &[],
    each_unit: &[],
    finish: &[],
    burn_us: 0,
    map_pages: 1,
};

const ASSEMBLY: File = File::Unit("s");
const DEPENDENCIES: File = File::Unit("d");
const COMMAND: File = File::Unit("cmd");
const UNFINISHED: File = File::Unit("o.tmp");
const OBJECT: File = File::Unit("o");
const ARCHIVE: File = File::Whole("lib.a");
const UNLINKED: File = File::Whole("image.tmp");
const LINKED: File = File::Whole("image");

/// What a unit leaves behind, for the archive step and the end.
pub(super) const UNIT_LEAVES: &[File] = &[OBJECT, COMMAND];
/// What the archive and link steps leave behind.
pub(super) const STEPS_LEAVE: &[File] = &[ARCHIVE, LINKED];
/// The steps after the last unit, in order.
pub(super) const STEPS: [&Image; 2] = [&AR, &LD];

/// The programs by the names that images are executed as.
pub(super) const PROGRAMS: &[&str] = &[
    "sh", "cc", "cc1", "as", "fixdep", "cat", "grep", "sed", "expr", "tr", "mv", "rm", "ar", "ld",
];

/// A unit: the recipe of one object, with the make that reads what it depends on.
pub(super) static SH: Image = Image {
    name: "sh",
    program: "sh",
    work: &[
        (Work::Header, 220),
        (Work::OpenMissing, 57),
        (Work::StatMissing, 20),
        (Work::StatHeader, 60),
        (Work::ReadEnd, 25),
        (Work::Grow, 4),
        (Work::Wake, 10),
        (Work::Action, 489),
        (Work::Mask, 40),
        (Work::AccessMissing, 10),
        (Work::AccessHeader, 5),
        (Work::Flags, 35),
        (Work::Directory, 4),
        (Work::Identity, 18),
        (Work::Parentage, 4),
        (Work::SetIdentity, 4),
        (Work::OldStat, 10),
        (Work::LinkStatMissing, 12),
        (Work::Terminal, 4),
        (Work::Duplicate, 3),
        (Work::Pipe, 5),
        (Work::List, 6),
        (Work::MakeExisting, 2),
        (Work::Load, 3),
        (Work::Subshell, 1),
    ],
    children: &[
        child(&CC_CHECK, 1),
        child(&CAT, 1),
        child(&CC_CHECK, 1),
        child(&GREP, 1),
        child(&CC_CHECK, 1),
        child(&SED, 1),
        child(&EXPR, 1),
        child(&CC, 1),
        child(&FIXDEP, 0),
        child(&TR, 1),
        child(&MV, 1),
        child(&RM, 0),
    ],
    burn_us: 6_000,
    ..NOTHING
};

const CC_WORK: &[(Work, u32)] = &[
    (Work::Header, 12),
    (Work::OpenMissing, 20),
    (Work::StatMissing, 16),
    (Work::StatHeader, 5),
    (Work::Map, 2),
    (Work::Grow, 2),
    (Work::Wake, 5),
    (Work::Action, 128),
    (Work::Mask, 4),
    (Work::ReadNoLink, 20),
    (Work::AccessMissing, 8),
    (Work::AccessHeader, 4),
    (Work::Directory, 2),
    (Work::Identity, 2),
];

/// The compiler driver: runs the compiler proper and the assembler.
static CC: Image = Image {
    name: "cc",
    program: "cc",
    work: CC_WORK,
    children: &[child(&CC1, 0), child(&AS, 0)],
    finish: &[Step::Remove(ASSEMBLY)],
    burn_us: 1_500,
    map_pages: 16,
    ..NOTHING
};

/// The compiler driver of a check which options the compiler has.
static CC_CHECK: Image = Image {
    name: "cc-check",
    children: &[child(&CC1_CHECK, 0), child(&AS_CHECK, 0)],
    finish: &[],
    ..CC
};

/// The compiler proper: most of the computing and of the memory.
static CC1: Image = Image {
    name: "cc1",
    program: "cc1",
    work: &[
        (Work::Header, 480),
        (Work::OpenMissing, 500),
        (Work::StatMissing, 40),
        (Work::Reread, 40),
        (Work::Map, 70),
        (Work::Grow, 25),
        (Work::Wake, 150),
        (Work::Action, 10),
        (Work::ReadNoLink, 12),
        (Work::Directory, 2),
    ],
    finish: &[Step::Make(ASSEMBLY, 18), Step::Make(DEPENDENCIES, 4)],
    burn_us: 140_000,
    map_pages: 148,
    ..NOTHING
};

/// The compiler proper on an empty source.
static CC1_CHECK: Image = Image {
    name: "cc1-check",
    program: "cc1",
    work: &[
        (Work::Header, 40),
        (Work::OpenMissing, 60),
        (Work::StatMissing, 10),
        (Work::Reread, 10),
        (Work::Map, 15),
        (Work::Grow, 8),
        (Work::Wake, 30),
        (Work::Action, 10),
        (Work::ReadNoLink, 6),
        (Work::Directory, 2),
    ],
    burn_us: 16_000,
    map_pages: 148,
    ..NOTHING
};

const AS_WORK: &[(Work, u32)] = &[
    (Work::Header, 10),
    (Work::OpenMissing, 8),
    (Work::Reread, 30),
    (Work::Map, 4),
    (Work::Grow, 2),
    (Work::Wake, 16),
    (Work::Action, 10),
];

/// The assembler.
static AS: Image = Image {
    name: "as",
    program: "as",
    work: AS_WORK,
    finish: &[Step::Take(ASSEMBLY), Step::Make(UNFINISHED, 26)],
    burn_us: 8_000,
    map_pages: 64,
    ..NOTHING
};

/// The assembler of a check.
static AS_CHECK: Image = Image {
    name: "as-check",
    finish: &[],
    burn_us: 3_000,
    ..AS
};

/// Turns the compiler's list of dependencies into a make rule.
static FIXDEP: Image = Image {
    name: "fixdep",
    program: "fixdep",
    work: &[
        (Work::Header, 100),
        (Work::OpenMissing, 14),
        (Work::StatHeader, 13),
        (Work::Reread, 3),
        (Work::Action, 17),
        (Work::Mask, 2),
    ],
    finish: &[Step::Take(DEPENDENCIES), Step::Make(COMMAND, 5)],
    burn_us: 5_000,
    ..NOTHING
};

/// A small tool, as shells run them.
const TOOL: Image = Image {
    work: &[
        (Work::Header, 6),
        (Work::OpenMissing, 2),
        (Work::StatHeader, 1),
        (Work::Reread, 2),
        (Work::ReadEnd, 5),
        (Work::Action, 45),
        (Work::Mask, 2),
        (Work::Flags, 4),
        (Work::Identity, 1),
        (Work::Parentage, 1),
        (Work::SetIdentity, 1),
        (Work::OldStat, 1),
        (Work::Terminal, 1),
        (Work::Duplicate, 1),
    ],
    burn_us: 1_000,
    ..NOTHING
};

static CAT: Image = Image {
    name: "cat",
    program: "cat",
    ..TOOL
};
static GREP: Image = Image {
    name: "grep",
    program: "grep",
    ..TOOL
};
static SED: Image = Image {
    name: "sed",
    program: "sed",
    ..TOOL
};
static EXPR: Image = Image {
    name: "expr",
    program: "expr",
    ..TOOL
};
static TR: Image = Image {
    name: "tr",
    program: "tr",
    ..TOOL
};
static MV: Image = Image {
    name: "mv",
    program: "mv",
    finish: &[Step::Rename(UNFINISHED, OBJECT)],
    ..TOOL
};
static RM: Image = Image {
    name: "rm",
    program: "rm",
    finish: &[Step::Remove(DEPENDENCIES)],
    ..TOOL
};

/// The archiver, once: reads each unit's object.
static AR: Image = Image {
    name: "ar",
    program: "ar",
    work: &[(Work::Action, 10), (Work::Wake, 10), (Work::Reread, 10)],
    each_unit: &[Step::Take(OBJECT)],
    finish: &[Step::Make(ARCHIVE, 32)],
    burn_us: 5_000,
    ..NOTHING
};

/// The linker, once.
static LD: Image = Image {
    name: "ld",
    program: "ld",
    work: &[
        (Work::Lookup, 2),
        (Work::OpenMissing, 20),
        (Work::StatMissing, 10),
        (Work::Reread, 40),
        (Work::Map, 20),
        (Work::Grow, 20),
        (Work::Action, 10),
    ],
    finish: &[
        Step::Take(ARCHIVE),
        Step::Make(UNLINKED, 64),
        Step::Rename(UNLINKED, LINKED),
    ],
    burn_us: 30_000,
    map_pages: 64,
    ..NOTHING
};

/// The image called `name`.
pub(super) fn image(name: &str) -> Option<&'static Image> {
    fn within(image: &'static Image, name: &str) -> Option<&'static Image> {
        if image.name == name {
            return Some(image);
        }
        image
            .children
            .iter()
            .find_map(|child| within(child.image, name))
    }
    [&SH, STEPS[0], STEPS[1]]
        .into_iter()
        .find_map(|root| within(root, name))
}
