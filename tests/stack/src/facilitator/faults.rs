//! Faults on command: which calls they hit, and what happens then.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// The calls a fault can hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Verify,
    #[default]
    Settle,
    /// Both of the above.
    Any,
    /// `GET /supported`.
    Supported,
}

/// A fault and its aim. The first installed one that matches is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    #[serde(flatten)]
    pub kind: FaultKind,
    #[serde(default)]
    pub on: Operation,
    /// How many calls it hits; without it, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<B256>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<Address>,
    /// Whether the payment is processed first; each kind has its own default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub book: Option<bool>,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// Answers as usual, late. The money moves first unless `book_late`.
    Delay {
        ms: u64,
        #[serde(default)]
        book_late: bool,
    },
    /// Never answers; not booked.
    Hang,
    /// Closes the listener and idle connections for a while, from the moment it is installed.
    Refuse { ms: u64 },
    /// RST once the request is read; not booked.
    ResetBefore,
    /// Booked, then RST.
    ResetAfter,
    /// Booked; head and half of the body, then RST.
    CutBody,
    /// Any status and body; not booked.
    Status {
        code: u16,
        #[serde(default)]
        body: String,
    },
    /// 200, JSON type, not JSON; booked.
    Garbage,
    /// 200 and an HTML page; booked.
    Html,
    /// 200 and the first half of the answer as a complete body; booked.
    HalfJson,
    /// A 3 MB answer, valid and successful; booked.
    Huge,
    /// The answer without `success` (or `isValid`); booked.
    MissingSuccess,
    /// `"success": "true"`; booked.
    SuccessNotBool,
    /// A success for another network; booked.
    WrongNetwork,
    /// A success of another payer; booked.
    WrongPayer,
    /// A success of another amount; booked.
    WrongAmount,
    /// `success: false` with this reason; not booked.
    Reject { reason: String },
    /// `settlement_pending` with a transaction; booked, and the same payment again succeeds.
    Pending,
    /// Booked, then closed (FIN) without a byte.
    LostAnswer,
    /// 307 to this place; not booked.
    Redirect { location: String },
    /// The answer one byte at a time; booked.
    SlowDrip { ms: u64 },
}

impl FaultKind {
    fn books(&self) -> bool {
        !matches!(
            self,
            Self::Hang
                | Self::Refuse { .. }
                | Self::ResetBefore
                | Self::Status { .. }
                | Self::Reject { .. }
                | Self::Redirect { .. }
        )
    }

    /// The name in calls logs and JSON.
    pub fn name(&self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value["kind"].as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

impl Fault {
    /// Hits every `/settle`.
    pub fn always(kind: FaultKind) -> Self {
        Self { kind, on: Operation::Settle, times: None, nonce: None, payer: None, book: None }
    }

    /// Hits the next `/settle`.
    pub fn once(kind: FaultKind) -> Self {
        Self { times: Some(1), ..Self::always(kind) }
    }

    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    pub fn on(mut self, operation: Operation) -> Self {
        self.on = operation;
        self
    }

    pub fn nonce(mut self, nonce: B256) -> Self {
        self.nonce = Some(nonce);
        self
    }

    pub fn payer(mut self, payer: Address) -> Self {
        self.payer = Some(payer);
        self
    }

    pub fn booked(mut self, book: bool) -> Self {
        self.book = Some(book);
        self
    }

    pub(super) fn books(&self) -> bool {
        self.book.unwrap_or_else(|| self.kind.books())
    }

    fn hits(&self, operation: Operation, nonce: Option<B256>, payer: Option<Address>) -> bool {
        let payment = operation != Operation::Supported;
        ((self.on == Operation::Any && payment) || self.on == operation)
            && self.times != Some(0)
            && (self.nonce.is_none() || self.nonce == nonce)
            && (self.payer.is_none() || self.payer == payer)
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    pub(super) fn take(
        &mut self,
        operation: Operation,
        nonce: Option<B256>,
        payer: Option<Address>,
    ) -> Option<Fault> {
        let at = self.0.iter().position(|fault| fault.hits(operation, nonce, payer))?;
        let fault = self.0[at].clone();
        if let Some(times) = &mut self.0[at].times {
            *times -= 1;
            if *times == 0 {
                self.0.remove(at);
            }
        }
        Some(fault)
    }
}
