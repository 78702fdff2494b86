//! Gas sponsoring: a facilitator that pays for the allowance a Permit2 payment needs.
//!
//! `eip2612GasSponsoring` takes a signed ERC-2612 permit, `erc20ApprovalGasSponsoring` a
//! signed `approve` transaction. Both are declared only where the facilitator's `/supported`
//! lists them and something is paid through Permit2; the facilitator does the rest, so what a
//! client adds is read field by field and written out again for it.

use super::{comma, extend, DIALECT};
use crate::config::{Facilitator, Means, Offer};
use crate::protocol::abilities::{quoter, Abilities};
use crate::protocol::json::{self, place, schema, Field, Node, Object};
use crate::protocol::{Malformed, Version};

/// Name of the extension for ERC-2612 permits.
pub const EIP2612: &str = "eip2612GasSponsoring";
/// Name of the extension for signed approvals.
pub const ERC20_APPROVAL: &str = "erc20ApprovalGasSponsoring";

/// Longest signature or transaction passed on, in hexadecimal digits.
const MAX_DIGITS: usize = 4_096;

/// Which sponsoring is declared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sponsored {
    /// By ERC-2612 permit.
    pub eip2612: bool,
    /// By signed approval.
    pub erc20_approval: bool,
}

// === impl Sponsored ===

impl Sponsored {
    fn by(facilitator: &Facilitator, abilities: &dyn Abilities) -> Self {
        Self {
            eip2612: abilities.extends(facilitator, EIP2612),
            erc20_approval: abilities.extends(facilitator, ERC20_APPROVAL),
        }
    }

    /// What members of a payment's `extensions`, as [`passed_on`] gives them, ask for.
    pub fn asked(passed_on: &str) -> Self {
        Self { eip2612: passed_on.contains(EIP2612), erc20_approval: passed_on.contains(ERC20_APPROVAL) }
    }

    /// Whether `facilitator` sponsors all of it.
    pub fn is_by(self, facilitator: &Facilitator, abilities: &dyn Abilities) -> bool {
        let theirs = Self::by(facilitator, abilities);
        (theirs.eip2612 || !self.eip2612) && (theirs.erc20_approval || !self.erc20_approval)
    }
}

const EIP2612_INFO: &str = r#"{"description":"The facilitator accepts EIP-2612 gasless Permit to `Permit2` canonical contract.","version":"1"}"#;
const ERC20_APPROVAL_INFO: &str = r#"{"description":"The facilitator broadcasts a pre-signed ERC-20 approve() transaction to grant Permit2 allowance.","version":"1"}"#;

/// What both ask for first.
const COMMON: &str = concat!(
    r#""from":{"type":"string","pattern":"^0x[a-fA-F0-9]{40}$"},"#,
    r#""asset":{"type":"string","pattern":"^0x[a-fA-F0-9]{40}$"},"#,
    r#""spender":{"type":"string","pattern":"^0x[a-fA-F0-9]{40}$"},"#,
    r#""amount":{"type":"string","pattern":"^[0-9]+$"},"#,
);
const EIP2612_FIELDS: &str = concat!(
    r#""nonce":{"type":"string","pattern":"^[0-9]+$"},"#,
    r#""deadline":{"type":"string","pattern":"^[0-9]+$"},"#,
    r#""signature":{"type":"string","pattern":"^0x[a-fA-F0-9]+$"},"#,
);
const ERC20_APPROVAL_FIELDS: &str = r#""signedTransaction":{"type":"string","pattern":"^0x[a-fA-F0-9]+$"},"#;
const VERSION: &str = r#""version":{"type":"string","pattern":"^[0-9]+(\\.[0-9]+)*$"}},"required":["from","asset","spender","amount","#;
const EIP2612_END: &str = r#""nonce","deadline","signature","version"]}}"#;
const ERC20_APPROVAL_END: &str = r#""signedTransaction","version"]}}"#;

/// What is read of a payment: in the order of [`passed_on`]'s names, and within one in the order in
/// which it is written again. Nobody is told where a mistake is.
const PAYMENT: [Field; 19] = schema([
    "extensions",
    ".eip2612GasSponsoring",
    "..info",
    "...from",
    "...asset",
    "...spender",
    "...amount",
    "...nonce",
    "...deadline",
    "...signature",
    "...version",
    ".erc20ApprovalGasSponsoring",
    "..info",
    "...from",
    "...asset",
    "...spender",
    "...amount",
    "...signedTransaction",
    "...version",
]);

/// What an offer's quotes declare now: what is sponsored by everybody they are for, if anything
/// can be paid through Permit2 and the operator does not object.
pub fn offered(offer: &Offer, abilities: &dyn Abilities) -> Sponsored {
    let permit2 = offer.accepts.iter().filter(|accept| accept.means != Means::Eip3009);
    let quoters = permit2.filter_map(|accept| {
        let (scheme, network) = (accept.means.scheme(), &accept.asset.network);
        quoter(offer, abilities, &|one| abilities.takes(one, Version::V2, scheme, network, None))
    });
    let sponsored = quoters.map(|facilitator| Sponsored::by(facilitator, abilities));
    let sponsored = sponsored.reduce(|all, one| Sponsored {
        eip2612: all.eip2612 && one.eip2612,
        erc20_approval: all.erc20_approval && one.erc20_approval,
    });
    sponsored.filter(|_| offer.extensions().gas_sponsoring).unwrap_or_default()
}

