//! Signed text, C2SP `signed-note`: a text, an empty line, and one line for each signature. The form of the Go checksum
//! database; witnesses and monitors of other logs read it.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::hash::{decode64, encode64};

/// Longest note that is read, in bytes, and most signatures in one. The specification asks for room for sixteen of 5 kB.
const NOTE_MAX: usize = 256 * 1024;
const SIGNATURES_MAX: usize = 64;

/// Signature type `0x01`: Ed25519 over the text.
const ED25519: u8 = 1;

const SIGNATURE_LINE: &str = "\u{2014} ";
const PRIVATE: &str = "PRIVATE+KEY+";

/// A note as it was parsed: nobody has vouched for its text yet. [`verify`](Self::verify) does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One signature line. Those of keys that are not known are carried along as they are: cosignatures of witnesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Name of the key.
    pub name: String,
    /// The key's id: the beginning of a hash of its name, type and public half.
    pub id: u32,
    /// What the key's algorithm made. 64 bytes for Ed25519.
    pub bytes: Vec<u8>,
}

/// Why a note says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not a note.
    #[error("is not a signed note: {0}")]
    Form(&'static str),
    /// None of its signatures is by a key that is trusted here.
    #[error("is not signed by {0}")]
    Unsigned(String),
    /// A signature under the trusted key's name and id is not by that key: the text or the signature was changed.
    #[error("carries a signature of {0} that does not verify")]
    Forged(String),
}

impl Note {
    /// Begins a note with nobody's signature.
    ///
    /// # Errors
    /// [`NoteError::Form`] unless the text ends with a newline and has no other control character.
    pub fn new(text: impl Into<String>) -> Result<Self, NoteError> {
        let text = text.into();
        check_text(&text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::Form("its text does not end with a newline"));
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Parses a note. Strict: what was parsed prints byte for byte as it was.
    ///
    /// # Errors
    /// [`NoteError::Form`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_MAX {
            return Err(NoteError::Form("it is longer than 256 KiB"));
        }
        let note = str::from_utf8(bytes).map_err(|_| NoteError::Form("it is not UTF-8"))?;
        check_text(note)?;
        let at = note.rfind("\n\n").ok_or(NoteError::Form("there is no empty line before its signatures"))?;
        let (text, signatures) = (&note[..=at], &note[at + 2..]);
        let lines = signatures.strip_suffix('\n').ok_or(NoteError::Form("it does not end with a signature line"))?;
        let signatures = lines.split('\n').map(Signature::parse).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(NoteError::Form("it has more than 64 signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, with its last newline. Ignore it until the note is verified.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its signatures, in order.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Signs it as well.
    pub fn sign(&mut self, signer: &NoteSigner) {
        let bytes = signer.key.sign(self.text.as_bytes()).to_bytes().to_vec();
        self.signatures.push(Signature { name: signer.name.clone(), id: signer.id, bytes });
    }

    /// Adds a signature that somebody else made, such as a witness's.
    pub fn cosign(&mut self, signature: Signature) {
        if !self.signatures.contains(&signature) {
            self.signatures.push(signature);
        }
    }

    /// Whether this key signed this text. Signatures of other keys are ignored.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`], [`NoteError::Forged`].
    pub fn verify(&self, key: &NoteVerifier) -> Result<(), NoteError> {
        let of_key = |signature: &&Signature| signature.name == key.name && signature.id == key.id;
        let mut signed = false;
        for signature in self.signatures.iter().filter(of_key) {
            let good = ed25519_dalek::Signature::from_slice(&signature.bytes)
                .and_then(|signature| key.key.verify_strict(self.text.as_bytes(), &signature));
            good.map_err(|_| NoteError::Forged(key.name.clone()))?;
            signed = true;
        }
        if signed { Ok(()) } else { Err(NoteError::Unsigned(key.name.clone())) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl Signature {
    /// Parses one line, without its newline.
    ///
    /// # Errors
    /// [`NoteError::Form`].
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let form = NoteError::Form("a signature line is not a dash, a name and base64");
        let Some((name, signature)) = line.strip_prefix(SIGNATURE_LINE).and_then(|line| line.split_once(' ')) else {
            return Err(form);
        };
        let bytes = decode64(signature).ok_or(form.clone())?;
        match bytes.split_first_chunk() {
            Some((id, bytes)) if is_name(name) && !bytes.is_empty() => {
                Ok(Self { name: name.to_owned(), id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
            }
            Some(_) | None => Err(form),
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.to_be_bytes()[..], &self.bytes].concat();
        write!(f, "{SIGNATURE_LINE}{} {}", self.name, encode64(&bytes))
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::Form("it has a control character"));
    }
    Ok(())
}

/// Not empty, no space of any kind, no plus: those are what names stand between.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_id(name: &str, public: &[u8; 32]) -> u32 {
    let hash = Sha256::new_with_prefix(name).chain_update([b'\n', ED25519]).chain_update(public).finalize();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// It has another form.
    #[error("is not a key of the form NAME+ID+BASE64")]
    Form,
    /// The name is empty, or has a space or a plus.
    #[error("has a name that is empty or has a space or a plus in it")]
    Name,
    /// It is for another signature scheme than Ed25519.
    #[error("is not an Ed25519 key")]
    Algorithm,
    /// The id is not that of the name and the key: a typing error, or two keys mixed up.
    #[error("has an id that does not belong to it")]
    Id,
}

/// The name of a log taken apart: the installation's, the file's, and what a repair put behind it.
pub(crate) fn parts_of_origin(origin: &str) -> Option<(&str, &str, &str)> {
    ["queue.jsonl", "decisions.jsonl"].into_iter().find_map(|file| {
        let at = origin.rfind(&format!("/{file}"))?;
        let after = &origin[at + 1 + file.len()..];
        let repaired = after.strip_prefix("/after-").is_some_and(|digits| digits.len() == 12);
        (after.is_empty() || repaired).then(|| (&origin[..at], &origin[at + 1..at + 1 + file.len()], after))
    })
}

/// The public half of a key under a name: who can be verified with it. Printed and parsed as `NAME+ID+BASE64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl NoteVerifier {
    /// Parses `NAME+ID+BASE64`.
    ///
    /// # Errors
    /// [`KeyTextError`].
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let (name, id, key) = parse_key(text)?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| KeyTextError::Algorithm)?;
        if key.is_weak() {
            return Err(KeyTextError::Algorithm);
        }
        let verifier = Self { id: key_id(name, key.as_bytes()), name: name.to_owned(), key };
        if verifier.id == id { Ok(verifier) } else { Err(KeyTextError::Id) }
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same key under the name of another log of the same installation; `None` for a name of another one. A key that
    /// was noted for one file is good for both, and also after a repair.
    pub fn vouching_for(&self, origin: &str) -> Option<Self> {
        let (mine, theirs) = (parts_of_origin(&self.name)?, parts_of_origin(origin)?);
        let verifier = || Self { name: origin.to_owned(), id: key_id(origin, self.key.as_bytes()), key: self.key };
        (mine.0 == theirs.0).then(verifier)
    }

    /// The 32 bytes of RFC 8032.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.to_bytes()
    }
}

impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519][..], self.key.as_bytes()].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id, encode64(&key))
    }
}

