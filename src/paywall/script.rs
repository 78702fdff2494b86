//! The page's script as it is served: the source without its indentation and its comments.

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

/// Copies a script without spaces at the beginning of lines, lines that are comments, and empty
/// ones. Returns how many bytes that are. No text of several lines may be in it.
const fn strip(source: &str, mut out: &mut [u8]) -> usize {
    let mut source = source.as_bytes();
    let mut length: usize = 0;
    let mut starts = true;
    while let [byte, rest @ ..] = source {
        let skipped = match (*byte, rest) {
            (b' ' | b'\n', _) => starts,
            (b'/', [b'/', ..]) => starts,
            _ => false,
        };
        if skipped && *byte == b'/' {
            while let [0..=9 | 11.., rest @ ..] = source {
                source = rest;
            }
            continue;
        }
        source = rest;
        if skipped {
            continue;
        }
        let left = out;
        out = match left {
            [slot, left @ ..] => {
                *slot = *byte;
                left
            }
            [] => left,
        };
        length = length.saturating_add(1);
        starts = *byte == b'\n';
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_indentation_comments_and_empty_lines_are_left_out() {
        let bare = |text: &str| -> Vec<String> {
            let lines = text.lines().map(|line| line.trim_start().to_owned());
            lines.filter(|line| !line.is_empty() && !line.starts_with("//")).collect()
        };
        assert_eq!(SCRIPT.lines().collect::<Vec<_>>(), bare(SOURCE));
        assert!(SCRIPT.len() < SOURCE.len() && SCRIPT.ends_with('\n'));
        let odd: Vec<_> = SOURCE.lines().filter(|line| line.matches('`').count() % 2 == 1).collect();
        assert!(odd.is_empty(), "a text of several lines would change: {odd:?}");
        assert!(!SOURCE.contains("/*"), "comments stand on lines of their own");
    }
}
