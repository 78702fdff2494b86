//! A [`Snapshot`] as bytes.
//!
//! Numbers are little-endian; a text is its length in two bytes and its bytes, a list its
//! length in two bytes and its items. Whatever is not of this form was not written by this
//! module; it is read as nothing and written over.

use super::pins::Pin;
use super::{Kind, Snapshot, Supported};
use crate::evm::address::Address;

/// The first byte; another layout takes another key.
pub(super) const LAYOUT: u8 = 1;

// === impl Snapshot ===

impl Snapshot {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![LAYOUT, self.redirected.into(), self.supported.is_some().into()];
        for number in [self.generation, self.fetched_at, self.retry_at, self.lease_until, self.reported] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.failures.to_le_bytes());
        if let Some(answer) = &self.supported {
            push_len(&mut out, answer.kinds.len());
            for kind in &answer.kinds {
                out.extend_from_slice(&kind.version.to_le_bytes());
                push_text(&mut out, &kind.scheme);
                push_text(&mut out, &kind.network);
                push_text(&mut out, kind.extra.as_deref().unwrap_or(""));
            }
            push_texts(&mut out, &answer.extensions);
            push_len(&mut out, answer.signers.len());
            for (pattern, listed) in &answer.signers {
                push_text(&mut out, pattern);
                push_texts(&mut out, listed);
            }
        }
        push_len(&mut out, self.pins.len());
        for pin in &self.pins {
            push_text(&mut out, &pin.network);
            push_dated(&mut out, &pin.address, pin.seen_at);
            push_len(&mut out, pin.retired.len());
            for (address, until) in &pin.retired {
                push_dated(&mut out, address, *until);
            }
        }
        out
    }

    /// From bytes; `None` when they are something else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Bytes(bytes);
        let [LAYOUT, redirected, known] = from.take::<3>()? else { return None };
        let mut snapshot = Self {
            redirected: flag(redirected)?,
            generation: from.number()?,
            fetched_at: from.number()?,
            retry_at: from.number()?,
            lease_until: from.number()?,
            reported: from.number()?,
            failures: u32::from_le_bytes(from.take()?),
            ..Self::default()
        };
        if flag(known)? {
            let mut answer = Supported::default();
            from.each(&mut |from| from.kind().map(|kind| answer.kinds.push(kind)))?;
            answer.extensions = from.texts()?;
            from.each(&mut |from| {
                let signer = (from.text()?, from.texts()?);
                answer.signers.push(signer);
                Some(())
            })?;
            snapshot.supported = Some(answer);
        }
        from.each(&mut |from| from.pin().map(|pin| snapshot.pins.push(pin)))?;
        from.0.is_empty().then_some(snapshot)
    }
}

fn push_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    push_len(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn push_texts(out: &mut Vec<u8>, texts: &[String]) {
    push_len(out, texts.len());
    for text in texts {
        push_text(out, text);
    }
}

fn push_dated(out: &mut Vec<u8>, address: &Address, time: u64) {
    out.extend_from_slice(address.as_bytes());
    out.extend_from_slice(&time.to_le_bytes());
}

fn flag(byte: u8) -> Option<bool> {
    match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// Bytes still to be read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn len(&mut self) -> Option<usize> {
        self.take().map(u16::from_le_bytes).map(usize::from)
    }

    fn text(&mut self) -> Option<String> {
        let len = self.len()?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    /// Reads as many items as the length before them says.
    fn each(&mut self, item: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<()> {
        for _ in 0..self.len()? {
            item(self)?;
        }
        Some(())
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        self.each(&mut |from| from.text().map(|text| texts.push(text)))?;
        Some(texts)
    }

    fn kind(&mut self) -> Option<Kind> {
        Some(Kind {
            version: u32::from_le_bytes(self.take()?),
            scheme: self.text()?,
            network: self.text()?,
            extra: self.text().map(|extra| (!extra.is_empty()).then_some(extra))?,
        })
    }

    fn pin(&mut self) -> Option<Pin> {
        let network = self.text()?;
        let (address, seen_at) = self.dated()?;
        let mut retired = Vec::new();
        self.each(&mut |from| from.dated().map(|dated| retired.push(dated)))?;
        Some(Pin { network, address, seen_at, retired })
    }

    fn dated(&mut self) -> Option<(Address, u64)> {
        Some((Address::new(self.take()?), self.number()?))
    }
}
