//! Medians, and how sure one can be of them.

/// The median with the interval in which it lies 95 times out of 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

/// How some counts differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub least: usize,
    pub most: usize,
    pub mean: f64,
    /// The standard deviation. Were each thing counted put anywhere by chance, it would be the
    /// square root of the mean.
    pub deviation: f64,
}

/// Student's t for 95 %, by degrees of freedom from 1; and beyond, where it falls slowly to 1.96.
const STUDENT: [f64; 12] =
    [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179];
const STUDENT_MANY: f64 = 2.179;

const RESAMPLES: usize = 4_000;

/// The middle of some values; the mean of the two middle ones when their number is even.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// The value below which `part` (0 to 1) of the others lie.
pub fn quantile(sorted: &[f64], part: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let at = ((sorted.len().saturating_sub(1)) as f64 * part).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// Percentile bootstrap of the median. The generator is seeded: the same rounds, the same
/// interval.
pub fn estimate(values: &[f64]) -> Estimate {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn: Vec<f64> = values.iter().map(|_| values[random.below(values.len())]).collect();
            median(&drawn)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    Estimate { median: median(values), low: quantile(&medians, 0.025), high: quantile(&medians, 0.975) }
}

/// The slope of the line through some points that leaves the least squares, and its interval if
/// what is left is noise: where no line fits, it is wide.
#[expect(clippy::cast_precision_loss, reason = "a handful of points")]
pub fn slope(points: &[(f64, f64)]) -> Estimate {
    let count = points.len() as f64;
    let x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let squares: f64 = points.iter().map(|(a, _)| (a - x).powi(2)).sum();
    let slope = points.iter().map(|(a, b)| (a - x) * (b - y)).sum::<f64>() / squares;
    let left: f64 = points.iter().map(|(a, b)| (b - y - slope * (a - x)).powi(2)).sum();
    let free = points.len().saturating_sub(2);
    let most = STUDENT.get(free.saturating_sub(1)).copied().unwrap_or(STUDENT_MANY);
    let either_side = if free == 0 { f64::INFINITY } else { most * (left / free as f64 / squares).sqrt() };
    Estimate { median: slope, low: slope - either_side, high: slope + either_side }
}

impl Spread {
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    pub fn of(counts: &[usize]) -> Self {
        let number = counts.len().max(1) as f64;
        let mean = counts.iter().sum::<usize>() as f64 / number;
        let squares: f64 = counts.iter().map(|count| (*count as f64 - mean).powi(2)).sum();
        Self {
            least: counts.iter().copied().min().unwrap_or_default(),
            most: counts.iter().copied().max().unwrap_or_default(),
            mean,
            deviation: (squares / number).sqrt(),
        }
    }
}

/// Xorshift: enough to draw rounds and to shuffle them.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound.max(1)
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_line_has_its_slope_and_counts_have_their_spread() {
        let exact = slope(&[(1.0, 5.0), (2.0, 7.0), (4.0, 11.0), (8.0, 19.0)]);
        assert!((exact.median - 2.0).abs() < 1e-9 && exact.high - exact.low < 1e-6, "{exact:?}");
        // By hand: the squares left are 2 over one degree of freedom, those of x 8/3.
        let rough = slope(&[(1.0, 4.0), (1.0, 6.0), (3.0, 1.0)]);
        assert!((rough.median + 2.0).abs() < 1e-9, "{rough:?}");
        assert!(
            (rough.high - rough.median - 12.706 * (2.0f64 / (8.0 / 3.0)).sqrt()).abs() < 1e-9,
            "{rough:?}"
        );
        assert!(slope(&[(1.0, 1.0), (2.0, 2.0)]).high.is_infinite());
        let spread = Spread { least: 2, most: 6, mean: 4.0, deviation: 2.0 };
        assert_eq!(Spread::of(&[2, 6]), spread);
    }

    #[test]
    fn the_interval_holds_the_median_and_ignores_one_outlier() {
        let values = [1.0, 1.01, 1.02, 0.99, 0.98, 1.0, 1.01, 0.99, 1.0, 9.0];
        let estimate = estimate(&values);
        assert!(estimate.low <= estimate.median && estimate.median <= estimate.high);
        assert!(estimate.high < 1.1, "{estimate:?}");
    }
}
