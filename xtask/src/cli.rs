//! The command line: a table of commands with their options, refused words with the nearest right one, and help.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};

/// One subcommand.
pub(crate) struct Command {
    /// The word after `cargo xtask`, or two of them.
    pub(crate) name: &'static str,
    /// One line for the overview.
    pub(crate) about: &'static str,
    /// Options it takes; anything else is refused.
    pub(crate) options: &'static [Opt],
    /// What `--help` says after the options.
    pub(crate) details: &'static str,
    /// What it does.
    pub(crate) run: fn(&Args) -> Result<ExitCode>,
}

/// One option of a subcommand.
pub(crate) struct Opt {
    /// With its two dashes.
    pub(crate) name: &'static str,
    /// The placeholder of its value, or `None` for a switch.
    pub(crate) value: Option<&'static str>,
    /// One line for `--help`.
    pub(crate) about: &'static str,
}

/// The options that were given, already checked against the command's table.
#[derive(Debug, Default)]
pub(crate) struct Args {
    given: Vec<(&'static str, String)>,
}

impl Args {
    /// Whether a switch (or an option with a value) was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == name)
    }

    /// Every value given for an option, in order.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.given.iter().filter(|(given, _)| *given == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// Finds the command, parses its options and runs it; or prints help.
pub(crate) fn dispatch(commands: &[Command], words: &[String]) -> Result<ExitCode> {
    let Some((first, rest)) = words.split_first() else {
        print!("{}", overview(commands));
        return Ok(ExitCode::from(2));
    };
    if is_help(first) {
        if rest.is_empty() {
            print!("{}", overview(commands));
        } else {
            print!("{}", help(find(commands, rest)?.0));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (command, rest) = find(commands, words)?;
    if rest.iter().any(|word| is_help(word) && word != "help") {
        print!("{}", help(command));
        return Ok(ExitCode::SUCCESS);
    }
    let args = parse(command, rest)?;
    (command.run)(&args)
}

fn is_help(word: &str) -> bool {
    matches!(word, "--help" | "-h" | "help")
}

/// The command that these words begin with, and the words behind its name.
fn find<'a, 'w>(commands: &'a [Command], words: &'w [String]) -> Result<(&'a Command, &'w [String])> {
    for length in [2, 1] {
        let Some((name, rest)) = words.split_at_checked(length) else { continue };
        if let Some(command) = commands.iter().find(|command| command.name == name.join(" ")) {
            return Ok((command, rest));
        }
    }
    let name = words.first().map_or("", String::as_str);
    let names: Vec<&str> = commands.iter().map(|command| command.name).collect();
    let longer = names.iter().find(|known| known.split(' ').next() == Some(name));
    if let Some(longer) = longer {
        bail!("`cargo xtask {name}` needs one more word: `cargo xtask {longer}`");
    }
    bail!("`{name}` is not a command of `cargo xtask`{}\nCommands: {}", did_you_mean(name, &names), names.join(", "))
}

/// Parses the words after the command's name. Both `--tier core` and `--tier=core` are taken.
fn parse(command: &Command, words: &[String]) -> Result<Args> {
    let mut args = Args::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            Some(_) | None => (word.as_str(), None),
        };
        let Some(option) = command.options.iter().find(|option| option.name == name) else {
            let names: Vec<&str> = command.options.iter().map(|option| option.name).collect();
            let known =
                if names.is_empty() { "it takes none".to_owned() } else { format!("it takes {}", names.join(", ")) };
            bail!("`{word}` is not an option of `cargo xtask {}`: {known}{}", command.name, did_you_mean(name, &names));
        };
        let value = match (option.value, inline) {
            (None, None) => String::new(),
            (None, Some(_)) => bail!("`{name}` is a switch and takes no value"),
            (Some(_), Some(value)) => value,
            (Some(placeholder), None) => match words.next() {
                Some(value) if !value.starts_with("--") => value.clone(),
                Some(_) | None => bail!("`{name}` needs a value: `{name} {placeholder}`"),
            },
        };
        args.given.push((option.name, value));
    }
    Ok(args)
}

fn did_you_mean(word: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|name| (distance(word, name), name)).min();
    match nearest {
        Some((far, name)) if far <= 3 => format!(". Did you mean `{name}`?"),
        Some(_) | None => String::new(),
    }
}

