//! Where in a text secrets stand. Everything here looks at each byte a bounded number of times, so that no run can make a
//! server slow with a text that is nearly a secret everywhere.

use std::ops::Range;

use base64::Engine as _;

use super::hidden::Flat;

mod assigned;

mod names;

mod tokens;

/// A secret in a text: where it stands, in bytes, and of what kind it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) at: Range<usize>,
    pub(super) kind: &'static str,
}

/// What kind of secret the value of a member of this name is.
pub(super) fn kind_of_member(name: &str) -> Option<&'static str> {
    let flat = Flat::of(name);
    names::kind(&flat.text)
}

/// Whether a value only says where the secret comes from, or that there is none.
pub(super) fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    value.is_empty() || assigned::is_reference(value.as_bytes()) || assigned::is_word_for_none(value)
}

/// Every secret of a text, in order; places in the original text.
pub(super) fn find(flat: &Flat<'_>) -> Vec<Found> {
    let text = Text { bytes: flat.text.as_bytes(), flat };
    let mut found = Vec::new();
    let (mut at, mut run_end) = (0, 0);
    while let Some(byte) = text.bytes.get(at) {
        if at >= run_end {
            run_end = at + text.count(at, is_word);
        }
        match text.at(at, *byte, run_end) {
            Some(secret) => {
                // A key without a proper end is cut after so many bytes, which may be in the middle of a character.
                let mut end = secret.at.end.max(at + 1);
                while !flat.text.is_char_boundary(end) {
                    end += 1;
                }
                at = end;
                found.push(Found { at: flat.raw(secret.at.start..end), kind: secret.kind });
            }
            None => at += 1,
        }
    }
    found
}

/// Whether a private key begins in this text and does not end in it: the next texts of a list are the rest of it.
pub(super) fn key_goes_on(raw: &str) -> bool {
    if !raw.contains("--") {
        return false;
    }
    let flat = Flat::of(raw);
    let text = Text { bytes: flat.text.as_bytes(), flat: &flat };
    let begins = last_index(text.bytes, b"-----BEGIN");
    begins
        .is_some_and(|begin| text.key_header(begin).is_some() && !has_key_end(&raw[flat.raw(begin..begin + 1).start..]))
}

/// Whether a private key ends in this text.
pub(super) fn has_key_end(raw: &str) -> bool {
    let flat = Flat::of(raw);
    last_index(flat.text.as_bytes(), b"-----END").is_some()
}

fn last_index(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).rposition(|window| window.eq_ignore_ascii_case(wanted))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// What stands in a header or URL for a credential (RFC 6750, `b64token`).
fn is_credential(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// A text without hidden characters.
struct Text<'a> {
    bytes: &'a [u8],
    flat: &'a Flat<'a>,
}

