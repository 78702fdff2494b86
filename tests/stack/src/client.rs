//! HTTP as a test wants to speak it: ordinary requests, and bytes no library would send.

mod answer;
mod http2;
mod raw;

pub use answer::{Answer, Broken};
pub use http2::Http2;
pub use raw::{get, request, send_bytes, RawConnection, RawRequest};
