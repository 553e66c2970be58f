//! The seccomp program that a mode installs.

use harness_cbpf::{Cacheable, Program};
use harness_filter::Profile;
use harness_syscalls::{Abi, Arch, Table};

/// A program and where it is from.
pub struct Filter {
    /// Name of the compiler, or `file`.
    pub origin: &'static str,
    /// The program.
    pub program: Program,
}

impl Filter {
    /// Instructions that a native call executes, on average over the calls of
    /// the kernel build whose profile is in the project.
    #[must_use]
    pub fn mean_executed(&self) -> f64 {
        let profile = Profile::kernel_build();
        harness_filter::cost(
            &self.program,
            Table::current(),
            Arch::NATIVE,
            Some(&profile),
        )
        .0
    }

    /// How many native calls the program allows, and how many of these a
    /// kernel with the constant-action bitmap (Linux 5.11) can cache.
    #[must_use]
    pub fn cacheable(&self) -> Cacheable {
        let calls = Table::current().calls(Abi::NATIVE).map(|call| call.nr);
        harness_cbpf::cacheable(&self.program, Abi::NATIVE.audit_arch(), calls)
    }
}
