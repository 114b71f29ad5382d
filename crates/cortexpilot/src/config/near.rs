//! How near a mistyped name is to a known one. A switch that is spelled wrong must not quietly mean its default: for some
//! of them the default is the wider one.

use super::table::{VARIABLES, Variable};

/// Names this many edits apart are taken for the same name, mistyped.
const NEAR: usize = 2;

/// The known variable that this unknown name was probably meant to be.
pub(super) fn meant(name: &str) -> Option<Variable> {
    let upper = name.to_ascii_uppercase();
    let near = VARIABLES.iter().filter(|known| known.name.len().abs_diff(upper.len()) <= NEAR);
    near.map(|known| (distance(known.name, &upper), *known))
        .filter(|(distance, _)| *distance <= NEAR)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Edits between two texts: insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str) -> String {
        meant(name).map_or("nothing".to_owned(), |known| known.name.to_owned())
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, edits) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "", 3),
            ("abc", "acb", 1),
            ("abc", "abd", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (edits, edits), "{a} {b}");
        }
    }

    #[test]
    fn a_mistyped_switch_is_recognised_and_a_strange_name_is_not() {
        assert_eq!(check("CORTEXPILOT_API_AUTH_REQUIERD"), "CORTEXPILOT_API_AUTH_REQUIRED");
        assert_eq!(check("CORTEXPILOT_APPROVAL_ALLOWED_ROLE"), "CORTEXPILOT_APPROVAL_ALLOWED_ROLES");
        assert_eq!(check("CORTEXPLIOT_STORE"), "CORTEXPILOT_STORE");
        assert_eq!(check("cortexpilot_api_token"), "CORTEXPILOT_API_TOKEN");
        assert_eq!(check("CORTEX_PILOT_RUNS_ROOT"), "CORTEXPILOT_RUNS_ROOT");
        // What Kubernetes injects into every pod beside a service of our name, and what the original had.
        for strange in [
            "CORTEXPILOT_PORT",
            "CORTEXPILOT_PORT_8000_TCP",
            "CORTEXPILOT_PORT_8000_TCP_ADDR",
            "CORTEXPILOT_PORT_8000_TCP_PROTO",
            "CORTEXPILOT_SERVICE_HOST",
            "CORTEXPILOT_SERVICE_PORT",
            "CORTEXPILOT_SERVICE_PORT_HTTP",
            "CORTEXPILOT_TRACE_SAMPLE_RATIO",
            "PATH",
            "HOME",
        ] {
            assert_eq!(check(strange), "nothing", "{strange}");
        }
    }
}
