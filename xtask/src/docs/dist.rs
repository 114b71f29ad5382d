//! What is handed to registries and bundles is the read-only server alone: neither the pilot's tools nor the word may stand
//! in any file of `dist`.

use crate::report::Report;
use crate::workspace::Workspace;

const DIST: &str = "dist/";

/// What must stand in one of the files, so that the check never passes for want of something to look at.
const STARTS: &str = "mcp-readonly-server";

/// Words of the pilot, in lower case: its name in every spelling, and its tools.
const PILOT: &[&str] =
    &["queue-pilot", "queue_pilot", "queuepilot", "queue pilot", "mcp-pilot", "mcp_pilot", "enqueue"];

/// Looks at every file below `dist`.
pub(super) fn check(workspace: &Workspace, files: &[String], report: &mut Report) -> anyhow::Result<()> {
    let mut texts = Vec::new();
    for file in files.iter().filter(|file| file.starts_with(DIST)) {
        if let Some(text) = workspace.text(file)? {
            texts.push((file.as_str(), text));
        }
    }
    look(&texts, report);
    Ok(())
}

fn look(texts: &[(&str, String)], report: &mut Report) {
    if !texts.iter().any(|(_, text)| text.contains(STARTS)) {
        report.problem(DIST, format!("holds nothing that starts `{STARTS}`"), "cargo xtask gen");
    }
    for (file, text) in texts {
        for (at, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            if let Some(word) = PILOT.iter().find(|word| line.contains(**word)) {
                report.problem(
                    format!("{file}:{}", at + 1),
                    format!("holds `{word}`: the queue pilot is internal, and in no registry and no bundle"),
                    "take it out; what is published is the read-only server",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(texts: &[(&str, &str)]) -> Vec<String> {
        let texts: Vec<(&str, String)> = texts.iter().map(|(file, text)| (*file, (*text).to_owned())).collect();
        let mut report = Report::default();
        look(&texts, &mut report);
        report.problems().iter().map(|problem| problem.place.clone()).collect()
    }

    #[test]
    fn the_pilot_in_what_is_published_is_found_and_so_is_nothing_at_all() {
        let sound = ("dist/m.json", "{\"args\": [\"mcp-readonly-server\"]}");
        assert_eq!(problems(&[sound]), Vec::<String>::new());
        assert_eq!(problems(&[]), ["dist/"]);
        for wrong in ["mcp-queue-pilot-server", "The Queue Pilot", "enqueue_from_run", "MCP_QUEUE_PILOT_ENABLE_APPLY"] {
            assert_eq!(problems(&[sound, ("dist/s.json", &format!("{{\n\"x\": \"{wrong}\"}}"))]), ["dist/s.json:2"]);
        }
    }
}
