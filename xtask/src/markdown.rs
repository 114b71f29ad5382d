//! As much Markdown as the checks need: fences, links, anchors, tables, and the blocks a claim is made in.

use std::collections::{BTreeMap, BTreeSet};

/// One line of a page, with what kind of text it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Counted from one.
    pub(crate) number: usize,
    /// Without its line break.
    pub(crate) text: &'a str,
    /// Inside a fenced block (the fence lines included).
    pub(crate) fenced: bool,
}

/// The lines of a page. HTML comments are ordinary text here; see [`prose`].
pub(crate) fn lines(page: &str) -> Vec<Line<'_>> {
    let mut fence: Option<(char, usize)> = None;
    let mut out = Vec::new();
    for (index, text) in page.lines().enumerate() {
        // A fence inside a list item or a quotation is indented or follows `>`.
        let body = text.trim_start_matches([' ', '>', '\t']);
        let mark = body.chars().next().filter(|c| matches!(c, '`' | '~'));
        let length = mark.map_or(0, |mark| body.chars().take_while(|c| *c == mark).count());
        let fenced = match (fence, mark) {
            (None, Some(mark)) if length >= 3 && !body[length..].contains(mark) => {
                fence = Some((mark, length));
                true
            }
            (Some((open, least)), Some(mark))
                if mark == open && length >= least && body[length..].trim().is_empty() =>
            {
                fence = None;
                true
            }
            (open, _) => open.is_some(),
        };
        out.push(Line { number: index + 1, text, fenced });
    }
    out
}

/// A page's lines of prose: fenced blocks, HTML comments and inline code blanked by spaces.
pub(crate) fn prose(page: &str) -> Vec<(usize, String)> {
    let mut in_comment = false;
    let mut out = Vec::new();
    for line in lines(page).into_iter().filter(|line| !line.fenced) {
        let mut text = without_code_spans(line.text);
        let mut visible = String::new();
        loop {
            if in_comment {
                let Some(end) = text.find("-->") else { break };
                text = text[end + 3..].to_owned();
                in_comment = false;
            } else if let Some(start) = text.find("<!--") {
                visible.push_str(&text[..start]);
                text = text[start + 4..].to_owned();
                in_comment = true;
            } else {
                visible.push_str(&text);
                break;
            }
        }
        out.push((line.number, visible));
    }
    out
}

/// Blanks `` `code` `` on one line, keeping its length in characters. An unclosed backtick stays text.
fn without_code_spans(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let ticks = chars[at..].iter().take_while(|c| **c == '`').count();
        if ticks == 0 {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        match closing_ticks(&chars, at + ticks, ticks) {
            Some(end) => {
                out.extend(std::iter::repeat_n(' ', end - at));
                at = end;
            }
            None => {
                out.extend(std::iter::repeat_n('`', ticks));
                at += ticks;
            }
        }
    }
    out
}

fn closing_ticks(chars: &[char], from: usize, ticks: usize) -> Option<usize> {
    let mut at = from;
    while at < chars.len() {
        let run = chars[at..].iter().take_while(|c| **c == '`').count();
        if run == ticks {
            return Some(at + run);
        }
        at += run.max(1);
    }
    None
}

/// A link or image and the line it stands on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Counted from one.
    pub(crate) line: usize,
    /// The target as written, without a title. For `[text][label]` whose label is nowhere defined: `None`.
    pub(crate) target: Result<String, String>,
}

