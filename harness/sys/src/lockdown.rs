//! The kernel's lockdown, which forbids even root to change the kernel, or to read its memory
//! (kernel_lockdown(7)).

use std::fs::read_to_string;

/// The level in force: `none`, `integrity` or `confidentiality`. `None` where the kernel has no lockdown
/// (`CONFIG_SECURITY_LOCKDOWN_LSM`, Linux 5.4), or securityfs is not mounted.
#[must_use]
pub fn level() -> Option<String> {
    let levels = read_to_string("/sys/kernel/security/lockdown").ok()?;
    chosen(&levels).map(str::to_owned)
}

/// The word in brackets, as `none [integrity] confidentiality` has it (`lockdown_read`,
/// security/lockdown/lockdown.c).
fn chosen(levels: &str) -> Option<&str> {
    let mut words = levels.split_whitespace();
    words.find_map(|word| word.strip_prefix('[')?.strip_suffix(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_in_brackets() {
        assert_eq!(chosen("[none] integrity confidentiality\n"), Some("none"));
        assert_eq!(
            chosen("none integrity [confidentiality]\n"),
            Some("confidentiality")
        );
        assert_eq!(chosen("none"), None);
    }
}
