//! Which CPUs tracer and tracees run on: the machine's topology, and what a pinning makes of it.
//!
//! A CPU is what sched_setaffinity(2) and /sys/devices/system/cpu number: a hardware thread. Those of
//! one core are *siblings* and share its execution units and first caches.

use crate::Error;
use harness_record::{Pin, Placement, Relation};
use harness_sys::affinity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{read_dir, read_to_string};
use std::path::Path;

/// Where the kernel tells the topology (Documentation/ABI/stable/sysfs-devices-system-cpu).
pub(crate) const SYSFS: &str = "/sys/devices/system/cpu";

/// Where tracer and tracees are bound to, as the process of a sample is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Processors {
    pub(crate) tracer: Option<u32>,
    pub(crate) tracees: Option<u32>,
}

impl From<Option<Placement>> for Processors {
    fn from(placement: Option<Placement>) -> Self {
        Self {
            tracer: placement.map(|placement| placement.tracer),
            tracees: placement.map(|placement| placement.tracees),
        }
    }
}

/// Core and package of each CPU, where they could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Topology(BTreeMap<u32, Place>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// The CPUs of its core, itself included.
    siblings: Vec<u32>,
    package: Option<i64>,
}

impl Topology {
    /// Reads what [`SYSFS`], or a directory like it, says.
    pub(crate) fn read(directory: &Path) -> Self {
        let entries = read_dir(directory).into_iter().flatten().flatten();
        let cpus = entries.filter_map(|entry| {
            let name = entry.file_name();
            let cpu = name.to_str()?.strip_prefix("cpu")?.parse().ok()?;
            Some((cpu, place(&entry.path().join("topology"))?))
        });
        Self(cpus.collect())
    }

    /// The CPUs of each core, ascending.
    pub(crate) fn cores(&self) -> Vec<Vec<u32>> {
        let mut cores: Vec<_> = self.0.values().map(|place| &place.siblings).collect();
        cores.sort();
        cores.dedup();
        cores.into_iter().cloned().collect()
    }

    fn relation(&self, one: u32, other: u32) -> Relation {
        if one == other {
            return Relation::SameCpu;
        }
        let (Some(place), Some(second)) = (self.0.get(&one), self.0.get(&other)) else {
            return Relation::Unknown;
        };
        if place.siblings.contains(&other) {
            Relation::Siblings
        } else if place.package == second.package {
            Relation::DifferentCores
        } else {
            Relation::DifferentPackages
        }
    }
}

/// `core_cpus_list`, which was `thread_siblings_list` before Linux 5.3, and
/// `physical_package_id`.
fn place(directory: &Path) -> Option<Place> {
    let list = ["core_cpus_list", "thread_siblings_list"]
        .iter()
        .find_map(|name| read_to_string(directory.join(name)).ok())?;
    let package = read_to_string(directory.join("physical_package_id"));
    Some(Place {
        siblings: cpu_list(&list)?,
        package: package.ok().and_then(|text| text.trim().parse().ok()),
    })
}

/// The CPUs that a list like `0-3,8` names (cpuset(7), "List format"), ascending.
pub(crate) fn cpu_list(list: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for range in list.trim().split(',') {
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        cpus.extend(low.parse::<u32>().ok()?..=high.parse().ok()?);
    }
    cpus.sort_unstable();
    Some(cpus)
}

/// The CPUs of a pinning on this machine; `None` where nothing is pinned.
///
/// # Errors
/// [`Error::TooFewProcessors`], [`Error::Io`].
pub(crate) fn place_here(pin: Pin) -> Result<Option<Placement>, Error> {
    choose(pin, &allowed()?, &Topology::read(Path::new(SYSFS)))
}

/// The CPUs that tracer and tracees may run on, ascending.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn used(placement: Option<Placement>) -> Result<Vec<u32>, Error> {
    let Some(placement) = placement else {
        return allowed();
    };
    let mut cpus = vec![placement.tracer, placement.tracees];
    cpus.sort_unstable();
    cpus.dedup();
    Ok(cpus)
}

/// The last CPUs that are allowed, as the first ones take most interrupts; of two, those of
/// different cores of one package before those of two packages, and siblings only where
/// nothing else is allowed.
fn choose(pin: Pin, allowed: &[u32], topology: &Topology) -> Result<Option<Placement>, Error> {
    let on = |tracer, tracees| Placement {
        tracer,
        tracees,
        relation: topology.relation(tracer, tracees),
    };
    match pin {
        Pin::None => Ok(None),
        Pin::SameCpu => Ok(allowed.last().map(|&last| on(last, last))),
        Pin::Split => {
            let descending = || allowed.iter().rev().copied();
            let pairs = descending().flat_map(|tracees| {
                let others = descending().filter(move |&tracer| tracer != tracees);
                others.map(move |tracer| on(tracer, tracees))
            });
            let best = pairs.min_by_key(|placement| placement.relation);
            best.map(Some).ok_or(Error::TooFewProcessors("split"))
        }
    }
}

