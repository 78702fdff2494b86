//! What is configured.

use super::market::{PAYEE, ROUTES};

/// `claims.capacity`.
pub(super) const CAPACITY: u32 = 256;

/// An input's configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Settings {
    /// Money moves before the upstream works.
    pub(super) before: bool,
    /// Replicas share a store.
    pub(super) shared: bool,
    /// The chain can be asked.
    pub(super) rpc: bool,
    /// `/verify` is asked first.
    pub(super) verify: bool,
    /// Two facilitators settle, in order.
    pub(super) two: bool,
    /// The store knows the scripts from the beginning.
    pub(super) scripts: bool,
    /// The store sells one thing at a time to a wallet.
    pub(super) single: bool,
}

impl Settings {
    /// Of a byte's bits.
    pub(super) fn of(byte: u8) -> Self {
        let bit = |place: u8| byte >> place & 1 == 1;
        Self {
            before: !bit(0),
            shared: bit(1),
            rpc: bit(2),
            verify: bit(3),
            two: bit(4),
            scripts: bit(5),
            single: bit(6),
        }
    }

    /// The filter's configuration; with the facilitators in the other order after a reload.
    pub(super) fn config(self, swapped: bool) -> String {
        let settle = if self.before { "before" } else { "after" };
        let verify = if self.verify { "facilitator" } else { "local" };
        let facilitators = match (self.two && super::several(), swapped) {
            (false, _) => r#"["one"]"#,
            (true, false) => r#"["one","two"]"#,
            (true, true) => r#"["two","one"]"#,
        };
        let two = if self.two && super::several() {
            r#","two":{"cluster":"two","authority":"two.example","timeout":"5s","supported":"off"}"#
        } else {
            ""
        };
        let single = self.single;
        let store = format!(
            r#","shared":{{"cluster":"store","authority":"store.example","kind":"upstash","oneAtATime":{single}}}"#
        );
        let store = if self.shared { store.as_str() } else { "" };
        let rpc = r#""rpc":{"base-sepolia":{"cluster":"node","authority":"node.example","finality":"60s"}},"#;
        let rpc = if self.rpc { rpc } else { "" };
        let routes = ROUTES.map(|(path, price, _)| {
            let name = &path[1..];
            format!(
                r#"{{"name":"{name}","match":{{"path":"{path}"}},"offer":{{"price":"{price}","facilitators":{facilitators},"verify":"{verify}","maxTimeoutSeconds":3600,"redeemFor":"7d"}}}}"#
            )
        });
        format!(
            r#"{{"version":1,"origin":"https://shop.example","unmatched":"deny","settle":"{settle}","wallets":"eoa","facilitators":{{"one":{{"cluster":"one","authority":"one.example","timeout":"5s","supported":"off"}}{two}}},"accepts":[{{"network":"base-sepolia","asset":"USDC","payTo":"{PAYEE}"}}],"claims":{{"capacity":{CAPACITY}{store}}},{rpc}"routes":[{}]}}"#,
            routes.join(",")
        )
    }
}
