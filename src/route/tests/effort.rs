//! What following a path takes.

use proptest::prelude::*;

use super::{build, entries, routes};
use crate::route::build::ClashKind;
use crate::route::guard::MAX_STEPS;
use crate::route::{effort, reading::Reading};

fn values(piece: &str) -> Vec<String> {
    let reading = Reading::of(&format!("/{piece}"));
    let values = reading.pieces.iter().flat_map(|piece| reading.values(*piece));
    values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

#[test]
fn a16_a_value_that_a_piece_may_have_is_followed_once() {
    assert_eq!(values("...%01.%01.%01.."), ["..."]);
    assert_eq!(values("a%01b%01c"), ["abc", "a", "ab"]);
    assert_eq!(values("a%01%01b%01b"), ["abb", "a", "ab"]);
    assert_eq!(values("a%01b/a%01b"), ["ab", "a", "ab", "a"], "each piece has its own");
}

#[test]
fn a16_honest_paths_stay_far_below_the_bound_of_steps() {
    let routes = routes(&[
        "a /repos/{x}/{y}/contents/**",
        "b /repos/{x}/{y}/pulls/{z}/files",
        "free /repos/{x}/{y}/issues/**",
        "c /{org}/{x}/{y}/{z}/sold",
        "free /**",
        "d /repos/special/{y}/contents/dear/**",
    ]);
    for path in [
        "/docs/Users/Profile/Images/Large/Photo.JPG",
        "//repos/x/y/contents/A%2FB%2FC/d",
        "/repos/x/y/contents/../contents/a/./b//c/",
        "/public/A%2FB/../c;x=1//y",
        "/repos/https%3A%2F%2Fexample.com%2Fa%2Fb%2Fc%2Fd%2Fe%3Fq%3D1%26r%3D2",
        "/repos/x;a=1/y;b=2/contents;c=3/d;e=4/f",
        "/repos/a%5Cb%5Cc%5Cd/e%5Cf/contents/g%5Ch",
        "/repos/x/y/contents/%E2%98%83%20caf%C3%A9/a+b.",
    ] {
        let (_, effort) = effort::of(|| routes.resolve("GET", "h", path));
        let steps = effort - u32::try_from(path.len()).unwrap();
        assert!(steps < MAX_STEPS / 8, "{steps} steps for {path}");
    }
}

#[test]
fn a16_what_readings_multiply_in_is_refused_after_a_bounded_number_of_steps() {
    let wild: Vec<String> = (1..20).map(|depth| format!("free {}/q", "/*".repeat(depth))).collect();
    let mut lines: Vec<&str> = wild.iter().map(String::as_str).collect();
    lines.extend(["free /**", "dear GET /zz/zz/data"]);
    let routes = routes(&lines);
    let path = format!("/docs/{}", ["...%01.%01.%01.."; 118].join("/"));
    let (answer, effort) = effort::of(|| super::ask(&routes, &format!("GET {path}")));
    assert_eq!(answer, "ambiguous");
    // What is taken apart, the plain walk, and the guard.
    assert!(effort < u32::try_from(path.len()).unwrap() + 200 + MAX_STEPS, "{effort}");
}

/// Every path of so many segments that are `a` or a variable, and `end`.
fn bushy(levels: u32) -> Vec<String> {
    let way = |number: u32| {
        let segment = |level| if number >> level & 1 == 1 { "/*" } else { "/a" };
        (0..levels).map(segment).collect::<String>()
    };
    (0..1 << levels).map(|number| format!("free {}/end", way(number))).collect()
}

#[test]
fn a16_wildcards_beside_literals_are_followed_in_a_bounded_number_of_steps_or_refused() {
    let lines = bushy(8);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let path = format!("{}/other", "/a".repeat(8));
    let bushy_routes = super::routes(&lines);
    let (answer, steps) = effort::of(|| super::ask(&bushy_routes, &format!("GET {path}")));
    assert_eq!((answer.as_str(), steps), ("unmatched", 511));
    let lines = bushy(9);
    let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    lines.insert(0, "free /elsewhere");
    let clashes = build(&entries(&lines)).unwrap_err();
    assert!(
        matches!(clashes.as_slice(), [clash] if clash.kind == ClashKind::Branches && lines[clash.route].starts_with("free /*/"))
    );
    // Many literals on each level are no more than one, and so are hosts.
    let wide: Vec<String> =
        (0..400).map(|at| format!("free h{}.com/{at}/{{a}}/{at}/{{b}}/{at}", at % 7)).collect();
    let lines: Vec<&str> = wide.iter().map(String::as_str).collect();
    assert!(super::routes(&lines).tree.beyond(7).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a16_no_walk_takes_more_steps_than_the_tree_is_said_to_allow(
        paths in prop::collection::vec("(/(a|b|\\*)){1,5}(/\\*\\*)?", 1..40),
        path in "(/(a|b|c)){1,6}",
    ) {
        let lines: Vec<String> = paths.iter().map(|path| format!("free {path}")).collect();
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.sort_unstable();
        lines.dedup();
        let routes = routes(&lines);
        let (_, steps) = effort::of(|| routes.resolve("GET", "h", &path));
        let less = u16::try_from(steps).unwrap() - 1;
        prop_assert!(routes.tree.beyond(less).is_some(), "{} steps for {} among {:?}", steps, path, lines);
    }
}
