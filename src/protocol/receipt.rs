//! What a client gets for its money: `SettleResponse` in the `PAYMENT-RESPONSE` header.

use std::fmt::Write;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;

use crate::money::Amount;
use crate::protocol::json::push_string;

/// The outcome of a settlement, as the client reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt<'a> {
    /// Whether the money moved.
    pub success: bool,
    /// A stable code; never a facilitator's free text.
    pub error_reason: Option<&'a str>,
    /// Who paid, if that is known.
    pub payer: Option<&'a str>,
    /// The transaction, `""` where none is known: the field is required.
    pub transaction: &'a str,
    /// CAIP-2, or a name in version 1.
    pub network: &'a str,
    /// Base units charged, where they are not the price.
    pub amount: Option<Amount>,
    /// Members of `extensions`, without braces; may be empty.
    pub extensions: &'a str,
}

// === impl Receipt ===

impl Receipt<'_> {
    /// The JSON of a `SettleResponse`, in the SDK's key order.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(256);
        json.push_str(if self.success { r#"{"success":true"# } else { r#"{"success":false"# });
        if let Some(reason) = self.error_reason {
            json.push_str(r#","errorReason":"#);
            push_string(&mut json, reason);
        }
        if let Some(payer) = self.payer {
            json.push_str(r#","payer":"#);
            push_string(&mut json, payer);
        }
        json.push_str(r#","transaction":"#);
        push_string(&mut json, self.transaction);
        json.push_str(r#","network":"#);
        push_string(&mut json, self.network);
        if let Some(amount) = self.amount {
            // Writing into a String cannot fail.
            let _ = write!(json, r#","amount":"{amount}""#);
        }
        if !self.extensions.is_empty() {
            let _ = write!(json, r#","extensions":{{{}}}"#, self.extensions);
        }
        json.push('}');
        json
    }

    /// The value of `PAYMENT-RESPONSE` or `X-PAYMENT-RESPONSE`: base64, one line.
    pub fn to_header(&self) -> String {
        STANDARD.encode(self.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tests::vectors;

    #[test]
    fn receipts_are_the_sdks_byte_for_byte() {
        let group = &vectors()["eip712_exact_upto"];
        let hash = format!("0x{}", "12".repeat(32));
        let success = Receipt {
            success: true,
            error_reason: None,
            payer: Some("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            transaction: &hash,
            network: "eip155:84532",
            amount: None,
            extensions: "",
        };
        assert_eq!(success.to_header(), group["settle_success"]["header"].as_str().unwrap());
        let failure = Receipt {
            success: false,
            error_reason: Some("insufficient_funds"),
            transaction: "",
            ..success.clone()
        };
        assert_eq!(failure.to_header(), group["settle_failure"]["header"].as_str().unwrap());
        let with_amount = Receipt { amount: Some(Amount::from_u64(10_000)), ..success };
        assert!(with_amount.to_json().ends_with(r#","network":"eip155:84532","amount":"10000"}"#));
    }
}
