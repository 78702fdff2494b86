//! `Cache-Control` of what was paid for.

/// What speaks to shared caches alone. Beside `private` it is contradiction or clutter, and a
/// cache that resolves the contradiction the other way keeps what was paid for.
const FOR_SHARED_CACHES: [&str; 3] = ["public", "s-maxage", "proxy-revalidate"];

/// The value to set so that no shared cache keeps a paid response: the upstream's own
/// directives without [`FOR_SHARED_CACHES`], and with `private`. `None` when it is that already.
/// The form `private="field"` forbids only that field (RFC 9111 section 5.2.2.7) and does not
/// count. Where a quoted string does not plainly end, a cache might read `private` as part of it,
/// so the upstream's directives go.
pub fn private(values: &[String]) -> Option<String> {
    let mut merged = String::new();
    for value in values {
        append(&mut merged, value);
    }
    if merged.contains('\\') || merged.matches('"').count() % 2 == 1 {
        return Some("private".to_owned());
    }
    let mut quoted = false;
    let directives = merged.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    let (mut kept, mut dropped, mut private) = (String::new(), false, false);
    for directive in directives.map(str::trim_ascii).filter(|directive| !directive.is_empty()) {
        let name = directive.split('=').next().unwrap_or_default().trim_ascii_end();
        if FOR_SHARED_CACHES.iter().any(|shared| name.eq_ignore_ascii_case(shared)) {
            dropped = true;
            continue;
        }
        private |= directive.eq_ignore_ascii_case("private");
        append(&mut kept, directive);
    }
    if private {
        return dropped.then_some(kept);
    }
    append(&mut kept, "private");
    Some(kept)
}

/// Adds to a list.
fn append(list: &mut String, item: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_cache() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/x402.json")).unwrap();
        for case in vectors["pricing_routing_matching"]["cache"].as_array().unwrap() {
            let given: Vec<String> = case[0].as_str().map(str::to_owned).into_iter().collect();
            let expected = case[1].as_str().unwrap();
            let set = private(&given).unwrap_or_else(|| given.join(", "));
            assert_eq!(set, expected, "{given:?}");
        }
    }

    #[test]
    fn private_fields_are_not_a_private_response() {
        let given = [r#"private="set-cookie""#.to_owned()];
        assert_eq!(private(&given).as_deref(), Some(r#"private="set-cookie", private"#));
    }

    #[test]
    fn a_comma_in_quotes_ends_no_directive() {
        let given = [r#"no-cache="a, private, b""#.to_owned()];
        assert_eq!(private(&given).as_deref(), Some(r#"no-cache="a, private, b", private"#));
    }

    #[test]
    fn quotes_that_do_not_plainly_end_hide_nothing() {
        for given in [r#"public, x=""#, r#"public, x="a\", private, ""#, r#"private, x=""#] {
            assert_eq!(private(&[given.to_owned()]).as_deref(), Some("private"), "{given}");
        }
    }

    #[test]
    fn what_speaks_to_shared_caches_alone_goes() {
        for (given, expected) in [
            ("public", "private"),
            ("public, s-maxage=600", "private"),
            ("max-age=60, S-MaxAge=\"600\", PUBLIC , no-transform", "max-age=60, no-transform, private"),
            ("s-maxage = 600,proxy-revalidate,must-revalidate", "must-revalidate, private"),
            ("public=\"a, b\", Proxy-Revalidate", "private"),
            ("public, private, s-maxage=1", "private"),
            // Names that only begin so, and what is quoted, are something else.
            ("publicity, x-s-maxage=1", "publicity, x-s-maxage=1, private"),
            ("no-cache=\"public, s-maxage\"", "no-cache=\"public, s-maxage\", private"),
            (", ,max-age=1,", "max-age=1, private"),
        ] {
            assert_eq!(private(&[given.to_owned()]).as_deref(), Some(expected), "{given}");
        }
        assert_eq!(private(&["private, max-age=60".to_owned()]), None);
    }

    #[test]
    fn several_headers_are_one_list() {
        let given = ["public".to_owned(), "max-age=60".to_owned()];
        assert_eq!(private(&given).as_deref(), Some("max-age=60, private"));
    }
}
