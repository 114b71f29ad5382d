//! Text that somebody else wrote, as whoever decides may read it: of bounded length, and with nothing in it that hides or
//! reorders what is seen.

use cortexpilot_core::domain::text::escape;

/// Escapes at most `most` characters of a text and says whether there were more. Escaping comes last, so that no escape is
/// cut in half.
pub fn shown(raw: &str, most: usize) -> (String, bool) {
    match raw.char_indices().nth(most) {
        Some((end, _)) => (escape(&raw[..end]), true),
        None => (escape(raw), false),
    }
}

/// Shows several texts that are cut together: whoever reads one must learn that any of them goes on.
#[derive(Debug)]
pub(super) struct Shower {
    most: usize,
    pub(super) truncated: bool,
}

impl Shower {
    /// Cuts each text after so many characters.
    pub(super) fn new(most: usize) -> Self {
        Self { most, truncated: false }
    }

    pub(super) fn text(&mut self, raw: &str) -> String {
        self.up_to(raw, self.most)
    }

    pub(super) fn up_to(&mut self, raw: &str, most: usize) -> String {
        let (text, cut) = shown(raw, most);
        self.truncated |= cut;
        text
    }

    /// At most `entries` of a list.
    pub(super) fn list<'a>(&mut self, raw: impl IntoIterator<Item = &'a String>, entries: usize) -> Vec<String> {
        let mut raw = raw.into_iter();
        let list = raw.by_ref().take(entries).map(|text| self.text(text)).collect();
        self.truncated |= raw.next().is_some();
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(shown("äöü", 3), ("äöü".to_owned(), false));
        assert_eq!(shown("äöü!", 3), ("äöü".to_owned(), true));
        assert_eq!(shown("\u{202e}\u{202e}b", 2), ("\\u{202E}\\u{202E}".to_owned(), true));
        assert_eq!(shown("", 0), (String::new(), false));
    }

    #[test]
    fn one_cut_text_of_many_is_remembered() {
        let list = ["a".to_owned(), "bcd".to_owned()];
        let mut shower = Shower::new(2);
        assert_eq!((shower.list(&list[..1], 9), shower.truncated), (vec!["a".to_owned()], false));
        assert_eq!((shower.list(&list, 9), shower.truncated), (vec!["a".to_owned(), "bc".to_owned()], true));
        let mut shower = Shower::new(9);
        assert_eq!((shower.list(&list, 1), shower.truncated), (vec!["a".to_owned()], true));
    }
}
