//! x402 on the wire.
