//! What servers do to paths, one letter each.
//!
//! `d` decodes escapes once, `e` all but those of slashes, `u` `%u002f`, `o` overlong UTF-8, `f`
//! letters that look alike; `l` makes lower case; `m` merges slashes; `r` resolves `.` and `..`;
//! `b` turns backslashes; `p` drops `;parameters`; `n` ends the path at a control character, `c`
//! drops those; `h` ends it at `#`, `q` at `?`, `z` at a `%` that begins no escape, and `s`
//! drops those; `w` trims spaces and dots as Windows does, `v` spaces; `t` takes a final slash
//! away; `x` takes the host from behind a double slash.

/// One server's work.
pub(super) fn act(step: u8, path: &mut Vec<u8>) {
    match step {
        b'd' => *path = decoded(path),
        b'e' => *path = escapes(path, &|byte| Some(byte).filter(|byte| !b"/\\".contains(byte))),
        b'u' => *path = wide(path),
        b'o' => *path = overlong(path),
        b'f' => *path = alike(path),
        b'l' => path.make_ascii_lowercase(),
        b'm' => path.dedup_by(|one, other| *one == b'/' && *other == b'/'),
        b'r' => *path = resolved(path),
        b'b' => path.iter_mut().filter(|b| **b == b'\\').for_each(|b| *b = b'/'),
        b'p' => segments(path, &|segment| segment.split(|b| *b == b';').next().unwrap_or_default()),
        b'n' => cut(path, &|rest| rest[0].is_ascii_control()),
        b'c' => path.retain(|b| !b.is_ascii_control()),
        b'h' => cut(path, &|rest| rest[0] == b'#'),
        b'q' => cut(path, &|rest| rest[0] == b'?'),
        b'z' => cut(path, &|rest| rest[0] == b'%' && escape(rest).is_none()),
        b's' => *path = without_strays(path),
        b'w' => segments(path, &|segment| match segment {
            b"." | b".." => segment,
            _ => trimmed_end(segment, b" ."),
        }),
        b'v' => segments(path, &|segment| {
            let from = segment.iter().position(|b| *b != b' ').unwrap_or(segment.len());
            trimmed_end(&segment[from..], b" ")
        }),
        b't' if path.len() > 1 && path.ends_with(b"/") => drop(path.pop()),
        b'x' if path.starts_with(b"//") => {
            let host = path[2..].iter().position(|b| *b == b'/').map_or(path.len(), |at| at + 2);
            *path = path.split_off(host);
        }
        _ => {}
    }
    if path.is_empty() {
        path.push(b'/');
    }
}

/// A text with its escapes undone once.
pub(super) fn decoded(text: &[u8]) -> Vec<u8> {
    escapes(text, &Some)
}

fn escape(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
    (text.first() == Some(&b'%')).then_some(())?;
    u8::try_from(digit(1)? << 4 | digit(2)?).ok()
}

fn escapes(text: &[u8], keep: &dyn Fn(u8) -> Option<u8>) -> Vec<u8> {
    let (mut made, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(byte) = text.get(at) {
        match escape(&text[at..]).and_then(keep) {
            Some(byte) => {
                made.push(byte);
                at += 3;
            }
            None => {
                made.push(*byte);
                at += 1;
            }
        }
    }
    made
}

fn wide(text: &[u8]) -> Vec<u8> {
    let (mut made, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(byte) = text.get(at) {
        let four = text.get(at + 2..at + 6).filter(|_| *byte == b'%' && matches!(text[at + 1], b'u' | b'U'));
        let code = four.and_then(|four| std::str::from_utf8(four).ok());
        let code =
            code.filter(|code| !code.starts_with('+')).and_then(|code| u32::from_str_radix(code, 16).ok());
        match code.and_then(char::from_u32) {
            Some(char) => {
                made.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                at += 6;
            }
            None => {
                made.push(*byte);
                at += 1;
            }
        }
    }
    made
}

fn overlong(text: &[u8]) -> Vec<u8> {
    let (mut made, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(byte) = text.get(at) {
        let more = |n: usize| text.get(at + n).filter(|b| **b & 0xc0 == 0x80).map(|b| b & 0x3f);
        let low = match byte {
            0xc0 => more(1).map(|b| (b, 2)),
            0xc1 => more(1).map(|b| (b | 0x40, 2)),
            0xe0 => more(1).filter(|b| *b < 2).zip(more(2)).map(|(a, b)| (a << 6 | b, 3)),
            0xf0 => more(1)
                .filter(|a| *a == 0)
                .and_then(|_| more(2).filter(|b| *b < 2).zip(more(3)))
                .map(|(a, b)| (a << 6 | b, 4)),
            _ => None,
        };
        let (byte, step) = low.unwrap_or((*byte, 1));
        made.push(byte);
        at += step;
    }
    made
}

fn alike(text: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(text) else { return text.to_vec() };
    let twin = |char: char| match char {
        '\u{130}' | '\u{131}' => 'i',
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0).unwrap_or(char),
        other => other,
    };
    text.chars().map(twin).collect::<String>().into_bytes()
}

/// RFC 3986, 5.2.4.
fn resolved(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<&[u8]> = Vec::new();
    let mut ends_in_dots = false;
    for segment in path.split(|b| *b == b'/').skip(1) {
        ends_in_dots = matches!(segment, b"." | b"..");
        match segment {
            b"." => {}
            b".." => drop(out.pop()),
            other => out.push(other),
        }
    }
    if ends_in_dots {
        out.push(b"");
    }
    let mut made = Vec::with_capacity(path.len());
    for segment in out {
        made.push(b'/');
        made.extend_from_slice(segment);
    }
    made
}

fn segments(path: &mut Vec<u8>, work: &dyn Fn(&[u8]) -> &[u8]) {
    let done: Vec<&[u8]> = path.split(|b| *b == b'/').map(work).collect();
    *path = done.join(&b'/');
}

fn trimmed_end<'a>(text: &'a [u8], what: &[u8]) -> &'a [u8] {
    let end = text.iter().rposition(|b| !what.contains(b)).map_or(0, |last| last + 1);
    &text[..end]
}

fn cut(path: &mut Vec<u8>, at: &dyn Fn(&[u8]) -> bool) {
    if let Some(at) = (0..path.len()).find(|from| at(&path[*from..])) {
        path.truncate(at);
    }
}

fn without_strays(path: &[u8]) -> Vec<u8> {
    let stray = |at: usize| path[at] == b'%' && escape(&path[at..]).is_none();
    (0..path.len()).filter(|at| !stray(*at)).map(|at| path[at]).collect()
}
