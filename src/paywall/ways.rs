//! What it costs: every way to pay, in units people know.

use std::fmt::Write;

use super::text::{amount, escape, network, put};
use crate::config::Offer;
use crate::money::Amount;

/// One way to pay.
struct Way<'a> {
    scheme: &'a str,
    /// CAIP-2.
    network: &'a str,
    /// Its v1 spelling, which is a name.
    name: Option<&'a str>,
    asset: String,
    symbol: &'a str,
    decimals: u8,
    /// The price, or the most that may be charged.
    amount: Amount,
    pay_to: String,
}

/// Appends the section.
pub(super) fn push(out: &mut String, offer: &Offer) {
    put(out, "<section aria-labelledby=\"price\">\n<h2 id=\"price\">Price</h2>\n<ul id=\"x402-ways\">\n");
    for (place, accept) in offer.accepts.iter().enumerate() {
        let way = Way {
            scheme: accept.means.scheme(),
            network: &accept.asset.network,
            name: accept.asset.v1_network,
            asset: accept.asset.address.to_string(),
            symbol: &accept.asset.symbol,
            decimals: accept.asset.decimals,
            amount: offer.amount(place),
            pay_to: accept.pay_to.to_string(),
        };
        way.push(out);
    }
    for (place, accept) in offer.others.iter().enumerate() {
        let way = Way {
            scheme: &accept.scheme,
            network: &accept.network,
            name: accept.v1_network,
            asset: accept.asset.clone(),
            symbol: &accept.symbol,
            decimals: accept.decimals,
            amount: offer.other_amount(place),
            pay_to: accept.pay_to.clone(),
        };
        way.push(out);
    }
    put(out, "</ul>\n</section>\n");
}

// === impl Way ===

impl Way<'_> {
    /// A row; the script finds what it stands for in the quote by scheme, network, asset and
    /// amount.
    #[inline(never)]
    fn push(&self, out: &mut String) {
        put(out, "<li data-way=\"");
        escape(out, self.scheme);
        put(out, " ");
        escape(out, self.network);
        put(out, " ");
        escape(out, &self.asset);
        // Writing into a String cannot fail.
        let _ = write!(out, " {}\"><span>", self.amount);
        let upto = self.scheme == "upto";
        if upto {
            put(out, "up to ");
        }
        put(out, "<strong>");
        put(out, &amount(self.amount, self.decimals));
        put(out, " <bdi>");
        escape(out, self.symbol);
        put(out, "</bdi></strong> on ");
        escape(out, &network(self.name.unwrap_or_default()));
        put(out, " <small>");
        escape(out, self.network);
        put(out, "</small><br><small>paid to <code>");
        escape(out, &self.pay_to);
        put(out, "</code>");
        if upto {
            put(out, "; what is charged depends on what you get, and is never more");
        }
        put(out, "</small></span></li>\n");
    }
}
