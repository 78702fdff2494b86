//! No reading of a path reaches money that the plain one does not.

use proptest::prelude::*;

use super::{ask, build, check, entries, routes};
use crate::route::Routes;

const POLICY: &[&str] = &[
    "dear /v1/report",
    "cheap /v1/tiles/{z}",
    "free /public/**",
    "free /v1/status",
    "dear GET /v1/Models",
    "cheap /docs/",
];

#[test]
fn nothing_walks_around_a_price() {
    let routes = routes(POLICY);
    for path in [
        "/v1/report/",
        "/v1/Report",
        "/V1/report",
        "/v1/repor%74",
        "/v1/repor%2574",
        "/v1/repor%252574",
        "/v1//report",
        "//v1/report",
        "/v1/./report",
        "/v1/x/../report",
        "/public/../v1/report",
        "/public/%2e%2e/v1/report",
        "/public/%252e%252e/v1/report",
        "/public/..%2fv1/report",
        "/public/..%5cv1/report",
        "/public/..\\v1\\report",
        "/v1%2Freport",
        "/v1%252Freport",
        "/v1\\report",
        "/v1/report;x=1",
        "/v1;x=1/report",
        "/v1/report;a%2Fb",
        "/public/..;/v1/report",
        "/public/..;x/v1/report",
        "/v1/report%00",
        "/v1/report%00.png",
        "/v1/report%0a",
        "/v1/report%0d%0ax",
        "/v1/re%00port",
        "/v1/report%20",
        "/v1/report%23x",
        "/v1/report#x",
        "/v1/report%3Fx=1",
        "/v1/report.",
        "/v1/report%2e",
        "/v1/report%",
        "/v1/%report",
        "/v1/%c0%afreport",
        "/v1%c0%afreport",
        "/v1%e0%80%afreport",
        "/v1%f0%80%80%afreport",
        "/public/%c0%ae%c0%ae/v1/report",
        "/v1%u002freport",
        "/v1/report/.",
        "/v1/report/x/..",
        "/v1/;/report",
        "/%20/v1/report",
        "//example.com/v1/report",
        "/\\example.com/v1/report",
        "/%2F%2Fv1/report",
        "/v1/%E2%84%AA/../report",
        "/v1/%EF%BD%92eport",
        "/v1%EF%BC%8Freport",
        "/..//v1/report",
        "/v1/models",
        "/v1/models/",
        "/docs",
        "/Docs/",
        "/docs//",
        "/docs%2F",
        "/.;a/v1/report",
        "/v1/%2e/report",
        "/%76%31/%72eport",
        "/v1/report;%2f..",
        "/x;%2f../v1/report",
        "/v1/repo%rt",
        "/v1/x/y/../../report",
        "/v1/tiles/../report",
        "/v1/tiles/%2e%2e/report",
        "/v1/%%37%32eport",
        "/v1/x/.../report",
        "/v1/.../report",
        "/v1/%2e./report",
        "/v1/x/%2e./report",
        "/v1/x/..%20./report",
    ] {
        assert_eq!(ask(&routes, &format!("GET {path}")), "ambiguous", "{path}");
    }
}

#[test]
fn an_honest_variable_is_just_that() {
    check(
        POLICY,
        &[
            ("GET /v1/tiles/Foo", "cheap /v1/tiles/{z}"),
            ("GET /v1/tiles/a%20b", "cheap /v1/tiles/{z}"),
            ("GET /v1/tiles/caf%C3%A9", "cheap /v1/tiles/{z}"),
            ("GET /v1/tiles/caf%c3%a9?x=/../report", "cheap /v1/tiles/{z}"),
            ("GET /v1/tiles/100%25", "cheap /v1/tiles/{z}"),
            ("GET /v1/tiles/x;v=1", "cheap /v1/tiles/{z}"),
            ("GET /v1/tiles/a%2Fb", "cheap /v1/tiles/{z}"),
            ("GET /v1/tiles/REPORT", "cheap /v1/tiles/{z}"),
            ("GET /v1/Models", "dear GET /v1/Models"),
            ("POST /v1/Models", "405 GET, HEAD, OPTIONS"),
            ("POST /v1/models", "ambiguous"),
            ("GET /docs/", "cheap /docs/"),
        ],
    );
}

#[test]
fn free_and_unknown_paths_stay_what_they_are_however_odd() {
    check(
        POLICY,
        &[
            ("GET /public/A%2FB/../c;x=1//y", "free /public/**"),
            ("GET /projects/a%2Fb%2Fc", "unmatched"),
            ("GET /V1/Status/", "unmatched"),
            ("GET /v1/report-2/", "unmatched"),
            ("GET /v1/report%2Fx", "unmatched"),
            ("GET /v1/report/X", "unmatched"),
            ("GET /%E2%98%83", "unmatched"),
        ],
    );
}

