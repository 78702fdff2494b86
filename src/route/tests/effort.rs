//! What following a path takes.

use super::routes;
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
