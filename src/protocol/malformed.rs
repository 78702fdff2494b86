//! Why a payment header could not be read.

/// Why a payment header could not be read. Nothing of the header's content is kept or
/// shown, so the text is fit for a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// Longer than [`super::header::MAX_ENCODED`].
    #[error("the payment header is too long")]
    TooLarge,
    /// Not one run of standard base64.
    #[error("the payment header is not standard base64")]
    NotBase64,
    /// Not one JSON text in UTF-8.
    #[error("the payment is not JSON")]
    NotJson,
    /// Nested deeper than [`super::MAX_DEPTH`].
    #[error("the payment is nested too deeply")]
    TooDeep,
    /// A field appears twice, or under a name that some parsers would take for it.
    #[error("the payment repeats a field")]
    Repeated,
    /// `x402Version` is there, but not one this filter speaks.
    #[error("x402 version {0} is not supported")]
    Version(u64),
    /// The named field is missing or of another type.
    #[error("the payment's {0} is missing or of the wrong type")]
    Shape(&'static str),
    /// The named field is not a canonical decimal `uint256`.
    #[error("the payment's {0} is not a canonical decimal uint256")]
    Amount(&'static str),
    /// The named field is not `0x` and 40 hexadecimal digits.
    #[error("the payment's {0} is not an address")]
    Address(&'static str),
    /// The named field is not `0x` and 64 hexadecimal digits.
    #[error("the payment's {0} is not 32 bytes of hexadecimal digits")]
    Bytes32(&'static str),
}

// === impl Malformed ===

impl Malformed {
    /// The SDK's code for it, for the client: the generic ones of the specification's
    /// section 9, since no SDK tells the cases apart.
    pub fn code(self) -> &'static str {
        match self {
            Self::Version(_) => "invalid_x402_version",
            _ => "invalid_payload",
        }
    }
}
