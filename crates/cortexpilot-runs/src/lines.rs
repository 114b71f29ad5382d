//! Reading a file of lines without ever holding more of it than one line, and never a line longer than allowed.

use std::io::{self, BufRead, Read as _};

/// One line, without its newline.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// The line's bytes, and whether a newline ended it. Only the last line of a file can lack one.
    Whole { bytes: &'a [u8], ended: bool },
    /// Longer than allowed; skipped.
    TooLong,
    /// The file is longer than allowed; nothing after this is read.
    FileTooLong,
}

/// Lines split on `\n` alone (never by other Unicode line separators, which JSON text may hold), numbered from 1.
pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    line_max: usize,
    file_max: u64,
    read: u64,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R, line_max: usize, file_max: u64) -> Self {
        Self { reader, buffer: Vec::new(), line_max, file_max, read: 0, number: 0 }
    }

    /// Where the lines come from.
    pub(crate) fn reader(&self) -> &R {
        &self.reader
    }

    /// Bytes consumed so far.
    pub(crate) fn consumed(&self) -> u64 {
        self.read
    }

    /// The next line with its number.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        if self.read >= self.file_max {
            return if self.reader.fill_buf()?.is_empty() {
                Ok(None)
            } else {
                Ok(Some((self.number + 1, Line::FileTooLong)))
            };
        }
        self.buffer.clear();
        // One byte for the newline, one to see that the line is too long.
        let most = self.line_max as u64 + 2;
        let taken = (&mut self.reader).take(most).read_until(b'\n', &mut self.buffer)?;
        if taken == 0 {
            return Ok(None);
        }
        self.read += taken as u64;
        self.number += 1;
        let ended = self.buffer.last() == Some(&b'\n');
        let length = if ended { taken - 1 } else { taken };
        if length <= self.line_max {
            return Ok(Some((self.number, Line::Whole { bytes: &self.buffer[..length], ended })));
        }
        if !ended {
            let left = self.file_max.saturating_sub(self.read);
            self.read += (&mut self.reader).take(left).skip_until(b'\n')? as u64;
        }
        Ok(Some((self.number, Line::TooLong)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], line_max: usize, file_max: u64) -> Vec<String> {
        let mut lines = Lines::new(text, line_max, file_max);
        let mut seen = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            let stop = line == Line::FileTooLong;
            seen.push(match line {
                Line::Whole { bytes, ended } => {
                    format!("{number}:{}{}", String::from_utf8_lossy(bytes), if ended { "." } else { "" })
                }
                Line::TooLong => format!("{number}:too long"),
                Line::FileTooLong => format!("{number}:end"),
            });
            if stop {
                break;
            }
        }
        seen
    }

    #[test]
    fn lines_are_split_on_newline_alone_and_bounded() {
        assert_eq!(read(b"ab\ncd\n", 2, 99), ["1:ab.", "2:cd."]);
        assert_eq!(read(b"ab\ncd", 2, 99), ["1:ab.", "2:cd"]);
        assert_eq!(read("a\u{2028}b\rc\n".as_bytes(), 9, 99), ["1:a\u{2028}b\rc."]);
        assert_eq!(read(b"\n\nx", 2, 99), ["1:.", "2:.", "3:x"]);
        assert_eq!(read(b"abc\nd\n", 2, 99), ["1:too long", "2:d."]);
        assert_eq!(read(b"abcdefgh\nd\nefghi", 2, 99), ["1:too long", "2:d.", "3:too long"]);
        assert_eq!(read(b"", 2, 99), Vec::<String>::new());
    }

    #[test]
    fn a_line_without_end_is_not_held() {
        let endless = io::BufReader::new(io::repeat(0).take(30_000_000));
        let mut lines = Lines::new(endless, 1 << 10, u64::MAX);
        assert_eq!(lines.next().unwrap(), Some((1, Line::TooLong)));
        assert_eq!(lines.consumed(), 30_000_000);
        assert!(lines.buffer.capacity() < 8 << 10, "{} bytes were held", lines.buffer.capacity());
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        assert_eq!(read(b"a\nb\nc\n", 9, 4), ["1:a.", "2:b.", "3:end"]);
        assert_eq!(read(b"a\nb\n", 9, 4), ["1:a.", "2:b."]);
        assert_eq!(read(&[0; 100][..], 9, 50), ["1:too long", "2:end"]);
    }
}
