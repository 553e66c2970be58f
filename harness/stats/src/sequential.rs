//! Group-sequential looks: how to look at growing data several times without
//! more false alarms than one look would raise.
//!
//! Each look tests at a level of its own, and the levels sum to the error
//! allowed overall. By Bonferroni's inequality the chance that any look rejects
//! a true hypothesis is then at most that, whatever the data, the statistic and
//! the dependence between looks. Boundaries from the joint distribution (Lan and
//! DeMets) would be slightly less strict, but hold for statistics of normal data
//! only in the limit. The same holds with Holm's procedure at each look's level.

use crate::error::{Error, check_alpha};

/// The significance level for each of `looks`, which are the numbers of values
/// at which to look, growing. The same at each, so that a large effect is found
/// early; they sum to `alpha`.
///
/// # Errors
///
/// [`Error::Alpha`]; [`Error::Empty`] for no looks; [`Error::Looks`].
pub fn look_levels(looks: &[usize], alpha: f64) -> Result<Vec<f64>, Error> {
    check_alpha(alpha)?;
    if looks.is_empty() {
        return Err(Error::Empty);
    }
    let mut earlier = 0;
    for (index, &look) in looks.iter().enumerate() {
        if look <= earlier {
            return Err(Error::Looks(index));
        }
        earlier = look;
    }
    Ok(vec![alpha / looks.len() as f64; looks.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An even split is one by the number of looks, not by their sizes.
    #[test]
    fn splits_evenly() {
        let levels = look_levels(&[12, 20, 30, 40], 0.05).unwrap();
        assert_eq!(levels, [0.0125; 4]);
        assert_eq!(look_levels(&[7], 0.05), Ok(vec![0.05]));
    }

    /// Looks must grow.
    #[test]
    fn refuses_looks_that_do_not_grow() {
        let levels = look_levels;
        assert_eq!(levels(&[], 0.05), Err(Error::Empty));
        assert_eq!(levels(&[0, 3], 0.05), Err(Error::Looks(0)));
        assert_eq!(levels(&[12, 20, 20], 0.05), Err(Error::Looks(2)));
        assert_eq!(levels(&[12], 1.5), Err(Error::Alpha(1.5)));
    }
}