#[test]
fn a_cheap_price_does_not_hide_a_dear_one() {
    check(
        &["cheap /v1/{x}", "dear /v1/report", "dearer /v1/**"],
        &[
            ("GET /v1/report", "dear /v1/report"),
            ("GET /v1/Report", "ambiguous"),
            ("GET /v1/other", "cheap /v1/{x}"),
            ("GET /v1/Other", "cheap /v1/{x}"),
            ("GET /v1/other/", "ambiguous"),
            ("GET /v1/a/b", "dearer /v1/**"),
            ("GET /v1/a/B", "dearer /v1/**"),
            ("GET /v1/a%2FB", "ambiguous"),
            ("GET /v1/a/../b", "ambiguous"),
        ],
    );
}

#[test]
fn an_overlap_that_no_reading_prefers_is_not_met() {
    check(
        &["dear /v1/**", "cheap /v1/tiles/{z}", "other /v1/{kind}/{z}"],
        &[("GET /v1/tiles/Foo%20", "cheap /v1/tiles/{z}"), ("GET /v1/roads/Foo", "other /v1/{kind}/{z}")],
    );
    check(
        &["free /docs", "dear /docs/**"],
        &[
            ("GET /docs", "free /docs"),
            ("GET /docs/", "dear /docs/**"),
            ("GET /x/../docs/", "ambiguous"),
            ("GET /docs/A", "dear /docs/**"),
        ],
    );
}

#[test]
fn a_hidden_path_with_an_unlisted_method_is_refused_too() {
    check(
        &["dear POST /x"],
        &[("GET /X", "ambiguous"), ("GET /x", "405 OPTIONS, POST"), ("POST /X", "ambiguous")],
    );
}

#[test]
fn hosts_with_nothing_priced_are_not_guarded() {
    check(
        &["dear a.com/x", "free b.com/**"],
        &[
            ("GET b.com|/a%2Fb/../X", "free b.com/**"),
            ("GET a.com|/%58", "ambiguous"),
            ("GET c.com|/X", "unmatched"),
        ],
    );
}

#[test]
fn hostile_paths_cost_bounded_work() {
    let routes = routes(&["a /a/{x}/b/**", "b /{x}/{y}/{z}", "c /**", "d /b/a", "free /x"]);
    for unit in [
        "/", "/.", "/..", "/a/..", "%2f", "%25", "\\", "/a;", "/%2e%2e", "%00", "/A", "a%2fA/", "%c0%af",
        "/%0a/..", "é",
    ] {
        for size in [100, 8_000, 16_000, 100_000] {
            let path = format!("/{}", unit.repeat(size / unit.len()));
            let _ = routes.resolve("GET", "h", &path);
        }
    }
    let long = format!("/x/{}", "a".repeat(16 * 1024));
    assert_eq!(ask(&routes, &format!("GET {long}")), "ambiguous");
}

