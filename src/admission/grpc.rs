//! How a gRPC call ended: its status comes last, in the trailers, or in the headers when
//! there is nothing else; the HTTP status is 200 all the same.

use crate::reply::grpc::Dialect;

/// What is known of a call's end. A stream that is no gRPC call ends well as far as this goes,
/// and so does one that was answered by something else than gRPC, whatever the client called
/// it: it was served. A call whose status never came did not end well. The status of gRPC-Web
/// is in the body, where it is not looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GrpcStatus {
    call: bool,
    well: bool,
}

// === impl GrpcStatus ===

impl GrpcStatus {
    /// Nothing was seen yet.
    pub fn new(grpc: bool) -> Self {
        Self { call: grpc, well: true }
    }

    /// Looks for the status in response headers or trailers.
    pub fn see(&mut self, pairs: &[(impl AsRef<str>, impl AsRef<[u8]>)]) {
        let named = |wanted: &str| pairs.iter().find(|(name, _)| name.as_ref() == wanted);
        let find = |wanted| named(wanted).map(|(_, value)| value.as_ref());
        match (find("grpc-status"), find("content-type")) {
            (Some(status), _) => self.well = status == b"0",
            (None, Some(content_type)) if Dialect::of(content_type) == Dialect::Grpc => self.well = false,
            _ => {}
        }
    }

    /// Whether what was bought may have been delivered.
    pub fn ended_well(self) -> bool {
        !self.call || self.well
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &str, status: Option<&str>) -> Vec<(String, Vec<u8>)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let mut pairs = vec![pair("content-type", content_type)];
        pairs.extend(status.map(|status| pair("grpc-status", status)));
        pairs
    }

    #[test]
    fn only_a_call_that_says_zero_ended_well() {
        assert!(GrpcStatus::new(false).ended_well());
        for (first, last, well) in [
            (None, None, false),
            (None, Some("0"), true),
            (Some("0"), None, true),
            (Some("14"), None, false),
            (None, Some("14"), false),
            (Some("0"), Some("13"), false),
        ] {
            let mut status = GrpcStatus::new(true);
            status.see(&headers("application/grpc+proto", first));
            let trailers = headers("", last);
            status.see(&trailers[1..]);
            assert_eq!(status.ended_well(), well, "{first:?} {last:?}");
        }
    }

    #[test]
    fn what_is_called_a_call_and_served_as_something_else_was_served() {
        for (content_type, said, well) in [
            ("application/json", None, true),
            ("application/json", Some("5"), false),
            ("application/grpc-web+proto", None, true),
            ("application/grpc-web+proto", Some("5"), false),
        ] {
            let mut status = GrpcStatus::new(true);
            status.see(&headers(content_type, said));
            assert_eq!(status.ended_well(), well, "{content_type} {said:?}");
        }
    }
}
