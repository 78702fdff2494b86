//! A path as segments, each with the values any reading could give it.
//!
//! Servers disagree on what a path says. [`Reading::of`] decodes to a fixed point, cuts at
//! everything some server takes for a separator, and gives each piece its **folded** value:
//! lower case, escapes undone however often they were applied, control characters and
//! path parameters gone, spaces and trailing dots trimmed. Folding is what makes one lookup
//! enough: pattern literals contain nothing that folding removes (`Pattern` refuses them),
//! so whenever *any* sequence of these steps turns a piece into a literal, the whole fold
//! turns it into the same literal.
//!
//! What folding cannot settle is where pieces end, which ones cancel (`.`, `..`, nothing at
//! all) and where the path stops. Those stay open here and are followed both ways by the
//! guard.

/// A decoded byte. The ninth bit says that it did not stand in the path as itself.
type Unit = u16;
const DECODED: Unit = 0x100;

/// Layers of encoding that are undone; nothing honest has more than two.
const MAX_LAYERS: usize = 4;

/// Pieces looked at; more are refused wherever something is priced.
const MAX_PIECES: usize = 128;

/// Control characters looked at in one piece, each of which may end the path.
const MAX_CONTROLS: usize = 4;

/// The folded value of more dots than two, or of two that some encoding hides: nothing, or
/// `..`, by how many of them are trimmed and when.
pub(super) const DOTS: &[u8] = b"...";

/// A path, taken apart.
pub(super) struct Reading {
    pub(super) pieces: Vec<Piece>,
    /// The path ends in a plain slash, which is no piece.
    pub(super) slash: bool,
    /// Readings differ in the number or order of segments, not only in their text.
    pub(super) structural: bool,
    /// Too long, or encoded too often or too oddly, to be followed.
    pub(super) opaque: bool,
    text: Vec<u8>,
    values: Vec<(usize, usize)>,
}

/// What stands between two things that may be separators.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    /// Where its values start and end.
    values: (usize, usize),
    /// All readings agree on it.
    pub(super) certain: bool,
    /// There is nothing in it at all.
    pub(super) empty: bool,
    /// It carries `;parameters`, which may swallow what looks like further pieces.
    pub(super) parameters: bool,
    /// Some readings end the path inside it.
    pub(super) stops: bool,
    /// What follows it separates only in some readings.
    pub(super) soft: bool,
}

// === impl Reading ===

impl Reading {
    /// Takes apart a path that starts with `/` and has lost its query.
    pub(super) fn of(path: &str) -> Self {
        let body = path.strip_prefix('/').unwrap_or(path);
        let (body, slash) = match body.strip_suffix('/') {
            Some(body) => (body, true),
            None => (body, false),
        };
        #[cfg(test)]
        super::effort::add(body.len());
        let (units, settled) = decode(body.as_bytes());
        let mut reading = Self {
            pieces: Vec::new(),
            slash,
            structural: false,
            opaque: !settled || broken_escape(&units),
            text: Vec::with_capacity(units.len()),
            values: Vec::new(),
        };
        // "/" has no pieces; "//" has an empty one.
        if body.is_empty() && path.len() <= 1 {
            reading.slash = false;
            return reading;
        }
        let mut rest = units.as_slice();
        loop {
            let end = rest.iter().position(|&unit| separator(unit).is_some());
            let (piece, after) = match end {
                Some(end) => rest.split_at(end),
                None => (rest, [].as_slice()),
            };
            let soft = after.first().and_then(|&unit| separator(unit)) == Some(Separator::Soft);
            reading.push(piece, soft);
            match after.split_first() {
                Some((_, tail)) if reading.pieces.len() < MAX_PIECES => rest = tail,
                Some(_) => {
                    reading.opaque = true;
                    return reading;
                }
                None => return reading,
            }
        }
    }

    fn push(&mut self, units: &[Unit], soft: bool) {
        let first = self.values.len();
        let mut controls = 0_usize;
        self.fold(units);
        for (at, _) in units.iter().enumerate().filter(|(_, &unit)| ends(unit)) {
            controls = controls.saturating_add(1);
            if controls > MAX_CONTROLS {
                self.opaque = true;
                break;
            }
            self.fold(units.get(..at).unwrap_or_default());
            self.forget_known(first);
        }
        let stops = controls > 0 || units.iter().any(|&unit| matches!(byte(unit), b'?' | b'#'));
        let piece = Piece {
            values: (first, self.values.len()),
            certain: certain(units),
            empty: units.is_empty(),
            parameters: units.iter().any(|&unit| byte(unit) == b';'),
            stops,
            soft,
        };
        let cancels = self.values(piece).any(|value| matches!(value, b"" | b"." | b".." | DOTS));
        self.structural |= soft || stops || cancels;
        self.pieces.push(piece);
    }

