//! Pages of a sorted list. A cursor names the last entry given out, not a position, so that runs which appear meanwhile
//! shift nothing.

use cortexpilot_core::port::runs::{PageQuery, ReadProblem};

/// A page ends early when its entries weigh more than this: what one answer may cost in memory.
pub(crate) const PAGE_BYTES_MAX: usize = 8 << 20;

/// Where an entry stands in a list sorted by time, newest first, equal times by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) time_us: i64,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn parse(cursor: &str) -> Result<Self, ReadProblem> {
        let (time, name) = cursor.split_once(':').ok_or(ReadProblem::BadCursor)?;
        let time_us = time.parse().map_err(|_| ReadProblem::BadCursor)?;
        Ok(Self { time_us, name: name.to_owned() })
    }

    pub(crate) fn cursor(&self) -> String {
        format!("{}:{}", self.time_us, self.name)
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.time_us.cmp(&self.time_us).then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// One page: entries made by `make` (with their weight in bytes; `None` for what does not belong to the list) from `sources`,
/// in order, after the cursor. A further page is announced only when it has an entry.
pub(crate) fn fill<S, T>(
    sources: impl IntoIterator<Item = S>,
    query: &PageQuery,
    key: impl Fn(&S) -> Key,
    mut make: impl FnMut(S) -> Option<(T, usize)>,
) -> Result<(Vec<T>, Option<String>), ReadProblem> {
    let after = query.after.as_deref().map(Key::parse).transpose()?;
    let limit = query.limit.map_or(usize::MAX, |limit| limit.max(1));
    let mut items = Vec::new();
    let mut weight = 0;
    let mut last = None;
    for source in sources {
        let here = key(&source);
        if after.as_ref().is_some_and(|after| here <= *after) {
            continue;
        }
        let Some((item, bytes)) = make(source) else { continue };
        // The first entry always fits: a page without one would never end.
        if let Some(last) = &last
            && (items.len() >= limit || weight + bytes > PAGE_BYTES_MAX)
        {
            return Ok((items, Some(Key::cursor(last))));
        }
        weight += bytes;
        items.push(item);
        last = Some(here);
    }
    Ok((items, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[(i64, &str)]) -> Vec<Key> {
        let mut keys: Vec<_> =
            names.iter().map(|(time_us, name)| Key { time_us: *time_us, name: (*name).to_owned() }).collect();
        keys.sort();
        keys
    }

    fn page(keys: &[Key], query: &PageQuery, bytes: usize) -> (Vec<String>, Option<String>) {
        fill(keys, query, |key| (*key).clone(), |key| (!key.name.starts_with('x')).then(|| (key.name.clone(), bytes)))
            .unwrap()
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let keys = keys(&[(1, "old"), (9, "b"), (9, "a"), (5, "xno"), (7, "c:d"), (0, "xno2")]);
        let mut query = PageQuery::first(2);
        assert_eq!(page(&keys, &query, 1), (vec!["a".into(), "b".into()], Some("9:b".into())));
        query.after = Some("9:b".into());
        assert_eq!(page(&keys, &query, 1), (vec!["c:d".into(), "old".into()], None));
        query.after = Some("7:c:d".into());
        assert_eq!(page(&keys, &query, 1), (vec!["old".into()], None));
        assert_eq!(page(&keys, &PageQuery::all(), 1).0.len(), 4);
    }

    #[test]
    fn a_page_ends_early_when_its_entries_are_large_and_always_has_one() {
        let keys = keys(&[(3, "a"), (2, "b"), (1, "c")]);
        assert_eq!(
            page(&keys, &PageQuery::all(), PAGE_BYTES_MAX / 2),
            (vec!["a".into(), "b".into()], Some("2:b".into()))
        );
        assert_eq!(page(&keys, &PageQuery::all(), PAGE_BYTES_MAX * 2), (vec!["a".into()], Some("3:a".into())));
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for cursor in ["", "x", "1", "a:b"] {
            let query = PageQuery { limit: None, after: Some(cursor.into()) };
            let answer = fill(keys(&[(1, "a")]), &query, Clone::clone, |key| Some((key.name, 1)));
            assert_eq!(answer, Err(ReadProblem::BadCursor), "{cursor:?}");
        }
    }
}
