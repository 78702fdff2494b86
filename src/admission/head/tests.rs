use serde_json::{json, Value};

use super::*;

fn policy(origin: &Value) -> Policy {
    let config = json!({
        "version": 1, "origin": origin, "unmatched": "free",
        "routes": [{"name": "free", "match": {"path": "/**"}, "free": true}],
    });
    Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap()
}

fn behind(hops: u32) -> Policy {
    policy(&json!({
        "trustedHops": hops, "hosts": ["api.example.com", "*.shops.test", "[::1]"],
        "fallback": "https://fallback.example.com",
    }))
}

fn resource(policy: &Policy, headers: &[(&str, &[u8])]) -> String {
    let mut pairs =
        vec![(":authority".to_owned(), b"inside:8080".to_vec()), (":path".to_owned(), b"/v1/x?q=1".to_vec())];
    pairs.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())));
    Head::read(&fields(&pairs)).resource(policy)
}

const PROTO: &str = "x-forwarded-proto";
const HOST: &str = "x-forwarded-host";
const FALLBACK: &str = "https://fallback.example.com/v1/x?q=1";

#[test]
fn an_origin_that_is_written_listens_to_nobody() {
    let policy = policy(&json!("https://api.example.com"));
    let said = resource(&policy, &[(PROTO, b"http"), (HOST, b"evil.test")]);
    assert_eq!(said, "https://api.example.com/v1/x?q=1");
}

#[test]
fn the_trusted_proxys_word_is_the_url() {
    let one = behind(1);
    for (proto, host, url) in [
        (&b"https"[..], &b"api.example.com"[..], "https://api.example.com/v1/x?q=1"),
        (b"HTTPS", b"API.Example.COM", "https://api.example.com/v1/x?q=1"),
        (b" http ", b" acme.shops.test:8443 ", "http://acme.shops.test:8443/v1/x?q=1"),
        (b"https", b"api.example.com:443", "https://api.example.com/v1/x?q=1"),
        (b"http", b"api.example.com:443", "http://api.example.com:443/v1/x?q=1"),
        (b"https", b"[::1]:8443", "https://[::1]:8443/v1/x?q=1"),
        // What a client wrote before the proxy's own value counts for nothing.
        (b"ftp, https", b"evil.test,api.example.com", "https://api.example.com/v1/x?q=1"),
        (b"\xff,https", b"\xff,api.example.com", "https://api.example.com/v1/x?q=1"),
    ] {
        assert_eq!(resource(&one, &[(PROTO, proto), (HOST, host)]), url);
    }
}

#[test]
fn the_value_is_counted_from_the_end_over_all_lines() {
    let headers: &[(&str, &[u8])] = &[
        (PROTO, b"ftp,http"),
        (HOST, b"evil.test, a.shops.test"),
        (PROTO, b"https"),
        (HOST, b"b.shops.test"),
        ("x-forwarded-port", b"666"),
    ];
    assert_eq!(resource(&behind(1), headers), "https://b.shops.test/v1/x?q=1");
    assert_eq!(resource(&behind(2), headers), "http://a.shops.test/v1/x?q=1");
    assert_eq!(resource(&behind(3), headers), FALLBACK, "what the client said");
    assert_eq!(resource(&behind(4), headers), FALLBACK, "too short");
}

#[test]
fn the_authority_stands_in_for_a_host_nobody_forwarded() {
    let one = behind(1);
    let ask = |authority: &str| {
        let pairs = [(":authority", authority), (":path", "/x"), (PROTO, "https")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        Head::read(&fields(&pairs)).resource(&one)
    };
    assert_eq!(ask("api.example.com:8443"), "https://api.example.com:8443/x");
    assert_eq!(ask("evil.test"), "https://fallback.example.com/x");
}

#[test]
fn nothing_hostile_enters_the_url() {
    let one = behind(1);
    let long = format!("{}.shops.test", "a".repeat(60_000));
    let hosts: &[&[u8]] = &[
        b"",
        b"evil.test",
        b"api.example.com.evil.test",
        b"evilapi.example.com",
        b"shops.test",
        b".shops.test",
        b"a..shops.test",
        b"user@api.example.com",
        b"api.example.com@evil.test",
        b"api.example.com/",
        b"api.example.com?x",
        b"api.example.com#x",
        b"api.example.com:0",
        b"api.example.com:99999",
        b"api.example.com:+80",
        b"api.example.com:",
        b"api.example.com:80:80",
        b"api.example.com\r\nx: y",
        b"\"><script>.shops.test",
        b"a b.shops.test",
        b"\xff.shops.test",
        "é.shops.test".as_bytes(),
        b"api.example.com,",
        long.as_bytes(),
    ];
    for host in hosts {
        assert_eq!(resource(&one, &[(PROTO, b"https"), (HOST, host)]), FALLBACK, "{host:?}");
    }
    for proto in [&b""[..], b"ftp", b"javascript", b"https:", b"https://x", b"https,", b"\xff", b"ws"] {
        assert_eq!(resource(&one, &[(PROTO, proto), (HOST, b"api.example.com")]), FALLBACK, "{proto:?}");
    }
    assert_eq!(resource(&one, &[(HOST, b"api.example.com")]), FALLBACK, "no scheme");
}

#[test]
fn each_name_of_ours_is_taken_off_once_however_many_there_are() {
    let names: Vec<String> = (0..600).map(|at| format!("x402-{}", at * 7 % 300)).collect();
    let pairs: Vec<_> = names.iter().map(|name| (name.clone(), Vec::new())).collect();
    let fields = fields(&pairs);
    let mut expected: Vec<&str> = names.iter().map(String::as_str).collect();
    expected.sort_unstable();
    expected.dedup();
    assert_eq!((Head::read(&fields).owned, expected.len()), (expected, 300));
}