/// Every link of a page: inline, image, reference and definition. Autolinks are addresses, not paths, and left out.
pub(crate) fn links(page: &str) -> Vec<Link> {
    let prose = prose(page);
    let mut out = Vec::new();
    let mut labels = BTreeSet::new();
    for (line, text) in &prose {
        if let Some((label, target)) = definition(text) {
            labels.insert(label);
            out.push(Link { line: *line, target: Ok(target) });
        }
    }
    for (line, text) in &prose {
        let mut rest = text.as_str();
        while let Some(close) = rest.find(']') {
            let opened = rest[..close].contains('[');
            rest = &rest[close + 1..];
            if let Some(inner) = rest.strip_prefix('(') {
                if let Some(target) = inline_target(inner) {
                    out.push(Link { line: *line, target: Ok(target) });
                }
            } else if let (true, Some(inner)) = (opened, rest.strip_prefix('[')) {
                let label = inner.split(']').next().unwrap_or_default().trim().to_lowercase();
                if inner.contains(']') && !label.is_empty() && !labels.contains(&label) {
                    out.push(Link { line: *line, target: Err(label) });
                }
            }
        }
    }
    out
}

fn definition(text: &str) -> Option<(String, String)> {
    let (label, rest) = text.trim_start().strip_prefix('[')?.split_once("]:")?;
    if label.contains(['[', ']']) || label.starts_with('^') {
        return None;
    }
    let target = rest.split_whitespace().next()?;
    Some((label.trim().to_lowercase(), target.trim_matches(['<', '>']).to_owned()))
}

/// The target after `](`, up to its closing bracket; a title in quotes is dropped.
fn inline_target(text: &str) -> Option<String> {
    if let Some(bracketed) = text.strip_prefix('<') {
        return bracketed.split_once('>').map(|(target, _)| target.to_owned());
    }
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => {
                return Some(text[..at].split_whitespace().next().unwrap_or_default().to_owned());
            }
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The anchors of a page: one per heading as GitHub makes them, and every `id="…"` or `name="…"`.
pub(crate) fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut out = BTreeSet::new();
    for line in lines(page).iter().filter(|line| !line.fenced) {
        if let Some(heading) = heading(line.text) {
            let slug = slug(heading);
            let count = seen.entry(slug.clone()).or_default();
            out.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
            *count += 1;
        }
        for attribute in ["id=\"", "name=\""] {
            for part in line.text.split(attribute).skip(1) {
                out.extend(part.split('"').next().map(str::to_owned));
            }
        }
    }
    out
}

/// The text of an ATX heading (`## Text`).
pub(crate) fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    ((1..=6).contains(&level) && text.starts_with(' ')).then(|| text.trim().trim_end_matches('#').trim_end())
}

/// GitHub's anchor for a heading: lower case, spaces to hyphens, everything but letters, digits, `-` and `_` dropped.
fn slug(heading: &str) -> String {
    let mut plain = String::new();
    let mut rest = heading;
    // A link in a heading counts with its text alone.
    while let Some((before, after)) = rest.split_once("](") {
        plain.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

/// A table: its header's cells and its rows with their line numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// Cells of the first line, as written.
    pub(crate) header: Vec<String>,
    /// Line number and cells of each row, as written.
    pub(crate) rows: Vec<(usize, Vec<String>)>,
}

impl Table {
    /// The position of the first column whose title is one of these, any case.
    pub(crate) fn column(&self, titles: &[&str]) -> Option<usize> {
        self.header
            .iter()
            .position(|title| titles.iter().any(|wanted| title.trim_matches('`').eq_ignore_ascii_case(wanted)))
    }
}

/// Every table of a page, outside fenced blocks.
pub(crate) fn tables(page: &str) -> Vec<Table> {
    let mut out: Vec<Table> = Vec::new();
    let mut header: Option<Vec<String>> = None;
    let mut open = false;
    for line in lines(page) {
        let text = line.text.trim();
        if line.fenced || !text.starts_with('|') {
            header = None;
            open = false;
            continue;
        }
        let row = cells(text);
        let is_rule = row.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| matches!(c, '-' | ':')));
        match (open, header.take()) {
            (true, _) => {
                if let Some(table) = out.last_mut() {
                    table.rows.push((line.number, row));
                }
            }
            (false, Some(titles)) if is_rule => {
                out.push(Table { header: titles, rows: Vec::new() });
                open = true;
            }
            (false, _) => header = Some(row),
        }
    }
    out
}

