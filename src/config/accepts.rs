//! `accepts` lists: how, in what and to whom an offer is paid.

use std::sync::Arc;

use super::error::Errors;
use super::fields::{joined, list, nearest, text, Fields};
use super::tree::{quoted, Path, Value};
use super::{Asset, OtherAccept};
use crate::evm::address::Address;
use crate::evm::eip712::domain_separator;
use crate::evm::permit2;
use crate::map::Map;
use crate::money::assets::{self, Known, Method};

mod other;

pub(super) const KEYS: &[&str] = &["network", "asset", "payTo", "scheme", "assetTransferMethod", "extra"];
pub(super) const METHODS: &[(&str, Method)] = &[("eip3009", Method::Eip3009), ("permit2", Method::Permit2)];
pub(super) const ASSET_KEYS: &[&str] = &["address", "decimals", "name", "version", "symbol"];

/// Most ways to pay one offer: each is quoted in every 402.
const MAX_ACCEPTS: usize = 16;

/// A way to pay, before there is a price.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// One whose payments are verified here.
    Evm {
        asset: Arc<Asset>,
        pay_to: Address,
        /// `exact` or `upto`, if it is written here.
        scheme: Option<Scheme>,
        method: Method,
    },
    /// One that only the facilitator understands.
    Other(Arc<OtherAccept>),
}

/// Schemes whose payments are verified here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scheme {
    Exact,
    Upto,
}

pub(super) const SCHEMES: &[(&str, Scheme)] = &[("exact", Scheme::Exact), ("upto", Scheme::Upto)];

/// Every asset of a policy, once.
#[derive(Default)]
pub(super) struct Assets {
    assets: Vec<Arc<Asset>>,
    /// Places in `assets`, by [`key`].
    places: Map<u64, u64>,
}

// === impl Assets ===

impl Assets {
    pub(super) fn into_vec(self) -> Vec<Arc<Asset>> {
        self.assets
    }

    /// Whether any is on this network, by CAIP-2.
    pub(super) fn are_on(&self, network: &str) -> bool {
        self.assets.iter().any(|asset| asset.network == network)
    }

    fn keep(&mut self, asset: Asset, path: &Path<'_>, errors: &mut Errors) -> Option<Arc<Asset>> {
        let mut key = key(&asset);
        while let Some(known) = self.at(key) {
            if **known == asset {
                return Some(known.clone());
            }
            if (known.chain_id, known.address) == (asset.chain_id, asset.address) {
                errors.push(path, "the same token is described otherwise elsewhere", "describe it alike");
                return None;
            }
            key = key.wrapping_add(1);
        }
        let asset = Arc::new(asset);
        self.places.insert(key, self.assets.len() as u64);
        self.assets.push(asset.clone());
        Some(asset)
    }

    fn at(&self, key: u64) -> Option<&Arc<Asset>> {
        self.places.get(&key).and_then(|place| self.assets.get(usize::try_from(*place).ok()?))
    }
}

/// Where a token is looked for; another token may have the same key.
fn key(asset: &Asset) -> u64 {
    let address = asset.address.as_bytes();
    address.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes)) ^ asset.chain_id
}

/// Reads a list of ways to pay; `None` once its mistakes are reported.
pub(super) fn read(
    value: &Value<'_>,
    path: Path<'_>,
    assets: &mut Assets,
    errors: &mut Errors,
) -> Option<Vec<Way>> {
    let values = list(value, &path, MAX_ACCEPTS, errors)?;
    let mut ways: Vec<Way> = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let path = path.index(index);
        let Some(way) = read_one(value, path, assets, errors) else { continue };
        if ways.iter().any(|other| other.collides(&way)) {
            errors.push(
                path,
                "the same token is in the list before, paid in the same way",
                "a payment must say by its token to whom it goes",
            );
        }
        ways.push(way);
    }
    (ways.len() == values.len()).then_some(ways)
}

// === impl Way ===

impl Way {
    fn collides(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Evm { asset, scheme, method, .. },
                Self::Evm { asset: asset2, scheme: scheme2, method: method2, .. },
            ) => Arc::ptr_eq(asset, asset2) && scheme == scheme2 && method == method2,
            (Self::Other(one), Self::Other(two)) => one.collides(two),
            _ => false,
        }
    }
}

/// A network as an operator names it.
pub(super) enum Network {
    /// An EVM chain.
    Evm(u64),
    /// CAIP-2 of any other.
    Other(String),
}

