//! QR codes of bytes (ISO/IEC 18004): error correction L, versions 1 to 10, one mask.
//!
//! An address needs no more, and what a crate brings for the other cases would be a hundredth of
//! the module. A test holds every length against such a crate.

#![allow(clippy::arithmetic_side_effects, reason = "all figures are far below 2^15, but those of GF(2^8)")]

/// What a version has, from the first: codewords in all, those for error correction in a block,
/// blocks, and where alignment patterns stand beside the sixth row (0 for nowhere).
const VERSIONS: [(usize, usize, usize, [i32; 2]); 10] = [
    (26, 7, 1, [0, 0]),
    (44, 10, 1, [18, 0]),
    (70, 15, 1, [22, 0]),
    (100, 20, 1, [26, 0]),
    (134, 26, 1, [30, 0]),
    (172, 18, 2, [34, 0]),
    (196, 20, 2, [22, 38]),
    (242, 24, 2, [24, 42]),
    (292, 30, 2, [26, 46]),
    (346, 18, 4, [28, 50]),
];

/// The version itself, protected, which is drawn from the seventh on.
const VERSION_BITS: [u32; 4] = [0x07c94, 0x085bc, 0x09a99, 0x0a4d3];

/// Error correction L and mask 2 (every third column), protected.
const FORMAT_BITS: u32 = 0x7daa;

/// A code, module by module.
pub(in crate::paywall) struct Code {
    /// Modules a side.
    pub(in crate::paywall) size: i32,
    /// `None` where no pattern of the standard is drawn.
    modules: Vec<Option<bool>>,
}

// === impl Code ===

impl Code {
    /// The smallest code of a text; `None` above 271 bytes.
    pub(in crate::paywall) fn new(text: &[u8]) -> Option<Self> {
        let fits = |&(_, (total, ecc, blocks, _)): &(usize, &(usize, usize, usize, _))| {
            text.len() + 2 + usize::from(total == &346) <= total - ecc * blocks
        };
        let (index, &(total, ecc, blocks, alignment)) = VERSIONS.iter().enumerate().find(fits)?;
        let version = i32::try_from(index).ok()? + 1;
        let size = 17 + 4 * version;
        let mut code = Self { size, modules: vec![None; usize::try_from(size * size).ok()?] };
        code.patterns(version, alignment);
        let data = data(text, total - ecc * blocks, version);
        code.fill(&protect(&data, ecc, blocks));
        Some(code)
    }

    /// Its rows, from the top; `Some(true)` is dark.
    pub(in crate::paywall) fn rows(&self) -> impl Iterator<Item = &[Option<bool>]> {
        self.modules.chunks(usize::try_from(self.size).unwrap_or(1))
    }

    /// Whether a module is dark; none is outside.
    #[cfg(test)]
    pub(in crate::paywall) fn dark(&self, x: i32, y: i32) -> bool {
        self.place(x, y).and_then(|place| self.modules.get(place)).copied().flatten().unwrap_or(false)
    }

    fn place(&self, x: i32, y: i32) -> Option<usize> {
        let inside = (0..self.size).contains(&x) && (0..self.size).contains(&y);
        inside.then(|| usize::try_from(y * self.size + x).ok()).flatten()
    }

    fn set(&mut self, x: i32, y: i32, dark: bool) {
        let place = self.place(x, y);
        if let Some(module) = place.and_then(|place| self.modules.get_mut(place)) {
            *module = Some(dark);
        }
    }

    fn patterns(&mut self, version: i32, [near, far]: [i32; 2]) {
        let size = self.size;
        for at in 0..size {
            self.set(6, at, at % 2 == 0);
            self.set(at, 6, at % 2 == 0);
        }
        for (x, y) in [(3, 3), (size - 4, 3), (3, size - 4)] {
            self.rings(x, y, 4, 0b0_1011);
        }
        for (x, y) in [(near, near), (6, near), (near, 6), (far, far), (near, far), (far, near)] {
            // Those of the sixth row and column end where finders stand.
            if x.max(y) > 6 && x.min(y) >= 6 && (x.min(y) > 6 || far > 0) {
                self.rings(x, y, 2, 0b101);
            }
        }
        for at in 0..15 {
            let dark = FORMAT_BITS >> at & 1 == 1;
            let along = match at {
                0..=5 => at,
                6 | 7 => at + 1,
                _ => size - 15 + at,
            };
            self.set(8, along, dark);
            let across = match at {
                0..=7 => size - 1 - at,
                8 => 7,
                _ => 14 - at,
            };
            self.set(across, 8, dark);
        }
        self.set(8, size - 8, true);
        let bits = usize::try_from(version - 7).ok().and_then(|index| VERSION_BITS.get(index));
        for at in bits.map(|_| 0..18).into_iter().flatten() {
            let dark = bits.is_some_and(|bits| bits >> at & 1 == 1);
            self.set(size - 11 + at % 3, at / 3, dark);
            self.set(at / 3, size - 11 + at % 3, dark);
        }
    }

