//! The page a person reads in place of a refusal's JSON: what it costs, how to pay, and, with a
//! wallet in the browser, the way to do it.
//!
//! One document that loads nothing: its style and its script are constants, admitted by their
//! hashes. It is complete without the script. All that is put between the constants (the URL a
//! client made up, what operators and sellers wrote) goes through [`text::escape`], and the quote
//! is base64.
//!
//! With the script, a wallet (EIP-1193) signs; the payment is kept as a cookie for this path, and
//! the page is asked for again: the upstream's own answer takes its place. Asked for once more,
//! the same payment is presented, which is never charged twice, and served again as long as its
//! answer was not delivered. What to do with such a cookie is in `admission::browser`.

use std::fmt::Write;

use crate::claims::Transaction;
use crate::config::Offer;
use crate::reply::{code, PaymentState, Refusal, Reply, Retry};

mod commands;
mod qr;
mod script;
#[cfg(test)]
mod tests;
mod text;
mod ways;

use script::SCRIPT;
use text::{escape, put};

const STYLE: &str = include_str!("paywall/page.css");

/// What the page may do: run its one script, apply its one style, show images it was given, and
/// ask its own origin. A test recomputes the hashes.
pub const POLICY: &str = "default-src 'none'; \
    script-src 'sha256-nDEa5PFqlMpXttrOw2kYPWEf7rDIT3qurTQeyOwq6xg='; style-src 'sha256-viREESAuVpwrq2E89ReSeOZ0PN/BKijHQcLB2FfAIV4='; \
    img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a page says.
#[derive(Debug)]
pub struct Page<'a> {
    /// Why there is a page.
    pub refusal: Refusal,
    /// The public URL that was asked for.
    pub url: &'a str,
    /// What is sold there, if anything.
    pub offer: Option<&'a Offer>,
    /// The transaction of the payment that was presented.
    pub transaction: Option<Transaction>,
    /// Seconds since the Unix epoch, for wallets whose clock is wrong.
    pub now: u64,
}

/// Replaces a refusal's JSON by a page. Its status and other headers stay.
pub fn dress(reply: &mut Reply, page: &Page<'_>) {
    reply.body = render(page, reply.header("payment-required"), reply.header("retry-after"));
    reply.headers.retain(|(name, _)| *name != "content-type");
    let vary = reply.headers.iter_mut().find(|(name, _)| *name == "vary");
    match vary {
        Some((_, varies)) => varies.push_str(", Accept"),
        None => reply.headers.push(("vary", "Accept".to_owned())),
    }
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", POLICY),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        reply.headers.push((name, value.to_owned()));
    }
}

/// The document. `challenge` is the quote, base64, and decides whether there is anything to pay;
/// `retry_after` is in seconds.
pub fn render(page: &Page<'_>, challenge: Option<&str>, retry_after: Option<&str>) -> String {
    let mut out = String::with_capacity(20_000);
    let title = page.title();
    let quoted = page.offer.filter(|_| challenge.is_some());
    put(
        &mut out,
        concat!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n",
            "<meta name=\"robots\" content=\"noindex\">\n",
            // No icon: asked for it by the browser, its path might have a price as well.
            "<link rel=\"icon\" href=\"data:,\">\n<title>",
        ),
    );
    put(&mut out, title);
    put(&mut out, "</title>\n<style>");
    put(&mut out, STYLE);
    put(&mut out, "</style>\n</head>\n<body>\n<main id=\"x402\"");
    page.push_data(&mut out, challenge);
    put(&mut out, ">\n<h1>");
    put(&mut out, title);
    put(&mut out, "</h1>\n");
    page.push_subject(&mut out);
    page.push_state(&mut out, retry_after);
    if let Some(offer) = quoted {
        ways::push(&mut out, offer);
        push_wallet(&mut out, page.url);
        commands::push(&mut out, page.url);
    }
    put(&mut out, "</main>\n<script>");
    put(&mut out, SCRIPT);
    put(&mut out, "</script>\n</body>\n</html>\n");
    out
}

// === impl Page ===

