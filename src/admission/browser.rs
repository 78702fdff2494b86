//! A person's browser: how its navigations are told from programs, and the payment it brings.
//!
//! A request is a navigation if
//! 1. it is a GET or a HEAD, and no gRPC call;
//! 2. its `Accept` names `text/html`, and not JSON; and
//! 3. the browser says so (`sec-fetch-mode: navigate`) or, where browsers do not say (plain
//!    `http`), the user agent calls itself Mozilla.
//!
//! A page cannot put a header on a navigation: what it signed comes back as the cookie
//! [`NAME`], for that path and below. Several are listed longest path first (RFC 6265, 5.4), so
//! that the first is the page's own. No cookie of that name ever reaches the upstream.

/// The cookie that holds a payment.
pub const NAME: &str = "x402-payment";

/// What of a head tells whether a person is asking.
#[derive(Default, Debug)]
pub(super) struct Clues {
    html: bool,
    /// `sec-fetch-mode`, if it is there.
    navigates: Option<bool>,
    mozilla: bool,
}

/// The `Cookie` of a request in which ours was found.
#[derive(PartialEq, Eq, Debug)]
pub struct Cookies<'a> {
    /// The first value there is.
    pub payment: Option<&'a [u8]>,
    /// The value that remains; empty when nothing does.
    pub rest: Vec<u8>,
}

// === impl Clues ===

impl Clues {
    /// Takes a header in, if it says something.
    pub(super) fn see(&mut self, name: &str, value: &[u8]) {
        match name {
            "accept" => self.html |= prefers_html(value),
            "sec-fetch-mode" => self.navigates = Some(value == b"navigate"),
            "user-agent" => self.mozilla |= contains(value, b"Mozilla"),
            _ => {}
        }
    }

    /// Whether they come to a navigation.
    pub(super) fn navigation(&self, method: &str) -> bool {
        matches!(method, "GET" | "HEAD") && self.html && self.navigates.unwrap_or(self.mozilla)
    }
}

// === impl Cookies ===

impl<'a> Cookies<'a> {
    /// Whether a value of `Cookie` mentions our name. Its letters differ, so that the last byte of
    /// every twelve says where alone it can stand: browsers send kilobytes of others' cookies.
    pub(super) fn may_be_in(value: &[u8]) -> bool {
        let stands_around = |(number, piece): (usize, &[u8])| {
            let place = piece.last().and_then(|byte| place_in_name(*byte))?;
            let end = number.saturating_add(1).saturating_mul(NAME.len());
            let name = value.get(end.checked_sub(place)?..)?;
            name.starts_with(NAME.as_bytes()).then_some(())
        };
        value.chunks_exact(NAME.len()).enumerate().any(|piece| stands_around(piece).is_some())
    }

    /// Takes ours out of the values of `Cookie`; `None` when it is not there. What remains of
    /// several is joined as RFC 9113, 8.2.3 does.
    pub(super) fn take(values: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut found: Option<&[u8]> = None;
        let mut rest: Vec<u8> = Vec::new();
        for value in values {
            let mut first = true;
            for pair in value.split(|byte| *byte == b';') {
                let (name, payment) = halves(pair);
                if name == NAME.as_bytes() {
                    found = found.filter(|payment| !payment.is_empty()).or(Some(payment));
                    continue;
                }
                let kept = if first { pair.trim_ascii_start() } else { pair };
                if kept.is_empty() {
                    continue;
                }
                if !rest.is_empty() {
                    rest.extend_from_slice(if first { b"; " } else { b";" });
                }
                rest.extend_from_slice(if rest.is_empty() { kept.trim_ascii_start() } else { kept });
                first = false;
            }
        }
        found.map(|payment| Self { payment: Some(payment).filter(|payment| !payment.is_empty()), rest })
    }
}

/// How far a byte of our name is from where the name begins, itself included.
const fn place_in_name(byte: u8) -> Option<usize> {
    Some(match byte {
        b'x' => 1,
        b'4' => 2,
        b'0' => 3,
        b'2' => 4,
        b'-' => 5,
        b'p' => 6,
        b'a' => 7,
        b'y' => 8,
        b'm' => 9,
        b'e' => 10,
        b'n' => 11,
        b't' => 12,
        _ => return None,
    })
}

/// A cookie's name and value, without the space around them.
fn halves(pair: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = pair.splitn(2, |byte| *byte == b'=');
    let mut next = || halves.next().unwrap_or_default().trim_ascii();
    (next(), next())
}

fn contains(value: &[u8], wanted: &[u8]) -> bool {
    value.windows(wanted.len()).any(|window| window == wanted)
}

/// Whether `text/html` is asked for by name, and JSON is not.
fn prefers_html(accept: &[u8]) -> bool {
    let mut html = false;
    for range in accept.split(|byte| *byte == b',') {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let media = parts.next().unwrap_or_default();
        if media.eq_ignore_ascii_case(b"application/json") {
            return false;
        }
        html |= media.eq_ignore_ascii_case(b"text/html") && !parts.any(is_nothing);
    }
    html
}

