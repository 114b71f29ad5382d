//! A ledger file as anybody can read it: lines, members, and the chain recomputed with nothing but SHA-256.

use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The bytes of `queue.jsonl` or `decisions.jsonl` at one moment. A file that does not exist reads as empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ledger(Vec<u8>);

impl Ledger {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Self {
        match std::fs::read(path) {
            Ok(bytes) => Self(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => panic!("{} cannot be read: {error}", path.display()),
        }
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its lines, split on `\n` alone. Blank lines are left out.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = std::str::from_utf8(&self.0).expect("a ledger is UTF-8");
        text.split('\n').filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    }

    /// Its lines as objects.
    pub(crate) fn events(&self) -> Vec<Value> {
        let parse = |line: String| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.lines().into_iter().map(parse).collect()
    }

    /// What was appended since an earlier reading; fails the test when anything before was changed.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        match self.0.strip_prefix(&earlier.0[..]) {
            Some(tail) => Self(tail.to_vec()),
            None => panic!("the ledger's history was changed"),
        }
    }
}

/// The first thing wrong with a chain of our own lines, or `None`: each `h` must be SHA-256 of the `h` before it, as 64
/// hexadecimal characters, followed by the line's own bytes before `, "h":`. `start` is what the first line chains onto:
/// 64 zeros, or after lines of another program the SHA-256 of their bytes.
pub(crate) fn chain_problem(lines: &[String], start: &str) -> Option<String> {
    let mut previous = start.to_owned();
    for (index, line) in lines.iter().enumerate() {
        let problem = |what: &str| Some(format!("line {}: {what}: {line}", index + 1));
        let Some((body, tail)) = line.rsplit_once(", \"h\": \"") else { return problem("no hash at its end") };
        let Some(claimed) = tail.strip_suffix("\"}") else { return problem("something behind the hash") };
        if sha256_hex(format!("{previous}{body}").as_bytes()) != claimed {
            return problem("the hash is another");
        }
        previous = claimed.to_owned();
    }
    None
}

/// What a ledger without a history chains onto.
pub(crate) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256, as 64 lower-case hexadecimal characters.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
