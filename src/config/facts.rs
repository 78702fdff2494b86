//! What a shell reads of a validated policy.

use std::sync::Arc;

use super::accepts::asset;
use super::{
    Asset, Conditions, Cors, Extensions, Facilitator, Offer, Policy, Route, Settle, SharedStore, Target,
    Text, CHAIN_MARGIN_SECONDS, UPSTREAM_SECONDS,
};
use crate::evm::address::Address;
use crate::money::assets;

// === impl Policy ===

impl Policy {
    /// The public URL quoted to payers, without a path; what proxies in front say comes first.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Pages of which origins may read what they are told.
    pub fn cors(&self) -> &Cors {
        &self.cors
    }

    /// Whether a quote may be larger than is sure to arrive.
    pub fn allows_large_quotes(&self) -> bool {
        self.large_quotes
    }

    /// Every route; one that several hosts share may come more than once.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.iter()
    }

    /// Every facilitator, by [`Facilitator::index`].
    pub fn facilitators(&self) -> &[Arc<Facilitator>] {
        &self.facilitators
    }

    /// What replicas know of claims in common, if they are to.
    pub fn shared_claims(&self) -> Option<&Arc<SharedStore>> {
        self.shared_claims.as_ref()
    }

    /// Whether people are refused with a page they can pay from.
    pub fn paywall(&self) -> bool {
        self.paywall
    }

    /// How many authorisations are remembered at once.
    pub fn capacity(&self) -> u32 {
        self.claims.capacity
    }
}

// === impl Route ===

impl Route {
    /// Its unique name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is sold there, if anything.
    pub fn offer(&self) -> Option<&Arc<Offer>> {
        match &self.target {
            Target::Offer(offer) => Some(offer),
            Target::Free => None,
        }
    }

    /// Its path template as directories spell it, where its quotes declare one.
    pub fn template(&self) -> Option<&str> {
        self.template.as_deref().map(Text::as_str)
    }
}

// === impl Conditions ===

impl Conditions {
    /// What it declares besides its terms.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Who settles it, in order of preference.
    pub fn facilitators(&self) -> &[Arc<Facilitator>] {
        &self.facilitators
    }

    /// Seconds of validity a payment must have left when it is presented: for the chain, for
    /// the whole timeout of every facilitator that may be asked, and under `settle: after` for the
    /// upstream.
    pub fn margin_seconds(&self) -> u64 {
        let settle = CHAIN_MARGIN_SECONDS.saturating_add(self.timeout_seconds());
        match self.settle {
            Settle::Before => settle,
            Settle::After => settle.saturating_add(UPSTREAM_SECONDS),
        }
    }

    /// How long it may take to settle, in seconds: the timeouts of all its facilitators, one
    /// after the other. The last is asked when connecting to each before it took as long as it
    /// may, and has its whole timeout then.
    pub fn timeout_seconds(&self) -> u64 {
        let seconds = |facilitator: &Arc<Facilitator>| u64::from(facilitator.timeout_millis.div_ceil(1_000));
        self.facilitators.iter().map(seconds).fold(0, u64::saturating_add)
    }

    /// Whether a response with this status earns its price.
    pub fn charges(&self, status: u16) -> bool {
        self.settle_on.charges(status)
    }
}

// === impl Facilitator ===

impl Facilitator {
    /// Dense index within the policy.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Stands for its name and place in records of a fixed size: the same in every process and under every
    /// configuration, unique within one, never zero.
    pub fn tag(&self) -> u32 {
        self.tag
    }

    /// The tag of its name alone, which stands in claims that were begun before places were part of it.
    pub(crate) fn old_tag(&self) -> u32 {
        super::facilitators::tag_of([self.name.as_bytes()])
    }

    /// The host's name for the upstream.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// `:authority` of the calls.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What comes before `/verify` and `/settle`.
    pub fn path_prefix(&self) -> &str {
        &self.path_prefix
    }

    /// How long one call may take.
    pub fn timeout_millis(&self) -> u32 {
        self.timeout_millis
    }

    /// Seconds between two looks at `/supported`. `None` when it is never asked: what is settled
    /// then stays unknown for ever.
    pub fn supported_every(&self) -> Option<u32> {
        self.supported_every
    }

    /// Static headers, with their secrets exposed: for the call and nothing else.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }

    /// The `Authorization` of one call, for a facilitator that wants one minted: good for
    /// [`VALID_SECONDS`](crate::signing::jwt::VALID_SECONDS) from `now` (seconds since the Unix
    /// epoch), and for calls of this method to this path alone, which is whole and without query.
    /// `nonce` is sixteen bytes nobody can guess.
    pub fn authorization(&self, method: &str, path: &str, now: u64, nonce: &[u8; 16]) -> Option<String> {
        let token = self.auth.as_ref()?.jwt(method, &self.authority, path, now, nonce)?;
        Some("Bearer ".to_owned() + &token)
    }
}

// === impl Asset ===

impl Asset {
    /// CAIP-2.
    pub fn network(&self) -> &str {
        &self.network
    }
}

// === impl Asset ===

impl Asset {
    /// The default token of a network by its v1 name.
    pub fn registered_on(v1_network: &str) -> Option<Self> {
        let known = assets::tokens(assets::chain_of(v1_network)?).next()?;
        Some(asset(known.chain_id, known.symbol, known.address, known.decimals, known.name, known.version))
    }

    /// A token of the registry, whether or not the policy takes it: payments claimed under an
    /// earlier policy are still honoured. `None` for tokens nobody but an operator described.
    pub fn registered(network: &str, address: &Address) -> Option<Self> {
        let chain_id = network.strip_prefix("eip155:")?.parse().ok()?;
        let known = assets::tokens(chain_id).find(|token| token.address == *address)?;
        Some(asset(chain_id, known.symbol, known.address, known.decimals, known.name, known.version))
    }
}

#[cfg(test)]
impl Facilitator {
    /// One that nobody calls.
    pub(crate) fn for_tests() -> Self {
        Self {
            name: "main".to_owned(),
            tag: super::facilitators::tag("main", "x402.example.com", ""),
            index: 0,
            cluster: "facilitator".to_owned(),
            authority: "x402.example.com".to_owned(),
            path_prefix: String::new(),
            timeout_millis: 10_000,
            headers: Vec::new(),
            supported_every: Some(60),
            auth: None,
        }
    }
}