    /// Takes the last value away again if it is there already, from `first` on.
    fn forget_known(&mut self, first: usize) {
        let text = |&(from, to): &(usize, usize)| self.text.get(from..to);
        let mut values = self.values.get(first..).unwrap_or_default().iter().map(text);
        let last = values.next_back();
        if values.any(|value| Some(value) == last) {
            self.values.pop();
        }
    }

    /// The texts this piece may be compared by: itself without control characters, and
    /// what stands before each of them.
    pub(super) fn values(&self, piece: Piece) -> impl Iterator<Item = &[u8]> {
        let (first, end) = piece.values;
        let ranges = self.values.get(first..end).unwrap_or_default();
        ranges.iter().map(|&(from, to)| self.text.get(from..to).unwrap_or_default())
    }

    fn fold(&mut self, units: &[Unit]) {
        let from = self.text.len();
        for &unit in units {
            match byte(unit) {
                b';' | b'?' | b'#' => break,
                // A percent sign left over belongs to no valid escape; some decoders drop it.
                b'%' => {}
                b' ' if self.text.len() == from => {}
                byte if byte.is_ascii_control() => {}
                byte => self.text.push(byte.to_ascii_lowercase()),
            }
        }
        let trimmed = |text: &[u8], end: &[u8]| {
            text.iter().rposition(|b| !end.contains(b)).map_or(0, |last| last.saturating_add(1))
        };
        let value = self.text.get(from..).unwrap_or_default();
        let mut len = trimmed(value, b" ");
        let hidden = units.iter().any(|&unit| unit == DECODED | Unit::from(b'.'));
        match value.get(..len).unwrap_or_default() {
            b"." => {}
            b".." if !hidden => {}
            dots if dots.iter().all(|b| b" .".contains(b)) && !dots.is_empty() => {
                self.text.truncate(from);
                self.text.extend_from_slice(DOTS);
                len = DOTS.len();
            }
            _ => len = trimmed(value, b" ."),
        }
        let to = from.saturating_add(len);
        self.text.truncate(to);
        self.values.push((from, to));
    }
}

/// Where some readings end the path: at a control character, and at an escape without digits,
/// which decoders that do not check them turn into one.
fn ends(unit: Unit) -> bool {
    byte(unit).is_ascii_control() || unit == Unit::from(b'%')
}

/// A control character where an escape wants its digits: dropping it completes the escape.
fn broken_escape(units: &[Unit]) -> bool {
    let control = |unit: &Unit| byte(*unit).is_ascii_control();
    units
        .windows(3)
        .any(|three| matches!(three, [percent, a, b] if byte(*percent) == b'%' && (control(a) || control(b))))
}

/// The one folded value of a text that is a single piece, as pattern literals are.
pub(super) fn folded(text: &str) -> Vec<u8> {
    let (units, _) = decode(text.as_bytes());
    let mut reading = Reading {
        pieces: Vec::new(),
        slash: false,
        structural: false,
        opaque: false,
        text: Vec::new(),
        values: Vec::new(),
    };
    reading.fold(&units);
    reading.text
}

/// Whether a pattern literal means the same to everyone up to case and encoding.
pub(super) fn settled_literal(text: &str) -> bool {
    let reading = Reading::of(text);
    let one_layer = decode_layer(&text.bytes().map(Unit::from).collect::<Vec<_>>());
    let layers_left = one_layer.is_some_and(|units| units.iter().any(|&unit| byte(unit) == b'%'));
    let [piece] = reading.pieces.as_slice() else { return false };
    let trimmed = decode(text.as_bytes()).0.len() != reading.values(*piece).next().map_or(0, <[u8]>::len);
    !(reading.structural || reading.opaque || reading.slash || piece.parameters || layers_left || trimmed)
}

#[derive(PartialEq, Eq)]
enum Separator {
    /// A slash in the path as received.
    Hard,
    /// A backslash, or a slash that some encoding hides.
    Soft,
}