/// The CPUs that this process may run on, ascending.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn allowed() -> Result<Vec<u32>, Error> {
    affinity::allowed().map_err(|errno| Error::Io {
        operation: "sched_getaffinity(2)".to_owned(),
        source: errno.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A directory like [`SYSFS`]: CPU, CPUs of its core, package.
    fn sysfs(file: &str, cpus: &[(u32, &str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (cpu, siblings, package) in cpus {
            let topology = directory.path().join(format!("cpu{cpu}/topology"));
            fs::create_dir_all(&topology).unwrap();
            fs::write(topology.join(file), format!("{siblings}\n")).unwrap();
            fs::write(topology.join("physical_package_id"), format!("{package}\n")).unwrap();
        }
        // What else is there, and a CPU that is offline.
        for name in ["cpufreq", "cpuidle", "cpu99"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        fs::write(directory.path().join("online"), "0-3\n").unwrap();
        directory
    }

    fn chosen(pin: Pin, allowed: &[u32], topology: &Topology) -> Option<(u32, u32, Relation)> {
        let placement = choose(pin, allowed, topology).unwrap();
        placement.map(|p| (p.tracer, p.tracees, p.relation))
    }

    #[test]
    fn split_takes_two_cores_of_one_package_where_it_can() {
        use Relation::{DifferentCores, DifferentPackages, Siblings, Unknown};
        // Neighbours are siblings, as many virtual machines number them.
        let neighbours: &[(u32, &str, &str)] = &[
            (0, "0-1", "0"),
            (1, "0-1", "0"),
            (2, "2-3", "0"),
            (3, "2-3", "0"),
        ];
        // The second half are the siblings of the first, as on most hardware; two packages.
        let halves: &[(u32, &str, &str)] = &[
            (0, "0,4", "0"),
            (1, "1,5", "1"),
            (2, "2,6", "0"),
            (3, "3,7", "1"),
            (4, "0,4", "0"),
            (5, "1,5", "1"),
            (6, "2,6", "0"),
            (7, "3,7", "1"),
        ];
        let single: &[(u32, &str, &str)] = &[(0, "0", "0"), (1, "1", "0")];
        let cases = [
            (neighbours, &[0, 1, 2, 3][..], (1, 3, DifferentCores)),
            (neighbours, &[2, 3], (2, 3, Siblings)),
            (neighbours, &[0, 2, 3], (0, 3, DifferentCores)),
            (halves, &[0, 1, 2, 3, 4, 5, 6, 7], (5, 7, DifferentCores)),
            (halves, &[3, 6, 7], (6, 7, DifferentPackages)),
            (halves, &[0, 2, 7], (0, 2, DifferentCores)),
            (single, &[0, 1], (0, 1, DifferentCores)),
            (&[], &[0, 1, 5], (1, 5, Unknown)),
        ];
        for file in ["core_cpus_list", "thread_siblings_list"] {
            for (cpus, allowed, expected) in cases {
                let directory = sysfs(file, cpus);
                let topology = Topology::read(directory.path());
                let found = chosen(Pin::Split, allowed, &topology);
                assert_eq!(found, Some(expected), "{file}: {allowed:?} of {cpus:?}");
            }
        }
    }

    #[test]
    fn one_cpu_is_the_last_that_is_allowed() {
        let topology = Topology::default();
        let same = |allowed: &[u32]| chosen(Pin::SameCpu, allowed, &topology);
        assert_eq!(same(&[0, 1, 5]), Some((5, 5, Relation::SameCpu)));
        assert_eq!(same(&[3]), Some((3, 3, Relation::SameCpu)));
        assert_eq!(chosen(Pin::None, &[0, 1], &topology), None);
        let error = choose(Pin::Split, &[3], &topology).unwrap_err().to_string();
        assert!(error.contains("split needs two CPUs"), "{error}");
    }

    #[test]
    fn cores_are_listed_once() {
        let directory = sysfs(
            "core_cpus_list",
            &[(0, "0,2", "0"), (1, "1", "0"), (2, "0,2", "0")],
        );
        let topology = Topology::read(directory.path());
        assert_eq!(topology.cores(), [vec![0, 2], vec![1]]);
        assert!(Topology::read(Path::new("/nonexistent")).cores().is_empty());
    }

    #[test]
    fn lists_of_cpus_are_read() {
        assert_eq!(cpu_list("0-1\n"), Some(vec![0, 1]));
        assert_eq!(cpu_list("8,0,2-3"), Some(vec![0, 2, 3, 8]));
        assert_eq!(cpu_list(""), None);
        assert_eq!(cpu_list("1-x"), None);
    }
}
