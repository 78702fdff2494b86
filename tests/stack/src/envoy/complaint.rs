//! What a log says went wrong.

/// The module's words before its list of mistakes.
const REFUSED: &str = "the configuration is refused";
const LEVELS: [&str; 3] = ["[warning]", "[error]", "[critical]"];
/// Most lines shown.
const MOST: usize = 120;
/// Lines shown of a log without complaints.
const TAIL: usize = 30;

/// The mistakes of a refused configuration, or else the warnings and errors with the lines
/// that continue them, or else the end of the log.
pub(super) fn of(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    if let Some(first) = lines.iter().position(|line| line.contains(REFUSED)) {
        return lines.into_iter().skip(first).take(MOST).collect::<Vec<_>>().join("\n");
    }
    let mut loud = true;
    let complaints = lines.iter().copied().filter(|line| {
        // Only the first line of a message has a level.
        if line.starts_with('[') {
            loud = LEVELS.iter().any(|level| line.contains(level));
        }
        loud
    });
    let complaints: Vec<&str> = complaints.collect();
    if complaints.is_empty() {
        end(&lines, TAIL)
    } else {
        end(&complaints, MOST)
    }
}

fn end(lines: &[&str], most: usize) -> String {
    lines[lines.len().saturating_sub(most)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_configuration_is_shown_from_its_first_mistake_on() {
        let noise = "[2026-01-01 00:00:00.000][1][info][main] [x.cc:1] initializing\n";
        let mistakes: String = (0..50).map(|i| format!("  routes[{i}].offer: missing\n")).collect();
        let refused = "[2026-01-01 00:00:00.000][1][error][wasm] [y.cc:2] the configuration is refused:\n";
        let log = format!("{}{refused}{mistakes}{}", noise.repeat(40), noise.repeat(200));
        let shown = of(&log);
        assert!(shown.starts_with(refused) && shown.contains("routes[0].") && shown.contains("routes[49]."));
        assert_eq!(shown.lines().count(), MOST);
    }

    #[test]
    fn other_logs_are_shown_by_their_complaints() {
        let noise = "[t][1][info][main] quiet\nits second line\n";
        let log = format!(
            "{}[t][1][critical][main] cannot bind\nAddress already in use\n{noise}",
            noise.repeat(90)
        );
        assert_eq!(of(&log), "[t][1][critical][main] cannot bind\nAddress already in use");
        assert_eq!(of("PARSE ERROR: no such option\n"), "PARSE ERROR: no such option");
        assert_eq!(of(&noise.repeat(90)).lines().count(), TAIL);
    }
}