/// Edit distance, for suggestions only: words are a handful of letters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replace = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

fn overview(commands: &[Command]) -> String {
    let mut text = String::from("The project's own tasks.\n\nUsage: cargo xtask <command> [options]\n\nCommands:\n");
    for command in commands {
        let _ = writeln!(text, "  {:<18} {}", command.name, command.about);
    }
    text.push_str("\n`cargo xtask <command> --help` says what each does and takes.\n");
    text
}

fn help(command: &Command) -> String {
    let usage = if command.options.is_empty() { "" } else { " [options]" };
    let mut text = format!("{}\n\nUsage: cargo xtask {}{usage}\n", command.about, command.name);
    if !command.options.is_empty() {
        text.push_str("\nOptions:\n");
        for option in command.options {
            let left = match option.value {
                Some(value) => format!("{} {value}", option.name),
                None => option.name.to_owned(),
            };
            let _ = writeln!(text, "  {left:<18} {}", option.about);
        }
    }
    let _ = writeln!(text, "\n{}", command.details);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAND: Command = Command {
        name: "test",
        about: "Run tests",
        options: &[
            Opt { name: "--tier", value: Some("TIER"), about: "one tier" },
            Opt { name: "--all", value: None, about: "all" },
        ],
        details: "Details.",
        run: |_| Ok(ExitCode::SUCCESS),
    };

    fn parsed(words: &[&str]) -> Result<Args> {
        parse(&COMMAND, &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_taken_in_both_spellings() {
        let args = parsed(&["--tier", "core", "--tier=pg", "--all"]).unwrap();
        assert_eq!(args.values("--tier"), ["core", "pg"]);
        assert!(args.has("--all"));
    }

    #[test]
    fn an_unknown_option_is_refused_with_the_nearest_one() {
        let message = parsed(&["--teir", "core"]).unwrap_err().to_string();
        assert!(message.contains("`--teir` is not an option of `cargo xtask test`"), "{message}");
        assert!(message.contains("Did you mean `--tier`?"), "{message}");
    }

    #[test]
    fn a_missing_value_and_a_value_for_a_switch_are_refused() {
        assert!(parsed(&["--tier"]).unwrap_err().to_string().contains("--tier TIER"));
        assert!(parsed(&["--tier", "--all"]).unwrap_err().to_string().contains("needs a value"));
        assert!(parsed(&["--all=yes"]).unwrap_err().to_string().contains("is a switch"));
        assert!(parsed(&["core"]).is_err());
    }

    #[test]
    fn help_names_every_option_of_the_command() {
        let text = help(&COMMAND);
        for wanted in ["Usage: cargo xtask test [options]", "--tier TIER", "--all", "Details."] {
            assert!(text.contains(wanted), "{text}");
        }
    }

    #[test]
    fn an_unknown_command_is_refused_with_the_list() {
        let message = find(&[COMMAND], &["tset".to_owned()]).err().unwrap().to_string();
        assert!(message.contains("Did you mean `test`?"), "{message}");
    }

    #[test]
    fn a_command_may_have_a_name_of_two_words() {
        let commands = [COMMAND, Command { name: "bench queue-scale", ..COMMAND }];
        let words = ["bench", "queue-scale", "--all"].map(str::to_owned);
        let (command, rest) = find(&commands, &words).unwrap();
        assert_eq!((command.name, rest), ("bench queue-scale", &words[2..]));
        let message = find(&commands, &words[..1]).err().unwrap().to_string();
        assert!(message.contains("`cargo xtask bench queue-scale`"), "{message}");
    }
}
