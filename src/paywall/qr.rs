//! The address of the page as a QR code, in SVG.

use std::fmt::Write;

use qrcodegen::{Mask, QrCode, QrCodeEcc, QrSegment, Version};

/// The largest version drawn: 57 modules a side, 271 bytes. Larger ones are hard to scan from a
/// screen, and the page has a limit.
const MAX_VERSION: u8 = 10;

/// Longest text that fits, in bytes.
const MAX_BYTES: usize = 271;

/// Light modules around a code, as the standard wants them.
pub(super) const QUIET: i32 = 4;

/// A code.
pub(super) struct Drawn {
    /// `<svg>`, and what it says in words.
    pub(super) svg: String,
    /// Whether it has the whole address, with its query.
    pub(super) whole: bool,
}

/// Draws an address; without its query when that does not fit, and not at all when the rest does
/// not either.
pub(super) fn draw(url: &str) -> Option<Drawn> {
    let short = url.split('?').next().unwrap_or_default();
    let fits = |text: &&str| !text.is_empty() && text.len() <= MAX_BYTES;
    let text = [url, short].into_iter().find(fits)?;
    let code = encode(text)?;
    Some(Drawn { svg: svg(&code), whole: text.len() == url.len() })
}

/// The code of a text that fits.
pub(super) fn encode(text: &str) -> Option<QrCode> {
    let segment = QrSegment::make_bytes(text.as_bytes());
    // Choosing the best of the eight masks would cost more than everything else a page takes;
    // scanners read any.
    let mask = Some(Mask::new(2));
    let (from, to) = (Version::MIN, Version::new(MAX_VERSION));
    QrCode::encode_segments_advanced(&[segment], QrCodeEcc::Low, from, to, mask, true).ok()
}

/// One path of horizontal strokes, a row of modules after another.
fn svg(code: &QrCode) -> String {
    let size = code.size();
    let side = size.saturating_add(QUIET.saturating_mul(2));
    let mut out = String::with_capacity(8_192);
    // Writing into a String cannot fail.
    let _ = write!(
        out,
        concat!(
            r#"<svg role="img" aria-label="QR code of this page's address" viewBox="0 0 {side} {side}" "#,
            r##"shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{side}v{side}H0z"/>"##,
            r##"<path stroke="#000" d=""##
        ),
        side = side,
    );
    for y in 0..size {
        let mut x = 0;
        // Where the pen is; it starts every row anew.
        let mut pen = None;
        while x < size {
            let from = x;
            let dark = code.get_module(x, y);
            while x < size && code.get_module(x, y) == dark {
                x = x.saturating_add(1);
            }
            if !dark {
                continue;
            }
            let _ = match pen {
                None => write!(out, "M{} {}.5", from.saturating_add(QUIET), y.saturating_add(QUIET)),
                Some(pen) => write!(out, "m{} 0", from.saturating_sub(pen)),
            };
            let _ = write!(out, "h{}", x.saturating_sub(from));
            pen = Some(x);
        }
    }
    out.push_str("\"/></svg>\n");
    out
}
