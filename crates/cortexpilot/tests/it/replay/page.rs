//! The tables of `docs/compat.md`: which differences from the original are meant, and where the replay does on our terms
//! what the original did on its own.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::compare::Difference;
use super::shape::Shape;

const RULES: [&str; 6] = ["id", "where", "what differs", "original", "ours", "why"];
const BRIDGES: [&str; 5] = ["id", "at", "how", "with", "why"];

/// The page's tables.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) rules: Vec<Rule>,
    pub(super) bridges: Vec<Bridge>,
}

/// Where the replay is: a vector, a step of it, and whether the step is done our way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) vector: String,
    pub(super) step: usize,
    pub(super) bridged: bool,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}{}", self.vector, self.step, if self.bridged { "+" } else { "" })
    }
}

/// One meant difference: all pairs of its places and members must be as it says, and each must occur.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    places: Vec<Selector>,
    members: Vec<String>,
    original: Shape,
    ours: Shape,
    unused: RefCell<BTreeSet<String>>,
}

#[derive(Debug)]
struct Selector {
    text: String,
    vector: String,
    /// `None`: every step of the vector, done either way.
    step: Option<(usize, bool)>,
}

impl Selector {
    fn covers(&self, place: &Place) -> bool {
        let vector = match self.vector.strip_suffix('*') {
            Some(prefix) => place.vector.starts_with(prefix),
            None => place.vector == self.vector,
        };
        vector && self.step.is_none_or(|step| step == (place.step, place.bridged))
    }
}

impl Rule {
    /// Whether this rule is about this difference; remembers that it was needed.
    fn explains(&self, place: &Place, difference: &Difference) -> bool {
        let Some(selector) = self.places.iter().find(|selector| selector.covers(place)) else { return false };
        let Some(member) = self.members.iter().find(|member| points_at(member, &difference.what)) else { return false };
        if !(self.original.fits(difference.original.as_ref()) && self.ours.fits(difference.ours.as_ref())) {
            return false;
        }
        let mut unused = self.unused.borrow_mut();
        unused.remove(&selector.text);
        unused.remove(member);
        true
    }
}

/// Whether a pattern names this pointer: segment by segment, `*` standing for one.
fn points_at(pattern: &str, what: &str) -> bool {
    let (mut pattern, mut what) = (pattern.split('/'), what.split('/'));
    loop {
        match (pattern.next(), what.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.ends_with(" order") => {}
            (Some(wanted), Some(segment)) if wanted == segment => {}
            _ => return false,
        }
    }
}

/// One step that the replay takes on our terms.
#[derive(Debug)]
pub(super) struct Bridge {
    pub(super) id: String,
    pub(super) places: BTreeSet<(String, usize)>,
    pub(super) how: How,
    /// Members that go with the recorded ones.
    pub(super) with: Map<String, Value>,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// The session opens with a handshake before this step.
    Greet,
    /// After the recorded request: a preview and an apply, on a server whose mutation gate is open.
    ApplyWithGateOpen,
    /// After the recorded call: a preview with the same parameters, then the call again.
    PreviewFirst,
}

impl Page {
    /// Reads the page's tables.
    pub(super) fn parse(page: &str) -> Result<Self, String> {
        let mut out = Self::default();
        let mut header: Vec<String> = Vec::new();
        for (index, line) in page.lines().enumerate() {
            let Some(cells) = cells(line) else {
                header.clear();
                continue;
            };
            if header.is_empty() {
                header = cells;
            } else if !cells.iter().all(|cell| cell.chars().all(|c| matches!(c, '-' | ':')) && !cell.is_empty()) {
                let failed = |problem: String| format!("docs/compat.md:{}: {problem}", index + 1);
                if header == RULES {
                    out.rules.push(rule(&cells).map_err(failed)?);
                } else if header == BRIDGES {
                    out.bridges.push(bridge(&cells).map_err(failed)?);
                }
            }
        }
        let mut ids = BTreeSet::new();
        let all = out.rules.iter().map(|rule| &rule.id).chain(out.bridges.iter().map(|bridge| &bridge.id));
        match all.into_iter().find(|id| !ids.insert((*id).clone())) {
            Some(twice) => Err(format!("docs/compat.md: `{twice}` stands twice")),
            None => Ok(out),
        }
    }

