//! The part of TOML that this repository's `Cargo.toml` files use: sections of
//! one-line entries.

/// A `Cargo.toml`.
pub(crate) struct Manifest {
    /// Relative to the repository.
    pub(crate) path: String,
    entries: Vec<Entry>,
}

/// A line `key = value`.
pub(crate) struct Entry {
    /// Of the `[section]` that it stands in.
    section: String,
    pub(crate) key: String,
    value: String,
    /// From 1.
    pub(crate) line: usize,
}

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// A dependency of a package.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dependency<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

impl Manifest {
    pub(crate) fn new(path: String, text: &str) -> Self {
        let mut section = String::new();
        let mut entries = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                name.trim_matches(['[', ']']).clone_into(&mut section);
                // `[dependencies.name]` names a dependency without an entry of its own.
                if let Some((table, name)) = section.rsplit_once('.')
                    && table.ends_with("dependencies")
                {
                    entries.push(Entry {
                        section: table.to_owned(),
                        key: name.to_owned(),
                        value: String::new(),
                        line: at + 1,
                    });
                }
            } else if let Some((key, value)) = line.split_once('=')
                && !line.starts_with(['#', '"', '{'])
            {
                entries.push(Entry {
                    section: section.clone(),
                    key: key.trim().to_owned(),
                    value: value.trim().to_owned(),
                    line: at + 1,
                });
            }
        }
        Self { path, entries }
    }

    /// The entries of a section.
    pub(crate) fn section(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.section == name)
    }

    /// The value of a key, as it is written.
    pub(crate) fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.section(section)
            .find(|entry| entry.key == key)
            .map(|entry| &*entry.value)
    }

    /// What the package depends on, on any target; `[workspace.dependencies]` is
    /// only what its members may choose from.
    pub(crate) fn dependencies(&self) -> impl Iterator<Item = Dependency<'_>> {
        self.entries.iter().filter_map(|entry| {
            let kind = match entry.section.rsplit('.').next()? {
                _ if entry.section.starts_with("workspace.") => return None,
                "dependencies" => Kind::Normal,
                "build-dependencies" => Kind::Build,
                "dev-dependencies" => Kind::Dev,
                _ => return None,
            };
            let name = entry.key.split('.').next()?;
            let line = entry.line;
            Some(Dependency { name, kind, line })
        })
    }
}

#[test]
fn dependencies_are_read_in_all_their_forms() {
    let text = r#"
[workspace.dependencies]
nix = "0"
[dependencies]
# libc = "0"
libc.workspace = true
nix = { version = "0", features = [
    "a=b",
] }
[dev-dependencies.tempfile]
version = "3"
[target.'cfg(unix)'.build-dependencies]
cc = "1"
"#;
    let manifest = Manifest::new("Cargo.toml".to_owned(), text);
    let found: Vec<_> = (manifest.dependencies())
        .map(|dependency| (dependency.name, dependency.kind, dependency.line))
        .collect();
    let expected = [
        ("libc", Kind::Normal, 6),
        ("nix", Kind::Normal, 7),
        ("tempfile", Kind::Dev, 10),
        ("cc", Kind::Build, 13),
    ];
    assert_eq!(found, expected);
    assert_eq!(
        manifest.get("dev-dependencies.tempfile", "version"),
        Some("\"3\"")
    );
}
