//! The chart of the documentation: CPU per paid request, ours beside the others.

use std::fmt::Write;

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    pub label: String,
    /// Microseconds of the server itself.
    pub micros: f64,
    /// Microseconds more, behind a plain Envoy.
    pub behind: Option<f64>,
    pub ours: bool,
}

const WIDTH: f64 = 760.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 74.0;
const ROW: f64 = 34.0;

/// An SVG for a light and for a dark page, without script and without anything to fetch.
pub fn svg(bars: &[Bar], caption: &str) -> String {
    let longest = bars.iter().map(|bar| bar.micros + bar.behind.unwrap_or(0.0)).fold(1.0, f64::max);
    let scale = (WIDTH - LEFT - RIGHT) / longest;
    #[expect(clippy::cast_precision_loss, reason = "a handful of bars")]
    let height = TOP + ROW * bars.len() as f64 + 34.0;
    let mut out = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title">
<title id="title">CPU per paid request</title>
<style>
  text {{ font: 14px system-ui, sans-serif; fill: #1f2328; }}
  .head {{ font-size: 17px; font-weight: 600; }}
  .small {{ font-size: 12px; fill: #59636e; }}
  .value {{ font-variant-numeric: tabular-nums; }}
  .ours {{ fill: #1a7f37; }}
  .other {{ fill: #8c959f; }}
  .envoy {{ fill: #0969da; opacity: .55; }}
  @media (prefers-color-scheme: dark) {{
    text {{ fill: #f0f6fc; }}
    .small {{ fill: #9198a1; }}
    .ours {{ fill: #3fb950; }}
    .other {{ fill: #656c76; }}
    .envoy {{ fill: #4493f8; }}
  }}
</style>
<text class="head" x="16" y="28">CPU per paid request, µs (less is better)</text>
<text class="small" x="16" y="48">{}</text>
"#,
        escaped(caption)
    );
    let mut y = TOP;
    for bar in bars {
        let own = bar.micros * scale;
        let class = if bar.ours { "ours" } else { "other" };
        let middle = y + 15.0;
        let _ = writeln!(
            out,
            r#"<text x="{:.1}" y="{middle:.1}" text-anchor="end">{}</text>"#,
            LEFT - 10.0,
            escaped(&bar.label)
        );
        let _ = writeln!(
            out,
            r#"<rect class="{class}" x="{LEFT:.1}" y="{y:.1}" width="{:.1}" height="20" rx="2"/>"#,
            own.max(1.0)
        );
        let mut end = LEFT + own;
        let mut value = format!("{:.0}", bar.micros);
        if let Some(more) = bar.behind {
            let _ = writeln!(
                out,
                r#"<rect class="envoy" x="{end:.1}" y="{y:.1}" width="{:.1}" height="20" rx="2"/>"#,
                (more * scale).max(1.0)
            );
            end += more * scale;
            let _ = write!(value, " ({:.0})", bar.micros + more);
        }
        let _ = writeln!(out, r#"<text class="value" x="{:.1}" y="{middle:.1}">{value}</text>"#, end + 8.0);
        y += ROW;
    }
    let foot = y + 14.0;
    let _ =
        writeln!(out, r#"<rect class="envoy" x="16" y="{:.1}" width="12" height="12" rx="2"/>"#, foot - 11.0);
    let _ = writeln!(
        out,
        r#"<text class="small" x="34" y="{foot:.1}">and, in brackets: behind an Envoy without a filter</text>"#
    );
    out.push_str("</svg>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_stays_within_the_picture() {
        let bar = |label: &str, micros, behind| Bar { label: label.to_owned(), micros, behind, ours: false };
        let chart = svg(&[bar("a < b", 100.0, None), bar("c", 4_000.0, Some(500.0))], "one & only");
        assert!(chart.contains("a &lt; b") && chart.contains("one &amp; only"), "{chart}");
        let ends = chart.split("<rect").skip(1).filter_map(|rect| {
            let number = |name: &str| rect.split(name).nth(1)?.split('"').nth(1)?.parse::<f64>().ok();
            Some(number(" x=")? + number(" width=")?)
        });
        let ends: Vec<f64> = ends.collect();
        assert!(ends.len() == 4 && ends.iter().all(|end| *end <= WIDTH - RIGHT + 0.2), "{ends:?}");
    }
}
