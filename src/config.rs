//! The operator's policy: text in, a validated [`Policy`] or every mistake at once out.
//!
//! The types here are the domain: built only by [`Policy::from_bytes`], so that whoever
//! holds one needs no further checks. The wire shape lives in `wire`.

mod accepts;
mod auth;
mod catalogue;
mod chosen;
mod claims;
pub mod error;
mod example;
mod extensions;
mod facilitators;
mod facts;
mod fields;
pub(crate) mod json;
mod notary;
mod offer;
mod offers;
mod prices;
mod public;
mod publication;
mod routes;
mod rpc;
mod secret;
mod structpb;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod tree;
mod wire;

use std::sync::Arc;

use crate::evm::address::Address;
use crate::limit::Limits;
use crate::route::Routes;
use crate::signing::jwt::Cdp;
use crate::signing::notary::Notary;

pub use claims::{ClaimsPolicy, SharedStore, StoreKind};
pub use example::Example;
pub use extensions::{Bazaar, Discovery, Extensions, Identifier, Output};
pub use offer::{Accept, Conditions, Offer};
pub use public::{Cors, Forwarded};
pub use publication::{CATALOGUE_PATH, OPENAPI_PATH};
pub use rpc::Rpc;
pub use secret::Secret;
pub use text::Text;

/// What any settlement needs of an authorisation's validity, in seconds: the reference
/// facilitator refuses below it.
pub const CHAIN_MARGIN_SECONDS: u64 = 6;

/// Seconds of an authorisation's validity kept for the upstream under `settle: after`.
pub const UPSTREAM_SECONDS: u64 = 15;

/// Everything the operator decided, validated.
#[derive(Debug)]
pub struct Policy {
    pub(crate) origin: String,
    /// Proxies in front, whose word on the origin counts for more.
    pub(crate) forwarded: Option<Forwarded>,
    pub(crate) cors: Cors,
    /// Whether a quote may be larger than is sure to arrive.
    pub(crate) large_quotes: bool,
    pub(crate) unmatched: Unmatched,
    pub(crate) facilitators: Vec<Arc<Facilitator>>,
    /// Nodes that are asked what became of a settlement, one for each chain.
    pub(crate) rpcs: Vec<Arc<Rpc>>,
    pub(crate) routes: Routes,
    pub(crate) claims: ClaimsPolicy,
    /// What replicas know of claims in common, if they are to.
    pub(crate) shared_claims: Option<Arc<SharedStore>>,
    /// Who signs offers and receipts, if they are.
    pub(crate) notary: Option<Notary>,
    pub(crate) limits: Limits,
    /// Whether people are refused with a page they can pay from.
    pub(crate) paywall: bool,
    /// Every (network, asset) any offer accepts, once: what a payment may name.
    pub(crate) assets: Vec<Arc<Asset>>,
    pub(crate) discovery: Discovery,
    /// What is published, if anything is: the first routes that are sold, in their order.
    pub(crate) listings: Listings,
    pub(crate) warnings: Vec<String>,
}

/// What happens to a request that no route names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unmatched {
    /// It passes.
    Free,
    /// It is answered 403.
    Deny,
}

/// When the money moves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Settle {
    /// Before the upstream sees the request.
    Before,
    /// After the upstream answered, before the client sees the answer.
    After,
}

/// Who checks a payment before work is spent on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verify {
    /// The sandbox alone.
    Local,
    /// The sandbox, then the facilitator's `/verify` before the upstream.
    Facilitator,
    /// As the payment needs it: [`Verify::Facilitator`] for Permit2, whose allowance only the chain
    /// knows, and for version 1; otherwise [`Verify::Local`]. Facilitators settle those without
    /// looking (`@x402/evm` 2.27), and the revert they then report proves nothing: whoever lacks
    /// money or allowance would be left with a payment in doubt, and whoever wants to could fill the
    /// table with them.
    ByMeans,
}

/// A named route. There are thousands, in every worker: with its counts it takes 28 bytes there,
/// and one more would cost sixteen.
#[derive(Debug)]
pub struct Route {
    pub(crate) name: Text,
    /// Unique, dense index of the route within the policy; metric ids are cached by it.
    pub(crate) index: usize,
    pub(crate) target: Target,
    /// Its path template as directories spell it (`/tiles/:z`), where the offer declares how it
    /// is called.
    pub(crate) template: Option<Box<Text>>,
}

/// Routes as they are published.
#[derive(Debug, Default)]
pub struct Listings {
    pub(crate) routes: Vec<Listing>,
    /// There are more routes than are published.
    pub(crate) truncated: bool,
}

/// A route as it is published.
#[derive(Debug)]
pub struct Listing {
    /// The first host it names in full; the origin's where it names none.
    pub(crate) host: Option<String>,
    /// Empty for all methods.
    pub(crate) methods: Vec<String>,
    /// As it was written.
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) offer: Arc<Offer>,
}

/// What a route costs.
#[derive(Debug)]
pub enum Target {
    /// Nothing.
    Free,
    /// This.
    Offer(Arc<Offer>),
}