impl Text<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// How many bytes of a kind stand from here on.
    fn count(&self, at: usize, kind: impl Fn(u8) -> bool) -> usize {
        self.bytes[at.min(self.bytes.len())..].iter().take_while(|byte| kind(**byte)).count()
    }

    fn starts(&self, at: usize, wanted: &str) -> bool {
        let end = at + wanted.len();
        self.bytes.get(at..end).is_some_and(|bytes| bytes.eq_ignore_ascii_case(wanted.as_bytes()))
    }

    /// Whether a word can begin here. A character that was left out separates words, and so do the escapes of JSON (`\n`)
    /// and of URLs (`%20`), of which the last character is a letter or a digit.
    fn begins_word(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1).and_then(|before| self.byte(before)) else { return true };
        if !before.is_ascii_alphanumeric() || self.flat.is_seam(at) {
            return true;
        }
        let back = |steps: usize| at.checked_sub(steps).and_then(|place| self.byte(place));
        (matches!(before, b'n' | b'r' | b't') && back(2) == Some(b'\\'))
            || (back(3) == Some(b'%') && before.is_ascii_hexdigit() && back(2).is_some_and(|c| c.is_ascii_hexdigit()))
    }

    /// The secret that is recognised here; it may stand further on. `run_end` is where the word around here ends.
    fn at(&self, at: usize, byte: u8, run_end: usize) -> Option<Found> {
        match byte {
            b'-' => self.key_block(at).or_else(|| self.flag(at)),
            b':' => self.user_info(at).or_else(|| self.assigned(at)),
            b'=' => self.assigned(at),
            b'>' => self.element(at),
            _ if byte.is_ascii_alphanumeric() && self.begins_word(at) => {
                let token = tokens::at(&self.bytes[at..]).map(|(kind, length)| Found { at: at..at + length, kind });
                token.or_else(|| match byte {
                    b'e' => self.json_web_token(at, run_end),
                    b'b' | b'B' => self.bearer(at),
                    b'p' | b'P' => self.putty(at),
                    _ => None,
                })
            }
            _ => None,
        }
    }

    /// The first line of a private key (RFC 7468; OpenSSH, OpenPGP and ssh.com write the same with other words): where it
    /// ends.
    fn key_header(&self, at: usize) -> Option<usize> {
        let dashes = self.bytes[at..].iter().take(8).take_while(|byte| **byte == b'-').count();
        let begin = at + dashes + usize::from(self.byte(at + dashes) == Some(b' '));
        if dashes < 4 || !self.starts(begin, "BEGIN ") {
            return None;
        }
        let header = &self.bytes[begin..self.bytes.len().min(begin + 80)];
        let end = header.windows(4).position(|window| window == b"----")?;
        let words = &header[..end];
        words.windows(11).any(|window| window.eq_ignore_ascii_case(b"PRIVATE KEY")).then_some(begin + end)
    }

    /// A whole private key, over lines or on one; to the end of the text where its end is missing.
    fn key_block(&self, at: usize) -> Option<Found> {
        let body = self.key_header(at)?;
        let end = self.bytes[body..].windows(7).position(|window| {
            window.eq_ignore_ascii_case(b"---END ") || {
                // `---- END` with a space is what ssh.com writes.
                window.eq_ignore_ascii_case(b"--- END")
            }
        });
        let end = match end {
            Some(end) => {
                let end = body + end + 7;
                let rest = &self.bytes[end..self.bytes.len().min(end + 80)];
                let close = rest.windows(4).position(|window| window == b"----").map_or(rest.len(), |close| close + 4);
                end + close + self.bytes[end + close..].iter().take(4).take_while(|byte| **byte == b'-').count()
            }
            None => self.bytes.len(),
        };
        Some(Found { at: at..end, kind: "private-key" })
    }

    /// A key of PuTTY's own format: from its first line to the end of the text.
    fn putty(&self, at: usize) -> Option<Found> {
        let found = Found { at: at..self.bytes.len(), kind: "private-key" };
        self.starts(at, "PuTTY-User-Key-File-").then_some(found)
    }

    /// `header.payload.signature` of RFC 7519, the signature also missing: `eyJ` is `{"` in base64.
    fn json_web_token(&self, at: usize, run_end: usize) -> Option<Found> {
        if !self.bytes[at..].starts_with(b"eyJ") || run_end < at + 12 || self.byte(run_end) != Some(b'.') {
            return None;
        }
        let payload = self.count(run_end + 1, is_word);
        if payload < 8 {
            return None;
        }
        let rest = run_end + 1 + payload;
        let end = rest + self.count(rest, |byte| is_word(byte) || byte == b'.');
        Some(Found { at: at..end, kind: "jwt" })
    }

    /// `Bearer` or `Basic` and a credential, wherever it stands; after `Authorization:` it is found by that name.
    fn bearer(&self, at: usize) -> Option<Found> {
        let (word, is_basic) = if self.starts(at, "bearer") {
            (6, false)
        } else if self.starts(at, "basic") {
            (5, true)
        } else {
            return None;
        };
        let spaces =
            self.bytes[at + word..].iter().take(8).take_while(|byte| matches!(byte, b' ' | b'\t' | b'+')).count();
        let from = at + word + spaces;
        let head = &self.bytes[from..self.bytes.len().min(from + 64)];
        let head = &head[..head.iter().take_while(|byte| is_credential(**byte)).count()];
        let is_secret = if is_basic {
            is_basic_credential(head)
        } else {
            head.len() >= 32 || (head.len() >= 12 && head.iter().any(u8::is_ascii_digit))
        };
        (spaces > 0 && is_secret).then(|| {
            let end = from + self.count(from, is_credential);
            Found { at: from..end, kind: if is_basic { "basic-credential" } else { "bearer-token" } }
        })
    }

    /// The password in `scheme://user:password@host`.
    fn user_info(&self, at: usize) -> Option<Found> {
        if !self.bytes[at..].starts_with(b"://") {
            return None;
        }
        let from = at + 3;
        let ends =
            |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\');
        let length = self.count(from, |byte| !ends(byte));
        let authority = &self.bytes[from..from + length];
        let host = authority.iter().rposition(|byte| *byte == b'@')?;
        let colon = authority[..host].iter().position(|byte| *byte == b':');
        // A name alone is a secret where it looks like one.
        let Some(colon) = colon else {
            return tokens::at(authority).map(|(kind, length)| Found { at: from..from + length, kind });
        };
        let password = from + colon + 1..from + host;
        if password.is_empty() || assigned::is_reference(&self.bytes[password.clone()]) {
            return None;
        }
        // The user's name can be the token itself: then both go.
        let whole = tokens::at(authority).is_some();
        Some(Found { at: if whole { from..password.end } else { password }, kind: "password" })
    }
}

/// Whether this is `user:password` in base64. Looks at the text's beginning only.
fn is_basic_credential(head: &[u8]) -> bool {
    let whole = &head[..head.len() / 4 * 4];
    let decoded = base64::engine::general_purpose::STANDARD.decode(whole);
    decoded.is_ok_and(|bytes| bytes.contains(&b':') && bytes.iter().all(|byte| matches!(byte, b' '..=b'~')))
}

/// Whether the value of a member `auth` is one: container registries' configurations have it so.
pub(super) fn is_registry_auth(name: &str, value: &str) -> bool {
    matches!(name, "auth" | "_auth") && is_basic_credential(value.trim().as_bytes())
}

#[cfg(test)]
mod tests;