/// Whether a parameter says that a range is not wanted: a weight of zeros (RFC 9110, 12.4.2).
fn is_nothing(parameter: &[u8]) -> bool {
    matches!(parameter, [b'q' | b'Q', b'=', weight @ ..] if weight.iter().all(|b| b"0.".contains(b)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clues(headers: &[(&str, &str)]) -> Clues {
        let mut clues = Clues::default();
        headers.iter().for_each(|(name, value)| clues.see(name, value.as_bytes()));
        clues
    }

    const CHROME: (&str, &str) =
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8");
    const AGENT: (&str, &str) = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/148");

    #[test]
    fn a_navigation_is_what_a_browser_calls_one() {
        let navigate = ("sec-fetch-mode", "navigate");
        for yes in [vec![CHROME, navigate], vec![CHROME, AGENT], vec![CHROME, AGENT, navigate]] {
            assert!(clues(&yes).navigation("GET") && clues(&yes).navigation("HEAD"), "{yes:?}");
            assert!(!clues(&yes).navigation("POST") && !clues(&yes).navigation("OPTIONS"));
        }
        for mode in ["cors", "no-cors", "same-origin", "websocket", "navigate, cors", ""] {
            assert!(!clues(&[CHROME, AGENT, ("sec-fetch-mode", mode)]).navigation("GET"), "{mode}");
        }
        for accept in ["*/*", "", "application/json", "text/html;q=0", "text/*"] {
            assert!(!clues(&[("accept", accept), AGENT, navigate]).navigation("GET"), "{accept}");
        }
        assert!(!clues(&[CHROME]).navigation("GET"), "a program that copied the header");
        assert!(!clues(&[AGENT, navigate]).navigation("GET"));
    }

    #[test]
    fn html_counts_by_name_and_weight() {
        for yes in ["text/html", "TEXT/HTML ; q=0.001", "a/b, text/html;level=1;q=1.000", "*/*, text/html"] {
            assert!(prefers_html(yes.as_bytes()), "{yes}");
        }
        for no in [
            "application/json, text/html;q=0.9",
            "text/html;q=0.000",
            "text/html; Q=0",
            "text/htmlx",
            "\u{fffd}",
        ] {
            assert!(!prefers_html(no.as_bytes()), "{no}");
        }
    }

    fn take(values: &[&'static str]) -> Option<(Option<&'static str>, String)> {
        let taken = Cookies::take(values.iter().map(|value| value.as_bytes()))?;
        let payment = taken.payment.map(|payment| std::str::from_utf8(payment).unwrap());
        Some((payment, String::from_utf8(taken.rest).unwrap()))
    }

    #[test]
    fn ours_is_taken_out_and_the_others_stay_as_they_are() {
        let rest = |text: &str| text.to_owned();
        assert_eq!(take(&["a=1; b=2"]), None);
        assert_eq!(take(&["xx402-payment=P; x402-payments=P; b=x402-payment"]), None);
        assert_eq!(take(&["x402-payment=P=="]), Some((Some("P=="), rest(""))));
        assert_eq!(take(&["a=1; x402-payment=P; b=\"2 ;c"]), Some((Some("P"), rest("a=1; b=\"2 ;c"))));
        assert_eq!(take(&["x402-payment=P; a=1;b=2"]), Some((Some("P"), rest("a=1;b=2"))));
        assert_eq!(take(&["a=1", "x402-payment=P", "b=2"]), Some((Some("P"), rest("a=1; b=2"))));
        assert_eq!(take(&["a=1;x402-payment=P"]), Some((Some("P"), rest("a=1"))));
        assert_eq!(take(&["a=1; x402-payment"]), Some((None, rest("a=1"))));
        assert_eq!(take(&["x402-payment = P"]), Some((Some("P"), rest(""))));
        assert_eq!(take(&["x402-payment="]), Some((None, rest(""))));
    }

    #[test]
    fn every_letter_of_the_name_tells_where_it_stands() {
        for (at, byte) in NAME.bytes().enumerate() {
            assert_eq!(place_in_name(byte), Some(at + 1));
        }
        let known = (0..=u8::MAX).filter(|byte| place_in_name(*byte).is_some());
        assert_eq!(known.count(), NAME.len());
    }

    #[test]
    fn the_name_is_found_wherever_it_stands() {
        for before in 0..40 {
            for after in 0..40 {
                let value = [&b"x402-paymen;"[..]; 4].concat();
                let (before, after) = (&value[48 - before..], &value[..after]);
                let found = [before, NAME.as_bytes(), after].concat();
                assert!(Cookies::may_be_in(&found), "{before:?} {after:?}");
                let cut = [before, &NAME.as_bytes()[1..], after].concat();
                assert_eq!(Cookies::may_be_in(&cut), contains(&cut, NAME.as_bytes()), "{before:?} {after:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]

        #[test]
        fn the_name_is_found_where_a_plain_search_finds_it(
            pieces in prop::collection::vec(
                prop_oneof![
                    8 => prop::sample::select(vec![
                        &b"x402-payment"[..], b"x402-", b"payment", b"x402-paymen", b"402-payment", b"x402-paymenT", b"x",
                        b"=", b";", b"; ", b"\"", b"\t", b",", b"\xff", b"session=0123456789abcdef", b"tnemyap-204x",
                    ]).prop_map(<[u8]>::to_vec),
                    1 => prop::collection::vec(any::<u8>(), 0..30),
                ],
                0..12,
            ),
        ) {
            let value = pieces.concat();
            let found = Cookies::may_be_in(&value);
            prop_assert_eq!(found, contains(&value, NAME.as_bytes()));
            // Nothing is taken for a payment, and left to the upstream, that was not found.
            prop_assert!(found || Cookies::take([value.as_slice()].into_iter()).is_none());
        }
    }

    #[test]
    fn of_several_the_first_counts_and_all_go() {
        let taken = take(&["x402-payment=own; a=1; x402-payment=of-the-folder", "x402-payment=3"]);
        assert_eq!(taken, Some((Some("own"), "a=1".to_owned())));
    }

    #[test]
    fn bytes_that_are_no_text_survive() {
        let taken = Cookies::take([&b"a=\xff\x80; x402-payment=P"[..]].into_iter()).unwrap();
        assert_eq!(taken.rest, b"a=\xff\x80");
    }
}
