//! Points of `y^2 = x^3 + 7`, and of the curves that are the same but for a factor.

use super::field::Field;

/// The coordinates of a point other than infinity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    pub(super) x: Field,
    pub(super) y: Field,
}

/// What is added to a sum: a point or its opposite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term<'a> {
    pub(super) x: &'a Field,
    pub(super) y: &'a Field,
    pub(super) is_negative: bool,
}

/// A sum of points: `(x / z^2, y / z^3)`, of magnitude 1 each, or infinity. No point has order
/// two, so `z` is never zero.
///
/// It is changed where it stands: a copy of nine limbs is a call into the host.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    x: Field,
    y: Field,
    z: Field,
    is_infinity: bool,
}

// === impl Affine ===

impl Affine {
    /// Makes it `(x f^2, y f^3)`: the same point on the curve that is `f` further away.
    pub(super) fn scale(&mut self, factor: &Field) {
        let square = factor.square();
        self.x.multiply(&square);
        self.y.multiply(&square);
        self.y.multiply(factor);
    }
}

// === impl Sum ===

impl Sum {
    pub(super) const INFINITY: Self = Self { x: Field::ONE, y: Field::ONE, z: Field::ONE, is_infinity: true };

    /// Twice the sum. 3 M + 4 S.
    ///
    /// With `e = 3 x^2`, `b = y^2`, `t = 4 x b`: `x' = e^2 - 2 t`, `y' = e (t - x') - 8 b^2`,
    /// `z' = 2 y z` (Cohen, Miyaji and Ono's, for a curve with `a = 0`).
    pub(super) fn double(&mut self) {
        if self.is_infinity {
            return;
        }
        let e = self.x.square().times(3);
        let b = self.y.square();
        let t = self.x.mul(&b.times(4));
        self.z.multiply(&self.y.times(2));
        self.x.set_square_less(&e, &t.times(2));
        self.y.set_product_less(&e, &t.minus(&self.x), &b.square().times(8));
    }

    /// Adds a point: of the curve where the sum is (8 M + 3 S), or of the curve itself, where
    /// `scale` is the factor from it to the one where the sum is (1 M more).
    ///
    /// With `h = x2 z^2 - x1`, `r = y2 z^3 - y1` and `v = x1 h^2`: `x' = r^2 - h^3 - 2 v`,
    /// `y' = r (v - x') - y1 h^3`, `z' = z h`; before, `z` is scaled as the other point sees it.
    /// Where `h` is zero the points are equal or opposite. The opposite of a point is taken by
    /// computing with `-r`.
    pub(super) fn add(&mut self, term: Term<'_>, scale: Option<&Field>) {
        let seen;
        let z = match scale {
            Some(scale) => {
                seen = self.z.mul(scale);
                &seen
            }
            None => &self.z,
        };
        let z2 = z.square();
        let x2 = term.x.mul(&z2);
        let y2 = term.y.mul(&z2.mul(z));
        if self.is_infinity {
            let y = if term.is_negative { y2.negated() } else { y2 };
            *self = Self { x: x2, y, z: Field::ONE, is_infinity: false };
            return;
        }
        let h = x2.minus(&self.x);
        let r = if term.is_negative { y2.plus(&self.y) } else { y2.minus(&self.y) };
        if h.is_zero() {
            if r.is_zero() {
                self.double();
            } else {
                *self = Self::INFINITY;
            }
            return;
        }
        let h2 = h.square();
        let h3 = h.mul(&h2);
        let v = self.x.mul(&h2);
        self.z.multiply(&h);
        self.x.set_square_less(&r, &v.times(2).plus(&h3));
        let fall = if term.is_negative { self.x.minus(&v) } else { v.minus(&self.x) };
        let below = self.y.mul(&h3);
        self.y.set_product_less(&r, &fall, &below);
    }

    /// The point, whose curve is `scale` away from the curve itself, on that.
    pub(super) fn affine(mut self, scale: &Field) -> Option<Affine> {
        if self.is_infinity {
            return None;
        }
        self.z.multiply(scale);
        let mut point = Affine { x: self.x, y: self.y };
        point.scale(&self.z.inverse());
        Some(point)
    }
}
