//! Lines out of a stream of bytes, none of them held beyond a limit.

/// A longer line is told by its size; the log holds it whole.
pub const LINE_BYTES_MAX: usize = 256 << 10;

/// Cuts a stream into lines.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
    /// Bytes of a line that was too long, once it is.
    passed: usize,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Without its newline.
    Whole(&'a [u8]),
    /// So many bytes, too many to be held.
    TooLong(usize),
}

impl Lines {
    /// Takes the next bytes and tells each line that ends in them.
    pub fn take(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Line<'_>)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.hold(&bytes[..end]);
            self.tell(&mut tell);
            bytes = &bytes[end + 1..];
        }
        self.hold(bytes);
    }

    /// Tells what came after the last newline.
    pub fn end(&mut self, mut tell: impl FnMut(Line<'_>)) {
        if !self.line.is_empty() || self.passed > 0 {
            self.tell(&mut tell);
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.passed > 0 || self.line.len() + bytes.len() > LINE_BYTES_MAX {
            self.passed += self.line.len() + bytes.len();
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn tell(&mut self, tell: &mut impl FnMut(Line<'_>)) {
        if self.passed > 0 {
            tell(Line::TooLong(self.passed));
        } else {
            let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
            tell(Line::Whole(line));
        }
        self.line.clear();
        self.passed = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_the_stream_is_cut() {
        let text = b"a\n\nbc\r\nlast";
        for size in 1..=text.len() {
            let (mut lines, mut seen) = (Lines::default(), Vec::new());
            let mut tell = |line: Line<'_>| match line {
                Line::Whole(line) => seen.push(String::from_utf8(line.to_vec()).unwrap()),
                Line::TooLong(_) => panic!("nothing is too long"),
            };
            for chunk in text.chunks(size) {
                lines.take(chunk, &mut tell);
            }
            lines.end(&mut tell);
            assert_eq!(seen, ["a", "", "bc", "last"], "{size}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_counted_and_not_held() {
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        let mut tell = |line: Line<'_>| match line {
            Line::Whole(line) => seen.push(line.len()),
            Line::TooLong(size) => seen.push(size),
        };
        for _ in 0..100 {
            lines.take(&[b'x'; 10 << 10], &mut tell);
        }
        lines.take(b"\nok\n", &mut tell);
        assert!(lines.line.capacity() <= LINE_BYTES_MAX * 2);
        assert_eq!(seen, [100 * (10 << 10), 2]);
    }
}
