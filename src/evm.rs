//! What the filter needs of the EVM: addresses, typed-data hashing, signature recovery.

pub mod address;
