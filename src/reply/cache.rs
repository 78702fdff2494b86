//! `Cache-Control` of what was paid for.

/// The value to set so that no shared cache keeps a paid response: the upstream's own
/// directives with `private` merged in. `None` when it is there already. The form
/// `private="field"` forbids only that field (RFC 9111 section 5.2.2.7) and does not count. Where
/// a quoted string does not plainly end, a cache might read `private` as part of it, so the
/// upstream's directives go.
pub fn private(values: &[String]) -> Option<String> {
    let mut merged = String::new();
    for value in values {
        if !merged.is_empty() {
            merged.push_str(", ");
        }
        merged.push_str(value);
    }
    if merged.contains('\\') || merged.matches('"').count() % 2 == 1 {
        return Some("private".to_owned());
    }
    let mut quoted = false;
    let mut directives = merged.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    if directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case("private")) {
        return None;
    }
    Some(if merged.trim_ascii().is_empty() { "private".to_owned() } else { format!("{merged}, private") })
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
    fn several_headers_are_one_list() {
        let given = ["public".to_owned(), "max-age=60".to_owned()];
        assert_eq!(private(&given).as_deref(), Some("public, max-age=60, private"));
    }
}
