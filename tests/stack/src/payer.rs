//! The buyer: reads a quote, drafts an authorisation, signs it, writes the header.
//!
//! A test changes the [`Draft`] for a lie that is signed, the [`Payment`] for one that is
//! not, and the [`Style`] for the same payment in other bytes.

mod draft;
mod payment;
mod quote;
mod style;
mod visit;
mod wallet;

pub use draft::{draw_from, Draft, Spending};
pub use payment::{Payment, SignatureForm};
pub use quote::{decode_header, Quote};
pub use style::{Base64Form, HexCase, KeyOrder, Style};
pub use visit::{visit, Visit, VisitError};
pub use wallet::Wallet;
