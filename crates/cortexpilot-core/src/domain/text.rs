//! Text that people and models hand in: bounded, trimmed, and free of characters that hide or reorder what a reader sees.

use std::fmt;

use unicode_normalization::is_nfc;

/// Why a text was not accepted. The `Display` form completes the sentence "`requested_by` …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextProblem {
    /// More characters (Unicode scalar values) than allowed.
    #[error("has {have} characters; at most {most} are allowed")]
    TooLong {
        /// How many characters were sent.
        have: usize,
        /// How many are allowed.
        most: usize,
    },
    /// A control, bidirectional, zero-width, tag or line-separator character.
    #[error("contains the character {}, which would be invisible or reorder the text", name_of(*.0))]
    Forbidden(char),
    /// Not in Unicode normalization form C, so that two equal-looking texts could differ.
    #[error("is not in Unicode normalization form C (NFC)")]
    NotNfc,
}

/// A text of at most `MAX` characters: trimmed, non-blank, NFC, without forbidden characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MAX: usize>(String);

/// Who asked, as stated by the caller: 200 characters.
pub type RequestedBy = Text<200>;
/// Why, in a person's words: 2,000 characters.
pub type Reason = Text<2000>;
/// A caller's own key for one attempt, reused on retries: 200 characters.
pub type IdempotencyKey = Text<200>;
/// The name a worker gives itself: 200 characters.
pub type WorkerName = Text<200>;

impl<const MAX: usize> Text<MAX> {
    /// Parses a text. `Ok(None)` means absent: blank after trimming.
    ///
    /// # Errors
    /// The first problem found; nothing is cut or replaced silently.
    pub fn parse(raw: &str) -> Result<Option<Self>, TextProblem> {
        let trimmed = raw.trim();
        if trimmed.is_empty() {
            return Ok(None);
        }
        let have = trimmed.chars().count();
        if have > MAX {
            return Err(TextProblem::TooLong { have, most: MAX });
        }
        // Before trimming: a line separator at the edge is white space to `trim`, but it is still what was sent.
        if let Some(found) = raw.chars().find(|c| is_forbidden(*c)) {
            return Err(TextProblem::Forbidden(found));
        }
        if !is_nfc(trimmed) {
            return Err(TextProblem::NotNfc);
        }
        Ok(Some(Self(trimmed.to_owned())))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An input that a caller may leave out: absent, refused, or given. A gate decides what each means, so that the order
/// of refusals is the order of the gates and not the order in which a parser happened to look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Stated<T> {
    /// Not sent, `null`, or blank.
    #[default]
    Absent,
    /// Sent and not acceptable.
    Rejected(TextProblem),
    /// Sent and acceptable.
    Given(T),
}

impl<const MAX: usize> Stated<Text<MAX>> {
    /// Reads an optional member.
    pub fn read(raw: Option<&str>) -> Self {
        match raw.map(Text::parse) {
            None | Some(Ok(None)) => Self::Absent,
            Some(Ok(Some(text))) => Self::Given(text),
            Some(Err(problem)) => Self::Rejected(problem),
        }
    }
}

impl<T> Stated<T> {
    /// The value, when one was given and accepted.
    pub fn given(&self) -> Option<&T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Rejected(_) => None,
        }
    }
}

/// Whether a character must not appear in text that people will judge by reading it: Unicode general categories Cc
/// (control, with U+0085), Cf (format: bidirectional controls, zero-width characters, soft hyphen, tags), Zl and Zp (line
/// and paragraph separator), and what else is drawn as nothing (`Default_Ignorable_Code_Point`), for a text can be hidden in
/// it. Left are the two variation selectors that choose how an emoji looks. Source: Unicode 16, `DerivedGeneralCategory`
/// and `DerivedCoreProperties`; UAX #9 for the bidirectional controls.
pub fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}'
            | '\u{034F}'
            | '\u{0600}'..='\u{0605}'
            | '\u{061C}'
            | '\u{06DD}'
            | '\u{070F}'
            | '\u{0890}'..='\u{0891}'
            | '\u{08E2}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0D}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{110BD}'
            | '\u{110CD}'
            | '\u{13430}'..='\u{1343F}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// Text from outside (a run, a ledger, an agent), safe to print on a terminal: forbidden characters become `\u{…}`, so
/// that an escape sequence or a bidirectional override is seen instead of obeyed.
pub fn escape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        if is_forbidden(c) {
            out.push_str(&name_of(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn name_of(c: char) -> String {
    format!("\\u{{{:04X}}}", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str) -> String {
        match Text::<5>::parse(raw) {
            Ok(None) => "absent".into(),
            Ok(Some(text)) => format!("given {text}"),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn texts_are_trimmed_bounded_and_free_of_hidden_characters() {
        assert_eq!(check("  ab "), "given ab");
        assert_eq!(check(" \t "), "absent");
        assert_eq!(check("abcdef"), "has 6 characters; at most 5 are allowed");
        assert_eq!(check("äöüßé"), "given äöüßé");
        assert_eq!(check("done ✔\u{fe0f}"), "has 7 characters; at most 5 are allowed");
        assert_eq!(check("ok ✔\u{fe0f}"), "given ok ✔\u{fe0f}", "how an emoji looks may be chosen");
        for hidden in [
            '\n',
            '\u{1b}',
            '\u{85}',
            '\u{200b}',
            '\u{202e}',
            '\u{2028}',
            '\u{2029}',
            '\u{feff}',
            '\u{e0041}',
            '\u{34f}',
            '\u{3164}',
            '\u{fe00}',
            '\u{e0101}',
        ] {
            let said = check(&format!("a{hidden}b"));
            assert!(said.contains("invisible or reorder"), "{hidden:?}: {said}");
            let edge = check(&format!("ab{hidden}"));
            assert!(edge.contains("invisible or reorder"), "{hidden:?} at the edge: {edge}");
        }
        assert_eq!(check("e\u{301}"), "is not in Unicode normalization form C (NFC)");
    }

    #[test]
    fn escaping_shows_what_a_terminal_would_obey() {
        assert_eq!(escape("a\u{1b}[2Jb\u{202e}c\n"), "a\\u{001B}[2Jb\\u{202E}c\\u{000A}");
        assert_eq!(escape("plain ü"), "plain ü");
    }
}
