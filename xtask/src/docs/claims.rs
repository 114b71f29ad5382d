//! What the pages say about writing: the truth sentence stands whole, every writing operation is named on the boundary
//! page, no page claims a write-capable MCP surface, and one runbook alone shows how to open the pilot over MCP.

use std::collections::BTreeSet;

use super::{Page, page};
use crate::markdown;
use crate::report::Report;

/// The sentence that says what the product is today. It changes with the product, by an owner's decision, here and on
/// the pages at once.
const TRUTH: &str = "CortexPilot still ships a read-only public MCP surface. The only truthful write-shaped repo-side \
    pilot today is a default-off, confirm-gated, trusted-operator queue enqueue path derived from an existing run, with \
    queue cancel as the rollback path for pending pilot items.";

const BOUNDARY: &str = "docs/boundary.md";
const OPERATIONS: &str = "docs/reference/operations.md";
const RUNBOOK: &str = "docs/runbooks/queue-pilot.md";

/// Pages on which the truth sentence stands whole.
const TRUTH_STANDS_IN: &[&str] = &[BOUNDARY, "README.md"];

const SWITCH: &str = "CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY";
const PILOT_SERVER: &str = "mcp-queue-pilot-server";

/// Wordings of the claim that is not true, in lower case. A clause that holds one must also deny it.
const CLAIMS: &[&str] = &[
    "write-capable mcp",
    "write capable mcp",
    "writable mcp",
    "writeable mcp",
    "write-enabled mcp",
    "read-write mcp",
    "read/write mcp",
    "mutating mcp",
    "mcp write access",
    "mcp is writable",
    "mcp is write-capable",
    "mcp can write",
    "mcp surface can write",
    "mcp server can write",
    "mcp server writes",
    "writes through mcp",
    "writes over mcp",
    "writes via mcp",
    "write through mcp",
    "write over mcp",
    "write via mcp",
    "mutation through mcp",
    "mutations through mcp",
    "mcp mutations",
];

/// Words that turn a claim into its denial.
const DENIALS: &[&str] = &[
    "no",
    "not",
    "never",
    "none",
    "nor",
    "neither",
    "nothing",
    "without",
    "cannot",
    "forbidden",
    "false",
    "fake",
    "refused",
    "refuses",
];

/// All rules about claims.
pub(super) fn check(pages: &[Page], report: &mut Report) {
    check_truth(pages, report);
    check_boundary(pages, report);
    check_claims(pages, report);
    check_pilot(pages, report);
}

fn check_truth(pages: &[Page], report: &mut Report) {
    let wanted = squeezed(TRUTH);
    for path in TRUTH_STANDS_IN {
        match page(pages, path) {
            None => report.problem(*path, "is missing", "write it, with the truth sentence whole"),
            Some(page) if !squeezed(&page.text).contains(&wanted) => {
                report.problem(
                    *path,
                    "does not hold the truth sentence whole",
                    format!("put it there unchanged: {wanted}"),
                );
            }
            Some(_) => {}
        }
    }
}

