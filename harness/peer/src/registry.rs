//! The peers that are built in.

use crate::Peer;
use std::sync::LazyLock;

/// A file of `harness/peers`, by its name.
macro_rules! file {
    ($name:literal) => {
        ($name, include_str!(concat!("../../peers/", $name)))
    };
}

const FILES: &[(&str, &str)] = &[
    file!("strace.toml"),
    file!("strace-seccomp.toml"),
    file!("strace-c.toml"),
    file!("perf-trace.toml"),
];

static PEERS: LazyLock<Vec<Peer>> = LazyLock::new(|| {
    let peers = FILES.iter().map(|(name, text)| Peer::parse(name, text));
    peers
        .map(|peer| peer.expect("a test has read every file"))
        .collect()
});

/// The peers that are built in, in the order in which they are reported.
#[must_use]
pub fn registry() -> &'static [Peer] {
    &PEERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_description_under_its_own_name() {
        for (peer, (file, _)) in registry().iter().zip(FILES) {
            assert_eq!(format!("{}.toml", peer.name), *file);
        }
    }

    /// Those that are not built in, too.
    #[test]
    fn every_file_of_the_directory_can_be_read() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../peers");
        let mut seen = 0;
        for entry in std::fs::read_dir(directory).expect("harness/peers") {
            let path = entry.expect("an entry").path();
            let peer = Peer::read(&path).unwrap_or_else(|error| panic!("{error}"));
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            assert_eq!(stem, Some(peer.name.as_str()));
            seen += 1;
        }
        assert!(seen > FILES.len(), "{seen}");
    }
}
