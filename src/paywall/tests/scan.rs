//! A scanner's eyes: the SVG back to pixels, the pixels to text.

use super::qr::draw;

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

fn scan(svg: &str) -> String {
    const SCALE: usize = 4;
    let (side, dark) = modules(svg);
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * SCALE, side * SCALE, |x, y| {
        if dark[y / SCALE][x / SCALE] {
            0
        } else {
            255
        }
    });
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().unwrap().1
}

#[test]
fn the_code_reads_back_as_the_address() {
    for length in [0, 1, 20, 60, 150, 240] {
        let url = format!("https://api.example.com/{}", "tile/7;".repeat(length).get(..length).unwrap());
        let drawn = draw(&url).unwrap();
        assert!(drawn.whole);
        assert_eq!(scan(&drawn.svg), url);
    }
}

#[test]
fn an_address_too_long_loses_its_query_and_then_its_code() {
    let url = format!("https://api.example.com/tiles?{}", "q".repeat(300));
    let drawn = draw(&url).unwrap();
    assert!(!drawn.whole);
    assert_eq!(scan(&drawn.svg), "https://api.example.com/tiles");
    assert!(draw(&format!("https://api.example.com/{}", "a".repeat(300))).is_none());
    assert!(draw("").is_none());
}
