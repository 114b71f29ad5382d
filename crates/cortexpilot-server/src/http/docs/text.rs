//! Text as HTML. Everything on the page goes through here: nothing that is written in a description can become markup.

use std::fmt::Write as _;

use cortexpilot_core::domain::text::escape;

/// Text as HTML text: what would be markup is shown, what would be invisible is named.
pub(super) fn html(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for line in raw.split_inclusive('\n') {
        let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
        for c in escape(text).chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                _ => out.push(c),
            }
        }
        out.push_str(end);
    }
    out
}

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
    fn text_cannot_become_markup() {
        assert_eq!(html("<a href='x'>&\"\u{202e}</a>\n"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\\u{202E}&lt;/a&gt;\n");
    }

    #[test]
    fn prose_knows_code_emphasis_and_paragraphs_and_no_markup() {
        assert_eq!(
            prose("Say `a < b` **now**.\n\nThen <b>stop</b>."),
            "<p>Say <code>a &lt; b</code> <strong>now</strong>.</p><p>Then &lt;b&gt;stop&lt;/b&gt;.</p>"
        );
    }
}
