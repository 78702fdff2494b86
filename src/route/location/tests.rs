use proptest::prelude::*;

use super::*;

const BASE: &str = "/v1/tiles/7/44";

fn read(location: &str) -> Option<(Option<&str>, String)> {
    Location::read(location.as_bytes(), BASE).map(|place| (place.authority, place.path))
}

#[test]
fn a_place_that_all_read_alike_is_read() {
    for (location, authority, path) in [
        ("/", None, "/"),
        ("/v1/tiles/7/45", None, "/v1/tiles/7/45"),
        ("/v1/tiles/7/45/", None, "/v1/tiles/7/45/"),
        ("/v1/tiles?next=//evil.example/..#/x", None, "/v1/tiles"),
        ("45", None, "/v1/tiles/7/45"),
        ("./45", None, "/v1/tiles/7/45"),
        (".", None, "/v1/tiles/7/"),
        ("..", None, "/v1/tiles/"),
        ("../8/45", None, "/v1/tiles/8/45"),
        ("../../../a", None, "/a"),
        ("/a/./b/../c/..", None, "/a/"),
        ("?page=2", None, BASE),
        ("?a:b", None, BASE),
        ("/a:b@c", None, "/a:b@c"),
        ("./a:b", None, "/v1/tiles/7/a:b"),
        ("/caf%C3%A9/a%20b/%5Bx%5D/100%25", None, "/caf%C3%A9/a%20b/%5Bx%5D/100%25"),
        ("//shop.example/a", Some("shop.example"), "/a"),
        ("//shop.example", Some("shop.example"), "/"),
        ("https://shop.example:8443/a?b#c", Some("shop.example:8443"), "/a"),
        ("HTTP://shop.example?b", Some("shop.example"), "/"),
        ("http://[::1]:80/a", Some("[::1]:80"), "/a"),
        // Whose that is, is for the caller to say: it is no name.
        ("http://shop.example@evil.example/a", Some("shop.example@evil.example"), "/a"),
        ("///evil.example/a", Some(""), "/evil.example/a"),
    ] {
        assert_eq!(read(location), Some((authority, path.to_owned())), "{location}");
    }
}

#[test]
fn a_place_that_some_read_otherwise_is_none() {
    for location in [
        "",
        "#top",
        " /a",
        "/a ",
        "/a b",
        "\t/a",
        "/a\n/b",
        "/a\r\nset-cookie: a=b",
        "/a\0",
        "/a\u{7f}",
        "/caf\u{e9}",
        "\\a",
        "/\\evil.example/a",
        "/a\\..\\b",
        "/a?b\\c",
        "https:\\\\shop.example/a",
        "https:/shop.example/a",
        "https:shop.example/a",
        "https:",
        ":a",
        "a:b",
        "ftp://shop.example/a",
        "javascript:alert(1)",
        "data:text/plain,a",
        "httpss://shop.example/a",
        "//shop.example//a",
        "/a//b",
        "/a/b//",
        "/..",
        "/a/../../b",
        "../../../../../a",
        "/%2e%2e/a",
        "/a/%2E/b",
        "/a/.%2e/b",
        "/%74iles",
        "/%54iles",
        "/a%7Eb",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a%00b",
        "/a%0ab",
        "/a%7fb",
        "/a%",
        "/a%2",
        "/a%zz",
        "/a%+2b",
        "/a\"b",
        "/a<b>",
        "/a`b",
        "/{a}",
        "/a|b",
        "/a^b",
        "/[a]",
    ] {
        assert_eq!(read(location), None, "{location:?}");
    }
    assert_eq!(Location::read(&[b'/', 0xff], BASE), None);
    assert_eq!(Location::read(&[b"/".as_slice(), &[b'a'; MAX_LOCATION]].concat(), BASE), None);
    assert!(Location::read(&[b"/".as_slice(), &[b'a'; MAX_LOCATION - 1]].concat(), BASE).is_some());
}

/// What a client asked for may be anything, and so a place beside it.
#[test]
fn a_request_that_some_read_otherwise_is_no_place_to_start_from() {
    for base in ["", "a/b", "//a", "/a//b", "/a/%2e%2e/b", "/a/\\/b", "/a%2fb/c", "/caf\u{e9}/b"] {
        assert_eq!(Location::read(b"c", base), None, "{base:?}");
        assert_eq!(Location::read(b"/c", base).map(|place| place.path).as_deref(), Some("/c"), "{base:?}");
    }
    for base in ["/a/../b", "/a/%2e/b", "//", "/a b"] {
        let read = Location::read(b"?c", base);
        assert_eq!(read.is_some(), base == "/a/../b", "{base:?}");
    }
}

proptest! {
    /// What is read has nothing left in it that anybody would change, and reading it again changes
    /// nothing.
    #[test]
    fn what_is_read_is_settled(location in "[a-c./%2eEfF:@?#\\\\ ]{0,24}", base in "(/[a-c.%2e]{0,3}){0,4}") {
        if let Some(place) = Location::read(location.as_bytes(), &base) {
            prop_assert!(place.path.starts_with('/'));
            prop_assert!(!place.path.contains("//") && !place.path.contains(['?', '#', '\\', ' ']));
            let dots = |segment: &str| matches!(segment, "." | "..") || segment.to_ascii_lowercase().contains("%2e");
            prop_assert!(!place.path.split('/').any(dots), "{}", place.path);
            let again = Location::read(place.path.as_bytes(), &base);
            prop_assert_eq!(again, Some(Location { authority: None, path: place.path.clone(), query: None }));
        }
    }

    #[test]
    fn whatever_comes_is_read_or_not(location in prop::collection::vec(any::<u8>(), 0..64), base in "\\PC{0,16}") {
        let _ = Location::read(&location, &base);
    }
}
