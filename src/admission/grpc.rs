//! How a gRPC call ended: its status comes last, in the trailers, or in the headers when
//! there is nothing else; the HTTP status is 200 all the same.

/// What is known of a call's end. A stream that is no gRPC call ends well as far as this goes;
/// a call whose status never came did not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GrpcStatus(Option<bool>);

// === impl GrpcStatus ===

impl GrpcStatus {
    /// Nothing was seen yet.
    pub fn new(grpc: bool) -> Self {
        Self(grpc.then_some(false))
    }

    /// Looks for the status in response headers or trailers.
    pub fn see(&mut self, pairs: &[(String, Vec<u8>)]) {
        let status = pairs.iter().find(|(name, _)| name == "grpc-status");
        if let (Some(ok), Some((_, status))) = (&mut self.0, status) {
            *ok = status == b"0";
        }
    }

    /// Whether what was bought may have been delivered.
    pub fn ended_well(self) -> bool {
        self.0.unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_that_says_zero_ended_well() {
        let pair = |status: &str| vec![("grpc-status".to_owned(), status.as_bytes().to_vec())];
        assert!(GrpcStatus::new(false).ended_well());
        for (seen, well) in
            [(vec![], false), (vec!["0"], true), (vec!["14"], false), (vec!["0", "13"], false)]
        {
            let mut status = GrpcStatus::new(true);
            seen.iter().for_each(|text| status.see(&pair(text)));
            assert_eq!(status.ended_well(), well, "{seen:?}");
        }
    }
}
