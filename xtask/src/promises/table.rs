//! The table of promises: read, and refused where a row is not whole.

use anyhow::{Context, Result, bail};

use crate::markdown;

/// Where the table stands.
pub(super) const PAGE: &str = "docs/promises.md";

/// The columns, in this order.
const COLUMNS: [&str; 4] = ["id", "promise", "command", "test"];

/// One row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// `P2.01`.
    pub(super) id: String,
    /// What is promised, in the reader's words.
    pub(super) promise: String,
    /// What a person runs to see it.
    pub(super) command: String,
    /// What holds it.
    pub(super) test: Test,
}

/// What holds a promise.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// A nextest filter expression.
    Nextest(String),
    /// A shell command, run from the root.
    Run(String),
    /// Arguments of `cargo xtask`.
    Xtask(Vec<String>),
}

impl Test {
    fn parse(text: &str) -> Result<Test> {
        let Some((kind, rest)) = text.split_once(':') else {
            bail!("`{text}` names no kind: write `nextest: FILTER`, `run: COMMAND` or `xtask: ARGS`");
        };
        let rest = rest.trim();
        if rest.is_empty() {
            bail!("`{text}` says nothing after its kind");
        }
        match kind.trim() {
            // A plain word is a part of a test's name; nextest's expressions have predicates with brackets.
            "nextest" if rest.contains('(') => Ok(Test::Nextest(rest.to_owned())),
            "nextest" => Ok(Test::Nextest(format!("test(~{rest})"))),
            "run" => Ok(Test::Run(rest.to_owned())),
            "xtask" => Ok(Test::Xtask(rest.split_whitespace().map(str::to_owned).collect())),
            other => bail!("`{other}` is not a kind of test: write `nextest: FILTER`, `run: COMMAND` or `xtask: ARGS`"),
        }
    }
}

/// Reads the table. Every row must be whole: a promise without a test is not one.
pub(super) fn parse(page: &str) -> Result<Vec<Row>> {
    let tables = markdown::tables(page);
    let wanted = |table: &&markdown::Table| table.header.iter().map(|title| title.to_lowercase()).eq(COLUMNS);
    let found: Vec<&markdown::Table> = tables.iter().filter(wanted).collect();
    if found.is_empty() {
        bail!("{PAGE} has no table with the columns {}", COLUMNS.join(" | "));
    }
    let mut rows: Vec<Row> = Vec::new();
    for (line, cells) in found.into_iter().flat_map(|table| &table.rows) {
        let place = format!("{PAGE}:{line}");
        let [id, promise, command, test] = cells.as_slice() else {
            bail!(
                "{place}: the row has {} cells instead of {}; a pipe inside a cell is written `\\|`",
                cells.len(),
                COLUMNS.len()
            );
        };
        let id = id.trim_matches('`').to_owned();
        if !is_id(&id) {
            bail!("{place}: `{id}` is no id of a promise: write P2.01");
        }
        if rows.iter().any(|row| row.id == id) {
            bail!("{place}: {id} stands twice");
        }
        if promise.is_empty() {
            bail!("{place}: {id} says nothing");
        }
        let span = |cell: &str, column: &str| {
            markdown::code_span(cell)
                .map(str::to_owned)
                .with_context(|| format!("{place}: the {column} of {id} is not one code span"))
        };
        let test = Test::parse(&span(test, "test")?).with_context(|| place.clone())?;
        rows.push(Row { command: span(command, "command")?, promise: promise.clone(), test, id });
    }
    Ok(rows)
}

/// `P2.01`: the feature and a number in it.
fn is_id(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    text.strip_prefix('P')
        .and_then(|rest| rest.split_once('.'))
        .is_some_and(|(group, number)| digits(group) && digits(number))
}

