//! Places in one of the ledger's files, for streams that go on line by line.

use cortexpilot_core::app::Reader;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::port::StoreError;
use cortexpilot_core::port::lines::{LedgerFile, LedgerLine, LineFilter, LinesFrom, LinesPage, LinesQuery};

/// How many lines are read at once.
pub(super) const READ_AT_ONCE: usize = 100;

/// How much of a line's hash its id carries, in hexadecimal digits.
const HASH_SHOWN: usize = 12;

/// A place behind a line, by its number and hash. Behind line 0, and behind a line of the original, there is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Behind {
    pub(super) seq: u64,
    pub(super) hash: Option<Sha256Digest>,
}

impl Behind {
    /// Before the first line.
    pub(super) const NOTHING: Self = Self { seq: 0, hash: None };

    pub(super) fn of(line: &LedgerLine) -> Self {
        Self { seq: line.number, hash: line.hash }
    }

    pub(super) fn id(&self) -> String {
        match self.hash {
            Some(hash) => format!("{}-{}", self.seq, &hash.to_string()[..HASH_SHOWN]),
            None => self.seq.to_string(),
        }
    }
}

/// The lines of one file.
pub(super) struct Lines {
    pub(super) reader: Reader,
    pub(super) file: LedgerFile,
}

/// What stands behind a place.
pub(super) struct Rest {
    pub(super) page: LinesPage,
    /// The place is not there any more: these are the first lines of another ledger.
    pub(super) replaced: bool,
    /// The place behind them.
    pub(super) next: Behind,
    /// There is more already.
    pub(super) more: bool,
}

impl Lines {
    async fn lines(&self, from: LinesFrom, limit: usize) -> Result<LinesPage, StoreError> {
        let query = LinesQuery { file: self.file, from, filter: LineFilter::default(), limit };
        self.reader.queue().lines(&query).await
    }

    /// The place behind the last line.
    async fn head(&self) -> Result<Behind, StoreError> {
        let last = self.lines(LinesFrom::Before(None), 1).await?;
        Ok(last.lines.first().map_or(Behind::NOTHING, Behind::of))
    }

    /// Where a stream begins, and whether that is where its caller wanted to go on: behind the last line, unless an id that is
    /// known was sent.
    pub(super) async fn begin(&self, last_event_id: Option<String>) -> Result<(Behind, bool), StoreError> {
        let Some(id) = last_event_id else { return Ok((self.head().await?, true)) };
        match self.place(&id).await? {
            Some(place) => Ok((place, true)),
            None => Ok((self.head().await?, false)),
        }
    }

    /// The place that this id names; `None` where it is no place of this ledger.
    async fn place(&self, id: &str) -> Result<Option<Behind>, StoreError> {
        let (seq, digits) = id.split_once('-').map_or((id, None), |(seq, digits)| (seq, Some(digits)));
        let plain = !seq.is_empty() && seq.bytes().all(|byte| byte.is_ascii_digit());
        let Some(seq) = seq.parse::<u64>().ok().filter(|_| plain) else { return Ok(None) };
        if seq == 0 {
            return Ok(digits.is_none().then_some(Behind::NOTHING));
        }
        let page = self.lines(LinesFrom::After(seq - 1), 1).await?;
        let Some(line) = page.lines.first().filter(|line| line.number == seq) else { return Ok(None) };
        let same = digits.is_none_or(|digits| line.hash.is_some_and(|hash| hash.to_string()[..HASH_SHOWN] == *digits));
        Ok(same.then(|| Behind::of(line)))
    }

    /// The lines behind a place, or from the first line on where the place is not there any more.
    pub(super) async fn behind(&self, after: Behind) -> Result<Rest, StoreError> {
        let (page, replaced) = self.page_behind(after).await?;
        let next = page.lines.last().map_or(if replaced { Behind::NOTHING } else { after }, Behind::of);
        let more = next.seq < page.total && !page.lines.is_empty();
        Ok(Rest { page, replaced, next, more })
    }

    async fn page_behind(&self, after: Behind) -> Result<(LinesPage, bool), StoreError> {
        let Some(before) = after.seq.checked_sub(1) else {
            return Ok((self.lines(LinesFrom::After(0), READ_AT_ONCE).await?, false));
        };
        // The line before is read once more: it shows that this is the ledger it was.
        let mut page = self.lines(LinesFrom::After(before), READ_AT_ONCE + 1).await?;
        if page.lines.first().is_some_and(|line| Behind::of(line) == after) {
            page.lines.remove(0);
            return Ok((page, false));
        }
        Ok((self.lines(LinesFrom::After(0), READ_AT_ONCE).await?, true))
    }
}