/// Text without quotation marks of Markdown, with single blanks: a sentence may be wrapped and quoted.
fn squeezed(text: &str) -> String {
    let words = text.lines().flat_map(|line| line.trim_start_matches(['>', ' ']).split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}

/// Every operation that writes is named on the boundary page.
fn check_boundary(pages: &[Page], report: &mut Report) {
    let Some(reference) = page(pages, OPERATIONS) else {
        report.problem(OPERATIONS, "is missing", "cargo xtask gen");
        return;
    };
    let writing = writing_operations(&reference.text);
    if writing.is_empty() {
        report.problem(
            OPERATIONS,
            "has no table with a column `effect` and a row whose effect is `append` or `write`",
            "cargo xtask gen",
        );
    }
    let Some(boundary) = page(pages, BOUNDARY) else {
        return;
    };
    let text = squeezed(&boundary.text);
    for operation in writing {
        if !text.contains(&format!("`{operation}`")) {
            report.problem(
                BOUNDARY,
                format!("does not name `{operation}`, which writes"),
                format!("name it there as `{operation}`, with who may call it"),
            );
        }
    }
}

/// The first column of each row of the operations table whose effect says that it writes.
fn writing_operations(page: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for table in markdown::tables(page) {
        let Some(effect) = table.column(&["effect"]) else {
            continue;
        };
        let name = table.column(&["operation", "name"]).unwrap_or(0);
        for (_, row) in &table.rows {
            let effect = row.get(effect).map(|cell| cell.to_lowercase()).unwrap_or_default();
            let writes = words(&effect).any(|word| matches!(word, "append" | "appends" | "write" | "writes"));
            if let (true, Some(cell)) = (writes, row.get(name)) {
                out.insert(super::first_code(cell).unwrap_or_else(|| cell.clone()));
            }
        }
    }
    out
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’')).filter(|word| !word.is_empty())
}

fn check_claims(pages: &[Page], report: &mut Report) {
    for page in pages {
        for (line, clause) in undenied_claims(&page.text) {
            report.problem(
                format!("{}:{line}", page.path),
                format!("claims a write-capable MCP surface: \"{clause}\""),
                "say what is true: read-only MCP is the shipped contract, and the queue pilot is internal and later-gated",
            );
        }
    }
}

/// Clauses that hold a claim and no denial, neither in themselves nor in the heading or introduction they stand under.
fn undenied_claims(page: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let mut heading_denies = false;
    let mut introduction_denies = false;
    for block in blocks(page) {
        let denied_above = match block.kind {
            Kind::Heading => {
                heading_denies = denies(&block.text);
                introduction_denies = false;
                false
            }
            Kind::Paragraph => {
                introduction_denies = block.text.ends_with(':') && clauses(&block.text).last().is_some_and(denies);
                heading_denies
            }
            Kind::Item => heading_denies || introduction_denies,
        };
        for clause in clauses(&block.text) {
            let lower = clause.to_lowercase();
            if !denied_above && CLAIMS.iter().any(|claim| lower.contains(claim)) && !denies(clause) {
                out.push((block.line, clause.to_owned()));
            }
        }
    }
    out
}

fn denies(text: &str) -> bool {
    let lower = text.to_lowercase();
    words(&lower).any(|word| DENIALS.contains(&word) || word.ends_with("n't") || word.ends_with("n’t"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Heading,
    Paragraph,
    /// A list item or one table cell.
    Item,
}

struct Block {
    line: usize,
    kind: Kind,
    text: String,
}

/// The blocks of a page in which a sentence can stand.
fn blocks(page: &str) -> Vec<Block> {
    let mut out: Vec<Block> = Vec::new();
    let mut open = false;
    let mut last_line = 0;
    for (line, text) in markdown::prose(page) {
        // A fenced block in between ends a paragraph as a blank line does.
        open = open && line == last_line + 1;
        last_line = line;
        let text = text.trim_start_matches(['>', ' ']).trim();
        if text.is_empty() {
            open = false;
        } else if let Some(heading) = markdown::heading(text) {
            out.push(Block { line, kind: Kind::Heading, text: heading.to_owned() });
            open = false;
        } else if text.starts_with('|') {
            let cells = text.split('|').map(str::trim).filter(|cell| !cell.is_empty());
            out.extend(cells.map(|cell| Block { line, kind: Kind::Item, text: cell.to_owned() }));
            open = false;
        } else if let Some(item) = list_item(text) {
            out.push(Block { line, kind: Kind::Item, text: item.to_owned() });
            open = true;
        } else if let (true, Some(block)) = (open, out.last_mut()) {
            block.text.push(' ');
            block.text.push_str(text);
        } else {
            out.push(Block { line, kind: Kind::Paragraph, text: text.to_owned() });
            open = true;
        }
    }
    out
}

fn list_item(text: &str) -> Option<&str> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let numbered = text[digits..].strip_prefix(". ").filter(|_| digits > 0);
    numbered.or_else(|| ["- ", "* ", "+ ", "• "].iter().find_map(|mark| text.strip_prefix(mark)))
}

/// Sentences, also cut at semicolons: a denial on one side does not cover a claim on the other.
fn clauses(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest
            .char_indices()
            .find(|(at, c)| matches!(c, '.' | '!' | '?' | ';') && rest[at + 1..].starts_with([' ', '"', '”']))
            .map_or(rest.len(), |(at, _)| at + 1);
        let (clause, after) = rest.split_at(end);
        rest = after.trim_start();
        Some(clause.trim())
    })
}

/// Opening the pilot over MCP is shown in the runbook alone. A page may name the switch, open it for other surfaces, or
/// name the server; opening it and starting the server on one page is showing how.
fn check_pilot(pages: &[Page], report: &mut Report) {
    match page(pages, RUNBOOK) {
        None => report.problem(
            RUNBOOK,
            "is missing",
            "write how a trusted operator opens the pilot over MCP, and closes it again",
        ),
        Some(page) if !(opens_the_switch(&page.text) && starts_the_server(&page.text)) => {
            report.problem(
                RUNBOOK,
                "does not show how the pilot is opened over MCP",
                format!("show {SWITCH}=1 together with `cortexpilot {PILOT_SERVER}`"),
            );
        }
        Some(_) => {}
    }
    for page in pages.iter().filter(|page| page.path != RUNBOOK) {
        if opens_the_switch(&page.text) && starts_the_server(&page.text) {
            report.problem(
                &page.path,
                format!("opens {SWITCH} and starts `{PILOT_SERVER}` on one page"),
                format!("show that in {RUNBOOK} alone, and link to it"),
            );
        }
    }
}

