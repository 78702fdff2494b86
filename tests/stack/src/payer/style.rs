//! The same payment in other bytes: key order, hex case, base64 forms.

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use base64::Engine;
use serde_json::Value;

/// How a payment is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub order: KeyOrder,
    pub base64: Base64Form,
    pub hex: HexCase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyOrder {
    /// As the TypeScript SDK constructs it.
    #[default]
    Sdk,
    Sorted,
    Reversed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Base64Form {
    #[default]
    Padded,
    Unpadded,
    UrlSafe,
    /// A blank between every 76 characters.
    Wrapped,
    /// The JSON itself.
    Raw,
}

/// The case of hex digits in the authorisation and the signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HexCase {
    /// Checksummed addresses, the rest in lower case.
    #[default]
    Sdk,
    Lower,
    Upper,
}

impl Style {
    pub fn order(order: KeyOrder) -> Self {
        Self { order, ..Self::default() }
    }

    pub fn base64(base64: Base64Form) -> Self {
        Self { base64, ..Self::default() }
    }

    pub fn hex(hex: HexCase) -> Self {
        Self { hex, ..Self::default() }
    }

    pub(super) fn encode(&self, json: &str) -> String {
        match self.base64 {
            Base64Form::Padded => STANDARD.encode(json),
            Base64Form::Unpadded => STANDARD_NO_PAD.encode(json),
            Base64Form::UrlSafe => URL_SAFE.encode(json),
            Base64Form::Wrapped => {
                let plain = STANDARD.encode(json);
                let lines: Vec<_> = plain.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
                lines.join(" ")
            }
            Base64Form::Raw => json.to_owned(),
        }
    }

    pub(super) fn cased(&self, json: &Value) -> Value {
        let mut json = json.clone();
        if self.hex != HexCase::Sdk {
            self.recase(&mut json["payload"]);
        }
        json
    }

    fn recase(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => fields.values_mut().for_each(|value| self.recase(value)),
            Value::String(text) => {
                if let Some(digits) = text.strip_prefix("0x") {
                    *text = if self.hex == HexCase::Upper {
                        format!("0x{}", digits.to_uppercase())
                    } else {
                        format!("0x{}", digits.to_lowercase())
                    };
                }
            }
            _ => {}
        }
    }
}

/// The order in which the SDK puts its members; others follow, sorted.
const SDK_ORDER: [&str; 21] = [
    "x402Version",
    "scheme",
    "network",
    "payload",
    "authorization",
    "from",
    "to",
    "value",
    "validAfter",
    "validBefore",
    "nonce",
    "signature",
    "resource",
    "accepted",
    "amount",
    "asset",
    "payTo",
    "maxTimeoutSeconds",
    "extra",
    "extensions",
    "name",
];

pub(super) fn write_json(value: &Value, order: KeyOrder) -> String {
    let mut out = String::with_capacity(1024);
    write_value(value, order, &mut out);
    out
}

fn write_value(value: &Value, order: KeyOrder, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            match order {
                KeyOrder::Sdk => fields.sort_by_key(|(key, _)| {
                    let rank = SDK_ORDER.iter().position(|known| known == key);
                    (rank.unwrap_or(SDK_ORDER.len()), *key)
                }),
                KeyOrder::Sorted => fields.sort_by(|left, right| left.0.cmp(right.0)),
                KeyOrder::Reversed => fields.sort_by(|left, right| right.0.cmp(left.0)),
            }
            write_sequence('{', '}', &fields, out, |(key, value), out| {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_value(value, order, out);
            });
        }
        Value::Array(items) => {
            write_sequence('[', ']', items, out, |item, out| {
                write_value(item, order, out);
            });
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn write_sequence<T>(
    open: char,
    close: char,
    items: &[T],
    out: &mut String,
    mut write: impl FnMut(&T, &mut String),
) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}