fn separator(unit: Unit) -> Option<Separator> {
    match (byte(unit), unit & DECODED) {
        (b'/', 0) => Some(Separator::Hard),
        (b'/' | b'\\', _) => Some(Separator::Soft),
        _ => None,
    }
}

fn certain(units: &[Unit]) -> bool {
    units.last().is_some_and(|&unit| unit != Unit::from(b'.'))
        && units.iter().all(|&unit| unit & DECODED == 0 && plain(byte(unit)))
}

/// Bytes that no reading changes.
pub(super) const fn plain(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

fn byte(unit: Unit) -> u8 {
    unit.to_le_bytes()[0]
}

/// Undoes encodings until nothing changes; false when the layers are too many.
fn decode(bytes: &[u8]) -> (Vec<Unit>, bool) {
    let mut units: Vec<Unit> = bytes.iter().copied().map(Unit::from).collect();
    if bytes.iter().all(|b| b.is_ascii() && *b != b'%') {
        return (units, true);
    }
    for _ in 0..MAX_LAYERS {
        match decode_layer(&units) {
            Some(decoded) => units = decoded,
            None => return (units, true),
        }
    }
    let settled = decode_layer(&units).is_none();
    (units, settled)
}

fn decode_layer(units: &[Unit]) -> Option<Vec<Unit>> {
    let mut decoded = Vec::with_capacity(units.len());
    let mut changed = false;
    let mut rest = units;
    while let Some((&unit, tail)) = rest.split_first() {
        match escape(rest).or_else(|| lookalike(rest)) {
            Some((byte, tail)) => {
                decoded.push(Unit::from(byte) | DECODED);
                changed = true;
                rest = tail;
            }
            None => {
                decoded.push(unit);
                rest = tail;
            }
        }
    }
    changed.then_some(decoded)
}

/// `%2f`, and the `%u002f` of older Windows servers.
fn escape(units: &[Unit]) -> Option<(u8, &[Unit])> {
    let (&percent, tail) = units.split_first()?;
    if byte(percent) != b'%' {
        return None;
    }
    let digit = |unit: &Unit| char::from(byte(*unit)).to_digit(16);
    match tail {
        [high, low, rest @ ..] if digit(high).is_some() && digit(low).is_some() => {
            let value = digit(high)? << 4 | digit(low)?;
            Some((u8::try_from(value).ok()?, rest))
        }
        [u, a, b, c, d, rest @ ..] if matches!(byte(*u), b'u' | b'U') => {
            let value = digit(a)? << 12 | digit(b)? << 8 | digit(c)? << 4 | digit(d)?;
            Some((u8::try_from(value).ok().or_else(|| ascii_twin(value)).unwrap_or(0xff), rest))
        }
        _ => None,
    }
}

/// ASCII in UTF-8 longer than it needs to be, or characters that fold to ASCII.
fn lookalike(units: &[Unit]) -> Option<(u8, &[Unit])> {
    let low = |unit: &Unit, bits: u8| u32::from(byte(*unit) & bits);
    let follows = |unit: &Unit| byte(*unit) & 0xc0 == 0x80;
    let (code, rest) = match units {
        [a, b, rest @ ..] if byte(*a) & 0xe0 == 0xc0 && follows(b) => {
            (low(a, 0x1f) << 6 | low(b, 0x3f), rest)
        }
        [a, b, c, rest @ ..] if byte(*a) & 0xf0 == 0xe0 && follows(b) && follows(c) => {
            (low(a, 0x0f) << 12 | low(b, 0x3f) << 6 | low(c, 0x3f), rest)
        }
        [a, b, c, d, rest @ ..] if byte(*a) & 0xf8 == 0xf0 && follows(b) && follows(c) && follows(d) => {
            (low(a, 0x07) << 18 | low(b, 0x3f) << 12 | low(c, 0x3f) << 6 | low(d, 0x3f), rest)
        }
        _ => return None,
    };
    let ascii = if code < 0x80 { u8::try_from(code).ok() } else { ascii_twin(code) };
    Some((ascii?, rest))
}

/// Full-width forms, and the letters whose other case is an ASCII letter.
fn ascii_twin(code: u32) -> Option<u8> {
    match code {
        0x0130 | 0x0131 => Some(b'i'),
        0x017f => Some(b's'),
        0x212a => Some(b'k'),
        0xff01..=0xff5e => u8::try_from(code.checked_sub(0xfee0)?).ok(),
        _ => None,
    }
}
