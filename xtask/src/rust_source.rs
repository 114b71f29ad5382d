//! Rust source with comments and literals blanked, so that a rule about code does not trip over text about it.

/// Replaces every comment, string and character literal by spaces. Line breaks stay, so line numbers still hold.
pub(crate) fn code_only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end > at {
            for skipped in &chars[at..end] {
                out.push(if *skipped == '\n' { '\n' } else { ' ' });
            }
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// Where the comment or literal that starts at `at` ends; `at` itself when none starts there.
fn literal_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => position(chars, at, |c| c == '\n'),
        '/' if next == Some('*') => block_comment_end(chars, at),
        '"' => string_end(chars, at),
        '\'' => character_end(chars, at),
        'r' if !follows_a_word(chars, at) => raw_string_end(chars, at),
        // `br"…"` and `cr"…"`: the prefix is a word character, so the `r` alone would look like the end of a word.
        'b' | 'c' if next == Some('r') && !follows_a_word(chars, at) => match raw_string_end(chars, at + 1) {
            end if end > at + 1 => end,
            _ => at,
        },
        _ => at,
    }
}

fn position(chars: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|i| wanted(chars[*i])).unwrap_or(chars.len())
}

fn follows_a_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut i = at;
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => {
                depth += 1;
                i += 2;
            }
            ('*', '/') => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    chars.len()
}

fn string_end(chars: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

fn raw_string_end(chars: &[char], at: usize) -> usize {
    let open = position(chars, at + 1, |c| c != '#');
    if chars.get(open) != Some(&'"') {
        return at;
    }
    let hashes = open - at - 1;
    (open + 1..chars.len())
        .find(|i| chars[*i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes)
        .map_or(chars.len(), |close| close + 1 + hashes)
}

/// A character literal, as against a lifetime: `'\…'` or exactly one character before the closing quote.
fn character_end(chars: &[char], at: usize) -> usize {
    if chars.get(at + 1) == Some(&'\\') {
        return (position(chars, at + 3, |c| c == '\'') + 1).min(chars.len());
    }
    if chars.get(at + 2) == Some(&'\'') { at + 3 } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_code_stays() {
        for (source, kept) in [
            ("a(); // todo!()\nb();", "a();           \nb();"),
            ("a /* x /* y */ z */ b", "a                   b"),
            (r#"let s = "a\"b"; c"#, "let s =       ; c"),
            ("let s = r#\"a\"b\"#; c", "let s =         ; c"),
            ("let s = br\"x\"; c", "let s =      ; c"),
            (r"fn f<'a>(x: &'a str) { '\'' }", r"fn f<'a>(x: &'a str) {      }"),
            ("let c = '\"'; let d = \"x\";", "let c =    ; let d =    ;"),
            ("for r in rows {}", "for r in rows {}"),
        ] {
            assert_eq!(code_only(source), kept, "{source}");
        }
    }

    #[test]
    fn line_breaks_inside_literals_stay() {
        assert_eq!(code_only("\"a\nb\"c").matches('\n').count(), 1);
    }
}