    /// Squares around a centre: `dark` has a bit for each, from the centre.
    fn rings(&mut self, x: i32, y: i32, reach: i32, dark: u32) {
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                self.set(x + dx, y + dy, dark >> dx.abs().max(dy.abs()) & 1 == 1);
            }
        }
    }

    /// Two columns at a time from the right, up and down in turns, past the sixth.
    fn fill(&mut self, codewords: &[u8]) {
        let mut bits = codewords.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
        let mut upward = true;
        for pair in (0..self.size / 2).rev() {
            // The sixth column belongs to no pair.
            let left = pair * 2 + i32::from(pair >= 3);
            for step in 0..self.size {
                let y = if upward { self.size - 1 - step } else { step };
                for x in [left + 1, left] {
                    let place = usize::try_from(y * self.size + x).ok();
                    if let Some(module @ None) = place.and_then(|place| self.modules.get_mut(place)) {
                        let dark = bits.next().unwrap_or(false);
                        *module = Some(dark != (x % 3 == 0));
                    }
                }
            }
            upward = !upward;
        }
    }
}

/// The text behind its mode and length, in half bytes, and padding up to `capacity` bytes.
fn data(text: &[u8], capacity: usize, version: i32) -> Vec<u8> {
    let mut data = Vec::with_capacity(capacity);
    let mut carry = 0x4;
    let mut push = |byte: u8| {
        data.push(carry << 4 | byte >> 4);
        carry = byte & 0xf;
    };
    let [high, low] = u16::try_from(text.len()).unwrap_or_default().to_be_bytes();
    if version > 9 {
        push(high);
    }
    push(low);
    text.iter().for_each(|byte| push(*byte));
    push(0);
    data.extend([0xec, 0x11].into_iter().cycle().take(capacity.saturating_sub(data.len())));
    data
}

/// Blocks with their error correction, interleaved. The last ones may be longer by one.
fn protect(data: &[u8], ecc: usize, blocks: usize) -> Vec<u8> {
    let generator = powers(generator(ecc));
    let short = data.len() / blocks;
    let longer = data.len() % blocks;
    let mut rest = data;
    let mut parts = Vec::with_capacity(blocks);
    for block in 0..blocks {
        let length = short + usize::from(block >= blocks - longer);
        let (part, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        rest = after;
        parts.push((part, remainder(part, &generator)));
    }
    let mut out = Vec::with_capacity(data.len() + ecc * blocks);
    for at in 0..=short {
        out.extend(parts.iter().filter_map(|(part, _)| part.get(at)));
    }
    for at in 0..ecc {
        out.extend(parts.iter().filter_map(|(_, check)| check.as_flattened().get(at)));
    }
    out
}

/// Up to 32 numbers of GF(2^8), modulo x^8 + x^4 + x^3 + x^2 + 1: eight a word, the first highest.
type Terms = [u64; 4];

/// All of them one place ahead; the first is gone.
fn ahead([a, b, c, d]: Terms) -> Terms {
    [a << 8 | b >> 56, b << 8 | c >> 56, c << 8 | d >> 56, d << 8]
}

/// Each times x.
fn doubled(terms: Terms) -> Terms {
    const LOW: u64 = 0x0101_0101_0101_0101;
    terms.map(|word| ((word & (LOW * 0x7f)) << 1) ^ ((word >> 7 & LOW) * 0x1d))
}

/// Adds `terms`, of which the powers of two times are given, times a factor.
fn add(to: &mut Terms, powers: &[Terms; 8], factor: u8) {
    for (bit, power) in powers.iter().enumerate() {
        if factor >> bit & 1 == 1 {
            for (to, word) in to.iter_mut().zip(power) {
                *to ^= word;
            }
        }
    }
}

/// A number of terms times 1, x, x^2 and so on.
fn powers(mut terms: Terms) -> [Terms; 8] {
    let mut powers = [terms; 8];
    for power in &mut powers {
        *power = terms;
        terms = doubled(terms);
    }
    powers
}

/// The product of (x - 2^i) for every i below the degree, without its leading term.
fn generator(degree: usize) -> Terms {
    let mut terms = [0; 4];
    if let Some(word) = terms.get_mut((degree - 1) / 8) {
        *word = 1 << (56 - (degree - 1) % 8 * 8);
    }
    let mut root = [1, 0, 0, 0];
    for _ in 0..degree {
        let [factor, ..] = root;
        let mut next = ahead(terms);
        add(&mut next, &powers(terms), u64::to_le_bytes(factor)[0]);
        terms = next;
        root = doubled(root);
    }
    terms
}

/// What is left of a block divided by the generator.
fn remainder(block: &[u8], generator: &[Terms; 8]) -> [[u8; 8]; 4] {
    let mut left = [0; 4];
    for byte in block {
        let [first, ..] = left;
        let [highest, ..] = u64::to_be_bytes(first);
        left = ahead(left);
        add(&mut left, generator, byte ^ highest);
    }
    left.map(u64::to_be_bytes)
}