/// A key that signs under a name. `Debug` does not show it, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct NoteSigner {
    name: String,
    id: u32,
    key: SigningKey,
}

impl NoteSigner {
    /// Makes a key of 32 random bytes.
    ///
    /// # Errors
    /// [`KeyTextError::Name`].
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, KeyTextError> {
        if !is_name(name) {
            return Err(KeyTextError::Name);
        }
        let key = SigningKey::from_bytes(seed);
        Ok(Self { name: name.to_owned(), id: key_id(name, key.verifying_key().as_bytes()), key })
    }

    /// Parses `PRIVATE+KEY+NAME+ID+BASE64`.
    ///
    /// # Errors
    /// [`KeyTextError`].
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let (name, id, seed) = parse_key(text.strip_prefix(PRIVATE).ok_or(KeyTextError::Form)?)?;
        let signer = Self::new(name, &seed)?;
        if signer.id == id { Ok(signer) } else { Err(KeyTextError::Id) }
    }

    /// The secret: `PRIVATE+KEY+NAME+ID+BASE64`. For the key's file alone.
    pub fn to_secret(&self) -> String {
        let seed = [&[ED25519][..], self.key.as_bytes()].concat();
        format!("{PRIVATE}{}+{:08x}+{}", self.name, self.id, encode64(&seed))
    }

    /// The same key under another name: another signer, with another id.
    ///
    /// # Errors
    /// [`KeyTextError::Name`].
    pub fn named(&self, name: &str) -> Result<Self, KeyTextError> {
        Self::new(name, self.key.as_bytes())
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public half.
    pub fn verifier(&self) -> NoteVerifier {
        NoteVerifier { name: self.name.clone(), id: self.id, key: self.key.verifying_key() }
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({})", self.verifier())
    }
}

fn parse_key(text: &str) -> Result<(&str, u32, [u8; 32]), KeyTextError> {
    // Base64 has a plus too, so the key is all that stands behind the second one.
    let (name, rest) = text.split_once('+').ok_or(KeyTextError::Form)?;
    let (id, key) = rest.split_once('+').ok_or(KeyTextError::Form)?;
    if !is_name(name) {
        return Err(KeyTextError::Name);
    }
    let number = u32::from_str_radix(id, 16).map_err(|_| KeyTextError::Form)?;
    if format!("{number:08x}") != id {
        return Err(KeyTextError::Form);
    }
    match decode64(key).ok_or(KeyTextError::Form)?.split_first() {
        Some((&ED25519, key)) => Ok((name, number, key.try_into().map_err(|_| KeyTextError::Form)?)),
        Some(_) => Err(KeyTextError::Algorithm),
        None => Err(KeyTextError::Form),
    }
}
