//! The ledger's signed log on the command line: its key, its checkpoints, receipts and evidence. Formats:
//! `docs/reference/receipts.md`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::text::escape;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::StoreError;
use cortexpilot_ledger::log::{
    AUDIT_KEY, AuditKeyError, Checkpoint, Kept, LogError, LogState, NoteVerifier, Proven, Receipt, SignedCheckpoint,
    StoredLog, Subject, Trust, checkpoint, continues_kept, each_line, export, init_audit_key, leaf_hash, prove,
    stored_logs, verify_bundle,
};
use serde::Serialize;

use super::super::Context;
use super::super::failure::Stopped;
use super::super::output::{Answer, count, json, pairs};
use super::{ALTERED, SOUND};
use crate::os::OsIds;

/// Longest line of a ledger that a receipt is looked up in, in bytes.
const LINE_MAX: usize = 64 * 1024 * 1024;

/// Longest receipt or kept checkpoints that are read, in bytes.
const SMALL_MAX: u64 = 16 * 1024 * 1024;

pub(super) fn stopped(context: &Context, error: &LogError) -> Stopped {
    let said = error.to_string();
    let step = |command: &[&str]| format!("{said}: {} makes one", context.commands.line(command));
    match error {
        LogError::NoKey => Stopped::Nothing(step(&["audit", "init-key"])),
        LogError::NoCheckpoint(_) | LogError::NotCovered { .. } => {
            Stopped::Nothing(format!("{said}. Make one first: {}", context.commands.line(&["audit", "checkpoint"])))
        }
        LogError::Unsound(_) => Stopped::store(StoreError::Unavailable(said), &OsIds),
        LogError::NoItem(_) => Stopped::code(ErrorCode::QueueItemNotFound, said, &OsIds),
        LogError::Key(AuditKeyError::Exists { .. }) => Stopped::Nothing(said),
        LogError::Key(AuditKeyError::Name(_)) => Stopped::Usage(said),
        LogError::Damaged { file, damage } => {
            let corrupt = StoreError::Corrupt { file: (*file).to_owned(), line: damage.line };
            Stopped::store(corrupt, &OsIds).because(said)
        }
        LogError::Key(_)
        | LogError::OtherKey { .. }
        | LogError::Lock(_)
        | LogError::Io { .. }
        | LogError::Stored(_)
        | LogError::Checkpoint(_)
        | LogError::Proof(_)
        | LogError::Receipt(_)
        | LogError::Bundle(_) => Stopped::store(StoreError::Unavailable(said), &OsIds),
    }
}

#[derive(Serialize)]
struct KeyAnswer {
    name: String,
    path: String,
    keys: Vec<String>,
}

pub(super) fn init_key(context: &Context, root: &Path, name: Option<&str>) -> Result<Answer, Stopped> {
    let key = init_audit_key(root, name, &OsIds).map_err(|error| stopped(context, &error.into()))?;
    let keys = ["queue.jsonl", "decisions.jsonl"].map(|file| key.signer(file, None).verifier().to_string());
    let answer =
        KeyAnswer { name: key.name().to_owned(), path: root.join(AUDIT_KEY).display().to_string(), keys: keys.into() };
    if context.view.is_json() {
        return Ok(Answer::ok(json(&answer)));
    }
    let lines: String = answer.keys.iter().map(|key| format!("  {key}\n")).collect();
    Ok(Answer::ok(format!(
        "Made {}. It is never made again, and never replaced.\n\nIts public half, for each file. Keep these lines where \
         this machine cannot change them:\n{lines}\nNext\n  {}\n",
        escape(&answer.path),
        context.commands.line(&["audit", "checkpoint"]),
    )))
}

#[derive(Serialize)]
pub(super) struct CheckpointAnswer {
    origin: String,
    size: u64,
    root: String,
    key: String,
}

impl CheckpointAnswer {
    pub(super) fn of(stored: &StoredLog) -> Self {
        let Checkpoint { origin, size, root } = stored.checkpoint.checkpoint();
        Self { origin: origin.clone(), size: *size, root: root.to_string(), key: stored.key.to_string() }
    }
}

#[derive(Serialize)]
struct SignedAnswer {
    file: &'static str,
    before: Option<u64>,
    checkpoint: CheckpointAnswer,
    text: String,
}

