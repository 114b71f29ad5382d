//! Room that is kept for the way back: on a disk that others have filled, items can still be cancelled and completed,
//! queueing be frozen, requests be rejected, tokens be revoked.
//!
//! `ledger.reserve` in the runtime root holds 1 MiB of real blocks and says nothing. Before a batch is judged, whoever
//! holds the ledger's lock looks how much room is left. While there is not room for a command that adds work *and* for the
//! reserve, that command is turned away before anything is written; the others go through, if need be by giving the
//! reserve up. When there is room again the reserve is made again. So a full disk is an answer with a code and not a failed
//! write: those stay what they are, the end of the process ([`crate::writer`]). Another program may still take the last
//! block between the look and the write.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cortexpilot_core::domain::command::{Command, Decide};
use cortexpilot_core::domain::run::{RunFacts, RunProblem};
use cortexpilot_core::port::StoreError;

use crate::disk::{self, Disk};

/// Its name in the runtime root.
pub(crate) const NAME: &str = "ledger.reserve";

/// What it holds, in bytes: some three thousand cancellations.
const SIZE: u64 = 1024 * 1024;

/// What one line of a command that adds work may take: the longest line, its directory entries and the block that it
/// begins.
const ADDS: u64 = 64 * 1024 + 8 * 1024;

/// What one line of any other command may take. Its longest text, a reason of 2,000 characters, takes six bytes a
/// character at worst.
const KEEPS: u64 = 16 * 1024;

/// With more than this beside the reserve nobody needs to look closer: the largest batch of the largest contracts.
const PLENTY: u64 = 512 * 1024 * 1024;

/// Where so much more than that is left, it is not looked again for a moment. Nobody writes that fast; a program that claims a
/// gigabyte at once can take it, and then a write fails as it would between the look and the write.
const MORE_THAN_PLENTY: u64 = 2 * PLENTY;

/// That moment. Tests say what is left from one command to the next.
const A_MOMENT: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_millis(100) };

/// The reserve of one runtime root, as one process sees it.
pub(crate) struct Reserve {
    root: PathBuf,
    path: PathBuf,
    disk: Disk,
    /// The last look found too little room: said once in the log, and once when it is over.
    short: bool,
    /// When more than plenty was left beside the reserve that is kept.
    looked: Option<Instant>,
}

/// How much may be written, told command by command.
struct Room {
    /// Beside the reserve.
    left: u64,
    /// By giving the reserve up.
    reserve: u64,
    /// Nothing needs to be counted.
    plenty: bool,
}

impl Reserve {
    pub(crate) fn new(root: &Path, disk: Disk) -> Self {
        Self { root: root.to_owned(), path: root.join(NAME), disk, short: false, looked: None }
    }

    /// Makes the reserve where it is missing and fits: the first turn of a process does.
    pub(crate) fn keep(&mut self) {
        self.look();
    }

    /// Which commands of a batch are turned away because there is too little room, and why; for the others room is made. The
    /// caller holds the ledger's lock and has not judged them.
    pub(crate) fn turn_away(&mut self, commands: &[&Command]) -> Vec<Option<StoreError>> {
        let mut room = self.look();
        let mut goes_on = 0;
        let mut turn_away = |command: &&Command| match room.take(command) {
            Ok(needs) => {
                goes_on += needs;
                None
            }
            Err(error) => Some(error),
        };
        let turned_away = commands.iter().map(&mut turn_away).collect();
        if goes_on > 0 && !room.plenty {
            self.make_way(goes_on);
        }
        turned_away
    }

    /// Looks how much room there is, and makes the reserve where it is missing and fits. The caller holds the ledger's lock.
    /// Where the file system does not tell, there is taken to be enough: a write that fails is still a write that fails.
    fn look(&mut self) -> Room {
        let plenty = Room { left: 0, reserve: 0, plenty: true };
        if self.looked.is_some_and(|looked| looked.elapsed() < A_MOMENT) {
            return plenty;
        }
        self.looked = None;
        let left = match self.disk.room(&self.root) {
            Ok(left) => left,
            Err(error) => {
                tracing::warn!(%error, "the room that is left cannot be told");
                return plenty;
            }
        };
        let room = if self.is_kept() {
            self.looked = (left >= MORE_THAN_PLENTY).then(Instant::now);
            Room { left, reserve: SIZE, plenty: left >= PLENTY }
        } else if left >= SIZE + ADDS {
            // Where it cannot be made nothing is lost by it yet: its room is there, and left alone.
            self.make();
            Room { left: left - SIZE, reserve: SIZE, plenty: left - SIZE >= PLENTY }
        } else {
            // What is there is all there is, and none of it is for new work.
            Room { left: 0, reserve: left, plenty: false }
        };
        self.tell(room.plenty || room.left >= ADDS, left);
        room
    }