impl Page<'_> {
    fn title(&self) -> &'static str {
        match (self.refusal.payment_state(), self.refusal.status()) {
            (PaymentState::Held, _) => "The payment is at work",
            (PaymentState::Taken, _) => "Paid, but not delivered here",
            (PaymentState::Unknown, _) => "The payment is not confirmed",
            (PaymentState::Delivered, _) => "This payment was used",
            (PaymentState::None, 402) if self.unpaid() => "Payment required",
            (PaymentState::None, 402) => "The payment was not accepted",
            (PaymentState::None, 429) => "Too many attempts",
            (PaymentState::None, 502 | 503) => "No payment is possible now",
            (PaymentState::None, _) => "This is not available",
        }
    }

    fn unpaid(&self) -> bool {
        self.refusal.code() == code::PAYMENT_REQUIRED
    }

    /// What the script goes by.
    fn push_data(&self, out: &mut String, challenge: Option<&str>) {
        let keep = self.offer.map_or(0, |offer| offer.redeem_for_seconds.max(offer.max_timeout_seconds));
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            r#" data-code="{}" data-retry="{}" data-keep="{keep}" data-now="{}""#,
            self.refusal.code(),
            self.refusal.retry().name(),
            self.now,
        );
        if let Some(challenge) = challenge {
            put(out, r#" data-challenge=""#);
            escape(out, challenge);
            put(out, "\"");
        }
    }

    /// What it is about.
    fn push_subject(&self, out: &mut String) {
        put(out, "<p class=\"what\">");
        if let Some(offer) = self.offer.filter(|offer| !offer.description().is_empty()) {
            put(out, "<strong><bdi>");
            escape(out, offer.description());
            put(out, "</bdi></strong><br>");
        }
        put(out, "<code><bdi>");
        escape(out, self.url);
        put(out, "</bdi></code></p>\n");
    }

    /// What became of a payment, and what to do next.
    fn push_state(&self, out: &mut String, retry_after: Option<&str>) {
        if !self.unpaid() {
            put(out, "<p role=\"alert\">");
            put(out, code::explain(self.refusal.code()));
            if self.refusal.status() == 402 && self.refusal.payment_state() == PaymentState::None {
                put(out, " No money was taken.");
            }
            put(out, " <small>(");
            put(out, self.refusal.code());
            put(out, ")</small></p>\n");
        }
        if let Some(Transaction(hash)) = self.transaction {
            let _ = writeln!(out, "<p>Transaction: <code>0x{}</code></p>", crate::digits::hex(&hash));
        }
        let same = self.refusal.retry() == Retry::Same || retry_after.is_some();
        let (wait, link) = match self.refusal.retry() {
            _ if same => (
                "Trying again presents the same payment, if there was one: it is not charged twice.",
                "Try again",
            ),
            Retry::New if !self.refusal.quotes() => ("", "Start over"),
            _ => return,
        };
        put(out, "<p>");
        put(out, wait);
        if let Some(seconds) = retry_after {
            put(out, " Wait at least ");
            put(out, seconds);
            put(out, " s.");
        }
        // An empty reference is this very address, whatever the proxy calls itself.
        let _ = writeln!(out, " <a href=\"\">{link}</a></p>");
    }
}

/// The wallet in this browser, and the one in a phone.
fn push_wallet(out: &mut String, url: &str) {
    put(
        out,
        concat!(
            "<section aria-labelledby=\"here\">\n<h2 id=\"here\">Pay here</h2>\n",
            "<noscript><p>Paying in this browser needs JavaScript and a wallet. ",
            "Everything else on this page works without.</p></noscript>\n",
            "<p><button id=\"x402-pay\" type=\"button\" hidden>Pay with a wallet</button></p>\n",
            "<p id=\"x402-status\" role=\"status\" aria-live=\"polite\"></p>\n</section>\n",
            "<section aria-labelledby=\"phone\">\n<h2 id=\"phone\">Pay with a phone</h2>\n",
            "<p>Open this page in the browser of a wallet app: ",
        ),
    );
    match qr::draw(url) {
        Some(qr::Drawn { svg, whole }) => {
            put(out, "scan the code, or copy the address above.");
            if !whole {
                put(out, " The code leaves out what follows the question mark.");
            }
            put(out, "</p>\n");
            put(out, &svg);
        }
        None => put(out, "copy the address above, which is too long for a code to scan.</p>\n"),
    }
    put(out, "</section>\n");
}