/// `SWITCH=1`, `SWITCH = "1"`, `"SWITCH": "1"`: any assignment, whatever the file format of the example.
fn opens_the_switch(text: &str) -> bool {
    text.match_indices(SWITCH).any(|(at, _)| {
        let after = text[at + SWITCH.len()..].trim_start_matches(['"', '\'']).trim_start_matches(' ');
        let Some(value) = after.strip_prefix(['=', ':']) else {
            return false;
        };
        let value = value.trim_start_matches([' ', '"', '\'']).to_lowercase();
        ["1", "true", "yes", "on"]
            .iter()
            .any(|open| value.strip_prefix(open).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric())))
    })
}

/// The server's command in a fenced block, or anywhere after the product's name.
fn starts_the_server(text: &str) -> bool {
    text.contains(&format!("cortexpilot {PILOT_SERVER}"))
        || markdown::lines(text).iter().any(|line| line.fenced && line.text.contains(PILOT_SERVER))
}

#[cfg(test)]
mod tests {
    use super::super::tests::pages;
    use super::*;

    fn problems(check: fn(&[Page], &mut Report), texts: &[(&str, &str)]) -> Vec<String> {
        let mut report = Report::default();
        check(&pages(texts), &mut report);
        report.problems().iter().map(|problem| format!("{}: {}", problem.place, problem.what)).collect()
    }

    #[test]
    fn the_truth_sentence_may_be_wrapped_and_quoted_but_not_changed() {
        let quoted = format!("> {}\n", TRUTH.replace(". The", ".\n> The"));
        assert_eq!(problems(check_truth, &[(BOUNDARY, TRUTH), ("README.md", &quoted)]), Vec::<String>::new());
        let changed = TRUTH.replace("default-off, ", "");
        assert_eq!(problems(check_truth, &[(BOUNDARY, TRUTH), ("README.md", &changed)]).len(), 1);
        assert_eq!(problems(check_truth, &[(BOUNDARY, TRUTH)]), ["README.md: is missing"]);
    }

    #[test]
    fn writing_operations_are_named_on_the_boundary_page() {
        let operations = "| Operation | Surface | Effect |\n|---|---|---|\n| `queue.enqueue` | all | append |\n| `queue.list` | all | read |\n| `queue.cancel` | all | `append` |\n";
        assert_eq!(
            problems(check_boundary, &[(OPERATIONS, operations), (BOUNDARY, "`queue.enqueue` may")]),
            ["docs/boundary.md: does not name `queue.cancel`, which writes"]
        );
        assert_eq!(problems(check_boundary, &[(OPERATIONS, "| a |\n|---|\n| b |\n"), (BOUNDARY, "")]).len(), 1);
        assert_eq!(problems(check_boundary, &[(BOUNDARY, "")]), ["docs/reference/operations.md: is missing"]);
    }

    #[test]
    fn a_claim_needs_its_denial_in_reach() {
        for (page, wanted) in [
            ("CortexPilot ships a write-capable MCP server.", 1),
            ("No write-capable MCP claim is live.", 0),
            ("no\nwrite-capable MCP claim\nis live", 0),
            ("It is not slow. It is a writable MCP surface.", 1),
            ("Reads never write; write-capable MCP is here.", 1),
            ("The MCP server isn't a write-capable MCP surface.", 0),
            ("# Write-capable MCP\n\nYes.", 1),
            ("## Forbidden mutations\n\n- filesystem writes through MCP\n", 0),
            ("## What agents do\n\n- filesystem writes through MCP\n", 1),
            ("This must not become:\n\n- writes through MCP\n- other\n\nNow writes through MCP work.", 1),
            ("| surface | what |\n|---|---|\n| pilot | write-capable MCP |\n", 1),
            ("The smallest honest write-capable MCP pilot without pretending more.", 0),
            ("```\nwrite-capable MCP\n```\n", 0),
        ] {
            assert_eq!(undenied_claims(page).len(), wanted, "{page}");
        }
    }

    #[test]
    fn one_runbook_alone_opens_the_pilot_over_mcp() {
        let opened = format!("```console\n$ {SWITCH}=1 cortexpilot {PILOT_SERVER}\n```\n");
        let json = format!("```json\n{{\"args\": [\"{PILOT_SERVER}\"], \"env\": {{\"{SWITCH}\": \"1\"}}}}\n```\n");
        let named = format!("| `{SWITCH}` | off | `1` opens it |\n\nThe `{PILOT_SERVER}` command reads it.\n");
        let other_surface =
            format!("```console\n$ {SWITCH}=1 cortexpilot queue enqueue r1\n```\nSee {PILOT_SERVER}.\n");
        assert_eq!(
            problems(
                check_pilot,
                &[(RUNBOOK, &opened), ("docs/reference/environment.md", &named), ("README.md", &other_surface)]
            ),
            Vec::<String>::new()
        );
        for shown in [&opened, &json] {
            assert_eq!(problems(check_pilot, &[(RUNBOOK, &opened), ("README.md", shown)]).len(), 1);
        }
        assert_eq!(problems(check_pilot, &[(RUNBOOK, "nothing")]).len(), 1);
        assert_eq!(problems(check_pilot, &[]).len(), 1);
    }
}
