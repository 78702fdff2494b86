//! What of a facilitator's answer the log may show: its HTTP status, and its reason if that is
//! a code. Free text may hold anything, and is shown to nobody.

use std::fmt;

use super::{read_object, Delivery, SettleResponse, VerifyResponse, SETTLE_RESPONSE, VERIFY_RESPONSE};

/// Longest reason shown.
const MAX_REASON: usize = 64;

/// An answer, as far as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    status: Option<u16>,
    reason: Option<String>,
}

// === impl Said ===

impl Said {
    /// Looks at an answer of either endpoint.
    pub fn of(delivery: &Delivery<'_>) -> Self {
        let Delivery::Answered { status, body, .. } = delivery else {
            return Self { status: None, reason: None };
        };
        let settle = |body| read_object(body, &SETTLE_RESPONSE).and_then(SettleResponse::read);
        let verify = |body| read_object(body, &VERIFY_RESPONSE).and_then(VerifyResponse::read);
        let reason = body.and_then(|body| match settle(body) {
            Ok(response) => response.error_reason,
            Err(_) => verify(body).ok()?.invalid_reason,
        });
        let code = |text: &String| {
            (1..=MAX_REASON).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b))
        };
        Self { status: Some(*status), reason: reason.filter(code) }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, &self.reason) {
            (None, _) => f.write_str("no answer"),
            (Some(status), None) => write!(f, "HTTP {status}"),
            (Some(status), Some(reason)) => write!(f, "HTTP {status}, {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &str) -> String {
        Said::of(&Delivery::Answered { status, from_upstream: true, body: Some(body.as_bytes()) }).to_string()
    }

    #[test]
    fn codes_are_shown_and_free_text_is_not() {
        let settle =
            r#"{"success":false,"errorReason":"kyc_required_for_this_wallet","transaction":"","network":""}"#;
        assert_eq!(said(200, settle), "HTTP 200, kyc_required_for_this_wallet");
        assert_eq!(said(200, r#"{"isValid":false,"invalidReason":"expired"}"#), "HTTP 200, expired");
        assert_eq!(said(200, r#"{"isValid":false,"invalidReason":"call me at 555"}"#), "HTTP 200");
        assert_eq!(said(401, "bad api key tok_42"), "HTTP 401");
        let long = format!(r#"{{"isValid":false,"invalidReason":"{}"}}"#, "a".repeat(65));
        assert_eq!(said(400, &long), "HTTP 400");
        assert_eq!(Said::of(&Delivery::Broken).to_string(), "no answer");
    }
}
