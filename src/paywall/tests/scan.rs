//! A scanner's eyes: the SVG back to modules.

#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use qrcodegen::{Mask, QrCode, QrCodeEcc, QrSegment, Version};

use super::qr::code::Code;
use super::qr::{draw, QUIET};

/// Reads the strokes of the path.
fn modules(svg: &str) -> (usize, Vec<Vec<bool>>) {
    let side: usize = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let path = svg.split("stroke=\"#000\" d=\"").nth(1).unwrap().split('"').next().unwrap();
    let mut dark = vec![vec![false; side]; side];
    for row in path.split('M').skip(1) {
        let (start, strokes) = row.split_once('h').unwrap();
        let (x, y) = start.split_once(' ').unwrap();
        let (mut x, y): (usize, usize) = (x.parse().unwrap(), y.trim_end_matches(".5").parse().unwrap());
        for stroke in strokes.split('h') {
            let (length, gap) = stroke.split_once('m').unwrap_or((stroke, "0 0"));
            let length: usize = length.parse().unwrap();
            (x..x + length).for_each(|x| dark[y][x] = true);
            x += length + gap.trim_end_matches(" 0").parse::<usize>().unwrap();
        }
    }
    (side, dark)
}

/// Whether the drawing is the code of this text, with its quiet zone and nothing beside it.
fn is_code_of(svg: &str, text: &str) -> bool {
    let code = reference(text.as_bytes());
    let (side, dark) = modules(svg);
    assert_eq!(side as i32, code.size() + 2 * QUIET);
    let at = |place: usize| place as i32 - QUIET;
    (0..side).all(|y| (0..side).all(|x| dark[y][x] == code.get_module(at(x), at(y))))
}

/// What another encoder makes of it.
fn reference(text: &[u8]) -> QrCode {
    let segments = [QrSegment::make_bytes(text)];
    let (from, to, mask) = (Version::MIN, Version::new(10), Some(Mask::new(2)));
    QrCode::encode_segments_advanced(&segments, QrCodeEcc::Low, from, to, mask, false).unwrap()
}

#[test]
fn codes_of_every_length_are_those_of_another_encoder() {
    for length in 0..=271 {
        let text: Vec<u8> = (0..length).map(|at| (at * at + 7 * length) as u8).collect();
        let (ours, theirs) = (Code::new(&text).unwrap(), reference(&text));
        assert_eq!(ours.size, theirs.size(), "{length} bytes");
        for y in -1..=ours.size {
            for x in -1..=ours.size {
                assert_eq!(ours.dark(x, y), theirs.get_module(x, y), "{length} bytes, {x}, {y}");
            }
        }
    }
    assert!(Code::new(&[0; 272]).is_none());
}

#[test]
fn the_drawing_is_the_code_of_the_address() {
    for length in [0, 1, 20, 60, 150, 247] {
        let url = format!("https://api.example.com/{}", "tile/7;".repeat(length).get(..length).unwrap());
        let drawn = draw(&url).unwrap();
        assert!(drawn.whole && is_code_of(&drawn.svg, &url), "{length}");
        assert!(!is_code_of(&drawn.svg, &url.replace("api", "apx")));
    }
}

#[test]
fn an_address_too_long_loses_its_query_and_then_its_code() {
    let url = format!("https://api.example.com/tiles?{}", "q".repeat(300));
    let drawn = draw(&url).unwrap();
    assert!(!drawn.whole);
    assert!(is_code_of(&drawn.svg, "https://api.example.com/tiles"));
    assert!(draw(&format!("https://api.example.com/{}", "a".repeat(300))).is_none());
}
