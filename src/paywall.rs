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
use text::escape;

const STYLE: &str = include_str!("paywall/page.css");

/// What the page may do: run its one script, apply its one style, show images it was given, and
/// ask its own origin. A test recomputes the hashes.
pub const POLICY: &str = "default-src 'none'; \
    script-src 'sha256-UcE99AiqMAatxnf58eM/AsSSaLEvXDzxNBGb0HipQhg='; style-src 'sha256-viREESAuVpwrq2E89ReSeOZ0PN/BKijHQcLB2FfAIV4='; \
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
    out.push_str(concat!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n",
        "<meta name=\"robots\" content=\"noindex\">\n",
        // No icon: asked for it by the browser, its path might have a price as well.
        "<link rel=\"icon\" href=\"data:,\">\n<title>",
    ));
    out.push_str(title);
    out.push_str("</title>\n<style>");
    out.push_str(STYLE);
    out.push_str("</style>\n</head>\n<body>\n<main id=\"x402\"");
    page.push_data(&mut out, challenge);
    out.push_str(">\n<h1>");
    out.push_str(title);
    out.push_str("</h1>\n");
    page.push_subject(&mut out);
    page.push_state(&mut out, retry_after);
    if let Some(offer) = quoted {
        ways::push(&mut out, offer);
        push_wallet(&mut out, page.url);
        commands::push(&mut out, page.url);
    }
    out.push_str("</main>\n<script>");
    out.push_str(SCRIPT);
    out.push_str("</script>\n</body>\n</html>\n");
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
            out.push_str(r#" data-challenge=""#);
            escape(out, challenge);
            out.push('"');
        }
    }

    /// What it is about.
    fn push_subject(&self, out: &mut String) {
        out.push_str("<p class=\"what\">");
        if let Some(offer) = self.offer.filter(|offer| !offer.description.is_empty()) {
            out.push_str("<strong><bdi>");
            escape(out, &offer.description);
            out.push_str("</bdi></strong><br>");
        }
        out.push_str("<code><bdi>");
        escape(out, self.url);
        out.push_str("</bdi></code></p>\n");
    }

    /// What became of a payment, and what to do next.
    fn push_state(&self, out: &mut String, retry_after: Option<&str>) {
        if !self.unpaid() {
            out.push_str("<p role=\"alert\">");
            out.push_str(code::explain(self.refusal.code()));
            if self.refusal.status() == 402 && self.refusal.payment_state() == PaymentState::None {
                out.push_str(" No money was taken.");
            }
            out.push_str(" <small>(");
            out.push_str(self.refusal.code());
            out.push_str(")</small></p>\n");
        }
        if let Some(Transaction(hash)) = self.transaction {
            let _ = writeln!(out, "<p>Transaction: <code>0x{}</code></p>", hex::encode(hash));
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
        out.push_str("<p>");
        out.push_str(wait);
        if let Some(seconds) = retry_after {
            out.push_str(" Wait at least ");
            out.push_str(seconds);
            out.push_str(" s.");
        }
        // An empty reference is this very address, whatever the proxy calls itself.
        let _ = writeln!(out, " <a href=\"\">{link}</a></p>");
    }
}

/// The wallet in this browser, and the one in a phone.
fn push_wallet(out: &mut String, url: &str) {
    out.push_str(concat!(
        "<section aria-labelledby=\"here\">\n<h2 id=\"here\">Pay here</h2>\n",
        "<noscript><p>Paying in this browser needs JavaScript and a wallet. ",
        "Everything else on this page works without.</p></noscript>\n",
        "<p><button id=\"x402-pay\" type=\"button\" hidden>Pay with a wallet</button></p>\n",
        "<p id=\"x402-status\" role=\"status\" aria-live=\"polite\"></p>\n</section>\n",
        "<section aria-labelledby=\"phone\">\n<h2 id=\"phone\">Pay with a phone</h2>\n",
        "<p>Open this page in the browser of a wallet app: ",
    ));
    match qr::draw(url) {
        Some(qr::Drawn { svg, whole }) => {
            out.push_str("scan the code, or copy the address above.");
            if !whole {
                out.push_str(" The code leaves out what follows the question mark.");
            }
            out.push_str("</p>\n");
            out.push_str(&svg);
        }
        None => out.push_str("copy the address above, which is too long for a code to scan.</p>\n"),
    }
    out.push_str("</section>\n");
}
