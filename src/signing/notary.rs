//! Signed offers and receipts: x402's `offer-receipt` extension.
//!
//! An offer says what a resource costs until when; a receipt says who paid for it. Both carry
//! the operator's signature, so that a buyer can show them to somebody else. As
//! `@x402/extensions` 2.27 writes and verifies them.

use std::fmt::Write;

use super::jws::{compact, push_field};
use super::typed;
use super::{ecdsa, Key, Kind};
use crate::digits::hex;
use crate::evm::address::Address;
use crate::json::push_string;

/// The extension's key.
pub const EXTENSION: &str = "offer-receipt";

/// The schema of an offer's `info`: what the reference states, without the payload's own fields.
const OFFERS_SCHEMA: &str = concat!(
    r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":"#,
    r#"{"offers":{"type":"array","items":{"type":"object","properties":{"format":{"type":"string"},"#,
    r#""acceptIndex":{"type":"integer"},"payload":{"type":"object"},"signature":{"type":"string"}},"#,
    r#""required":["format","signature"]}}},"required":["offers"]}"#
);

/// The schema of a receipt's `info`, likewise.
const RECEIPT_SCHEMA: &str = concat!(
    r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":"#,
    r#"{"receipt":{"type":"object","properties":{"format":{"type":"string"},"#,
    r#""payload":{"type":"object"},"signature":{"type":"string"}},"#,
    r#""required":["format","signature"]}},"required":["receipt"]}"#
);

/// Version of both payloads.
pub(super) const VERSION: u64 = 1;

/// How a signature is written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// JWS in the compact form, over RFC 8785 JSON.
    Jws,
    /// EIP-712 typed data, signed with a secp256k1 key.
    Eip712,
}

/// Who signs offers and receipts.
#[derive(Debug)]
pub struct Notary {
    format: Format,
    key: Key,
    key_id: String,
    /// Whether receipts name the transaction: it ties the receipt to the chain for all who see it.
    names_transaction: bool,
}

/// The key cannot sign in this format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("EIP-712 is signed with a secp256k1 key")]
pub struct NotEip712;

/// One way to pay, as quoted: the texts of its `PaymentRequirements`.
#[derive(Clone, Debug)]
pub struct OfferTerms<'a> {
    /// For example `exact`.
    pub scheme: &'a str,
    /// CAIP-2.
    pub network: &'a str,
    /// The token, spelled as quoted.
    pub asset: String,
    /// Who is paid, spelled as quoted.
    pub pay_to: String,
    /// Base units, decimal.
    pub amount: String,
}

/// What was settled.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'a> {
    /// CAIP-2.
    pub network: &'a str,
    /// Who paid.
    pub payer: &'a str,
    /// The transaction, `""` where none is known.
    pub transaction: &'a str,
}

// === impl Notary ===

impl Notary {
    /// A notary. `key_id` is a DID URL (`did:web:api.example.com#key-1`).
    ///
    /// # Errors
    /// [`NotEip712`] when EIP-712 is to be signed with a key of another curve.
    pub fn new(format: Format, key: Key, key_id: String, names_transaction: bool) -> Result<Self, NotEip712> {
        match (format, &key.0) {
            (Format::Eip712, Kind::Ed25519(_) | Kind::P256(_)) => Err(NotEip712),
            _ => Ok(Self { format, key, key_id, names_transaction }),
        }
    }

    /// How long offers are signed for: seconds since the Unix epoch. All that are asked for
    /// within half of `max_timeout_seconds` end together, so that they can be kept; more than
    /// half is always left.
    pub fn valid_until(now: u64, max_timeout_seconds: u32) -> u64 {
        let slot = u64::from(max_timeout_seconds.div_ceil(2).max(1));
        let start = now.saturating_sub(now.checked_rem(slot).unwrap_or(0));
        start.saturating_add(max_timeout_seconds.into())
    }

