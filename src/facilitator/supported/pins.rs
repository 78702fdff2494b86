//! Addresses of the facilitator's that quotes name, and that must not change while payers sign.
//!
//! The reference facilitator puts a random member of its pool into every answer. Were it
//! passed on as it comes, a payer would sign for one address and be measured against another.
//! So what was advertised stays advertised as long as the facilitator still signs with it:
//! 1. where it lists its signers for the network, as long as the address is among them;
//! 2. where it does not, until ten minutes have passed in which no answer named it.
//!
//! What then takes its place is advertised at once, and the old one stays accepted for ten
//! minutes: longer than a quote may be acted on.

use super::{covers, Kind, Supported, ADDRESS, PIN_SECONDS};
use crate::claims::UnixSeconds;
use crate::evm::address::Address;
use crate::protocol::json::{push_string, raw};

/// Most addresses of one network that are remembered after they were replaced.
pub(super) const MAX_RETIRED: usize = 8;

/// The address advertised for a network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pin {
    /// A network or a pattern, as the kind writes it.
    pub(super) network: String,
    pub(super) address: Address,
    /// When an answer last named or listed it.
    pub(super) seen_at: UnixSeconds,
    /// Earlier ones, and until when they are accepted.
    pub(super) retired: Vec<(Address, UnixSeconds)>,
}

// === impl Pin ===

impl Pin {
    /// Whether a payment may name the address.
    pub(super) fn accepts(&self, address: &Address, now: UnixSeconds) -> bool {
        let current = self.address == *address && now < self.seen_at.saturating_add(PIN_SECONDS);
        current || self.retired.iter().any(|(retired, until)| retired == address && now < *until)
    }

    /// Takes note of the address an answer named, and of whether the pinned one is listed.
    fn hear(&mut self, named: Address, listed: Option<bool>, now: UnixSeconds) {
        self.retired.retain(|(_, until)| now < *until);
        if self.address == named || listed == Some(true) {
            self.seen_at = now;
            return;
        }
        if listed.is_none() && now < self.seen_at.saturating_add(PIN_SECONDS) {
            return;
        }
        self.retired.retain(|(retired, _)| *retired != named);
        if self.retired.len() >= MAX_RETIRED {
            self.retired.remove(0);
        }
        self.retired.push((self.address, now.saturating_add(PIN_SECONDS)));
        self.address = named;
        self.seen_at = now;
    }
}

/// Takes an answer in: moves the pins by it, and writes into it what stays advertised.
pub(super) fn hold(
    mut pins: Vec<Pin>,
    earlier: Option<&Supported>,
    mut answer: Supported,
    now: UnixSeconds,
) -> (Vec<Pin>, Supported) {
    let mut heard: Vec<String> = Vec::new();
    for kind in &answer.kinds {
        let Some(named) = kind.address() else { continue };
        if heard.contains(&kind.network) {
            continue;
        }
        heard.push(kind.network.clone());
        match pins.iter_mut().find(|pin| pin.network == kind.network) {
            Some(pin) => pin.hear(named, answer.signs_as(&kind.network, &pin.address), now),
            None => pins.push(Pin {
                network: kind.network.clone(),
                address: named,
                seen_at: now,
                retired: Vec::new(),
            }),
        }
    }
    let remembered = |pin: &Pin| {
        now < pin.seen_at.saturating_add(PIN_SECONDS) || pin.retired.iter().any(|(_, until)| now < *until)
    };
    pins.retain(|pin| heard.contains(&pin.network) || remembered(pin));
    let mut kinds = std::mem::take(&mut answer.kinds);
    for kind in &mut kinds {
        let pin = pins.iter().find(|pin| pin.network == kind.network).map(|pin| pin.address);
        let before = earlier.and_then(|earlier| same_kind(earlier, kind));
        if let Some(extra) = steady(kind, before, &answer, pin) {
            kind.extra = Some(extra);
        }
    }
    answer.kinds = kinds;
    (pins, answer)
}

fn same_kind<'a>(earlier: &'a Supported, kind: &Kind) -> Option<&'a Kind> {
    let same = |k: &&Kind| (k.version, &k.scheme, &k.network) == (kind.version, &kind.scheme, &kind.network);
    earlier.kinds.iter().find(same)
}

/// A kind's `extra` with the pinned address in it, and with every other signer that was
/// advertised before and is still listed (`feePayer` on Solana, `receiverAuthorizer`).
fn steady(kind: &Kind, before: Option<&Kind>, answer: &Supported, pin: Option<Address>) -> Option<String> {
    let mut out = String::from("{");
    raw::fields(kind.extra.as_deref()?, &mut |name, value| {
        let held = match (raw::string(value), pin) {
            (Some(_), Some(pin)) if name == ADDRESS => Some(pin.to_string()),
            (Some(_), _) => before
                .and_then(|before| before.member(&name))
                .filter(|old| answer.signs(&kind.network, &|signer| signer == old) == Some(true)),
            (None, _) => None,
        };
        if out.len() > 1 {
            out.push(',');
        }
        push_string(&mut out, &name);
        out.push(':');
        match held {
            Some(held) => push_string(&mut out, &held),
            None => out.push_str(value),
        }
    })
    .ok()?;
    out.push('}');
    Some(out)
}

/// The pins that speak for a network.
pub(super) fn of<'a>(pins: &'a [Pin], network: &'a str) -> impl Iterator<Item = &'a Pin> {
    pins.iter().filter(move |pin| covers(&pin.network, network))
}
