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
use crate::normal;

/// How the error is spent over the looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spending {
    /// The same level at each look: large effects are found early.
    Even,
    /// Little at first, most at the last look, which keeps nearly the power of a
    /// single one: the spending function 2 − 2 Φ(z / √t) of K. K. G. Lan and
    /// D. L. DeMets, "Discrete sequential boundaries for clinical trials",
    /// Biometrika 70 (1983), whose boundaries resemble those of O'Brien and
    /// Fleming; t is the share of the data, z the upper `alpha` / 2 point. First
    /// looks of few values may get less than any outcome can reach; that share
    /// is lost.
    OBrienFleming,
}

/// The significance level for each of `looks`, which are the numbers of values
/// at which to look, growing. The levels sum to `alpha`.
///
/// # Errors
///
/// [`Error::Alpha`]; [`Error::Empty`] for no looks; [`Error::Looks`].
pub fn look_levels(looks: &[usize], alpha: f64, spending: Spending) -> Result<Vec<f64>, Error> {
    check_alpha(alpha)?;
    let last = *looks.last().ok_or(Error::Empty)? as f64;
    let mut earlier = 0;
    for (index, &look) in looks.iter().enumerate() {
        if look <= earlier {
            return Err(Error::Looks(index));
        }
        earlier = look;
    }
    let count = looks.len() as f64;
    let z = -normal::quantile(alpha / 2.0);
    let spent = |(index, look): (usize, &usize)| match spending {
        Spending::Even => alpha * (index + 1) as f64 / count,
        Spending::OBrienFleming if index + 1 == looks.len() => alpha,
        Spending::OBrienFleming => 2.0 * normal::cdf(-z / (*look as f64 / last).sqrt()),
    };
    let mut before = 0.0;
    let levels = looks.iter().enumerate().map(spent).map(|spent| {
        let level = spent - before;
        before = spent;
        level
    });
    Ok(levels.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy 1.17.1: `2 * norm.sf(norm.isf(alpha / 2) / (t / 40)**0.5)` for t in
    /// 12, 20, 30, 40, what is spent up to each look.
    #[test]
    fn spends_as_lan_and_demets() {
        for (alpha, expected) in [
            (
                0.05,
                [
                    3.457_195_801_690_423_4e-4,
                    0.005_574_596_680_784_402,
                    0.023_625_121_317_601_142,
                    0.05,
                ],
            ),
            (
                0.01,
                [
                    2.566_185_424_213_896_3e-6,
                    2.697_169_566_314_83e-4,
                    0.002_936_468_274_443_483,
                    0.01,
                ],
            ),
        ] {
            let levels = look_levels(&[12, 20, 30, 40], alpha, Spending::OBrienFleming).unwrap();
            let mut spent = 0.0;
            for (level, expected) in levels.into_iter().zip(expected) {
                spent += level;
                assert!((spent - expected).abs() < 1e-13, "{spent} {expected}");
            }
        }
    }

    /// An even split is one by the number of looks, not by their sizes.
    #[test]
    fn splits_evenly() {
        let levels = look_levels(&[12, 20, 30, 40], 0.05, Spending::Even).unwrap();
        for level in levels {
            assert!((level - 0.0125).abs() < 1e-15, "{level}");
        }
        for spending in [Spending::Even, Spending::OBrienFleming] {
            assert_eq!(look_levels(&[7], 0.05, spending), Ok(vec![0.05]));
        }
    }

    /// Looks must grow.
    #[test]
    fn refuses_looks_that_do_not_grow() {
        let levels = |looks: &[usize], alpha| look_levels(looks, alpha, Spending::Even);
        assert_eq!(levels(&[], 0.05), Err(Error::Empty));
        assert_eq!(levels(&[0, 3], 0.05), Err(Error::Looks(0)));
        assert_eq!(levels(&[12, 20, 20], 0.05), Err(Error::Looks(2)));
        assert_eq!(levels(&[12], 1.5), Err(Error::Alpha(1.5)));
    }
}
