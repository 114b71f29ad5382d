//! The least that an answer can cost: a program that reads a line and writes one of so many bytes. The standard library
//! alone.

use std::io::{BufRead as _, Write as _};

/// The word before the number of bytes on the command line.
pub(crate) const WORD: &str = "--bare-echo";

/// Answers each line that has an id with the same line, until there are no more. The answers are texts of so many bytes.
pub(crate) fn serve(answer_bytes: usize) -> std::io::Result<()> {
    let mut answer = vec![b'x'; answer_bytes.max(1)];
    if let Some(last) = answer.last_mut() {
        *last = b'\n';
    }
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        if stdin.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        // What has no id is a notification, and is not answered.
        if line.windows(4).any(|four| four == br#""id""#) {
            stdout.write_all(&answer)?;
            stdout.flush()?;
        }
    }
}