/// What chains of servers do to paths, backwards. Each leaves a path that some server
/// takes for the one before.
#[derive(Clone, Debug)]
enum Disguise {
    Upper(usize),
    Escape(usize),
    EscapeAll,
    Slash(usize),
    Dot(usize),
    Up(usize, &'static str),
    Parameter(usize, &'static str),
    Backslash(usize),
    End(&'static str),
    Insert(usize, &'static str),
    Host,
    Overlong(usize),
}

fn escape(byte: u8) -> String {
    format!("%{byte:02x}")
}

/// A position just after a raw slash.
fn after_slash(path: &str, n: usize) -> usize {
    let ends: Vec<usize> = path.match_indices('/').map(|(i, _)| i + 1).collect();
    ends[n % ends.len()]
}

fn segment_end(path: &str, n: usize) -> usize {
    let from = after_slash(path, n);
    path[from..].find('/').map_or(path.len(), |i| from + i)
}

/// A position after the first slash that splits no escape.
fn char_at(path: &str, n: usize) -> usize {
    1 + n % (path.len() - 1).max(1)
}

fn disguise(path: &str, by: &Disguise) -> String {
    let mut out = path.to_owned();
    match by {
        Disguise::Upper(n) if path.len() > 1 => out.replace_range(
            char_at(path, *n)..=char_at(path, *n),
            &path[char_at(path, *n)..=char_at(path, *n)].to_uppercase(),
        ),
        Disguise::Escape(n) if path.len() > 1 => {
            let at = char_at(path, *n);
            out.replace_range(at..=at, &escape(path.as_bytes()[at]));
        }
        Disguise::EscapeAll if path.matches('%').count() < 12 => {
            out = std::iter::once("/".to_owned()).chain(path.bytes().skip(1).map(escape)).collect()
        }
        Disguise::Slash(n) => out.insert(after_slash(path, *n), '/'),
        Disguise::Dot(n) => out.insert_str(after_slash(path, *n), "./"),
        Disguise::Up(n, with) => out.insert_str(after_slash(path, *n), with),
        Disguise::Parameter(n, with) => out.insert_str(segment_end(path, *n), with),
        Disguise::Backslash(n) => {
            let at = after_slash(path, *n) - 1;
            if at > 0 {
                out.replace_range(at..=at, "\\");
            }
        }
        Disguise::End(with) => out.push_str(with),
        Disguise::Insert(n, with) if path.len() > 1 => out.insert_str(char_at(path, *n), with),
        Disguise::Host => out.insert_str(0, "//h"),
        Disguise::Overlong(n) => {
            let at = after_slash(path, *n) - 1;
            if at > 0 {
                out.replace_range(at..=at, "%c0%af");
            }
        }
        _ => {}
    }
    out
}

fn any_disguise() -> impl Strategy<Value = Disguise> {
    let n = 0..1000_usize;
    prop_oneof![
        n.clone().prop_map(Disguise::Upper),
        n.clone().prop_map(Disguise::Escape),
        Just(Disguise::EscapeAll),
        n.clone().prop_map(Disguise::Slash),
        n.clone().prop_map(Disguise::Dot),
        (
            n.clone(),
            prop::sample::select(vec!["x/../", "x/..;/", "X/%2e./", "free/..;a=b/", "x/..\\", "x%2f../"])
        )
            .prop_map(|(n, s)| Disguise::Up(n, s)),
        (n.clone(), prop::sample::select(vec![";", ";a=b", ";a%2fb", ";a=b;c", "%3bx", "%20", "%00", "."]))
            .prop_map(|(n, s)| Disguise::Parameter(n, s)),
        n.clone().prop_map(Disguise::Backslash),
        prop::sample::select(vec![
            "/", "//", "%2f", "\\", "/.", "/x/..", "#x", "%23x", "%3fx", "%00.png", "%0a", "%20", ";", ".",
            "?a=b"
        ])
        .prop_map(Disguise::End),
        (n.clone(), prop::sample::select(vec!["%09", "%0d", "%0a", "%00"]))
            .prop_map(|(n, s)| Disguise::Insert(n, s)),
        Just(Disguise::Host),
        n.prop_map(Disguise::Overlong),
    ]
}

/// Disguises whose inverse holds only if nothing splits an escape or a cut before it, so
/// that the property speaks of real servers: applied from the inside out.
fn honest(path: &str, by: &Disguise) -> bool {
    let whole = |at: usize| {
        let before = &path.as_bytes()[at.saturating_sub(2)..at];
        !before.contains(&b'%') && path.as_bytes().get(at) != Some(&b'%')
    };
    match by {
        Disguise::Upper(n) | Disguise::Insert(n, _) => path.len() > 1 && whole(char_at(path, *n)),
        // No server turns ".." into ".".
        Disguise::Parameter(n, ".") => !path[..segment_end(path, *n)].ends_with('.'),
        Disguise::End(".") => !path.ends_with('.'),
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_disguise_makes_a_priced_path_free(
        start in prop::sample::select(vec!["/v1/report", "/v1/tiles/7", "/v1/tiles/meta/x", "/a/x/c/d", "/"]),
        disguises in prop::collection::vec(any_disguise(), 1..6),
        method in prop::sample::select(vec!["GET", "HEAD", "POST"]),
    ) {
        let routes = routes(&["dear /v1/report", "cheap /v1/tiles/{z}", "dear /v1/tiles/meta/**", "free /v1/tiles/meta", "dear /a/{b}/c/d", "free /a/b/**", "dear /", "free /free/**", "free /{any}"]);
        let mut path = start.to_owned();
        for by in &disguises {
            if path.contains('?') { break; }
            if honest(&path, by) {
                path = disguise(&path, by);
            }
        }
        let answer = ask(&routes, &format!("{method} {path}"));
        // A parameter may stand where the path is a free one in the plain reading only.
        prop_assert!(answer != "unmatched" && !answer.starts_with("free"), "{} became {} for {}", start, answer, path);
    }

    #[test]
    fn no_request_panics(method in "\\PC*", authority in "\\PC*", path in "/?[/.;%a-zA-Z0-9\\\\?#]{0,40}\\PC*") {
        let routes = routes(&["a api.example.com/v1/{x}", "b *.example.com/**", "c GET /v1/Report/", "free /**"]);
        let _ = routes.resolve(&method, &authority, &path);
        let _ = routes.resolve("GET", "api.example.com", &path);
    }

    #[test]
    fn clean_paths_need_no_guard(path in "(/[a-z0-9~_-]{1,3}){1,5}") {
        // The quick answer is the guarded one.
        let lines = ["a /a/{x}", "b /{x}/b", "c /a/**", "d /b", "free /c/{x}/**"];
        let clean = routes(&lines);
        let spelled: Routes = build(&entries(&lines)).unwrap();
        let quick = ask(&clean, &format!("GET {path}"));
        prop_assert_ne!(&quick, "ambiguous");
        prop_assert_eq!(quick, ask(&spelled, &format!("GET {path}?q")));
    }
}
