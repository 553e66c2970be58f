//! What a record says of its modes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One mode of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModePlan {
    /// Its name; with a parameter of the user's as `NAME=PARAMETER`.
    pub name: String,
    /// Whether it could run here.
    pub available: bool,
    /// Why not, and what to do about it.
    pub unavailable_reason: Option<String>,
    /// Whether its traced events are the calls of the trace set. If not, as
    /// with a filter of the user's, they are compared with nothing.
    #[serde(default = "traces_set")]
    pub traces_set: bool,
    /// Whether its traced events are the calls of another set, which it declares: what it traces
    /// besides, or cannot count. They are compared with the statement of a workload, and with no other
    /// mode.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub traces_own_set: bool,
    /// Its part in the comparison; [`role`](Self::role) knows it of older records too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Its colour in pictures; `None` in records from before modes had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<Colour>,
    /// What it can do; `None` in records from before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// What was found out about it here, by name: the version of a peer, what the kernel can do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

/// Of a record from before other modes were.
fn traces_set() -> bool {
    true
}

impl ModePlan {
    /// Its part in the comparison.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role.unwrap_or_else(|| Role::of_old(&self.name))
    }
}

/// What the control is called, on the command line and in headings. Which mode of a record is the
/// control, its role says.
pub const CONTROL: &str = "none";

/// The name of the control among the modes of a plan.
#[must_use]
pub fn control(modes: &[ModePlan]) -> Option<&str> {
    let mut modes = modes.iter();
    let control = modes.find(|mode| mode.role() == Role::Control);
    control.map(|mode| mode.name.as_str())
}

/// The part of a mode in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Untraced: what the others are compared with.
    Control,
    /// A mechanism that is switched on and traces nothing.
    OnButIdle,
    /// Somebody traces.
    Tracer,
}

impl Role {
    /// Of a mode of a record from before roles were written down, by its name.
    #[must_use]
    pub fn of_old(mode: &str) -> Self {
        match mode {
            CONTROL => Self::Control,
            "seccomp-allow" => Self::OnButIdle,
            _ => Self::Tracer,
        }
    }
}

/// A colour, as `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Colour(pub u8, pub u8, pub u8);

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(red, green, blue) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        colour.to_string()
    }
}

impl TryFrom<String> for Colour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refused = || format!("{text} is not a colour: write #rrggbb");
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let [_, red, green, blue] = number.ok_or_else(refused)?.to_be_bytes();
        Ok(Self(red, green, blue))
    }
}

/// What a mode can do, one flag a column of `harness list modes`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an answer of its own"
)]
#[serde(default)]
pub struct Capabilities {
    /// It sees the number of a call.
    pub number: bool,
    /// It sees the arguments of a call.
    pub arguments: bool,
    /// It sees what a call returns.
    pub result: bool,
    /// It can read the memory that arguments point to.
    pub memory: bool,
    /// It can change a call, or answer it itself.
    pub changes_calls: bool,
    /// It follows the children that are created.
    pub follows_children: bool,
    /// It goes on through execve(2).
    pub survives_exec: bool,
    /// It can begin with a process that is running already.
    pub attaches: bool,
    /// It covers statically linked programs.
    pub static_programs: bool,
    /// It needs privileges that an ordinary user does not have.
    pub needs_privileges: bool,
}

impl Capabilities {
    /// Each with its heading, in the order of the columns.
    #[must_use]
    pub fn columns(&self) -> [(&'static str, bool); 10] {
        [
            ("number", self.number),
            ("arguments", self.arguments),
            ("result", self.result),
            ("memory", self.memory),
            ("changes calls", self.changes_calls),
            ("children", self.follows_children),
            ("exec", self.survives_exec),
            ("attaches", self.attaches),
            ("static", self.static_programs),
            ("privileges", self.needs_privileges),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records from before roles were written down have the same control.
    #[test]
    fn old_records_have_roles_by_name() {
        let old = r#"{"name":"NAME","available":true,"unavailable_reason":null}"#;
        for (name, role) in [
            ("none", Role::Control),
            ("ptrace", Role::Tracer),
            ("seccomp-linear", Role::Tracer),
            ("seccomp-allow", Role::OnButIdle),
        ] {
            let mode: ModePlan = serde_json::from_str(&old.replace("NAME", name)).unwrap();
            assert_eq!(mode.role(), role, "{name}");
            assert!(mode.traces_set);
        }
    }

    #[test]
    fn a_colour_is_written_as_in_css() {
        let colour = Colour(0xd5, 0x5e, 0);
        assert_eq!(serde_json::to_string(&colour).unwrap(), "\"#d55e00\"");
        assert_eq!(
            serde_json::from_str::<Colour>("\"#d55e00\"").unwrap(),
            colour
        );
        for wrong in ["", "d55e00", "#d55e0", "#d55e000", "#d55g00", "#+d5e00"] {
            assert!(Colour::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