/// Which wallets may pay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wallets {
    /// Every one: signatures that only a contract can judge go to the facilitator's `/verify`.
    Any,
    /// Those whose signature recovers to their address.
    Eoa,
}

/// Scheme and transfer method of a payment verified here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Means {
    /// `exact`, by the token's own EIP-3009.
    Eip3009,
    /// `exact`, by Permit2.
    Permit2,
    /// `upto`, which is Permit2's only.
    Upto,
}

/// A way to pay that only the facilitator understands: matched as text, and handed to its
/// `/verify` and `/settle`.
#[derive(Debug)]
pub struct OtherAccept {
    pub(crate) scheme: String,
    /// CAIP-2.
    pub(crate) network: String,
    /// The v1 spelling of the network, where there is one.
    pub(crate) v1_network: Option<&'static str>,
    pub(crate) asset: String,
    pub(crate) symbol: String,
    pub(crate) decimals: u8,
    pub(crate) pay_to: String,
    /// The operator's `extra`, as one canonical JSON object; the facilitator's is merged in.
    pub(crate) extra: String,
}

/// A charge by quantity: `rate` for every `per` of what the upstream counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meter {
    pub(crate) rate: crate::money::Price,
    pub(crate) per: u64,
    /// The response header with the quantity, a decimal integer.
    pub(crate) header: String,
    /// The quantity of a response without that header.
    pub(crate) default: Option<u64>,
}

/// A token on a network, with what its EIP-712 domain needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// CAIP-2, for example `eip155:8453`.
    pub(crate) network: String,
    pub(crate) chain_id: u64,
    /// The v1 spelling of the network, where there is one.
    pub(crate) v1_network: Option<&'static str>,
    pub(crate) symbol: String,
    pub(crate) address: Address,
    pub(crate) decimals: u8,
    /// EIP-712 domain name of the token.
    pub(crate) name: String,
    /// EIP-712 domain version of the token.
    pub(crate) version: String,
    /// The token's EIP-712 domain separator, computed once.
    pub(crate) domain_separator: [u8; 32],
    /// Permit2's on the same chain.
    pub(crate) permit2_separator: [u8; 32],
}

/// Where and how a facilitator is called.
#[derive(Debug)]
pub struct Facilitator {
    pub(crate) name: String,
    /// Stands for the name where there is no room for it; unique, and never zero.
    pub(crate) tag: u32,
    /// Dense index within the policy.
    pub(crate) index: usize,
    /// The host's name for the upstream: an Envoy cluster.
    pub(crate) cluster: String,
    pub(crate) authority: String,
    /// Without a trailing slash; empty for the root.
    pub(crate) path_prefix: String,
    pub(crate) timeout_millis: u32,
    /// Seconds between two looks at `/supported`; `None` when it is never asked.
    pub(crate) supported_every: Option<u32>,
    /// Static headers; values may be secrets and are never logged.
    pub(crate) headers: Vec<(String, Secret)>,
    /// Who we are to it, where static headers do not say it.
    pub(crate) auth: Option<Cdp>,
}

/// Which upstream statuses are worth charging for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SettleOn {
    /// Inclusive ranges. None are every status below 400 but 304, which delivers nothing new.
    pub(crate) ranges: Vec<(u16, u16)>,
}

// === impl Policy ===

impl Policy {
    /// Reads a configuration: JSON text, or a binary `google.protobuf.Struct` as Envoy hands
    /// it over. `env` looks up variables of the VM's environment, for secrets.
    ///
    /// # Errors
    /// Every mistake there is, each with its path and a hint.
    pub fn from_bytes(bytes: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Self, error::Errors> {
        Self::from_vec(bytes.to_vec(), env)
    }

    /// The same, and gives back the room of the bytes while it reads.
    ///
    /// # Errors
    /// As [`Self::from_bytes`].
    pub fn from_vec(bytes: Vec<u8>, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, error::Errors> {
        wire::read(bytes, wire::SMALL, env)
    }

    /// As [`Self::from_bytes`], in the way that long configurations are read, however short it is: what
    /// comes of it is the same, and fuzzing holds it to that.
    ///
    /// # Errors
    /// As [`Self::from_bytes`].
    #[doc(hidden)]
    pub fn from_bytes_apart(
        bytes: &[u8],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, error::Errors> {
        wire::read(bytes.to_vec(), 0, env)
    }

    /// What is allowed but probably not wanted, for the log.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

// === impl Route ===

impl Route {
    /// Whether the route asks for money.
    pub fn is_priced(&self) -> bool {
        matches!(self.target, Target::Offer(_))
    }
}

// === impl Means ===

impl Means {
    /// `scheme` on the wire.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Eip3009 | Self::Permit2 => "exact",
            Self::Upto => "upto",
        }
    }
}

// === impl SettleOn ===

impl SettleOn {
    /// Whether the operator has named no statuses.
    pub(crate) fn is_default(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether a response with this status earns its price.
    pub fn charges(&self, status: u16) -> bool {
        let ranges = match self.ranges.as_slice() {
            [] => &[(100, 303), (305, 399)],
            ranges => ranges,
        };
        ranges.iter().any(|&(from, to)| (from..=to).contains(&status))
    }
}
