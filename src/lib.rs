//! Charging for HTTP at the proxy: an x402 gate as one proxy-wasm module.
//!
//! The crate has two halves. The **core** knows HTTP facts and money and nothing of hosts:
//! it takes bytes, the time and claim records in, and gives effects out. The **shell**
//! (`shell`) knows proxy-wasm and nothing of money. A module imports those above it only, and
//! nothing in the core imports `shell`, `proxy_wasm`, `log` or the parts of `std` that touch
//! the outside; `tests/architecture.rs` holds that line.
//!
//! | module | what it owns |
//! |---|---|
//! | [`digits`] | hexadecimal digits |
//! | [`json`] | writing JSON |
//! | [`map`] | maps whose keys nobody hostile chooses |
//! | [`memo`] | results that are asked for again |
//! | [`money`] | prices, assets, base units |
//! | [`secp256k1`] | public keys from signatures |
//! | [`evm`] | addresses, EIP-712, EIP-3009, Permit2, signature recovery |
//! | [`limit`] | how often one source may have something done for it |
//! | [`signing`] | the operator's own keys: who we are to a facilitator, what a buyer is promised |
//! | [`route`] | (host, method, path) to an offer, free, or refused |
//! | [`config`] | operator text in, a validated [`config::Policy`] or every mistake at once out |
//! | [`protocol`] | bounded decoding, wire types and challenges of x402 |
//! | [`precheck`] | payment x offer x now |
//! | [`claims`] | the life of one authorisation, and the table it is kept in |
//! | [`extensions`] | what a quote declares besides its terms, what a payment says back |
//! | [`catalogue`] | what is sold, as documents for directories |
//! | [`facilitator`] | request bytes out, a classified answer in |
//! | [`proof`] | what the chain proves of a settlement that nobody answered for |
//! | [`store`] | what replicas know of claims in common: calls out, replies in |
//! | [`exchange`] | one HTTP exchange, as a machine |
//! | [`charge`] | what a response costs, once its headers are known |
//! | [`settlement`] | one authorisation being settled, as a machine |
//! | [`demand`] | a settlement that can be asked for again |
//! | [`reply`] | what the client reads |
//! | [`paywall`] | what a person reads instead |
//! | [`record`] | what the operator reads |
//! | [`wellknown`] | documents the filter itself serves, and where |
//! | [`admission`] | a request in; passed, refused, or a payment to present |

pub mod admission;
pub mod catalogue;
pub mod charge;
pub mod claims;
pub mod config;
pub mod demand;
pub mod digits;
pub mod evm;
pub mod exchange;
pub mod extensions;
pub mod facilitator;
pub mod json;
pub mod limit;
pub mod map;
pub mod memo;
pub mod money;
pub mod paywall;
pub mod precheck;
pub mod proof;
pub mod protocol;
pub mod record;
pub mod reply;
pub mod route;
pub mod secp256k1;
pub mod settlement;
pub mod signing;
pub mod store;
pub mod wellknown;

pub mod shell;
