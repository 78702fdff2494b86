//! Refusals as gRPC tells them: no HTTP status and no body, but a status, a message and
//! metadata.
//!
//! | HTTP | gRPC | |
//! |---|---|---|
//! | 402, 409, 412, 502 | 9 `FAILED_PRECONDITION` | something about the payment has to change first |
//! | 503 | 14 `UNAVAILABLE` | the same call again, after `grpc-retry-pushback-ms` |
//! | 429 | 8 `RESOURCE_EXHAUSTED` | |
//! | 400 | 3 `INVALID_ARGUMENT` | |
//! | 403 | 7 `PERMISSION_DENIED` | |
//! | 405, and `settle: after` | 12 `UNIMPLEMENTED` | this call cannot be had here |

use super::{code, Refusal, Reply};

/// How a client wants to be answered, by the content type of its request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dialect {
    /// As HTTP has it.
    #[default]
    Http,
    /// gRPC: the status is in what the host makes the trailers.
    Grpc,
    /// gRPC-Web: the same, in headers that a page can read. The host does not know it.
    Web,
}

/// A refusal's status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// By the numbers of gRPC; never 0.
    pub code: u8,
    /// Printable ASCII without `%`, which would have to be escaped.
    pub message: &'static str,
    /// Names in lower case, with values of printable ASCII.
    pub metadata: Vec<(&'static str, String)>,
}

const INVALID_ARGUMENT: u8 = 3;
const PERMISSION_DENIED: u8 = 7;
const RESOURCE_EXHAUSTED: u8 = 8;
const FAILED_PRECONDITION: u8 = 9;
const UNIMPLEMENTED: u8 = 12;
const UNAVAILABLE: u8 = 14;

/// What a page may read beside what it needs to pay.
const EXPOSED: &str = "grpc-status, grpc-message, x402-code, x402-payment-state, x402-retry";

/// Headers that say something about a body, or to caches: there are none.
const OF_HTTP: [&str; 3] = ["content-type", "cache-control", "allow"];

// === impl Dialect ===

impl Dialect {
    /// By the rule of Envoy 1.40, which answers in gRPC only what is `application/grpc` or
    /// `application/grpc+...` to the letter: taken for more, a refusal would be a bare 200.
    pub fn of(content_type: &[u8]) -> Self {
        match content_type.strip_prefix(b"application/grpc") {
            Some([] | [b'+', ..]) => Self::Grpc,
            Some([b'-', b'w', b'e', b'b', ..]) => Self::Web,
            _ => Self::Http,
        }
    }

    /// The content type of a refusal.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Http => "application/json",
            Self::Grpc => "application/grpc",
            Self::Web => "application/grpc-web+proto",
        }
    }
}

// === impl Status ===

impl Status {
    /// What a refusal, spelled for HTTP, is in gRPC.
    pub fn of(refusal: Refusal, reply: &Reply) -> Self {
        let code = refusal.code();
        let kept = reply.headers.iter().filter(|(name, _)| !OF_HTTP.contains(name));
        let mut metadata: Vec<_> = kept.cloned().collect();
        metadata.push(("x402-code", code.to_owned()));
        metadata.push(("x402-payment-state", refusal.payment_state().name().to_owned()));
        metadata.push(("x402-retry", refusal.retry().name().to_owned()));
        if let Some(seconds) = refusal.retry_after() {
            metadata.push(("grpc-retry-pushback-ms", seconds.saturating_mul(1_000).to_string()));
        }
        if metadata.iter().any(|(name, _)| *name == "access-control-expose-headers") {
            metadata.push(("access-control-expose-headers", EXPOSED.to_owned()));
        }
        Self { code: number(refusal), message: code::explain(code), metadata }
    }

    /// The whole of it in the headers of a response that has nothing else ("Trailers-Only").
    pub fn into_headers(self, dialect: Dialect) -> Reply {
        let mut headers = vec![
            ("content-type", dialect.content_type().to_owned()),
            ("grpc-status", self.code.to_string()),
            ("grpc-message", self.message.to_owned()),
        ];
        if dialect == Dialect::Web {
            headers.push(("cache-control", "no-store".to_owned()));
        }
        headers.extend(self.metadata);
        Reply { status: 200, headers, body: String::new() }
    }
}

fn number(refusal: Refusal) -> u8 {
    match refusal.status() {
        // The operator's mistake, and nothing an argument could change.
        _ if refusal == Refusal::GrpcSettlesBefore => UNIMPLEMENTED,
        400 => INVALID_ARGUMENT,
        403 => PERMISSION_DENIED,
        405 => UNIMPLEMENTED,
        429 => RESOURCE_EXHAUSTED,
        503 => UNAVAILABLE,
        _ => FAILED_PRECONDITION,
    }
}

#[cfg(test)]
mod tests;