    /// Gives the reserve up where what must be written needs it: what a writer that died has left, or a batch that adds no
    /// work. The caller holds the ledger's lock.
    pub(crate) fn make_way(&self, need: u64) {
        let short = self.disk.room(&self.root).is_ok_and(|left| left < need);
        if !short || !self.is_kept() {
            return;
        }
        match self.disk.unlink(&self.path) {
            Ok(()) => tracing::warn!("the disk is full: the reserve is given up for what must go on"),
            Err(error) => tracing::warn!(%error, "the reserve cannot be given up"),
        }
    }

    fn is_kept(&self) -> bool {
        disk::stat(&self.path).is_ok_and(|found| found.is_some_and(|stat| stat.size >= SIZE))
    }

    /// Neither synced nor missed after a crash: it holds nothing but room.
    fn make(&self) {
        let made = self.disk.create_empty(&self.path).and_then(|file| self.disk.claim_room(&file, SIZE));
        if let Err(error) = made {
            tracing::warn!(%error, "the reserve cannot be made");
            // Half of it would be room that nobody has.
            let _ = self.disk.unlink(&self.path);
        }
    }

    fn tell(&mut self, enough: bool, left: u64) {
        match (self.short, enough) {
            (false, false) => tracing::error!(
                left,
                "the file system of the runtime root is nearly full: nothing is queued, claimed or asked until there is room"
            ),
            (true, true) => tracing::warn!(left, "there is room again: queueing and claiming go on"),
            (false, true) | (true, false) => {}
        }
        self.short = !enough;
    }
}

impl Room {
    /// Takes what a command may need out of the room that is left, and gives it; commands of one batch take it in their
    /// order.
    ///
    /// # Errors
    /// [`StoreError::Full`]: there is not enough, and nothing of it may be written.
    fn take(&mut self, command: &Command) -> Result<u64, StoreError> {
        let (need, adds) = need(command);
        if self.plenty {
            return Ok(need);
        }
        if self.left >= need {
            self.left -= need;
            return Ok(need);
        }
        // The rest of what is beside the reserve is worth something too.
        let all = self.left + self.reserve;
        if !adds && all >= need {
            (self.left, self.reserve) = (0, all - need);
            return Ok(need);
        }
        Err(StoreError::Full(format!("{} bytes are left beside the reserve of {}", self.left, self.reserve)))
    }
}

/// What a command may need, and whether it adds work. The longest, not the likely: a look must not be wrong by one line.
fn need(command: &Command) -> (u64, bool) {
    let contract = |run: &Result<RunFacts, RunProblem>| {
        let bytes = run.as_ref().map_or(0, |run| run.contract.bytes().len() as u64);
        // In whole blocks of its own.
        bytes.next_multiple_of(4096)
    };
    match command {
        Command::Enqueue(command) => (ADDS + contract(&command.request.run), true),
        Command::Claim(_) => (ADDS, true),
        Command::Govern(command) => match &command.what {
            Decide::Approve { run, .. } => (ADDS + contract(run), true),
            // What asks people, stops something or sets a rule: nobody is to be kept from that by a full disk.
            Decide::Reject { .. }
            | Decide::Expire
            | Decide::Elicited { .. }
            | Decide::Freeze
            | Decide::Unfreeze
            | Decide::Pause
            | Decide::Resume
            | Decide::SetPolicy(_)
            | Decide::CreateToken { .. }
            | Decide::RotateToken { .. }
            | Decide::RevokeToken { .. } => (KEEPS, false),
        },
        Command::Cancel(_)
        | Command::Complete(_)
        | Command::Release(_)
        | Command::Lose(_)
        | Command::Expire(_)
        | Command::Stop(_)
        | Command::Revoke(_)
        | Command::Settle(_) => (KEEPS, false),
    }
}

/// What settling a file may need that a writer left behind: the torn line, set aside in a file of its own.
pub(crate) const SETTLING: u64 = ADDS;