pub(super) fn sign(context: &Context, root: &Path, to: Option<&Path>) -> Result<Answer, Stopped> {
    let target = to.map(|to| Target::at(context, to)).transpose()?;
    let states = checkpoint(root).map_err(|error| stopped(context, &error))?;
    let text: String = states.iter().map(|state| state.stored.checkpoint.to_string()).collect();
    if let Some(target) = target {
        target.write(|out| out.write_all(text.as_bytes()))?;
    }
    if context.view.is_json() {
        let answers: Vec<_> = states.iter().map(signed).collect();
        return Ok(Answer::ok(json(&answers)));
    }
    // As it is, so that standard output can be kept as a file that `--since` takes.
    Ok(Answer::ok(text))
}

fn signed(state: &LogState) -> SignedAnswer {
    SignedAnswer {
        file: state.file,
        before: state.before,
        checkpoint: CheckpointAnswer::of(&state.stored),
        text: state.stored.checkpoint.to_string(),
    }
}

pub(super) fn receipt(
    context: &Context,
    root: &Path,
    subject: Subject<'_>,
    to: Option<&Path>,
) -> Result<Answer, Stopped> {
    let target = to.map(|to| Target::at(context, to)).transpose()?;
    let Proven { file, receipt, .. } = prove(root, subject).map_err(|error| stopped(context, &error))?;
    let text = format!("{}\n", receipt.to_json());
    let Some(target) = target else { return Ok(Answer::ok(text)) };
    target.write(|out| out.write_all(text.as_bytes()))?;
    if context.view.is_json() {
        return Ok(Answer::ok(text));
    }
    let said = format!(
        "Line {} of {file} (the first is 0) is under its last checkpoint. Receipt: {}\n",
        receipt.index,
        target.shown()
    );
    Ok(Answer::ok(said))
}

#[derive(Serialize)]
struct ExportAnswer {
    file: String,
    sections: Vec<CheckpointAnswer>,
}

pub(super) fn evidence(context: &Context, root: &Path, to: &Path) -> Result<Answer, Stopped> {
    let target = Target::at(context, to)?;
    // Before anything is written: where nothing was signed, nothing is touched.
    let logs = stored_logs(root).map_err(|error| stopped(context, &error))?;
    if let Some((file, _)) = logs.iter().find(|(_, stored)| stored.is_none()) {
        return Err(stopped(context, &LogError::NoCheckpoint(file)));
    }
    let mut states = Vec::new();
    let mut problem = None;
    target
        .write(|out| match export(root, &mut *out) {
            Ok((_, found)) => {
                states = found;
                Ok(())
            }
            Err(error) => {
                problem = Some(error);
                Err(io::Error::other("nothing was exported"))
            }
        })
        .map_err(|error| problem.as_ref().map_or(error, |problem| stopped(context, problem)))?;
    let sections: Vec<_> = states.iter().map(|state| CheckpointAnswer::of(&state.stored)).collect();
    let answer = ExportAnswer { file: target.path.display().to_string(), sections };
    if context.view.is_json() {
        return Ok(Answer::ok(json(&answer)));
    }
    let mut text = format!("Evidence in {}\n", target.shown());
    for section in &answer.sections {
        text.push_str(&format!("  {}: {}\n", escape(&section.origin), lines(section.size)));
    }
    text.push_str(&format!(
        "\nAnybody verifies it, without this machine:\n  {} FILE --key KEY\n",
        context.commands.line(&["audit", "verify", "--bundle"])
    ));
    Ok(Answer::ok(text))
}

/// A file that a caller named and that must not be there yet.
pub(in crate::cli) struct Target {
    path: PathBuf,
}

impl Target {
    pub(in crate::cli) fn at(context: &Context, to: &Path) -> Result<Self, Stopped> {
        let path = context.environment.cwd.join(to);
        if path.symlink_metadata().is_ok() {
            return Err(Stopped::Usage(format!("{} is there already; nothing is overwritten", path.display())));
        }
        Ok(Self { path })
    }

    /// Whether there is a directory that the file could be in.
    pub(in crate::cli) fn has_a_directory(&self) -> bool {
        self.path.parent().is_some_and(Path::is_dir)
    }

    pub(in crate::cli) fn shown(&self) -> String {
        escape(&self.path.display().to_string())
    }

    /// Whole or not at all, and on stable storage.
    pub(in crate::cli) fn write(
        &self,
        fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), Stopped> {
        let mut part = self.path.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let written = (|| {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
            let mut out = BufWriter::new(file);
            let filled = fill(&mut out).and_then(|()| out.flush()).and_then(|()| out.get_ref().sync_all());
            // Not a rename: what somebody else put there meanwhile stays.
            let linked = filled.and_then(|()| std::fs::hard_link(&part, &self.path));
            let removed = std::fs::remove_file(&part);
            linked.and(removed)
        })();
        written.map_err(|error: io::Error| Stopped::Fault(anyhow::anyhow!("{}: {error}", self.path.display())))
    }
}

