//! What `up` prints when it is ready: a line `Console …` with the address, and commands as lines `  $ command`.

/// Whether the screen has the console's address and at least one next command.
pub(super) fn is_ready(lines: &[String]) -> bool {
    lines.iter().any(|line| line.starts_with("Console")) && !commands(lines).is_empty()
}

/// The commands, in the order shown.
pub(super) fn commands(lines: &[String]) -> Vec<String> {
    lines.iter().filter_map(|line| line.strip_prefix("  $ ")).map(|command| command.trim().to_owned()).collect()
}

/// The port in the console's address.
pub(super) fn port(lines: &[String]) -> Option<u16> {
    let console = lines.iter().find(|line| line.starts_with("Console"))?;
    let authority = console.split_once("http://")?.1.split(['/', '?', '#', ' ']).next()?;
    authority.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_ready_screen_is_understood() {
        let screen = lines(
            "CortexPilot\nConsole   http://127.0.0.1:8123/?x=1\nRuns      5\n\nNext\n  $ cortexpilot runs list --runs /srv/x\n  $ cortexpilot queue list\n",
        );
        assert!(is_ready(&screen));
        assert_eq!(port(&screen), Some(8123));
        assert_eq!(commands(&screen), ["cortexpilot runs list --runs /srv/x", "cortexpilot queue list"]);
    }

    #[test]
    fn half_a_screen_is_not_ready() {
        assert!(!is_ready(&lines("Console http://127.0.0.1:1/\n")));
        assert!(!is_ready(&lines("  $ ls\n")));
        assert!(!is_ready(&lines("The Console is\n    $ ls\n")));
        assert_eq!(port(&lines("Console none\n")), None);
    }
}