#[inline(never)]
fn read_one(value: &Value<'_>, path: Path<'_>, assets: &mut Assets, errors: &mut Errors) -> Option<Way> {
    let fields = Fields::open(value, path, KEYS, errors)?;
    let network = fields.need("network", "a name such as base, or eip155:8453", errors);
    let network = network.and_then(|value| read_network(value, &path.key("network"), errors));
    let scheme = match fields.get("scheme") {
        None => Some(None),
        Some(value) => text(value, &path.key("scheme"), errors).map(Some),
    };
    let known = scheme.and_then(|scheme| match scheme {
        None => Some(None),
        Some(name) => SCHEMES.iter().find(|(known, _)| *known == name).map(|(_, scheme)| Some(*scheme)),
    });
    match (network, scheme, known) {
        (Some(Network::Evm(chain)), Some(_), Some(scheme)) => {
            read_evm(&fields, Some(chain), scheme, assets, errors)
        }
        (None, _, Some(scheme)) => read_evm(&fields, None, scheme, assets, errors),
        (Some(network), Some(scheme), _) => {
            other::read(&fields, network, scheme.unwrap_or("exact"), errors).map(Arc::new).map(Way::Other)
        }
        _ => None,
    }
}

fn read_evm(
    fields: &Fields<'_>,
    chain: Option<u64>,
    scheme: Option<Scheme>,
    assets: &mut Assets,
    errors: &mut Errors,
) -> Option<Way> {
    let path = fields.path;
    if fields.get("extra").is_some() {
        errors.push(
            path.key("extra"),
            "only goes with schemes and networks that the facilitator alone understands",
            "remove it: what belongs there is known",
        );
    }
    let pay_to = fields.need("payTo", "the address that is paid", errors);
    let pay_to = pay_to.and_then(|value| read_address(value, &path.key("payTo"), errors));
    let asset_path = path.key("asset");
    let asset = match fields.get("asset") {
        None => chain.and_then(|chain| default_asset(chain, &asset_path, errors)),
        Some(Value::Text(symbol)) => chain.and_then(|chain| by_symbol(chain, symbol, &asset_path, errors)),
        Some(value) => described(value, chain, asset_path, errors),
    };
    let native = asset.as_ref().map_or(Method::Eip3009, |asset| {
        let mut tokens = assets::tokens(asset.chain_id);
        tokens.find(|token| token.address == asset.address).map_or(Method::Eip3009, |token| token.method)
    });
    let asset = asset.and_then(|asset| assets.keep(asset, &asset_path, errors));
    let written =
        fields.get("assetTransferMethod").map(|_| fields.choice("assetTransferMethod", METHODS, errors));
    let method = match written {
        None if scheme == Some(Scheme::Upto) => Method::Permit2,
        None => native,
        Some(method) => method?,
    };
    let complaint = match (method, native, scheme) {
        (Method::Eip3009, _, Some(Scheme::Upto)) => {
            Some(("upto is paid through Permit2", "write permit2, or nothing"))
        }
        (Method::Eip3009, Method::Permit2, _) => {
            Some(("the registry knows this token as one without EIP-3009", "write permit2, or nothing"))
        }
        _ => None,
    };
    if let Some((message, hint)) = complaint {
        errors.push(path.key("assetTransferMethod"), message, hint);
        return None;
    }
    Some(Way::Evm { asset: asset?, pay_to: pay_to?, scheme, method })
}

#[inline(never)]
fn default_asset(chain: u64, path: &Path<'_>, errors: &mut Errors) -> Option<Asset> {
    let token = assets::tokens(chain).next();
    if token.is_none() {
        errors.push(
            path,
            format_args!("eip155:{chain} has no token of its own in the registry"),
            "describe one: {address, decimals, name, version, symbol}",
        );
    }
    token.map(registered)
}

#[inline(never)]
pub(super) fn read_network(value: &Value<'_>, path: &Path<'_>, errors: &mut Errors) -> Option<Network> {
    let network = text(value, path, errors)?;
    if let Some(chain) = assets::chain_of(network) {
        return Some(Network::Evm(chain));
    }
    if let Some(id) = network.strip_prefix("eip155:") {
        let canonical = !id.is_empty()
            && id.len() <= 18
            && !id.starts_with('0')
            && id.bytes().all(|b| b.is_ascii_digit());
        if let Some(chain) = id.parse().ok().filter(|_| canonical) {
            return Some(Network::Evm(chain));
        }
    } else if let Some(other) = assets::other_network(network) {
        return Some(Network::Other(other.to_owned()));
    }
    let near = nearest(network, &mut assets::v1_names()).map_or_else(
        || "write a name such as base, or a CAIP-2 id such as eip155:8453".to_owned(),
        |near| format!("did you mean {near:?}?"),
    );
    errors.push(path, format_args!("unknown network {}", quoted(network)), near);
    None
}

