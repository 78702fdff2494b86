//! An answer that sends the caller elsewhere. It is not followed: a payment and the
//! facilitator's credentials go to the place the operator named and to no other.

use std::fmt;

use super::Delivery;

/// Longest place shown, in characters.
const MAX_SHOWN: usize = 200;

/// A redirect, as far as the log shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redirect {
    status: u16,
    to: String,
}

// === impl Redirect ===

impl Redirect {
    /// Whether a status sends the caller elsewhere.
    pub(super) fn is_one(status: u16) -> bool {
        matches!(status, 301 | 302 | 303 | 307 | 308)
    }

    /// The redirect in an answer, if it is one.
    pub fn of(delivery: &Delivery<'_>) -> Option<Self> {
        match delivery {
            Delivery::Redirected { status, location } => Some(Self { status: *status, to: shown(location) }),
            _ => None,
        }
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = if self.to.is_empty() { "nowhere" } else { &self.to };
        write!(
            f,
            "answered {} to {to}: redirects are not followed; configure authority and pathPrefix for the new place",
            self.status,
        )
    }
}

/// Scheme, host and path of a place, printable and short. What may be a secret is left out:
/// the user before the host, the query and the fragment.
fn shown(location: &[u8]) -> String {
    let place = location.split(|b| matches!(b, b'?' | b'#')).next().unwrap_or_default();
    let printable = |b: &u8| if b.is_ascii_graphic() { char::from(*b) } else { '?' };
    let place: String = place.trim_ascii().iter().map(printable).collect();
    let host_at =
        place.as_bytes().windows(2).position(|pair| pair == b"//").map_or(0, |at| at.saturating_add(2));
    let (before, rest) = place.split_at_checked(host_at).unwrap_or(("", &place));
    let path_at = rest.bytes().position(|b| matches!(b, b'/' | b'\\')).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(path_at).unwrap_or((rest, ""));
    let user = host.bytes().rposition(|b| b == b'@').map_or(0, |at| at.saturating_add(1));
    let mut whole = before.to_owned();
    whole.push_str(host.get(user..).unwrap_or_default());
    whole.push_str(path);
    if whole.len() > MAX_SHOWN {
        whole.truncate(MAX_SHOWN);
        whole.push('…');
    }
    whole
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(location: &str) -> String {
        shown(location.as_bytes())
    }

    #[test]
    fn the_place_is_shown_without_what_may_be_secret() {
        assert_eq!(
            text("https://www.example.com/facilitator/supported?key=sk_1#f"),
            "https://www.example.com/facilitator/supported"
        );
        assert_eq!(text("https://user:pass@www.example.com:8443/x@y"), "https://www.example.com:8443/x@y");
        assert_eq!(text("//user@host"), "//host");
        assert_eq!(text("/elsewhere/@me?x"), "/elsewhere/@me");
        assert_eq!(text(" https://h/\r\nx\u{1b}[31mé"), "https://h/??x?[31m??");
        assert_eq!(text(&format!("https://h/{}", "a".repeat(500))).chars().count(), 201);
        let nowhere = Delivery::Redirected { status: 308, location: b"?a=1" };
        assert_eq!(
            Redirect::of(&nowhere).unwrap().to_string(),
            "answered 308 to nowhere: redirects are not followed; configure authority and pathPrefix for the new place"
        );
        assert_eq!(Redirect::of(&Delivery::Broken), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_printable_and_short(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let shown = shown(&bytes);
            prop_assert!(shown.chars().count() <= MAX_SHOWN + 1);
            prop_assert!(shown.chars().all(|c| c.is_ascii_graphic() || c == '…'), "{}", shown);
            prop_assert!(!shown.contains(['#']));
        }
    }
}
