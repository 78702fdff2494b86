//! Routes and paths: whatever servers around us make of a path, it is not free if they then
//! serve what is sold.
//!
//! The input is text: routes as `free|NAME [METHOD,METHOD] [HOST]/TEMPLATE`, one a line; an
//! empty line; the request as `METHOD [HOST|]PATH`; and what the servers do, one letter each
//! (see [`servers`]). The routes are matched here once more, by a plain search over the list.
//!
//! 1. If what the servers make of the path is sold, the request does not pass, and no other
//!    route is quoted for it.
//! 2. The order of the routes does not matter.
//! 3. A path that is what it seems to be, letters and single slashes, is never called ambiguous.

use std::fmt::Write;

use x402_proxy_wasm::admission::head::fields;
use x402_proxy_wasm::admission::{admit, Admission, Head};
use x402_proxy_wasm::config::Policy;
use x402_proxy_wasm::protocol::abilities::Unasked;
use x402_proxy_wasm::reply::Refusal;

use crate::{cost, shop};

mod servers;
mod table;

use table::{Line, Meant};

/// Most routes of an input, and most that servers do.
const MOST: usize = 12;

/// Routes, a request, and what servers do to it.
pub fn run(data: &[u8]) {
    let mut lines = data.split(|b| *b == b'\n');
    let routes: Vec<Line> = lines
        .by_ref()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| Line::read(std::str::from_utf8(line).ok()?))
        .take(MOST)
        .collect();
    let (Some(request), steps) = (lines.next(), lines.next().unwrap_or_default()) else { return };
    let Some((method, authority, path)) = split(request) else { return };
    let Ok(policy) = Policy::from_bytes(configuration(routes.iter()).as_bytes(), &|_| None) else { return };
    let answer = ask(&policy, method, authority, path);
    let backwards = Policy::from_bytes(configuration(routes.iter().rev()).as_bytes(), &|_| None);
    assert_eq!(answer, ask(&backwards.expect("the same routes"), method, authority, path));

    let mut made = path.split(|b| *b == b'?').next().unwrap_or_default().to_vec();
    check(&routes, method, authority, &made, &answer);
    if std::str::from_utf8(path).is_ok()
        && is_simple(&made)
        && !authority.is_empty()
        && table::host(authority).is_some_and(|host| is_simple_host(&host))
    {
        assert!(answer != Answer::Ambiguous || is_spelled(&routes), "{}", String::from_utf8_lossy(&made));
    }
    for step in steps.iter().take(MOST) {
        servers::act(*step, &mut made);
        check(&routes, method, authority, &made, &answer);
    }
}

/// What a request is.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Answer {
    Free,
    /// The route of this name is quoted.
    Priced(String),
    Ambiguous,
    NotAllowed,
}

fn split(request: &[u8]) -> Option<(&str, &str, &[u8])> {
    let space = request.iter().position(|b| *b == b' ')?;
    let method = std::str::from_utf8(&request[..space]).ok()?;
    let target = &request[space + 1..];
    match target.iter().position(|b| *b == b'|') {
        Some(bar) => Some((method, std::str::from_utf8(&target[..bar]).ok()?, &target[bar + 1..])),
        None => Some((method, "example.com", target)),
    }
}

fn configuration<'a>(routes: impl Iterator<Item = &'a Line>) -> String {
    let mut text = String::from(
        r#"{"version":1,"origin":"https://example.com","unmatched":"free","settle":"before","facilitators":{"main":{"cluster":"c","authority":"f.example.com"}},"accepts":[{"network":"base","payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],"routes":["#,
    );
    for (place, route) in routes.enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let matched = route.matched();
        let target = if route.free { r#""free":true"# } else { r#""offer":{"price":"$1"}"# };
        let _ = write!(text, r#"{comma}{{"name":"{}","match":{matched},{target}}}"#, route.name);
    }
    text.push_str("]}");
    text
}

fn ask(policy: &Policy, method: &str, authority: &str, path: &[u8]) -> Answer {
    let pairs = [(":method", method.as_bytes()), (":authority", authority.as_bytes()), (":path", path)]
        .map(|(name, value)| (name.to_owned(), value.to_vec()));
    let fields = fields(&pairs);
    let head = Head::read(&fields);
    let work = || admit(policy, &head, &Unasked, shop::NOW);
    match cost::within(65_536, 64, path.len(), work) {
        Admission::Pass(_) => Answer::Free,
        Admission::Refuse(Some(route), Refusal::PaymentRequired, _) => {
            Answer::Priced(route.name().to_owned())
        }
        Admission::Refuse(_, Refusal::PathAmbiguous, _) => Answer::Ambiguous,
        Admission::Refuse(_, Refusal::MethodNotAllowed, _) => Answer::NotAllowed,
        other => panic!("{other:?}"),
    }
}

fn check(routes: &[Line], method: &str, authority: &str, made: &[u8], answer: &Answer) {
    let shown = || String::from_utf8_lossy(made).into_owned();
    match (table::find(routes, method, authority, made), answer) {
        (Meant::Priced(_) | Meant::PricedOtherwise, Answer::Free) => panic!("free: {}", shown()),
        (Meant::Priced(name), Answer::Priced(quoted)) => {
            assert_eq!(name, quoted, "the wrong route is quoted: {}", shown());
        }
        _ => {}
    }
}

fn is_simple(path: &[u8]) -> bool {
    path.strip_prefix(b"/").is_some_and(|body| {
        body.split(|b| *b == b'/').all(|segment| {
            !segment.is_empty() && segment.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
    })
}

fn is_simple_host(host: &str) -> bool {
    host.len() < 250
        && host.split('.').count() < 8
        && host.split('.').all(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Whether some template is not in its simplest spelling: capitals, escapes, a slash at its end.
fn is_spelled(routes: &[Line]) -> bool {
    routes.iter().any(|route| {
        route.template.ends_with('/') || route.template.bytes().any(|b| b.is_ascii_uppercase() || b == b'%')
    })
}
