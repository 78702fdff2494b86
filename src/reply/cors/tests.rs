use super::*;

fn listed() -> Cors {
    Cors::Origins(vec!["https://app.example.com".into(), "http://localhost:3000".into()])
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_preflight_allows_what_paying_takes_and_what_was_asked() {
    let reply = Grant::of(&Cors::Any, Some(b"null")).preflight("GET, HEAD", "authorization, x-custom");
    let allowed = header(&reply, "access-control-allow-headers").unwrap();
    for name in ["PAYMENT-SIGNATURE", "X-PAYMENT", "SIGN-IN-WITH-X", "Access-Control-Expose-Headers"] {
        assert!(allowed.contains(name), "{name}");
    }
    assert!(allowed.ends_with("Content-Type, authorization, x-custom"));
    assert_eq!(header(&reply, "access-control-allow-methods"), Some("GET, HEAD"));
    assert_eq!(header(&reply, "access-control-allow-origin"), Some("*"));
    assert_eq!(header(&reply, "access-control-allow-credentials"), None);
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
}

#[test]
fn nothing_a_client_sends_is_repeated_unless_it_is_a_list_of_tokens() {
    let long = "x".repeat(MAX_METHOD + 1);
    for (methods, asked) in [("G\r\nT", "x, a b"), (long.as_str(), "a\nb"), ("", "\u{e9}")] {
        let reply = Grant::of(&Cors::Any, Some(b"https://evil\r\n")).preflight(methods, asked);
        let allowed = header(&reply, "access-control-allow-headers").unwrap();
        assert!(allowed.ends_with("Content-Type"), "{allowed}");
        assert_eq!(header(&reply, "access-control-allow-methods"), Some("GET, HEAD, POST"));
        assert!(!reply
            .headers
            .iter()
            .any(|(_, value)| value.contains(['\r', '\n']) || value.contains("evil")));
    }
}

#[test]
fn a_list_of_methods_is_written_anew() {
    let reply = Grant::of(&Cors::Any, Some(b"null")).preflight("GET,\r\n\tPOST ", "");
    assert_eq!(header(&reply, "access-control-allow-methods"), Some("GET, POST"));
}

#[test]
fn a_listed_origin_is_named_and_no_other_is_told_anything() {
    let grant = Grant::of(&listed(), Some(b"https://app.example.com"));
    let reply = grant.preflight("GET", "");
    assert_eq!(header(&reply, "access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(header(&reply, "vary"), Some("Origin"));
    for other in [
        &b"https://app.example.com.evil.test"[..],
        b"https://APP.example.com",
        b"http://app.example.com",
        b"https://app.example.com:444",
        b"null",
        b"*",
        b"",
        b"\xff",
    ] {
        let grant = Grant::of(&listed(), Some(other));
        let reply = grant.preflight("GET", "x-a");
        assert!(!reply.headers.iter().any(|(name, _)| name.starts_with("access-control-")), "{other:?}");
        assert_eq!((reply.status, header(&reply, "vary")), (204, Some("Origin")));
        assert_eq!(grant.additions(false).collect::<Vec<_>>(), [("vary", "Origin")]);
    }
}

#[test]
fn off_says_nothing() {
    let grant = Grant::of(&Cors::Off, Some(b"https://app.example.com"));
    let reply = grant.preflight("GET", "x-a");
    assert_eq!(
        (reply.status, reply.headers.as_slice()),
        (204, &[("cache-control", "no-store".to_owned())][..])
    );
    let mut refusal = Reply { status: 402, headers: Vec::new(), body: String::new() };
    grant.open(&mut refusal);
    assert!(refusal.headers.is_empty() && grant.additions(false).next().is_none());
}

#[test]
fn who_sends_no_origin_is_told_nothing() {
    assert_eq!(Grant::of(&Cors::Any, None).additions(false).count(), 0);
    assert_eq!(Grant::of(&listed(), None).additions(false).collect::<Vec<_>>(), [("vary", "Origin")]);
}

#[test]
fn an_upstreams_own_permission_stands() {
    let grant = Grant::of(&Cors::Any, Some(b"https://a.test"));
    let names = |allows| grant.additions(allows).map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(false), ["access-control-allow-origin", "access-control-expose-headers"]);
    assert_eq!(names(true), ["access-control-expose-headers"]);
}
