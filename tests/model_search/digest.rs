//! Worlds by what they hash to: what was seen is kept in 16 bytes each.

use std::hash::{Hash, Hasher};

/// Two lanes of multiply and rotate: worlds are told apart by 128 bits.
struct Lanes(u64, u64);

impl Hasher for Lanes {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.1 = (self.1.rotate_left(23) ^ word).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.1.rotate_left(32)
    }
}

pub(crate) fn digest(value: &impl Hash) -> (u64, u64) {
    let mut lanes = Lanes(0x2545_f491_4f6c_dd1d, 0x1405_7b7e_f767_814f);
    value.hash(&mut lanes);
    // The last words would else move the high bits only.
    lanes.write_u64(0);
    (lanes.0 ^ (lanes.0 >> 29), lanes.1 ^ (lanes.1 >> 31))
}