/// The cells of one table line. `\|` is a pipe inside a cell, also inside code.
fn cells(line: &str) -> Vec<String> {
    let inner = line.strip_prefix('|').unwrap_or(line);
    let mut out = Vec::new();
    let mut cell = String::new();
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'|') => cell.extend(chars.next()),
            '|' => out.push(std::mem::take(&mut cell).trim().to_owned()),
            _ => cell.push(c),
        }
    }
    if !cell.trim().is_empty() {
        out.push(cell.trim().to_owned());
    }
    out
}

/// The text between the backticks of a cell that is one code span and nothing else.
pub(crate) fn code_span(cell: &str) -> Option<&str> {
    let ticks = cell.len() - cell.trim_start_matches('`').len();
    let inner = cell.get(ticks..cell.len().checked_sub(ticks)?)?;
    (ticks > 0 && cell.ends_with(&"`".repeat(ticks)) && !inner.is_empty() && !inner.contains(&"`".repeat(ticks)))
        .then(|| inner.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(page: &str) -> Vec<String> {
        links(page).into_iter().map(|link| link.target.unwrap_or_else(|label| format!("undefined {label}"))).collect()
    }

    #[test]
    fn links_are_found_and_code_is_not_searched() {
        for (page, wanted) in [
            ("see [a](b.md)", vec!["b.md"]),
            ("[a](b.md#c) and ![d](e.png \"title\")", vec!["b.md#c", "e.png"]),
            ("[![badge](x.svg)](y.md)", vec!["x.svg", "y.md"]),
            ("[a](b(1).md)", vec!["b(1).md"]),
            ("[a](<b c.md>)", vec!["b c.md"]),
            ("`[a](b.md)` ``[c](`d`)`` [e](f)", vec!["f"]),
            ("```\n[a](b.md)\n```\n[c](d.md)", vec!["d.md"]),
            ("<!-- [a](b.md)\n[c](d.md) --> [e](f.md)", vec!["f.md"]),
            ("[a][b]\n\n[b]: c.md", vec!["c.md"]),
            ("[a][B]", vec!["undefined b"]),
            ("an array x[0] and (text)", vec![]),
        ] {
            assert_eq!(targets(page), wanted, "{page}");
        }
    }

    #[test]
    fn a_longer_fence_holds_a_shorter_one() {
        let fenced: Vec<bool> = lines("````\n```\na\n```\n````\nb").iter().map(|line| line.fenced).collect();
        assert_eq!(fenced, [true, true, true, true, true, false]);
    }

    #[test]
    fn anchors_are_githubs() {
        let page = "# One `code` and [link](x.md)\n## Who's first? (Really)\n## Twice\n## Twice\n```\n# no\n```\n<a id=\"own\"></a>\n# snake_case & more";
        let found: Vec<String> = anchors(page).into_iter().collect();
        assert_eq!(found, ["one-code-and-link", "own", "snake_case--more", "twice", "twice-1", "whos-first-really"]);
    }

    #[test]
    fn tables_keep_escaped_pipes_and_end_with_the_block() {
        let page = "text\n\n| a | b |\n|---|:--|\n| `x \\| y` | z |\n| only |\n\n| not a table |\nafter";
        let found = tables(page);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].header, ["a", "b"]);
        assert_eq!(found[0].rows, [(5, vec!["`x | y`".to_owned(), "z".to_owned()]), (6, vec!["only".to_owned()])]);
        assert_eq!(found[0].column(&["B"]), Some(1));
    }

    #[test]
    fn a_code_span_is_the_whole_cell() {
        assert_eq!(code_span("`a b`"), Some("a b"));
        assert_eq!(code_span("`` a `b` ``"), Some("a `b`"));
        assert_eq!(code_span("`a` and `b`"), None);
        assert_eq!(code_span("a"), None);
        assert_eq!(code_span("``"), None);
        assert_eq!(code_span(""), None);
    }
}