/// The rows that `--only` names, by id or by group; without it all of them.
pub(super) fn choose(rows: Vec<Row>, only: &[&str]) -> Result<Vec<Row>> {
    let in_group = |row: &Row, name: &str| row.id == name || row.id.split('.').next() == Some(name);
    for name in only {
        if !rows.iter().any(|row| in_group(row, name)) {
            let known: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
            bail!("`{name}` is not a row of {PAGE}. Rows: {}", known.join(", "));
        }
    }
    let rows: Vec<Row> =
        rows.into_iter().filter(|row| only.is_empty() || only.iter().any(|name| in_group(row, name))).collect();
    if rows.is_empty() {
        bail!("{PAGE} has no rows yet: nothing is promised, so nothing is shown");
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "| id | promise | command | test |\n|---|---|---|---|\n";

    fn rows(body: &str) -> Result<Vec<Row>> {
        parse(&format!("# Promises\n\n{HEADER}{body}"))
    }

    #[test]
    fn rows_are_read_with_their_kind_of_test() {
        let rows = rows(
            "| P2.01 | Gates | `cortexpilot gate explain R` | `nextest: gate_matrix` |\n\
             | P2.02 | Kill | `cat x \\| wc` | `nextest: package(a) \\| test(kill)` |\n\
             | P2.03 | Trace | `ls` | `run: bash tests/trace.sh 20` |\n\
             | P3.01 | SDK | `ls` | `xtask: test --only python-sdk` |\n",
        )
        .unwrap();
        let tests: Vec<&Test> = rows.iter().map(|row| &row.test).collect();
        assert_eq!(
            tests,
            [
                &Test::Nextest("test(~gate_matrix)".to_owned()),
                &Test::Nextest("package(a) | test(kill)".to_owned()),
                &Test::Run("bash tests/trace.sh 20".to_owned()),
                &Test::Xtask(vec!["test".to_owned(), "--only".to_owned(), "python-sdk".to_owned()]),
            ]
        );
        assert_eq!(rows[1].command, "cat x | wc");
    }

    #[test]
    fn a_row_that_is_not_whole_is_refused_with_its_line() {
        for (body, wanted) in [
            ("| P2.01 | a | `b` |\n", "3 cells instead of 4"),
            ("| 2.01 | a | `b` | `nextest: c` |\n", "write P2.01"),
            ("| P2.01 | a | b | `nextest: c` |\n", "the command of P2.01 is not one code span"),
            ("| P2.01 | a | `b` | c |\n", "the test of P2.01 is not one code span"),
            ("| P2.01 |  | `b` | `nextest: c` |\n", "says nothing"),
            ("| P2.01 | a | `b` | `cargo: c` |\n", "`cargo` is not a kind"),
            ("| P2.01 | a | `b` | `c` |\n", "names no kind"),
            ("| P2.01 | a | `b` | `run:` |\n", "says nothing after its kind"),
            (
                "| P2.01 | a | `b` | `run: c` |\n| P2.01 | a | `b` | `run: c` |\n",
                "docs/promises.md:6: P2.01 stands twice",
            ),
        ] {
            let message = format!("{:#}", rows(body).unwrap_err());
            assert!(message.contains(wanted) && message.contains("docs/promises.md:"), "{message}");
        }
        assert!(parse("no table").is_err());
    }

    #[test]
    fn only_takes_rows_and_groups_and_refuses_the_rest() {
        let body = "| P2.01 | a | `b` | `run: c` |\n| P2.02 | a | `b` | `run: c` |\n| P3.01 | a | `b` | `run: c` |\n";
        let chosen = |only: &[&str]| {
            choose(rows(body).unwrap(), only).map(|rows| rows.into_iter().map(|row| row.id).collect::<Vec<_>>())
        };
        assert_eq!(chosen(&["P2"]).unwrap(), ["P2.01", "P2.02"]);
        assert_eq!(chosen(&["P3.01"]).unwrap(), ["P3.01"]);
        assert!(chosen(&["P4"]).unwrap_err().to_string().contains("Rows: P2.01"));
        assert!(choose(rows("").unwrap(), &[]).unwrap_err().to_string().contains("no rows yet"));
    }
}
