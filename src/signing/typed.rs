//! Offers and receipts as EIP-712 typed data.

use super::notary::{OfferTerms, Settled, VERSION};
use crate::evm::{eip712, keccak256};

const DOMAIN: &str = "EIP712Domain(string name,string version,uint256 chainId)";
const OFFER: &str = "Offer(uint256 version,string resourceUrl,string scheme,string network,string asset,string payTo,string amount,uint256 validUntil)";
const RECEIPT: &str = "Receipt(uint256 version,string network,string resourceUrl,string payer,uint256 issuedAt,string transaction)";

/// A field's value.
enum Field<'a> {
    Text(&'a str),
    Number(u64),
}

/// The digest of an offer.
pub(super) fn offer(terms: &OfferTerms<'_>, resource_url: &str, valid_until: u64) -> [u8; 32] {
    let fields = [
        Field::Number(VERSION),
        Field::Text(resource_url),
        Field::Text(terms.scheme),
        Field::Text(terms.network),
        Field::Text(&terms.asset),
        Field::Text(&terms.pay_to),
        Field::Text(&terms.amount),
        Field::Number(valid_until),
    ];
    digest("x402 offer", OFFER, &fields)
}

/// The digest of a receipt.
pub(super) fn receipt(settled: &Settled<'_>, transaction: &str, resource_url: &str, now: u64) -> [u8; 32] {
    let fields = [
        Field::Number(VERSION),
        Field::Text(settled.network),
        Field::Text(resource_url),
        Field::Text(settled.payer),
        Field::Number(now),
        Field::Text(transaction),
    ];
    digest("x402 receipt", RECEIPT, &fields)
}

/// The domains have a name, version 1 and chain 1, whatever chain is paid on.
fn digest(domain: &str, message_type: &str, fields: &[Field<'_>]) -> [u8; 32] {
    let domain = hash(DOMAIN, &[Field::Text(domain), Field::Text("1"), Field::Number(1)]);
    eip712::digest(&domain, &hash(message_type, fields))
}

/// `hashStruct`.
fn hash(message_type: &str, fields: &[Field<'_>]) -> [u8; 32] {
    let mut words = Vec::with_capacity(320);
    words.extend(keccak256([message_type.as_bytes()]));
    for field in fields {
        match field {
            Field::Text(text) => words.extend(keccak256([text.as_bytes()])),
            Field::Number(number) => {
                words.extend([0; 24]);
                words.extend(number.to_be_bytes());
            }
        }
    }
    keccak256([&words])
}
