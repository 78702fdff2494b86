//! What a state means for the stream, the claim and whoever is at work.

use super::{Denial, Exchange};

// === impl Exchange ===

impl Exchange {
    /// Whether the request may not move yet.
    pub fn holds_request(self) -> bool {
        matches!(
            self,
            Self::Opening(_)
                | Self::Reserving(..)
                | Self::Crediting { .. }
                | Self::Pledging(_)
                | Self::Screening(_)
                | Self::Verifying(_)
                | Self::Refusing(_)
                | Self::Arming
                | Self::Paying(_)
        )
    }

    /// Whether the response may not move yet.
    pub fn holds_response(self) -> bool {
        matches!(
            self,
            Self::Closing { .. }
                | Self::Collecting { .. }
                | Self::Waiving
                | Self::Withholding(_)
                | Self::Fencing { .. }
        )
    }

    /// Whether a lease has to be kept alive for it.
    pub fn leases(self) -> bool {
        !matches!(
            self,
            Self::Over
                | Self::Opening(_)
                | Self::Screening(_)
                | Self::Fencing { worth: false, .. }
                | Self::Withholding(Denial::Short(_))
                | Self::Delivering { worth: false }
        )
    }

    /// Whether a facilitator or the upstream is at work for it and nothing is known to be paid yet.
    /// Who leaves now leaves them with that, and can do it again with the same signature.
    pub fn on_trust(self) -> bool {
        matches!(
            self,
            Self::Screening(_)
                | Self::Verifying(_)
                | Self::Paying(_)
                | Self::Working { paid: None }
                | Self::Collecting { .. }
        )
    }
}
