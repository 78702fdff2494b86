//! Wallets, what they signed, and the chain that holds the truth.

use std::sync::OnceLock;

use k256::ecdsa::SigningKey;
use x402_proxy_wasm::claims::Identity;
use x402_proxy_wasm::evm::address::Address;
use x402_proxy_wasm::evm::eip3009::Authorization;
use x402_proxy_wasm::evm::eip712::domain_separator;
use x402_proxy_wasm::evm::recover::recover;
use x402_proxy_wasm::evm::signature::Signature;
use x402_proxy_wasm::money::Amount;

/// When every input begins, in seconds since the epoch.
pub(super) const START: u64 = 1_767_225_600;

/// When every payment ends.
pub(super) const END: u64 = START + 3_500;

/// Payments of most stories: two wallets, two routes, two of each.
pub(super) const FEW: usize = 8;

/// Behind them, those of one more wallet, all for one route: it buys this much at once, and has so many
/// payments for each.
pub(super) const WANTS: usize = 20;
pub(super) const SIGNED: usize = 4;

/// How many payments there are.
pub(super) const PAYMENTS: usize = FEW + WANTS * SIGNED;

pub(super) const PAYEE: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
pub(super) const TOKEN: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
pub(super) const CHAIN: u64 = 84_532;
pub(super) const ROUTES: [(&str, &str, u64); 2] = [("/a", "$0.01", 10_000), ("/b", "$0.02", 20_000)];

/// A signed payment.
pub(super) struct Payment {
    pub(super) wallet: usize,
    pub(super) route: usize,
    pub(super) from: Address,
    pub(super) nonce: [u8; 32],
    pub(super) value: u64,
    pub(super) identity: Identity,
    /// The header, where money moves before and where it moves after.
    headers: [Vec<u8>; 2],
}

/// What became of an authorisation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Coin {
    #[default]
    Unspent,
    /// At this time.
    Paid(u64),
    Cancelled(u64),
}

impl Payment {
    pub(super) fn path(&self) -> &'static str {
        ROUTES[self.route].0
    }

    pub(super) fn header(&self, before: bool) -> &[u8] {
        &self.headers[usize::from(!before)]
    }

    /// Whether another payment of its wallet is for the same.
    pub(super) fn is_twin(&self, other: &Self) -> bool {
        (self.wallet, self.route) == (other.wallet, other.route)
    }

    fn sign(place: usize) -> Self {
        let (wallet, route) = if place < FEW { (place & 1, place >> 1 & 1) } else { (2, 0) };
        let key = SigningKey::from_slice(&[wallet as u8 + 7; 32]).expect("a key");
        let sign = |digest: &[u8; 32]| {
            let (signature, parity) = key.sign_prehash_recoverable(digest).expect("a signature");
            let mut bytes = [0; 65];
            bytes[..64].copy_from_slice(&signature.to_bytes());
            bytes[64] = 27 + parity.to_byte();
            bytes
        };
        let named = Signature::from_bytes(&sign(&[1; 32])).expect("a signature");
        let from = recover(&[1; 32], &named).expect("whose");
        let (token, to) = (Address::parse(TOKEN).expect("a token"), Address::parse(PAYEE).expect("a payee"));
        let (nonce, value) = ([place as u8 + 0x10; 32], ROUTES[route].2);
        let authorization = Authorization {
            from,
            to,
            value: Amount::from_u64(value),
            valid_after: Amount::ZERO,
            valid_before: Amount::from_u64(END),
            nonce,
        };
        let digest = authorization.digest(&domain_separator("USDC", "2", CHAIN, &token));
        let signature = hex(&sign(&digest));
        let header = |flow: &str| {
            let json = format!(
                r#"{{"x402Version":2,"payload":{{"authorization":{{"from":"{from}","to":"{to}","value":"{value}","validAfter":"0","validBefore":"{END}","nonce":"{}"}},"signature":"{signature}"}},"accepted":{{"scheme":"exact","network":"eip155:{CHAIN}","amount":"{value}","asset":"{token}","payTo":"{to}","maxTimeoutSeconds":3600,"extra":{{"name":"USDC","version":"2"{flow}}}}}}}"#,
                hex(&nonce)
            );
            crate::payment::encode(json.as_bytes())
        };
        let identity = Identity { chain_id: CHAIN, verifying_contract: token, payer: from, nonce };
        let headers = [header(r#","paymentFlow":"upfront""#), header("")];
        Self { wallet, route, from, nonce, value, identity, headers }
    }
}

/// All payments.
pub(super) fn payments() -> &'static [Payment] {
    static PAYMENTS_SIGNED: OnceLock<Vec<Payment>> = OnceLock::new();
    PAYMENTS_SIGNED.get_or_init(|| (0..PAYMENTS).map(Payment::sign).collect())
}

/// The payment of a nonce, as JSON spells it.
pub(super) fn of_nonce(text: &str) -> Option<usize> {
    payments().iter().position(|payment| hex(&payment.nonce).eq_ignore_ascii_case(text))
}

/// The transaction that pays a payment.
pub(super) fn transaction(payment: usize) -> String {
    hex(&[payment as u8 + 1; 32])
}

/// The payment that a transaction pays.
pub(super) fn of_transaction(text: &str) -> Option<usize> {
    (0..PAYMENTS).find(|payment| transaction(*payment) == text)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}
