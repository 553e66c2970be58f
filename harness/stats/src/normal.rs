//! The standard normal distribution.

/// What the half-width of an interval of confidence `level` (0 to 1, exclusive) must be multiplied by
/// for `count` such intervals to miss their truths together no more often than one alone does
/// (Bonferroni, for estimates that are about normal); 1 for one interval.
#[must_use]
pub fn widening(level: f64, count: usize) -> f64 {
    let tail = (1.0 - level) / 2.0;
    quantile(tail / count.max(1) as f64) / quantile(tail)
}

/// The value below which the standard normal distribution has probability `p`,
/// 0 < `p` < 1, to about 16 digits.
///
/// M. J. Wichura, "Algorithm AS 241: The percentage points of the normal
/// distribution", Applied Statistics 37 (1988), routine PPND16.
#[expect(
    clippy::excessive_precision,
    reason = "the coefficients as they are published"
)]
pub(crate) fn quantile(p: f64) -> f64 {
    const A: [f64; 8] = [
        3.387_132_872_796_366_608_0,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ];
    const B: [f64; 8] = [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083_0e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061_0e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_545_703_0e3,
    ];
    const C: [f64; 8] = [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_90,
        5.769_497_221_460_691_405_50,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_70e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_40e-4,
    ];
    const D: [f64; 8] = [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_40,
        6.897_673_349_851_000_045_50e-1,
        1.481_039_764_274_800_745_90e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946_00e-4,
        1.050_750_071_644_416_843_24e-9,
    ];
    const E: [f64; 8] = [
        6.657_904_643_501_103_777_20,
        5.463_784_911_164_114_369_90,
        1.784_826_539_917_291_335_80,
        2.965_605_718_285_048_912_30e-1,
        2.653_218_952_657_612_309_30e-2,
        1.242_660_947_388_078_438_60e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ];
    const F: [f64; 8] = [
        1.0,
        5.998_322_065_558_879_376_90e-1,
        1.369_298_809_227_358_053_10e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591_00e-4,
        1.846_318_317_510_054_681_80e-5,
        1.421_511_758_316_445_888_70e-7,
        2.044_263_103_389_939_785_64e-15,
    ];
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * polynomial(&A, r) / polynomial(&B, r);
    }
    let tail = (-p.min(1.0 - p).ln()).sqrt();
    let distance = if tail <= 5.0 {
        polynomial(&C, tail - 1.6) / polynomial(&D, tail - 1.6)
    } else {
        polynomial(&E, tail - 5.0) / polynomial(&F, tail - 5.0)
    };
    distance.copysign(q)
}

/// The probability of the standard normal distribution below `x`.
///
/// M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions", 1964:
/// the series 26.2.11 near the centre, the continued fraction 26.2.14 in the
/// tails, so that small probabilities keep their digits.
pub(crate) fn cdf(x: f64) -> f64 {
    let density = density(x);
    if x.abs() < 3.0 {
        let mut term = x;
        let mut sum = 0.0_f64;
        let mut odd = 1.0;
        while term.abs() > sum.abs() * f64::EPSILON / 4.0 {
            sum += term;
            odd += 2.0;
            term *= x * x / odd;
        }
        return 0.5 + density * sum;
    }
    let distance = x.abs();
    let fraction = (1..=50)
        .rev()
        .fold(distance, |rest, k| distance + f64::from(k) / rest);
    let tail = density / fraction;
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// The density of the standard normal distribution at `x`.
pub(crate) fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// The polynomial with `coefficients`, the constant first, at `x`.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_intervals_share_the_level() {
        // Of tables of the normal distribution: 1.95996, 2.24140 and 2.86526 for 1, 2 and 12.
        for (count, expected) in [(0, 1.0), (1, 1.0), (2, 1.143_59), (12, 1.461_90)] {
            let widening = widening(0.95, count);
            assert!((widening - expected).abs() < 1e-4, "{count}: {widening}");
        }
    }

    /// SciPy 1.17.1, `scipy.stats.norm.ppf(p)`.
    #[test]
    fn agrees_with_scipy() {
        for (p, expected) in [
            (1e-300, -37.047_096_299_361_2),
            (1e-20, -9.262_340_089_798_409),
            (1e-6, -4.753_424_308_822_899),
            (0.005, -2.575_829_303_548_901),
            (0.025, -1.959_963_984_540_054_5),
            (0.3, -0.524_400_512_708_040_9),
            (0.5, 0.0),
            (0.6, 0.253_347_103_135_799_7),
            (0.975, 1.959_963_984_540_054),
            (0.9999, 3.719_016_485_455_709),
        ] {
            let difference: f64 = quantile(p) - expected;
            assert!(difference.abs() <= 1e-13 * expected.abs(), "{p}");
        }
    }

    /// SciPy 1.17.1, `scipy.stats.norm.cdf(x)`; small probabilities too have
    /// their digits.
    #[test]
    fn cdf_agrees_with_scipy() {
        for (x, expected) in [
            (f64::NEG_INFINITY, 0.0),
            (-12.0, 1.776_482_112_077_653e-33),
            (-6.0, 9.865_876_450_376_946e-10),
            (-3.5, 0.000_232_629_079_035_525_02),
            (-3.0, 0.001_349_898_031_630_093_3),
            (-2.9, 0.001_865_813_300_384_037_5),
            (-1.96, 0.024_997_895_148_220_435),
            (-0.5, 0.308_537_538_725_986_9),
            (0.0, 0.5),
            (0.1, 0.539_827_837_277_029),
            (1.0, 0.841_344_746_068_542_9),
            (2.5, 0.993_790_334_674_223_8),
            (3.2, 0.999_312_862_062_084_1),
            (6.0, 0.999_999_999_013_412_3),
            (f64::INFINITY, 1.0),
        ] {
            let difference: f64 = cdf(x) - expected;
            assert!(difference.abs() <= 3e-13 * expected, "{x}: {difference:e}");
        }
    }
}
