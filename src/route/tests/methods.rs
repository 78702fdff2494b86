//! Several methods asked for at once are what they are one by one.

use proptest::prelude::*;

use super::{build, entries};
use crate::route::{HostPattern, Resolution};

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "BREW", "CONNECT", "connect"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn any_of_several_is_each_of_them(
        lines in prop::collection::vec(
            (
                prop::sample::select(vec!["dear", "free"]),
                prop::sample::select(vec!["", "GET ", "POST ", "GET,PUT ", "DELETE "]),
                prop::sample::select(vec!["", "a.com", "b.com", "*.com"]),
                prop::sample::select(vec!["/x", "/x/{y}", "/x/**", "/{a}/y", "/x/y", "/**", "/X/z/"]),
            ),
            1..7,
        ),
        methods in prop::collection::vec(prop::sample::select(METHODS.to_vec()), 0..6),
        host in prop::sample::select(vec!["a.com", "b.com", "c.com", "d", "a.com..", ""]),
        path in "(/|x|y|X|\\.\\.|%2f|%01|;a|\\?|z){0,8}",
        rooted in prop::bool::weighted(0.9),
        also in prop::bool::ANY,
        what in 0..8_u8,
    ) {
        let lines: Vec<String> = lines.iter().map(|(kind, methods, host, path)| format!("{kind} {methods}{host}{path}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let mut entries = entries(&lines);
        // One route under two hosts.
        for entry in entries.iter_mut().filter(|entry| also && !entry.hosts.is_empty()) {
            entry.hosts.push(HostPattern::Exact("c.com".to_owned()));
        }
        let Ok(routes) = build(&entries) else { return Ok(()) };
        let path = if rooted { format!("/{path}") } else { path };
        let wrong = |found: &Resolution<'_>| match found {
            Resolution::Route(route) => what & 1 != 0 && route.index % 2 == 0,
            Resolution::Unmatched => what & 2 != 0,
            Resolution::MethodNotAllowed { priced, .. } => what & 4 != 0 && *priced,
            Resolution::Ambiguous => true,
        };
        let each = methods.iter().any(|method| wrong(&routes.resolve(method, host, &path)));
        prop_assert_eq!(routes.resolve_any(methods.iter(), host, &path, wrong), each, "{} {:?} {:?}", path, methods, lines);
    }
}