    /// The row that names this difference.
    ///
    /// # Errors
    /// None does, or more than one.
    pub(super) fn explain(&self, place: &Place, difference: &Difference) -> Result<&Rule, String> {
        let rules: Vec<&Rule> = self.rules.iter().filter(|rule| rule.explains(place, difference)).collect();
        match rules.as_slice() {
            [rule] => Ok(rule),
            [] => Err("no row names it".to_owned()),
            many => {
                Err(format!("{} all name it", many.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>().join(", ")))
            }
        }
    }

    /// What the page says and the replay did not need: rows must go when what they excuse is gone.
    pub(super) fn stale(&self) -> Vec<String> {
        let unused = |rule: &Rule| -> Vec<String> {
            rule.unused
                .borrow()
                .iter()
                .map(|part| format!("{}: `{part}` does not differ (any more)", rule.id))
                .collect()
        };
        self.rules.iter().flat_map(unused).collect()
    }
}

fn rule(cells: &[String]) -> Result<Rule, String> {
    let [id, places, members, original, ours, why] = cells else { return Err("a row has six cells".to_owned()) };
    if why.is_empty() {
        return Err("`why` gives no reason".to_owned());
    }
    let mut selectors = Vec::new();
    for text in spans(places) {
        selectors.extend(selectors_of(&text)?);
    }
    let members: Vec<String> = spans(members).iter().flat_map(|member| alternatives(member)).collect();
    if selectors.is_empty() || members.is_empty() {
        return Err("a row names at least one step and one member, as `code`".to_owned());
    }
    let unused = selectors.iter().map(|selector| selector.text.clone()).chain(members.iter().cloned()).collect();
    Ok(Rule {
        id: only(id)?,
        places: selectors,
        members,
        original: Shape::parse(&only(original)?)?,
        ours: Shape::parse(&only(ours)?)?,
        unused: RefCell::new(unused),
    })
}

fn bridge(cells: &[String]) -> Result<Bridge, String> {
    let [id, places, how, with, _] = cells else { return Err("a row has five cells".to_owned()) };
    let mut at = BTreeSet::new();
    for selector in spans(places).iter().map(|text| selectors_of(text)) {
        for selector in selector? {
            at.insert((selector.vector, selector.step.ok_or("a step is meant, not a vector")?.0));
        }
    }
    let how = match how.as_str() {
        "handshake before" => How::Greet,
        "preview and apply, gate open" => How::ApplyWithGateOpen,
        "preview, then again" => How::PreviewFirst,
        other => return Err(format!("`{other}` is nothing the replay can do")),
    };
    let with = match spans(with).as_slice() {
        [] => Map::new(),
        [json] => serde_json::from_str(json).map_err(|problem| problem.to_string())?,
        _ => return Err("`with` holds one JSON object".to_owned()),
    };
    Ok(Bridge { id: only(id)?, places: at, how, with })
}

/// `vector/3`, `vector/3-5`, `vector/3+` (done our way), `vector/*`; a vector may end in `*`.
fn selectors_of(text: &str) -> Result<Vec<Selector>, String> {
    let wrong = || format!("`{text}` is no selector");
    let (vector, steps) = text.split_once('/').ok_or_else(wrong)?;
    let selector = |step: Option<(usize, bool)>| {
        let shown = step.map_or("*".to_owned(), |(step, ours)| format!("{step}{}", if ours { "+" } else { "" }));
        Selector { text: format!("{vector}/{shown}"), vector: vector.to_owned(), step }
    };
    if steps == "*" {
        return Ok(vec![selector(None)]);
    }
    let (steps, bridged) = steps.strip_suffix('+').map_or((steps, false), |steps| (steps, true));
    let (first, last) = steps.split_once('-').unwrap_or((steps, steps));
    let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
    Ok((number(first)?..=number(last)?).map(|step| selector(Some((step, bridged)))).collect())
}

/// `body /{a,b}` is `body /a` and `body /b`.
fn alternatives(member: &str) -> Vec<String> {
    let Some((before, rest)) = member.split_once('{') else { return vec![member.to_owned()] };
    let Some((names, after)) = rest.split_once('}') else { return vec![member.to_owned()] };
    names.split(',').flat_map(|name| alternatives(&format!("{before}{}{after}", name.trim()))).collect()
}

