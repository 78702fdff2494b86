//! Ways to pay that only the facilitator understands.

use super::*;

const DESCRIBED_KEYS: &[&str] = &["address", "decimals", "symbol"];

/// Longest `extra`, as canonical JSON: it is quoted in every 402.
const MAX_EXTRA: usize = 2_048;

/// Schemes that need a seller's own durable state beside the facilitator, per channel or per
/// escrow: a gate that keeps claims for an hour would lose money with them.
const STATEFUL: &[&str] = &["batch-settlement", "auth-capture"];

// === impl OtherAccept ===

impl OtherAccept {
    pub(super) fn collides(&self, other: &Self) -> bool {
        (&self.scheme, &self.network, &self.asset) == (&other.scheme, &other.network, &other.asset)
    }
}

pub(super) fn read(
    fields: &Fields<'_>,
    network: Network,
    scheme: &str,
    errors: &mut Errors,
) -> Option<OtherAccept> {
    let path = fields.path;
    if STATEFUL.contains(&scheme) {
        errors.push(
            path.key("scheme"),
            format_args!("{scheme} needs durable state of the seller's, which this filter does not keep"),
            "use exact or upto, or the scheme's own server",
        );
        return None;
    }
    if fields.get("scheme").is_some_and(|_| fields.token("scheme", 64, errors).is_none()) {
        return None;
    }
    if fields.get("assetTransferMethod").is_some() {
        errors.push(
            path.key("assetTransferMethod"),
            "only goes with exact and upto on EVM networks",
            "write it into extra, if the scheme has such a thing",
        );
    }
    let asset_path = path.key("asset");
    let pay_to = fields.need("payTo", "who is paid, as the network spells it", errors);
    let (asset, pay_to, network) = match network {
        Network::Evm(chain) => {
            let pay_to = pay_to.and_then(|value| read_address(value, &path.key("payTo"), errors));
            let asset = match fields.get("asset") {
                None => default_asset(chain, &asset_path, errors),
                Some(Value::Text(symbol)) => by_symbol(chain, symbol, &asset_path, errors),
                Some(value) => super::described(value, Some(chain), asset_path, errors),
            };
            let asset = asset.map(|asset| (asset.address.to_string(), asset.symbol, asset.decimals));
            (asset, pay_to.map(|address| address.to_string()), format!("eip155:{chain}"))
        }
        Network::Other(network) => {
            let pay_to = pay_to.and_then(|_| fields.token("payTo", 128, errors));
            let asset = match fields.get("asset") {
                Some(Value::Text(symbol)) => foreign(&network, symbol, &asset_path, errors),
                Some(value) => described(value, asset_path, errors),
                None => foreign(&network, "USDC", &asset_path, errors),
            };
            (asset, pay_to.map(str::to_owned), network)
        }
    };
    let extra = match fields.get("extra") {
        None => Some("{}".to_owned()),
        Some(value) => read_extra(value, &path.key("extra"), errors),
    };
    let (asset, symbol, decimals) = asset?;
    let v1_network = assets::v1_name_of(&network);
    Some(OtherAccept {
        scheme: scheme.to_owned(),
        network,
        v1_network,
        asset,
        symbol,
        decimals,
        pay_to: pay_to?,
        extra: extra?,
    })
}

fn foreign(
    network: &str,
    symbol: &str,
    path: &Path<'_>,
    errors: &mut Errors,
) -> Option<(String, String, u8)> {
    let known = assets::foreign_token(network, symbol);
    if known.is_none() {
        errors.push(
            path,
            format_args!("no token {} on {} in the registry", quoted(symbol), quoted(network)),
            "describe it: {address, decimals, symbol}",
        );
    }
    known.map(|(address, decimals)| (address.to_owned(), symbol.to_ascii_uppercase(), decimals))
}

fn described(value: &Value<'_>, path: Path<'_>, errors: &mut Errors) -> Option<(String, String, u8)> {
    let fields = Fields::open(value, path, DESCRIBED_KEYS, errors)?;
    let address = fields.need("address", "the asset, as the network spells it", errors);
    let address = address.and_then(|_| fields.token("address", 128, errors));
    let decimals = fields.need("decimals", "the asset's decimals, 6 for USDC", errors);
    let decimals = decimals
        .and_then(|_| fields.number("decimals", 0, 36, errors))
        .and_then(|decimals| u8::try_from(decimals).ok());
    let symbol = fields.need("symbol", "its ticker, for prices and people", errors);
    let symbol = symbol.and_then(|_| fields.printable("symbol", 32, errors));
    Some((address?.to_owned(), symbol?.to_owned(), decimals?))
}

fn read_extra(value: &Value<'_>, path: &Path<'_>, errors: &mut Errors) -> Option<String> {
    let text = match value {
        Value::Object(_) => value.canonical(),
        _ => None,
    };
    let text = text.filter(|text| text.len() <= MAX_EXTRA);
    if text.is_none() {
        errors.push(
            path,
            format_args!(
                "not an object of texts, whole numbers, lists and objects of at most {MAX_EXTRA} bytes"
            ),
            "write what the scheme's specification says",
        );
    }
    text
}
