//! Acceptance commands as argument lists. They are run without a shell, so a command that counts on one is refused with the
//! way out, rather than run as something else.

/// Splits a command into words as a shell would quote them: blanks separate, `'…'` is literal, `"…"` knows `\"` and `\\`, and
/// a backslash outside quotes takes the next character as it is.
///
/// # Errors
/// In words for people: an open quote, nothing to run, or something that only a shell gives a meaning.
pub fn split(command: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut begun) = (Vec::new(), String::new(), false);
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' => {
                if begun {
                    words.push(std::mem::take(&mut word));
                    begun = false;
                }
            }
            '\'' => {
                begun = true;
                loop {
                    match rest.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("a single quote is not closed".into()),
                    }
                }
            }
            '"' => {
                begun = true;
                loop {
                    match rest.next() {
                        Some('"') => break,
                        Some('\\') => match rest.next() {
                            Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                            Some(c) => word.extend(['\\', c]),
                            None => return Err("a double quote is not closed".into()),
                        },
                        Some(c @ ('$' | '`')) => return Err(shell(c)),
                        Some(c) => word.push(c),
                        None => return Err("a double quote is not closed".into()),
                    }
                }
            }
            '\\' => {
                begun = true;
                match rest.next() {
                    Some(c) => word.push(c),
                    None => return Err("it ends with a backslash".into()),
                }
            }
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '*' | '?' | '\n' => return Err(shell(c)),
            '#' if !begun => return Err(shell(c)),
            '~' if !begun => return Err(shell(c)),
            '\0' => return Err("it holds a NUL character".into()),
            c => {
                begun = true;
                word.push(c);
            }
        }
    }
    if begun {
        words.push(word);
    }
    if words.first().is_none_or(String::is_empty) {
        return Err("it names no program".into());
    }
    Ok(words)
}

fn shell(c: char) -> String {
    let shown = if c == '\n' { "a line break".to_owned() } else { format!("`{c}`") };
    format!("{shown} means something only to a shell, and commands are run without one; quote it, or write sh -c '…'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_a_shell_would_quote_them() {
        let check = |command: &str, words: &[&str]| assert_eq!(split(command).unwrap(), words, "{command}");
        check("echo ok", &["echo", "ok"]);
        check("  cargo   test\t-q ", &["cargo", "test", "-q"]);
        check("sh -c 'test -f a && echo \"x\"'", &["sh", "-c", "test -f a && echo \"x\""]);
        check(r#"grep "a \"b\" c" d\ e"#, &["grep", r#"a "b" c"#, "d e"]);
        check("printf ''", &["printf", ""]);
        check("a#b c~d", &["a#b", "c~d"]);
    }

    #[test]
    fn what_only_a_shell_understands_is_refused() {
        for command in [
            "a | b",
            "a && b",
            "a; b",
            "a > b",
            "echo $HOME",
            "echo `id`",
            "ls *.rs",
            "a\nb",
            "# x",
            "echo \"$X\"",
            "~/x",
        ] {
            let problem = split(command).unwrap_err();
            assert!(problem.contains("shell"), "{command}: {problem}");
        }
        for command in ["", "  ", "'a", "\"a", "a\\", "''", "a\0b"] {
            assert!(split(command).is_err(), "{command:?}");
        }
    }
}