    /// The member `"offer-receipt":{...}` of a quote's `extensions`: one offer for every way to
    /// pay, in the order quoted. `valid_until` is seconds since the Unix epoch. `None` without
    /// a way to pay.
    pub fn offers(&self, ways: &[OfferTerms<'_>], resource_url: &str, valid_until: u64) -> Option<String> {
        self.render(ways, resource_url, valid_until, true)
    }

    /// [`Notary::offers`] in everything but the signatures, which cost time: as long as they are.
    pub fn unsigned_offers(&self, ways: &[OfferTerms<'_>], resource_url: &str) -> Option<String> {
        self.render(ways, resource_url, u32::MAX.into(), false)
    }

    fn render(
        &self,
        ways: &[OfferTerms<'_>],
        resource_url: &str,
        valid_until: u64,
        sign: bool,
    ) -> Option<String> {
        let mut json = String::with_capacity(768usize.saturating_mul(ways.len()));
        let _ = write!(json, r#""{EXTENSION}":{{"info":{{"offers":["#);
        for (index, terms) in ways.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            self.push_offer(&mut json, index, terms, (resource_url, valid_until), sign)?;
        }
        json.push_str(r#"]},"schema":"#);
        json.push_str(OFFERS_SCHEMA);
        json.push('}');
        (!ways.is_empty()).then_some(json)
    }

    /// The member `"offer-receipt":{...}` of a settlement's `extensions`. `now` is seconds since
    /// the Unix epoch.
    pub fn receipt(&self, settled: &Settled<'_>, resource_url: &str, now: u64) -> Option<String> {
        let mut json = String::with_capacity(1024);
        let _ = write!(json, r#""{EXTENSION}":{{"info":{{"receipt":"#);
        self.push_receipt(&mut json, settled, resource_url, now)?;
        json.push_str(r#"},"schema":"#);
        json.push_str(RECEIPT_SCHEMA);
        json.push('}');
        Some(json)
    }

    /// The document under which its key is found, or `None` when its key id is not of
    /// `did:web` at this origin (`https://host[:port]`).
    pub fn did_document(&self, origin: &str) -> Option<String> {
        super::did::document(&self.key, self.format, &self.key_id, origin)
    }

    /// Whether there is a [`Notary::did_document`] at this origin.
    pub fn publishes(&self, origin: &str) -> bool {
        super::did::is_at(&self.key_id, origin)
    }

    pub(super) fn push_offer(
        &self,
        out: &mut String,
        index: usize,
        terms: &OfferTerms<'_>,
        (resource_url, valid_until): (&str, u64),
        sign: bool,
    ) -> Option<()> {
        match self.format {
            Format::Jws => {
                let mut payload = String::from(r#"{"amount":"#);
                push_string(&mut payload, &terms.amount);
                push_field(&mut payload, "asset", &terms.asset);
                push_field(&mut payload, "network", terms.network);
                push_field(&mut payload, "payTo", &terms.pay_to);
                push_field(&mut payload, "resourceUrl", resource_url);
                push_field(&mut payload, "scheme", terms.scheme);
                let _ = write!(payload, r#","validUntil":{valid_until},"version":{VERSION}}}"#);
                let _ = write!(out, r#"{{"format":"jws","acceptIndex":{index}"#);
                self.close_jws(out, &payload, sign)
            }
            Format::Eip712 => {
                let _ = write!(out, r#"{{"format":"eip712","acceptIndex":{index},"payload":"#);
                let _ = write!(out, r#"{{"version":{VERSION},"resourceUrl":"#);
                push_string(out, resource_url);
                push_field(out, "scheme", terms.scheme);
                push_field(out, "network", terms.network);
                push_field(out, "asset", &terms.asset);
                push_field(out, "payTo", &terms.pay_to);
                push_field(out, "amount", &terms.amount);
                let _ = write!(out, r#","validUntil":{valid_until}}}"#);
                self.close_eip712(out, &typed::offer(terms, resource_url, valid_until), sign)
            }
        }
    }

    pub(super) fn push_receipt(
        &self,
        out: &mut String,
        settled: &Settled<'_>,
        resource_url: &str,
        now: u64,
    ) -> Option<()> {
        let transaction = if self.names_transaction { settled.transaction } else { "" };
        match self.format {
            Format::Jws => {
                let mut payload = format!(r#"{{"issuedAt":{now}"#);
                push_field(&mut payload, "network", settled.network);
                push_field(&mut payload, "payer", settled.payer);
                push_field(&mut payload, "resourceUrl", resource_url);
                if !transaction.is_empty() {
                    push_field(&mut payload, "transaction", transaction);
                }
                let _ = write!(payload, r#","version":{VERSION}}}"#);
                out.push_str(r#"{"format":"jws""#);
                self.close_jws(out, &payload, true)
            }
            Format::Eip712 => {
                let _ = write!(out, r#"{{"format":"eip712","payload":{{"version":{VERSION}"#);
                push_field(out, "network", settled.network);
                push_field(out, "resourceUrl", resource_url);
                push_field(out, "payer", settled.payer);
                let _ = write!(out, r#","issuedAt":{now}"#);
                push_field(out, "transaction", transaction);
                out.push('}');
                self.close_eip712(out, &typed::receipt(settled, transaction, resource_url, now), true)
            }
        }
    }

    fn close_jws(&self, out: &mut String, payload: &str, sign: bool) -> Option<()> {
        let mut header = String::from(r#"{"alg":"#);
        push_string(&mut header, self.key.algorithm());
        push_field(&mut header, "kid", &self.key_id);
        header.push('}');
        push_field(out, "signature", &compact(sign.then_some(&self.key), &header, payload)?);
        out.push('}');
        Some(())
    }

    fn close_eip712(&self, out: &mut String, digest: &[u8; 32], sign: bool) -> Option<()> {
        let Kind::Secp256k1(secret) = &self.key.0 else { return None };
        let blank = ecdsa::Signature { r: [0; 32], s: [0; 32], y_is_odd: false };
        let signature = if sign { secret.sign(digest)? } else { blank };
        let v = if signature.y_is_odd { "1c" } else { "1b" };
        let _ = write!(out, r#","signature":"0x{}{v}"}}"#, hex(&signature.to_bytes()));
        Some(())
    }
}

// === impl Key ===

impl Key {
    /// The account of a secp256k1 key.
    pub(super) fn address(&self) -> Option<Address> {
        let Kind::Secp256k1(secret) = &self.0 else { return None };
        let public = secret.public();
        crate::evm::keccak256([&public.x, &public.y]).last_chunk().copied().map(Address::new)
    }
}