/// The keys of a command line, as texts.
pub(super) fn keys(texts: &[String]) -> Result<Vec<NoteVerifier>, Stopped> {
    let parse = |text: &String| {
        NoteVerifier::parse(text).map_err(|error| Stopped::Usage(format!("the key {} {error}", escape(text))))
    };
    texts.iter().map(parse).collect()
}

/// What holds the stored checkpoints against more than the files themselves say.
pub(super) struct Beyond {
    /// The last checkpoint of each file.
    pub(super) stored: Vec<(&'static str, Option<StoredLog>)>,
    pub(super) kept: Option<Vec<Kept>>,
    /// Stored checkpoints that none of the given keys signed.
    pub(super) strangers: Vec<String>,
}

impl Beyond {
    pub(super) fn look(
        context: &Context,
        root: &Path,
        since: Option<&Path>,
        keys: &[NoteVerifier],
    ) -> Result<Self, Stopped> {
        // One that does not verify is damage, and told with its file.
        let stored = stored_logs(root).unwrap_or_default();
        let known = |log: &StoredLog| keys.is_empty() || keys.iter().any(|key| vouches(key, &log.key));
        let strangers = stored.iter().filter_map(|(_, log)| log.as_ref()).filter(|log| !known(log));
        let strangers = strangers.map(|log| log.key.to_string()).collect();
        let kept = since.map(|since| {
            let bytes = read_small(context, since)?;
            continues_kept(root, &bytes, keys).map_err(|error| {
                if let LogError::Checkpoint(error) = &error {
                    return Stopped::Usage(format!("{}: {error}", since.display()));
                }
                stopped(context, &error)
            })
        });
        Ok(Self { kept: kept.transpose()?, stored, strangers })
    }

    pub(super) fn is_sound(&self) -> bool {
        self.strangers.is_empty() && self.kept.iter().flatten().all(|kept| kept.problem.is_none())
    }

    pub(super) fn of(&self, file: &str) -> Option<&StoredLog> {
        self.stored.iter().find(|(name, _)| *name == file).and_then(|(_, stored)| stored.as_ref())
    }

    pub(super) fn kept_answers(&self) -> Option<Vec<KeptAnswer<'_>>> {
        self.kept.as_ref().map(|kept| kept.iter().map(KeptAnswer::of).collect())
    }

    pub(super) fn human(&self) -> String {
        let mut text = String::new();
        for stranger in &self.strangers {
            text.push_str(&format!("\nThe last checkpoint is signed by another key: {}\n", escape(stranger)));
        }
        for kept in self.kept.iter().flatten() {
            let Checkpoint { origin, size, .. } = &kept.checkpoint;
            let found = kept.problem.as_deref().unwrap_or("continued");
            let size = lines(*size);
            text.push_str(&format!("\nKept checkpoint of {}, {size}: {}\n", escape(origin), escape(found)));
        }
        text
    }
}

pub(super) fn lines(size: u64) -> String {
    count(usize::try_from(size).unwrap_or(usize::MAX), "line", "lines")
}

fn vouches(known: &NoteVerifier, key: &NoteVerifier) -> bool {
    known == key || known.vouching_for(key.name()).as_ref() == Some(key)
}

#[derive(Serialize)]
pub(super) struct KeptAnswer<'a> {
    origin: &'a str,
    size: u64,
    continued: bool,
    problem: Option<&'a str>,
}

impl<'a> KeptAnswer<'a> {
    fn of(kept: &'a Kept) -> Self {
        Self {
            origin: &kept.checkpoint.origin,
            size: kept.checkpoint.size,
            continued: kept.problem.is_none(),
            problem: kept.problem.as_deref(),
        }
    }
}

fn open(context: &Context, path: &Path) -> Result<File, Stopped> {
    let path = context.environment.cwd.join(path);
    File::open(&path).map_err(|error| Stopped::Usage(format!("{}: {error}", path.display())))
}

fn read_small(context: &Context, path: &Path) -> Result<Vec<u8>, Stopped> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let read = open(context, path)?.take(SMALL_MAX).read_to_end(&mut bytes);
    read.map_err(|error| Stopped::Usage(format!("{}: {error}", path.display())))?;
    Ok(bytes)
}

#[derive(Serialize)]
struct OfflineAnswer {
    verdict: &'static str,
    problem: Option<String>,
    /// Whether the signatures were held against a key that was given; otherwise it only fits together.
    key_given: bool,
    sections: Vec<SectionAnswer>,
}

#[derive(Serialize)]
struct SectionAnswer {
    origin: String,
    size: u64,
    root: String,
    key: String,
    lines: u64,
    all: bool,
}

