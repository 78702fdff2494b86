//! Hexadecimal digits. The library's go one by one through iterators, at ten times the cost of these,
//! and a payment has six hundred of them; its answers are the ones these are tested against.

/// Appends bytes as digits in small letters.
#[inline(never)]
pub(crate) fn push_hex(out: &mut String, bytes: &[u8]) {
    for part in bytes.chunks(32) {
        let mut digits = [[0; 2]; 32];
        for (pair, byte) in digits.iter_mut().zip(part) {
            *pair = pair_of(*byte);
        }
        let digits = digits.as_flattened().get(..part.len().saturating_mul(2)).unwrap_or_default();
        out.push_str(std::str::from_utf8(digits).unwrap_or_default());
    }
}

/// A byte's two digits.
pub(crate) fn pair_of(byte: u8) -> [u8; 2] {
    let digit = |nibble: u8| nibble.wrapping_add(if nibble < 10 { b'0' } else { b'a' - 10 });
    [digit(byte >> 4), digit(byte & 0xf)]
}

/// A text and the last three hexadecimal digits of a number: a shared key's name.
pub(crate) fn numbered(name: &str, number: u16) -> String {
    let mut out = String::with_capacity(name.len().saturating_add(3));
    let digits = hex(&number.to_be_bytes());
    out.push_str(name);
    out.push_str(digits.get(1..).unwrap_or_default());
    out
}

/// [`push_hex`] into a text of its own.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    push_hex(&mut out, bytes);
    out
}

/// Reads exactly as many pairs of hexadecimal digits as `bytes` holds, in any case; `false` when the
/// text is anything else, and then `bytes` holds nothing of use.
#[inline(never)]
pub(crate) fn unhex(text: &str, bytes: &mut [u8]) -> bool {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if !odd.is_empty() || pairs.len() != bytes.len() {
        return false;
    }
    let mut foreign = 0;
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (high, low) = (nibble(*high), nibble(*low));
        foreign |= high | low;
        *byte = high << 4 | low;
    }
    foreign < 16
}

/// The bytes of any number of pairs.
pub(crate) fn unhexed(text: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 2];
    unhex(text, &mut bytes).then_some(bytes)
}

/// A digit's value; 255 for what is none.
#[inline(always)]
pub(crate) const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit & 0xf,
        b'a'..=b'f' | b'A'..=b'F' => (digit & 0xf).wrapping_add(9),
        _ => u8::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_library() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in [0, 1, 16, 31, 32, 33, 64, 65, 256] {
            assert_eq!(hex(&bytes[..length]), ::hex::encode(&bytes[..length]));
        }
    }

    #[test]
    fn digits_are_read_as_the_library_reads_them() {
        for high in 0..=u8::MAX {
            for low in 0..=u8::MAX {
                let Ok(text) = std::str::from_utf8(&[high, low]).map(str::to_owned) else { continue };
                let (mut ours, mut theirs) = ([0], [0]);
                let read = unhex(&text, &mut ours);
                assert_eq!(read, ::hex::decode_to_slice(&text, &mut theirs).is_ok(), "{text:?}");
                assert!(!read || ours == theirs, "{text:?}");
            }
        }
        let mut bytes = [0; 4];
        for text in ["", "0", "001122", "00112233a", "0011223344", "0x112233", "00 12233", "0011g233"] {
            assert!(!unhex(text, &mut bytes), "{text}");
        }
        assert!(unhex("00fFA1b2", &mut bytes));
        assert_eq!(bytes, [0, 0xff, 0xa1, 0xb2]);
        assert!(unhex("", &mut []));
    }
}
