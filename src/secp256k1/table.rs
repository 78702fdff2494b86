//! Odd multiples of a point.

use std::sync::OnceLock;

use super::digits::Digit;
use super::field::Field;
use super::point::{Affine, Term};

/// The generator (SEC 2, 2.4.1).
pub(super) const GENERATOR: Affine = Affine {
    x: Field::from_limbs([
        -151_513_192,
        261_360_345,
        -209_045_930,
        -134_629_796,
        -256_872_406,
        -246_749_372,
        246_503_042,
        266_288_023,
        7_978_598,
    ]),
    y: Field::from_limbs([
        -82_783_048,
        37_651_584,
        22_349_415,
        258_511_181,
        -259_354_671,
        -33_683_703,
        -241_863_020,
        249_877_625,
        4_733_658,
    ]),
};

/// A third root of one: `(BETA x, y)` is `lambda (x, y)`.
const BETA: Field = Field::from_limbs([
    -241_892_882,
    164_323_652,
    -43_883_152,
    9_628_198,
    55_482_831,
    63_919_642,
    -62_801_519,
    91_008_897,
    8_055_146,
]);

/// Bits of a digit that multiplies the generator. A table has half as many points as there are
/// odd numbers of so many bits.
pub(super) const GENERATOR_BITS: u32 = 10;
/// The same for a point that is met once.
pub(super) const POINT_BITS: u32 = 5;

/// The points `1 P, 3 P, 5 P, ...`, and their `x` times [`BETA`].
pub(super) struct Table<P, X> {
    points: P,
    lambda: X,
}

/// The table of a point that is met once, on a curve where all its points are affine.
pub(super) type Once = Table<[Affine; ONCE], [Field; ONCE]>;

/// The table of a point that is met again and again, on the curve itself.
pub(super) type Shared = Table<Box<[Affine]>, Box<[Field]>>;

const ONCE: usize = 1 << (POINT_BITS - 2);

// === impl Table ===

impl<P: AsRef<[Affine]>, X: AsRef<[Field]>> Table<P, X> {
    /// The digit's multiple of the point.
    pub(super) fn get(&self, digit: Digit) -> Option<Term<'_>> {
        let Affine { x, y } = self.points.as_ref().get(place(digit))?;
        Some(Term { x, y, is_negative: digit < 0 })
    }

    /// The same of `lambda` times the point.
    pub(super) fn get_lambda(&self, digit: Digit) -> Option<Term<'_>> {
        let x = self.lambda.as_ref().get(place(digit))?;
        Some(Term { x, ..self.get(digit)? })
    }
}

/// Where the multiple by an odd digit, or its opposite, stands.
fn place(digit: Digit) -> usize {
    usize::from(digit.unsigned_abs() >> 1)
}

impl Once {
    /// The table, on the curve that is `scale` away from the point's.
    pub(super) fn of(point: &Affine) -> (Self, Field) {
        let mut table = Self { points: [*point; ONCE], lambda: [Field::ONE; ONCE] };
        let scale = odd_multiples(&mut table.points, &mut table.lambda);
        times_lambda(&table.points, &mut table.lambda);
        (table, scale)
    }
}

/// The generator's table: made once in a process, or in a sandbox.
pub(super) fn generator() -> &'static Shared {
    static TABLE: OnceLock<Shared> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut points = vec![GENERATOR; 1 << (GENERATOR_BITS - 2)];
        let mut lambda = vec![Field::ONE; 1 << (GENERATOR_BITS - 2)];
        let scale = odd_multiples(&mut points, &mut lambda).inverse();
        for point in &mut points {
            point.scale(&scale);
        }
        times_lambda(&points, &mut lambda);
        Table { points: points.into(), lambda: lambda.into() }
    })
}

fn times_lambda(points: &[Affine], lambda: &mut [Field]) {
    for (point, x) in points.iter().zip(lambda) {
        *x = BETA;
        x.multiply(&point.x);
    }
}

/// Makes copies of a point its odd multiples, as they are on the curve whose distance from the
/// point's is returned. `ratios` is room to work in.
///
/// The point and its double are brought to one `z`, and stay there while the double is added
/// again and again (Meloni's addition, 5 M + 2 S). In the end each sum is brought to the last
/// one's `z`. No sum is infinity or a doubling: the order is a prime far above these multiples.
fn odd_multiples(points: &mut [Affine], ratios: &mut [Field]) -> Field {
    let mut places = points.iter_mut().zip(ratios.iter_mut());
    let Some((first, _)) = places.next() else { return Field::ONE };
    let mut z = first.y.times(2);
    let e = first.x.square().times(3);
    let b = first.y.square();
    first.x.multiply(&b.times(4));
    // 8 b^2.
    let b = b.times(2);
    first.y.set_square_less(&b, &b.square().negated());
    let mut double = Affine { x: first.x, y: first.y };
    double.x.set_square_less(&e, &first.x.times(2));
    double.y.set_product_less(&e, &first.x.minus(&double.x), &first.y);

    let mut sum = first;
    for (next, ratio) in places {
        let h = sum.x.minus(&double.x);
        let r = sum.y.minus(&double.y);
        let h2 = h.square();
        let far = sum.x.mul(&h2);
        double.x.multiply(&h2);
        double.y.multiply(&far.minus(&double.x));
        next.x.set_square_less(&r, &double.x.plus(&far));
        next.y.set_product_less(&r, &double.x.minus(&next.x), &double.y);
        z.multiply(&h);
        *ratio = h;
        sum = next;
    }

    let mut scale = Field::ONE;
    let mut later: Option<&Field> = None;
    for (point, ratio) in points.iter_mut().zip(ratios.iter()).rev() {
        if let Some(ratio) = later {
            scale.multiply(ratio);
            point.scale(&scale);
        }
        later = Some(ratio);
    }
    z
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests;