#[inline(never)]
fn read_address(value: &Value<'_>, path: &Path<'_>, errors: &mut Errors) -> Option<Address> {
    let text = text(value, path, errors)?;
    match Address::parse_checksummed(text) {
        Ok(address) if address == Address::new([0; 20]) => {
            errors.push(path, "the zero address", "money sent there is lost");
            None
        }
        Ok(address) => Some(address),
        Err(error) => {
            let right = Address::parse(text).map_or_else(
                |_| "copy it from your wallet".to_owned(),
                |address| format!("these digits are spelled {address}: check them at their source"),
            );
            errors.push(path, error, right);
            None
        }
    }
}

#[inline(never)]
fn by_symbol(chain: u64, symbol: &str, path: &Path<'_>, errors: &mut Errors) -> Option<Asset> {
    if let Some(token) = assets::tokens(chain).find(|token| token.symbol.eq_ignore_ascii_case(symbol)) {
        return Some(registered(token));
    }
    let known: Vec<&str> = assets::tokens(chain).map(|token| token.symbol).collect();
    let hint = match known.as_slice() {
        [] => "describe the token: {address, decimals, name, version, symbol}".to_owned(),
        known => format!(
            "known there: {}; describe others: {{address, decimals, name, version, symbol}}",
            joined(known, ", ")
        ),
    };
    errors.push(path, format_args!("no token {} on eip155:{chain} in the registry", quoted(symbol)), hint);
    None
}

fn registered(token: &Known) -> Asset {
    asset(token.chain_id, token.symbol, token.address, token.decimals, token.name, token.version)
}

#[inline(never)]
fn described(value: &Value<'_>, chain: Option<u64>, path: Path<'_>, errors: &mut Errors) -> Option<Asset> {
    let fields = Fields::open(value, path, ASSET_KEYS, errors)?;
    let address = fields.need("address", "the token's contract", errors);
    let address = address.and_then(|value| read_address(value, &path.key("address"), errors));
    let decimals = fields.need("decimals", "the token's decimals(), 6 for USDC", errors);
    let decimals = decimals
        .and_then(|_| fields.number("decimals", 0, 36, errors))
        .and_then(|decimals| u8::try_from(decimals).ok());
    let part = |key: &str, hint: &str, errors: &mut Errors| {
        fields.need(key, hint, errors).and_then(|_| fields.printable(key, 64, errors))
    };
    let name = part("name", "the name of the token's EIP-712 domain", errors);
    let version = part("version", "the version of the token's EIP-712 domain", errors);
    let symbol = match fields.get("symbol") {
        Some(_) => fields.printable("symbol", 32, errors),
        None => name,
    };
    let (chain, address, decimals, name, version, symbol) =
        (chain?, address?, decimals?, name?, version?, symbol?);
    if let Some(known) = assets::tokens(chain).find(|known| known.address == address) {
        let same = registered(known);
        if (same.decimals, same.name.as_str(), same.version.as_str()) != (decimals, name, version) {
            errors.push(
                path,
                format_args!(
                    "the registry knows this token as decimals {}, name {:?}, version {:?}",
                    same.decimals, same.name, same.version
                ),
                format_args!("write \"{}\"", same.symbol),
            );
            return None;
        }
        return Some(same);
    }
    Some(asset(chain, symbol, address, decimals, name, version))
}

#[inline(never)]
pub(super) fn asset(
    chain_id: u64,
    symbol: &str,
    address: Address,
    decimals: u8,
    name: &str,
    version: &str,
) -> Asset {
    Asset {
        network: format!("eip155:{chain_id}"),
        chain_id,
        v1_network: assets::v1_name(chain_id),
        symbol: symbol.to_owned(),
        address,
        decimals,
        name: name.to_owned(),
        version: version.to_owned(),
        domain_separator: domain_separator(name, version, chain_id, &address),
        permit2_separator: permit2::domain_separator(chain_id),
    }
}
