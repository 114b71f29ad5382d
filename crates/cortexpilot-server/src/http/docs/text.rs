//! Text as HTML. Everything on the page goes through here: nothing that is written in a description can become markup.

use std::fmt::Write as _;

pub(super) use crate::http::page::html;

/// One word or value as code.
pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", html(text))
}

/// Paragraphs, with `code` and **emphasis** as descriptions write them.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::new();
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        // Writing to a String cannot fail.
        let _ = write!(out, "<p>{}</p>", line(paragraph));
    }
    out
}

/// One paragraph's text.
pub(super) fn line(text: &str) -> String {
    let mut out = String::new();
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            out.push_str(&code(part));
            continue;
        }
        for (at, part) in part.split("**").enumerate() {
            let escaped = html(part);
            out.push_str(&if at % 2 == 1 { format!("<strong>{escaped}</strong>") } else { escaped });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_knows_code_emphasis_and_paragraphs_and_no_markup() {
        assert_eq!(
            prose("Say `a < b` **now**.\n\nThen <b>stop</b>."),
            "<p>Say <code>a &lt; b</code> <strong>now</strong>.</p><p>Then &lt;b&gt;stop&lt;/b&gt;.</p>"
        );
    }
}
