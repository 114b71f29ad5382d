//! What commands print: JSON for programs, tables on terminals, plain aligned text in pipes. Text from runs and from the
//! ledger never reaches a terminal as it is.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle};
use cortexpilot_core::domain::text::{escape, is_forbidden};
use serde::Serialize;

/// How a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people: tables on a terminal, plain text in a pipe
    #[default]
    Human,
    /// For programs: one JSON document on standard output
    Json,
}

/// What a command has to say when it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Standard output, with its line breaks.
    pub(crate) text: String,
    /// The exit code.
    pub(crate) exit: u8,
}

impl Answer {
    pub(crate) fn ok(text: String) -> Self {
        Self { text, exit: cortexpilot_core::error::exit::OK }
    }
}

/// Where answers go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) format: Format,
    /// The terminal's width, where standard output is one.
    width: Option<u16>,
    /// Whether a person sits at the other end and may be asked.
    pub(crate) interactive: bool,
}

impl View {
    /// Looks at the standard streams.
    pub(crate) fn of_process(format: Format) -> Self {
        let stdout = std::io::stdout();
        let terminal = stdout.is_terminal();
        let columns =
            || rustix::termios::tcgetwinsize(&stdout).ok().map(|size| size.ws_col).filter(|columns| *columns > 0);
        let width = terminal.then(|| columns().unwrap_or(100).max(40));
        let everywhere = terminal && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        Self { format, width, interactive: everywhere && format == Format::Human }
    }

    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { format: Format::Human, width: None, interactive: false }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether answers are read as they are printed, on a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.width.is_some()
    }

    /// Whether there is room for every column.
    pub(crate) fn is_wide(&self) -> bool {
        self.width.is_none_or(|width| width >= 140)
    }

    /// A table. Cells are escaped here, so that no caller can forget it.
    pub(crate) fn table(&self, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
        let mut table = Table::new();
        table.set_header(header.to_vec());
        for row in rows {
            table.add_row(row.iter().map(|cell| escape(cell)).collect::<Vec<_>>());
        }
        match self.width {
            Some(width) => {
                let line = LineStyle::none().fill('─').junction('─');
                table.load_style(TableStyle::new().header_separator(line));
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
                // The first column is what people copy: a name broken over two lines is no name.
                if let Some(first) = table.column_mut(0) {
                    first.set_constraint(ColumnConstraint::ContentWidth);
                }
            }
            None => {
                table.load_style(TableStyle::new());
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        let lines: Vec<String> = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        lines.concat()
    }
}

/// Labelled values, one a line, values aligned and escaped.
pub(crate) fn pairs<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let rows: Vec<_> = rows.into_iter().collect();
    let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let line =
        |(label, value): &(&str, String)| format!("  {label:width$}  {}", escape(value)).trim_end().to_owned() + "\n";
    rows.iter().map(line).collect()
}

/// One JSON document, indented, with a line break at its end. Characters that a terminal would obey or hide stand as `\u`
/// escapes: the same document to every parser.
pub(crate) fn json(value: &impl Serialize) -> String {
    escaped_line(&serde_json::to_string_pretty(value).expect("invariant: our views have text keys and finite numbers"))
}

/// The same on one line, for commands that go on.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    escaped_line(&serde_json::to_string(value).expect("invariant: our views have text keys and finite numbers"))
}

fn escaped_line(json: &str) -> String {
    escaped(json) + "\n"
}

/// JSON text without the characters that a terminal would obey or hide: they stand only inside strings, where `\u` does.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c != '\n' && is_forbidden(c) {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no error.
pub(crate) fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    quietly(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes to standard error, where nobody may be listening.
pub(crate) fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

fn quietly(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A count with its noun.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_escape_what_a_terminal_would_obey() {
        let table =
            View::plain().table(&["run", "status"], [vec!["a\u{1b}[2J\u{202e}b\nc".to_owned(), "OK".to_owned()]]);
        assert_eq!(table.lines().count(), 2, "{table:?}");
        assert!(table.contains("a\\u{001B}[2J\\u{202E}b\\u{000A}c"), "{table:?}");
        assert!(!table.contains('\u{1b}'));
    }

    #[test]
    fn a_terminal_gets_a_ruled_table_of_its_width() {
        let view = View { format: Format::Human, width: Some(40), interactive: false };
        let long = "a text that is far longer than the terminal is wide".to_owned();
        let table = view.table(&["run", "what"], [vec!["run_20260101_abcdef".to_owned(), long]]);
        assert!(table.lines().all(|line| line.chars().count() <= 40), "{table}");
        assert!(table.contains('─') && table.contains("run_20260101_abcdef"), "{table}");
    }

    #[test]
    fn json_hides_nothing_and_reads_back() {
        let text = "a\u{202e}\u{85}\u{e0041}\n\u{1b}ü";
        let printed = json(&serde_json::json!({ "text": text }));
        assert!(!printed.chars().any(|c| c != '\n' && is_forbidden(c)), "{printed:?}");
        let back: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(back["text"], text);
    }

    #[test]
    fn pairs_are_aligned() {
        assert_eq!(pairs([("a", "1".to_owned()), ("long", String::new())]), "  a     1\n  long\n");
    }
}
