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
    for (y, row) in (QUIET..).zip(code.rows()) {
        // Where the pen is; it starts every row anew.
        let mut pen = None;
        let mut from = QUIET;
        for run in row.chunk_by(|one, next| one == next) {
            let length = i32::try_from(run.len()).unwrap_or(0);
            let to = from.saturating_add(length);
            if run.first() == Some(&Some(true)) {
                match pen {
                    None => {
                        push(&mut out, 'M', from);
                        push(&mut out, ' ', y);
                        out.push_str(".5");
                    }
                    Some(pen) => {
                        push(&mut out, 'm', from.saturating_sub(pen));
                        out.push_str(" 0");
                    }
                }
                push(&mut out, 'h', length);
                pen = Some(to);
            }
            from = to;
        }
    }
    out.push_str("\"/></svg>\n");
    out
}

/// Appends a letter and a number of one digit or two. A code has hundreds of them, and the library's
/// way takes ten times as long.
fn push(out: &mut String, letter: char, number: i32) {
    let digit = |digit: i32| char::from(b'0'.wrapping_add(digit.to_le_bytes()[0]));
    out.push(letter);
    if number > 9 {
        out.push(digit(number / 10));
    }
    out.push(digit(number % 10));
}