/// The cells of a table's line; `None` for any other line. `\|` is a bar inside a cell.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let mut cells = vec![String::new()];
    let mut characters = inner.chars().peekable();
    while let Some(c) = characters.next() {
        let cell = cells.last_mut()?;
        match c {
            '\\' if characters.peek() == Some(&'|') => cell.extend(characters.next()),
            '|' => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    Some(cells.into_iter().map(|cell| cell.trim().to_owned()).collect())
}

/// The code spans of a cell, between as many backticks as they need.
fn spans(cell: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = cell;
    while let Some(at) = rest.find('`') {
        let ticks = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        let (fence, after) = rest[at..].split_at(ticks);
        let Some(end) = after.find(fence) else { return out };
        out.push(after[..end].trim().to_owned());
        rest = &after[end + ticks..];
    }
    out
}

fn only(cell: &str) -> Result<String, String> {
    match spans(cell).as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(format!("`{cell}` must hold one code span")),
    }
}

#[cfg(test)]
const SAMPLE: &str = "
| id | where | what differs | original | ours | why |
|---|---|---|---|---|---|
| `C1` | `http-*/*` | `header x-lane` | `\"stable\"` | `absent` | nobody reads this header |
| `C2` | `mcp/1-2`, `mcp/3+` | `answer /{a,b}/*` | `absent` | ``\"a`b\"`` | says `why` in words \\| enough |

| id | at | how | with | why |
|---|---|---|---|---|
| `B1` | `mcp/1`, `mcp/3` | preview, then again | `{\"confirm\": true}` | an apply needs a preview |
";

#[test]
fn a_difference_is_explained_by_the_one_row_that_names_it() {
    let page = Page::parse(SAMPLE).unwrap();
    let place = |vector: &str, step: usize, bridged: bool| Place { vector: vector.into(), step, bridged };
    let found =
        |what: &str, ours: &str| Difference { what: what.into(), original: None, ours: Some(Value::from(ours)) };
    for (place, what, ours, id) in [
        (place("mcp", 1, false), "answer /a/0", "a`b", Some("C2")),
        (place("mcp", 3, true), "answer /b/x", "a`b", Some("C2")),
        (place("mcp", 3, false), "answer /b/x", "a`b", None),
        (place("mcp", 4, false), "answer /a/0", "a`b", None),
        (place("mcp", 1, false), "answer /a/0", "another value", None),
        (place("mcp", 1, false), "answer /a", "a`b", None),
        (place("mcp", 1, false), "answer /a/0/deeper", "a`b", None),
        (place("mcp", 1, false), "answer /c/0", "a`b", None),
        (place("http-x", 7, false), "header x-lane", "a`b", None),
    ] {
        let explained = page.explain(&place, &found(what, ours)).ok().map(|rule| rule.id.as_str());
        assert_eq!(explained, id, "{place} {what} {ours}");
    }
    assert_eq!(page.bridges[0].with["confirm"], Value::Bool(true));
    assert_eq!(page.bridges[0].places.len(), 2);
}

#[test]
fn a_row_that_excuses_nothing_is_stale() {
    let page = Page::parse(SAMPLE).unwrap();
    let place = Place { vector: "mcp".into(), step: 1, bridged: false };
    let difference = Difference { what: "answer /a/0".into(), original: None, ours: Some("a`b".into()) };
    assert!(page.explain(&place, &difference).is_ok());
    let stale = page.stale();
    let stale: Vec<&str> = stale.iter().map(|text| text.split(" does").next().unwrap_or_default()).collect();
    assert_eq!(stale, ["C1: `header x-lane`", "C1: `http-*/*`", "C2: `answer /b/*`", "C2: `mcp/2`", "C2: `mcp/3+`"]);
}

#[test]
fn rows_that_overlap_or_cannot_be_read_are_refused() {
    let twice = SAMPLE.replace(
        "`C1` | `http-*/*` | `header x-lane` | `\"stable\"` | `absent`",
        "`C1` | `*/*` | `answer /a/*` | `absent` | `text`",
    );
    let page = Page::parse(&twice).unwrap();
    let place = Place { vector: "mcp".into(), step: 1, bridged: false };
    let difference = Difference { what: "answer /a/0".into(), original: None, ours: Some("a`b".into()) };
    assert_eq!(page.explain(&place, &difference).err(), Some("C1, C2 all name it".to_owned()));
    for (from, to) in [
        ("`C2`", "`C1`"),
        ("`http-*/*`", "`http`"),
        ("`http-*/*`", "everywhere"),
        ("`absent` | nobody", "`gone` | nobody"),
        ("nobody reads this header", ""),
        ("preview, then again", "magic"),
        (" | ``\"a`b\"``", ""),
    ] {
        assert!(Page::parse(&SAMPLE.replace(from, to)).is_err(), "{from} → {to}");
    }
}
