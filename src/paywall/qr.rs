//! The address of the page as a QR code, in SVG.
//!
//! Above version 10 (57 modules a side, 271 bytes) codes are hard to scan from a screen, and the
//! page has a limit.

use std::fmt::Write;

use code::Code;

pub(super) mod code;

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
    let (text, code) = [url, short].into_iter().find_map(|text| Some((text, Code::new(text.as_bytes())?)))?;
    Some(Drawn { svg: svg(&code), whole: text.len() == url.len() })
}

/// One path of horizontal strokes, a row of modules after another.
fn svg(code: &Code) -> String {
    let size = code.size;
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
            let dark = code.dark(x, y);
            while x < size && code.dark(x, y) == dark {
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