/// Verifies a bundle with nothing but itself and, where given, the keys.
pub(super) fn verify_evidence(context: &Context, bundle: &Path, keys: &[NoteVerifier]) -> Result<Answer, Stopped> {
    let reader = BufReader::new(open(context, bundle)?);
    let trust = if keys.is_empty() { Trust::Bundle } else { Trust::Keys(keys) };
    let (sections, problem) = match verify_bundle(reader, trust, |_, _| ()) {
        Ok(report) => (report.sections, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let section = |report: cortexpilot_ledger::log::SectionReport| SectionAnswer {
        origin: report.checkpoint.origin,
        size: report.checkpoint.size,
        root: report.checkpoint.root.to_string(),
        key: report.key.to_string(),
        lines: report.lines,
        all: report.all,
    };
    let sections = sections.into_iter().map(section).collect();
    Ok(offline(context, "Bundle", problem, !keys.is_empty(), sections))
}

/// Verifies a receipt: the signature, that its line is under the checkpoint and, with a copy of the file, the line.
pub(super) fn verify_receipt(
    context: &Context,
    receipt: &Path,
    ledger: Option<&Path>,
    keys: &[NoteVerifier],
) -> Result<Answer, Stopped> {
    let bytes = read_small(context, receipt)?;
    let checked = Receipt::parse(&bytes).map_err(|error| error.to_string()).and_then(|receipt| {
        let origin = receipt.checkpoint.lines().next().unwrap_or_default().to_owned();
        let key = keys
            .iter()
            .find_map(|key| if key.name() == origin { Some(key.clone()) } else { key.vouching_for(&origin) });
        let key = key.ok_or_else(|| format!("is of the log {origin}, which the given keys do not sign"))?;
        let signed = receipt.verify_leaf(&key).map_err(|error| error.to_string())?;
        Ok((receipt, key, signed))
    });
    let (problem, sections) = match checked {
        Err(problem) => (Some(problem), Vec::new()),
        Ok((receipt, key, signed)) => {
            let problem = match ledger {
                Some(ledger) => other_line(context, ledger, &receipt)?,
                None => None,
            };
            (problem, vec![section_of(&key, &signed)])
        }
    };
    Ok(offline(context, "Receipt", problem, true, sections))
}

fn section_of(key: &NoteVerifier, signed: &SignedCheckpoint) -> SectionAnswer {
    let Checkpoint { origin, size, root } = signed.checkpoint().clone();
    SectionAnswer { origin, size, root: root.to_string(), key: key.to_string(), lines: 1, all: false }
}

/// Why a copy of the ledger has not the receipt's line, if so.
fn other_line(context: &Context, ledger: &Path, receipt: &Receipt) -> Result<Option<String>, Stopped> {
    let mut index = 0;
    let mut leaf = None;
    let read = each_line(BufReader::new(open(context, ledger)?), LINE_MAX, |line| {
        if index == receipt.index {
            leaf = Some(leaf_hash(line));
        }
        index += 1;
    });
    read.map_err(|error| Stopped::Usage(format!("{}: {error}", ledger.display())))?;
    let at = receipt.index;
    Ok(match leaf {
        None => Some(format!("is of line {at} (the first is 0), and the file has {index} lines")),
        Some(leaf) if leaf != receipt.leaf => Some(format!("is of another line {at} than the file has")),
        Some(_) => None,
    })
}

fn offline(
    context: &Context,
    what: &str,
    problem: Option<String>,
    key_given: bool,
    sections: Vec<SectionAnswer>,
) -> Answer {
    let (verdict, exit) = if problem.is_some() { ("altered", ALTERED) } else { ("sound", SOUND) };
    let answer = OfflineAnswer { verdict, problem, key_given, sections };
    if context.view.is_json() {
        return Answer { text: json(&answer), exit };
    }
    let mut text = format!("{what}: {verdict}\n");
    if let Some(problem) = &answer.problem {
        text.push_str(&format!("  {}\n", escape(problem)));
    } else {
        for section in &answer.sections {
            let shown = if section.all { "all".to_owned() } else { section.lines.to_string() };
            let rows = [
                ("log", section.origin.clone()),
                ("lines", format!("{shown} of {}", section.size)),
                ("root", section.root.clone()),
                ("signed by", section.key.clone()),
            ];
            text.push_str(&format!("\n{}", pairs(rows)));
        }
        if !key_given {
            text.push_str(
                "\nIt fits together. Whose it is shows only --key KEY, with the key that you noted elsewhere.\n",
            );
        }
    }
    Answer { text, exit }
}
