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
