//! `accepts` lists: in what and to whom an offer is paid.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::Errors;
use super::fields::{joined, list, nearest, text, Fields};
use super::text::printable;
use super::tree::{quoted, Path, Value};
use super::Asset;
use crate::evm::address::Address;
use crate::evm::eip712::domain_separator;
use crate::money::assets::{self, Known, Method};

pub(super) const KEYS: &[&str] = &["network", "asset", "payTo"];
pub(super) const ASSET_KEYS: &[&str] = &["address", "decimals", "name", "version", "symbol"];

/// Most ways to pay one offer: each is quoted in every 402.
const MAX_ACCEPTS: usize = 16;

/// A way to pay, before there is a price.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) asset: Arc<Asset>,
    pub(super) pay_to: Address,
}

/// Every asset of a policy, once.
#[derive(Default)]
pub(super) struct Assets {
    assets: Vec<Arc<Asset>>,
    /// Places in `assets`, by [`key`].
    places: HashMap<u64, u64>,
}

// === impl Assets ===

impl Assets {
    pub(super) fn into_vec(self) -> Vec<Arc<Asset>> {
        self.assets
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
        if ways.iter().any(|other| Arc::ptr_eq(&other.asset, &way.asset)) {
            errors.push(
                path,
                "the same token is in the list before",
                "a payment must say by its token to whom it goes",
            );
        }
        ways.push(way);
    }
    (ways.len() == values.len()).then_some(ways)
}

#[inline(never)]
fn read_one(value: &Value<'_>, path: Path<'_>, assets: &mut Assets, errors: &mut Errors) -> Option<Way> {
    let fields = Fields::open(value, path, KEYS, errors)?;
    let chain = fields.need("network", "a name such as base, or eip155:8453", errors);
    let chain = chain.and_then(|value| read_network(value, &path.key("network"), errors));
    let pay_to = fields.need("payTo", "the address that is paid", errors);
    let pay_to = pay_to.and_then(|value| read_address(value, &path.key("payTo"), errors));
    let asset_path = path.key("asset");
    let asset = match fields.get("asset") {
        None => chain.and_then(|chain| match assets::tokens(chain).next() {
            Some(token) => registered(token, &asset_path, errors),
            None => {
                errors.push(
                    asset_path,
                    format_args!("eip155:{chain} has no token of its own in the registry"),
                    "describe one: {address, decimals, name, version, symbol}",
                );
                None
            }
        }),
        Some(Value::Text(symbol)) => chain.and_then(|chain| by_symbol(chain, symbol, &asset_path, errors)),
        Some(value) => described(value, chain, asset_path, errors),
    };
    let asset = assets.keep(asset?, &asset_path, errors)?;
    Some(Way { asset, pay_to: pay_to? })
}

#[inline(never)]
fn read_network(value: &Value<'_>, path: &Path<'_>, errors: &mut Errors) -> Option<u64> {
    let network = text(value, path, errors)?;
    if let Some(chain) = assets::chain_of(network) {
        return Some(chain);
    }
    if let Some(id) = network.strip_prefix("eip155:") {
        let canonical = !id.is_empty()
            && id.len() <= 18
            && !id.starts_with('0')
            && id.bytes().all(|b| b.is_ascii_digit());
        if let Some(chain) = id.parse().ok().filter(|_| canonical) {
            return Some(chain);
        }
    }
    if assets::is_other_network(network) {
        errors.push(
            path,
            format_args!("{} is not in this version: EVM networks only", quoted(network)),
            "for example base",
        );
    } else {
        let near = nearest(network, &mut assets::v1_names()).map_or_else(
            || "write a name such as base, or eip155:8453".to_owned(),
            |near| format!("did you mean {near:?}?"),
        );
        errors.push(path, format_args!("unknown network {}", quoted(network)), near);
    }
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
        return registered(token, path, errors);
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

#[inline(never)]
fn registered(token: &Known, path: &Path<'_>, errors: &mut Errors) -> Option<Asset> {
    if token.method == Method::Permit2 {
        errors.push(
            path,
            format_args!(
                "{} on eip155:{} is paid through Permit2, which is not in this version",
                token.symbol, token.chain_id
            ),
            "accept another token",
        );
        return None;
    }
    Some(asset(token.chain_id, token.symbol, token.address, token.decimals, token.name, token.version))
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
        fields.need(key, hint, errors).and_then(|value| printable(value, &path.key(key), 64, errors))
    };
    let name = part("name", "the name of the token's EIP-712 domain", errors);
    let version = part("version", "the version of the token's EIP-712 domain", errors);
    let symbol = match fields.get("symbol") {
        Some(value) => printable(value, &path.key("symbol"), 32, errors),
        None => name.clone(),
    };
    let (chain, address, decimals, name, version, symbol) =
        (chain?, address?, decimals?, name?, version?, symbol?);
    if let Some(known) = assets::tokens(chain).find(|known| known.address == address) {
        let same = registered(known, &path, errors)?;
        if (same.decimals, &same.name, &same.version) != (decimals, &name, &version) {
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
    Some(asset(chain, &symbol, address, decimals, &name, &version))
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
    }
}
