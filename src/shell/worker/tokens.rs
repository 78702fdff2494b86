//! Tokens minted for facilitators, kept for as long as they are fresh.

use super::Worker;
use crate::config::Facilitator;
use crate::shell::host;
use crate::signing::jwt::VALID_SECONDS;

/// Seconds a token is used for: half of what it is good for, so that clocks may differ and the
/// call may wait.
const USED_SECONDS: u64 = VALID_SECONDS / 2;

/// The `Authorization` of one kind of call.
pub(super) struct Token {
    facilitator: usize,
    method: &'static str,
    path: String,
    minted: u64,
    authorization: String,
}

// === impl Worker ===

impl Worker {
    /// The `Authorization` of a call, where the facilitator wants one minted. `path` is whole and
    /// without query, and one of the few the filter calls: each is kept.
    pub(in crate::shell) fn authorization(
        &self,
        facilitator: &Facilitator,
        method: &'static str,
        path: &str,
    ) -> Option<String> {
        facilitator.auth.as_ref()?;
        let now = host::now();
        let mut tokens = self.tokens.try_borrow_mut().ok()?;
        let same = |token: &Token| {
            token.facilitator == facilitator.index && token.method == method && token.path == path
        };
        if let Some(token) = tokens.iter().find(|token| same(token)) {
            // A clock that went back would make it look fresh for longer than it is.
            if (token.minted..token.minted.saturating_add(USED_SECONDS)).contains(&now) {
                return Some(token.authorization.clone());
            }
        }
        tokens.retain(|token| !same(token));
        let authorization = facilitator.authorization(method, path, now, &host::random())?;
        tokens.push(Token {
            facilitator: facilitator.index,
            method,
            path: path.to_owned(),
            minted: now,
            authorization: authorization.clone(),
        });
        Some(authorization)
    }
}
