//! What a client gets for its money: `SettleResponse` in the `PAYMENT-RESPONSE` header.

use std::fmt::Write;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;

use crate::evm::address::Address;
use crate::money::Amount;
use crate::protocol::json::push_string;

/// The outcome of a settlement, as the client reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt<'a> {
    /// Whether the money moved.
    pub success: bool,
    /// A stable code; never a facilitator's free text.
    pub error_reason: Option<&'a str>,
    /// Who paid.
    pub payer: Address,
    /// The transaction hash, if known.
    pub transaction: Option<[u8; 32]>,
    /// CAIP-2.
    pub network: &'a str,
    /// Base units settled, where the facilitator said so.
    pub amount: Option<Amount>,
}

// === impl Receipt ===

impl Receipt<'_> {
    /// The JSON of a `SettleResponse`, in the SDK's key order. An unknown transaction is
    /// `""`: the field is required.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(256);
        json.push_str(if self.success { r#"{"success":true"# } else { r#"{"success":false"# });
        if let Some(reason) = self.error_reason {
            json.push_str(r#","errorReason":"#);
            push_string(&mut json, reason);
        }
        // Writing into a String cannot fail.
        let _ = write!(json, r#","payer":"{}","transaction":""#, self.payer);
        if let Some(hash) = self.transaction {
            json.push_str("0x");
            json.push_str(&hex::encode(hash));
        }
        json.push_str(r#"","network":"#);
        push_string(&mut json, self.network);
        if let Some(amount) = self.amount {
            let _ = write!(json, r#","amount":"{amount}""#);
        }
        json.push('}');
        json
    }

    /// The value of `PAYMENT-RESPONSE`: base64, one line.
    pub fn to_header(&self) -> String {
        STANDARD.encode(self.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::v2::tests::vectors;

    #[test]
    fn receipts_are_the_sdks_byte_for_byte() {
        let group = &vectors()["eip712_exact_upto"];
        let payer = Address::parse("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266").unwrap();
        let success = Receipt {
            success: true,
            error_reason: None,
            payer,
            transaction: Some([0x12; 32]),
            network: "eip155:84532",
            amount: None,
        };
        assert_eq!(success.to_header(), group["settle_success"]["header"].as_str().unwrap());
        let failure = Receipt {
            success: false,
            error_reason: Some("insufficient_funds"),
            transaction: None,
            ..success.clone()
        };
        assert_eq!(failure.to_header(), group["settle_failure"]["header"].as_str().unwrap());
        let with_amount = Receipt { amount: Some(Amount::from_u64(10_000)), ..success };
        assert!(with_amount.to_json().ends_with(r#","network":"eip155:84532","amount":"10000"}"#));
    }
}
