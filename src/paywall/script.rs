//! The page's script as it is served: the source without its comments and without space that parts nothing.

/// As written, for people.
const SOURCE: &str = include_str!("page.js");

/// As served; the policy names its hash.
pub(super) const SCRIPT: &str = match str::from_utf8(&SERVED) {
    Ok(script) => script,
    // Lines are left out whole, so what is left is text.
    Err(_) => "",
};

const SERVED: [u8; LENGTH] = {
    let mut served = [0; LENGTH];
    strip(SOURCE, &mut served);
    served
};

const LENGTH: usize = strip(SOURCE, &mut [0; SOURCE.len()]);

/// What needs no space on either side of it.
const CLOSED: &[u8] = b"{}();,=<>?:&|[]!*";

/// Copies a script without its comments, which stand on lines of their own, and without spaces and line
/// breaks that part nothing. What is quoted is copied as it is. Returns how many bytes that are.
const fn strip(source: &str, mut out: &mut [u8]) -> usize {
    let mut source = source.as_bytes();
    let mut length: usize = 0;
    let mut starts = true;
    let (mut last, mut quote, mut escaped) = (b';', 0, false);
    while let [byte, rest @ ..] = source {
        if quote == 0 && starts && matches!(source, [b'/', b'/', ..]) {
            while let [0..=9 | 11.., rest @ ..] = source {
                source = rest;
            }
            continue;
        }
        source = rest;
        let skipped = match (*byte, rest) {
            _ if quote != 0 => false,
            (b' ', [next, ..]) => starts || has(CLOSED, last) || has(CLOSED, *next),
            (b'\n', [next, ..]) => starts || has(b"{(,;", last) || has(b"})", *next),
            _ => false,
        };
        starts = quote == 0 && (*byte == b'\n' || (starts && *byte == b' '));
        if skipped {
            continue;
        }
        quote = match (quote, *byte) {
            (0, b'\'' | b'"' | b'`') => *byte,
            (quote, byte) if quote == byte && !escaped => 0,
            (quote, _) => quote,
        };
        escaped = *byte == b'\\' && !escaped;
        last = *byte;
        let left = out;
        out = match left {
            [slot, left @ ..] => {
                *slot = *byte;
                left
            }
            [] => left,
        };
        length = length.saturating_add(1);
    }
    length
}

const fn has(mut set: &[u8], byte: u8) -> bool {
    while let [first, rest @ ..] = set {
        if *first == byte {
            return true;
        }
        set = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a text, what is quoted, and the rest without spaces and line breaks.
    fn bare(text: &str) -> String {
        let mut quote = None;
        let mut bare = String::new();
        let mut bytes = text.chars();
        while let Some(byte) = bytes.next() {
            match (quote, byte) {
                (None, ' ' | '\n') => continue,
                (None, '\'' | '"' | '`') => quote = Some(byte),
                (Some(open), byte) if open == byte => quote = None,
                _ => {}
            }
            bare.push(byte);
            if byte == '\\' {
                bare.extend(bytes.next());
            }
        }
        bare
    }

    #[test]
    fn only_spaces_line_breaks_and_comments_are_left_out() {
        let lines = SOURCE.lines().filter(|line| !line.trim_start().starts_with("//"));
        assert_eq!(bare(SCRIPT), bare(&lines.collect::<Vec<_>>().join("\n")));
        assert!(SCRIPT.len() < 10_000 && SCRIPT.ends_with('\n'), "{}", SCRIPT.len());
        assert!(!SOURCE.contains("/*"), "comments stand on lines of their own");
    }

    #[test]
    fn what_parts_two_words_stays() {
        let stripped = |text: &str| {
            let mut out = vec![0; text.len()];
            let length = strip(text, &mut out);
            String::from_utf8(out[..length].to_vec()).unwrap()
        };
        for (text, expected) in [
            ("a + +b - -c\n", "a + +b - -c\n"),
            ("  // it\'s one\n  return x;\n", "return x;"),
            ("const f = (a, b) => {\n  go();\n};\n", "const f=(a,b)=>{go();};"),
            ("say('two  words; {here}', `a ${b}  c`);\n", "say('two  words; {here}',`a ${b}  c`);"),
            ("say('it\\'s  so');\n", "say('it\\'s  so');"),
            ("let a = b\nlet c = d\n", "let a=b\nlet c=d\n"),
            ("if (a) {\n  b()\n}\nc()\n", "if(a){b()}\nc()\n"),
        ] {
            assert_eq!(stripped(text).trim_end_matches('\n'), expected.trim_end_matches('\n'), "{text:?}");
        }
    }
}