/// What the quotes of an offer may have declared: what any of its facilitators sponsors.
pub fn honoured(offer: &Offer, abilities: &dyn Abilities) -> Sponsored {
    let most = most(offer);
    let any = |wanted: bool, extension: &str| {
        wanted && offer.facilitators.iter().any(|one| abilities.extends(one, extension))
    };
    Sponsored {
        eip2612: any(most.eip2612, EIP2612),
        erc20_approval: any(most.erc20_approval, ERC20_APPROVAL),
    }
}

/// What is declared of an offer at most, whatever its facilitator turns out to sponsor.
pub fn most(offer: &Offer) -> Sponsored {
    let permit2 =
        offer.extensions().gas_sponsoring && offer.accepts.iter().any(|a| a.means != Means::Eip3009);
    Sponsored { eip2612: permit2, erc20_approval: permit2 }
}

/// What a payment adds for the facilitator, as members of `paymentPayload.extensions` without
/// braces; empty when it adds nothing. Only what was declared and is whole is passed on: a
/// client that merely repeats the declaration has signed nothing.
///
/// # Errors
/// [`Malformed`] when a field stands there twice or is not of its form.
pub fn passed_on(payload: &str, declared: Sponsored) -> Result<String, Malformed> {
    let mut out = String::new();
    if declared == Sponsored::default() {
        return Ok(out);
    }
    let payment = json::read_deeper(payload, &PAYMENT)?;
    match payment.at(const { place(&PAYMENT, "extensions") }) {
        (Node::Object, _) => {}
        (Node::Absent | Node::Null, _) => return Ok(out),
        (_, path) => return Err(Malformed::Shape(path)),
    }
    for (name, wanted, extension) in [
        (EIP2612, declared.eip2612, const { place(&PAYMENT, ".eip2612GasSponsoring") }),
        (ERC20_APPROVAL, declared.erc20_approval, const { place(&PAYMENT, ".erc20ApprovalGasSponsoring") }),
    ] {
        if wanted {
            push_info(&mut out, name, &payment, extension.saturating_add(1))?;
        }
    }
    Ok(out)
}

/// Writes the `info` at a place again, if it is there and has a signature or a transaction.
fn push_info(out: &mut String, name: &str, payment: &Object<'_>, info: usize) -> Result<(), Malformed> {
    let mut json = String::new();
    let Node::Object = payment.at(info).0 else { return Ok(()) };
    for (node, field) in payment.members(info) {
        let text = match node {
            Node::Text(text) => text,
            // A mere echo of the declaration.
            Node::Absent => return Ok(()),
            _ => return Err(Malformed::Shape(field)),
        };
        if !is_value(field, text) {
            return Err(Malformed::Shape(field));
        }
        comma(&mut json);
        // Nothing in a value has to be escaped.
        extend(&mut json, &["\"", field, "\":\"", text, "\""]);
    }
    comma(out);
    extend(out, &["\"", name, r#"":{"info":{"#, &json, "}}"]);
    Ok(())
}

fn is_value(name: &str, text: &str) -> bool {
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let digits = text.strip_prefix("0x").unwrap_or_default();
    match name {
        "from" | "asset" | "spender" => digits.len() == 40 && hex(digits),
        "signature" | "signedTransaction" => digits.len() <= MAX_DIGITS && hex(digits),
        "version" => text.len() <= 16 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.'),
        _ => (1..=78).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()),
    }
}

/// The version alone: clients on `@x402/core` 2.11 replace the whole `info`, and with it the
/// description, by what they signed.
pub(super) fn fixed(fixed: &mut Vec<(&'static str, String)>, declared: Sponsored) {
    for (wanted, name) in [(declared.eip2612, EIP2612), (declared.erc20_approval, ERC20_APPROVAL)] {
        if wanted {
            fixed.push((name, r#"{"version":"1"}"#.to_owned()));
        }
    }
}

pub(super) fn push(json: &mut String, declared: Sponsored) {
    for (wanted, name, info, fields, end) in [
        (declared.eip2612, EIP2612, EIP2612_INFO, EIP2612_FIELDS, EIP2612_END),
        (
            declared.erc20_approval,
            ERC20_APPROVAL,
            ERC20_APPROVAL_INFO,
            ERC20_APPROVAL_FIELDS,
            ERC20_APPROVAL_END,
        ),
    ] {
        if wanted {
            comma(json);
            extend(
                json,
                &["\"", name, r#"":{"info":"#, info, r#","schema":{"#, DIALECT, COMMON, fields, VERSION, end],
            );
        }
    }
}
