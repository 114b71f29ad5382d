//! The protocol of [`crate::marks`] as a small state machine, and every interleaving of it.
//!
//! One file, a line is a byte long. Writers append one line each, or two: the second may be judged and written as soon as the
//! first is written, through the same handle, and is flushed behind it. One that asks writes nothing and answers from what
//! it has read; a reader looks once. Each step that other processes can come between is a step here. So many of them may be killed,
//! between any two steps, and so many flushes or write-backs fail; then what was dirty counts as clean and is not on the
//! medium, and whoever has the file open is told by its next flush. That, and that a flush covers what was dirty, is all that
//! is assumed of the kernel.
//!
//! [`Record::set`], [`Record::published`] and [`Record::covers`] are the real ones. Each of the protocol's parts is left out
//! once, as a control: then the same walk must find something wrong.

use std::collections::HashSet;

use crate::marks::{Mark, Record};

/// What is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    /// Bytes in doubt are not written again.
    WritingAgain,
    /// Setting the record forgets an earlier doubt.
    TheEarlierDoubt,
    /// Publishing clears the record though others have written behind.
    Upto,
    /// Publishing sets `from` back when a later writer was faster.
    TheLarger,
    /// Records are changed without the small lock.
    TheSmallLock,
    /// The record is set after the bytes were written.
    SettingFirst,
    /// The handle is opened when everything has been written.
    AnEarlyHandle,
    /// Who wrote nothing answers at once.
    WaitingForOthers,
    /// A reader looks at the record before it looks at the size.
    TheReadersOrder,
    /// It is answered before it is published.
    PublishingFirst,
    /// A process flushes its second line without looking whether the flush of its first has failed.
    LookingBack,
    /// It is published what was written when the flush had ended, not when it began.
    LookingBefore,
    /// It is published what was announced, though not all of it is written.
    WholeWrites,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Line {
    dirty: bool,
    on_medium: bool,
}

/// Where a process stands: what it does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Lock,
    Read,
    Open,
    Append(Early),
    /// The record was clear when it was read: it is set at once.
    SetClear,
    Small(Why),
    Change(Why),
    WriteAgain,
    Unlock,
    /// Before a flush: whether another has covered everything, and if not, how far this one will.
    Target,
    Flush,
    /// As it must not: now how far it was.
    LookLate,
    Answer,
    Wait,
    Done,
    /// It failed or was killed: nothing more comes of it.
    Gone,
}

/// Whether the append comes before the record, as it must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Early {
    No,
    Yes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Why {
    Set,
    Publish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Process {
    /// Whether it appends a line, or only answers from what it reads.
    appends: bool,
    /// It asked, and settles by itself what it read.
    settles: bool,
    at: At,
    /// How much it has read, then how much it has to make durable.
    end: usize,
    /// Where its own line ends, which is what it acknowledges.
    own: usize,
    /// What it writes again begins here.
    again: usize,
    /// It is the second line of the process whose first this is.
    behind: Option<usize>,
    /// The record was clear when it read it under the lock.
    clear: bool,
    /// The record as it read it to change it, where nobody keeps others from doing the same.
    read: Option<(bool, u64, u64)>,
    open: bool,
    told: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    lines: Vec<Line>,
    /// `None` is clear.
    record: Option<(u64, u64)>,
    lock: Option<usize>,
    small: Option<usize>,
    processes: Vec<Process>,
    /// How many lines had been acknowledged when the reader began, and what it has seen.
    reader: Reader,
    kills: u8,
    failures: u8,
    /// Everything before was acknowledged.
    acknowledged: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reader {
    Begins,
    HasSize { acknowledged: usize, size: usize },
    HasRecord { acknowledged: usize, record: Option<(u64, u64)> },
    Done,
}

const EPOCH: u64 = 1;

fn record(of: Option<(u64, u64)>) -> Record {
    let mark = of.map_or(Mark::Clear, |(from, upto)| Mark::Set { from, upto });
    Record { mark, epoch: EPOCH }
}

fn kept(record: Record) -> Option<(u64, u64)> {
    match record.mark {
        Mark::Set { from, upto } => Some((from, upto)),
        Mark::Clear | Mark::Unknown => None,
    }
}

impl World {
    /// So many of the writers write two lines.
    fn with_second(writers: usize, askers: usize, kills: u8, failures: u8, second: usize) -> Self {
        let process = |appends, behind| Process {
            appends,
            behind,
            own: 0,
            settles: false,
            at: At::Lock,
            end: 0,
            again: 0,
            clear: false,
            read: None,
            open: false,
            told: false,
        };
        let first = (0..writers + askers).map(|nth| process(nth < writers, None));
        let processes = first.chain((0..second).map(|nth| process(true, Some(nth)))).collect();
        Self {
            lines: vec![],
            record: None,
            lock: None,
            small: None,
            processes,
            reader: Reader::Begins,
            kills,
            failures,
            acknowledged: 0,
        }
    }

    /// What is wrong with this moment.
    fn wrong(&self) -> Option<String> {
        let durable = self.lines.iter().take_while(|line| line.on_medium).count();
        if durable < self.acknowledged {
            return Some("acknowledged and not durable".into());
        }
        let said = self.record.map_or(self.lines.len(), |(from, _)| usize::try_from(from).unwrap());
        (durable < said.min(self.lines.len())).then(|| "the record says durable, and it is not".into())
    }

    fn durable(&self, end: usize) -> bool {
        self.lines[..end].iter().all(|line| line.on_medium)
    }

    /// Whatever is dirty is written back, or fails to be.
    fn write_back(&mut self, works: bool) {
        for line in &mut self.lines {
            line.on_medium |= line.dirty && works;
            line.dirty = false;
        }
        if !works {
            self.failures -= 1;
            self.processes.iter_mut().filter(|process| process.open).for_each(|process| process.told = true);
        }
    }

    /// Every moment that can come next, or what went wrong on the way there.
    fn next(&self, without: Without) -> Result<Vec<Self>, String> {
        let mut next = Vec::new();
        for who in 0..self.processes.len() {
            self.step(who, without, &mut next)?;
            let process = self.processes[who];
            if self.kills > 0 && !matches!(process.at, At::Lock | At::Done | At::Gone) {
                let mut world = self.clone();
                world.kills -= 1;
                world.end_all_of(who, Without::Nothing);
                next.push(world);
            }
        }
        if self.failures > 0 && self.lines.iter().any(|line| line.dirty) {
            let mut world = self.clone();
            world.write_back(false);
            next.push(world);
        }
        self.look(without, &mut next)?;
        Ok(next)
    }

    fn end(&mut self, who: usize, at: At) {
        self.lock = self.lock.filter(|holder| *holder != who);
        self.small = self.small.filter(|holder| *holder != who);
        self.processes[who] = Process { at, open: false, told: false, read: None, ..self.processes[who] };
    }

    /// A process failed or was killed: nothing more comes of either of its lines.
    fn end_all_of(&mut self, who: usize, without: Without) {
        let first = self.processes[who].behind.unwrap_or(who);
        for at in 0..self.processes.len() {
            let goes_on = without == Without::LookingBack && at != who;
            if (at == first || self.processes[at].behind == Some(first))
                && self.processes[at].at != At::Done
                && !goes_on
            {
                self.end(at, At::Gone);
            }
        }
    }

    /// The second line of a process, if this is its first and it has one.
    fn second(&self, who: usize) -> Option<usize> {
        self.processes.iter().position(|process| process.behind == Some(who))
    }

    fn step(&self, who: usize, without: Without, next: &mut Vec<Self>) -> Result<(), String> {
        let mut world = self.clone();
        let second = self.second(who);
        let first = self.processes[who].behind.map(|first| self.processes[first].at);
        let process = &mut world.processes[who];
        let was = *process;
        match was.at {
            At::Done | At::Gone => return Ok(()),
            At::Lock if world.lock.is_some() => return Ok(()),
            // It is judged when the first is written.
            At::Lock
                if !matches!(
                    first,
                    None | Some(
                        At::Target
                            | At::Flush
                            | At::Small(Why::Publish)
                            | At::Change(Why::Publish)
                            | At::Answer
                            | At::Done
                    )
                ) =>
            {
                return Ok(());
            }
            At::Lock => {
                world.lock = Some(who);
                process.at = At::Read;
            }
            At::Read => {
                process.clear = world.record.is_none();
                process.end = world.lines.len();
                (process.again, process.own) = (process.end, process.end);
                let doubt = world.record.is_some_and(|(from, _)| (from as usize) < process.end);
                process.at = match (was.appends || was.settles, doubt) {
                    (true, _) if without == Without::AnEarlyHandle => At::Small(Why::Set),
                    (true, _) => At::Open,
                    (false, true) if without != Without::WaitingForOthers => At::Wait,
                    (false, _) => At::Answer,
                };
                if !was.appends && !was.settles {
                    world.lock = None;
                }
            }
            At::Open => {
                if was.behind.is_none() {
                    (process.open, process.told) = (true, false);
                    if let Some(second) = second {
                        // The same handle: what it is told of one, it is told of the other.
                        (world.processes[second].open, world.processes[second].told) = (true, false);
                    }
                }
                let process = &mut world.processes[who];
                let clear = was.clear && was.appends;
                process.at = if without == Without::AnEarlyHandle {
                    // Everything is written: what comes next is its flush.
                    At::Flush
                } else if without == Without::SettingFirst && was.appends {
                    At::Append(Early::Yes)
                } else if clear {
                    At::SetClear
                } else {
                    At::Small(Why::Set)
                };
            }
            At::SetClear => {
                world.record = kept(record(None).set(was.again as u64, was.again as u64 + 1));
                process.at = At::WriteAgain;
            }
            At::Append(early) => {
                world.lines.push(Line { dirty: true, on_medium: false });
                process.end = world.lines.len();
                process.own = process.end;
                process.at = if early == Early::Yes { At::Small(Why::Set) } else { At::Unlock };
            }
            At::Small(_) if without != Without::TheSmallLock && world.small.is_some() => return Ok(()),
            At::Small(why) => {
                if without != Without::TheSmallLock {
                    world.small = Some(who);
                }
                let (from, upto) = world.record.unwrap_or((0, 0));
                process.read = Some((world.record.is_some(), from, upto));
                process.at = At::Change(why);
            }
            At::Change(why) => {
                let before = was.read.and_then(|(set, from, upto)| set.then_some((from, upto)));
                let (begin, end) = match why {
                    Why::Set => (was.again as u64, was.again as u64 + u64::from(was.appends)),
                    Why::Publish => (0, was.end as u64),
                };
                let after = match (why, without) {
                    (Why::Set, Without::TheEarlierDoubt) => Some((begin, end)),
                    (Why::Set, _) => kept(record(before).set(begin, end)),
                    (Why::Publish, Without::Upto) => None,
                    (Why::Publish, Without::TheLarger) => {
                        before.and_then(|(_, upto)| (end < upto).then_some((end, upto)))
                    }
                    (Why::Publish, _) => kept(record(before).published(end, EPOCH)),
                };
                // What stays the same is not written.
                if after != before {
                    world.record = after;
                }
                world.small = world.small.filter(|holder| *holder != who);
                process.read = None;
                process.at = match why {
                    Why::Publish => At::Answer,
                    Why::Set => {
                        // What stands before is written again from here; not by a handle that was open before that.
                        if was.behind.is_none() {
                            process.again = before.map_or(was.again, |(from, _)| (from as usize).min(was.again));
                        }
                        At::WriteAgain
                    }
                };
            }
            At::WriteAgain => {
                if without != Without::WritingAgain {
                    let old = world.lines.len() - usize::from(without == Without::SettingFirst && was.appends);
                    world.lines[was.again.min(old)..old].iter_mut().for_each(|line| line.dirty = true);
                }
                process.at = match (was.appends, without) {
                    (true, Without::SettingFirst) | (false, _) => At::Unlock,
                    (true, _) => At::Append(Early::No),
                };
            }
            At::Unlock => {
                world.lock = None;
                process.at = if without == Without::AnEarlyHandle { At::Open } else { At::Target };
            }
            // Behind the first, and only when that is durable.
            At::Target if !matches!(first, None | Some(At::Answer | At::Done)) && without != Without::LookingBack => {
                return Ok(());
            }
            At::Target => {
                process.at = At::Flush;
                if was.appends && record(world.record).covers(was.own as u64, EPOCH) {
                    let mut served = world.clone();
                    served.processes[who].at = At::Answer;
                    next.push(served);
                }
                if let Some((_, upto)) = world.record
                    && was.appends
                    && (world.lines.len() >= upto as usize || without == Without::WholeWrites)
                {
                    // Or it does not look.
                    next.push(world.clone());
                    world.processes[who].end = was.end.max(upto as usize);
                }
            }
            At::Flush => {
                if world.failures > 0 {
                    let mut failed = world.clone();
                    failed.write_back(false);
                    // It is told once a handle.
                    for told in [was.behind, second].into_iter().flatten() {
                        failed.processes[told].told = false;
                    }
                    failed.end_all_of(who, without);
                    next.push(failed);
                }
                world.write_back(true);
                let process = &mut world.processes[who];
                if process.told {
                    for told in [was.behind, second].into_iter().flatten() {
                        world.processes[told].told = false;
                    }
                    world.end_all_of(who, without);
                } else {
                    process.at = At::Small(Why::Publish);
                    if without == Without::PublishingFirst {
                        world.acknowledged = world.acknowledged.max(was.own);
                    }
                    if without == Without::LookingBefore {
                        process.at = At::LookLate;
                    }
                }
            }
            At::LookLate => {
                process.end = world.lines.len();
                process.at = At::Small(Why::Publish);
            }
            At::Answer => {
                if !world.durable(was.own) {
                    return Err("answered from what is not durable".into());
                }
                world.acknowledged = world.acknowledged.max(was.own);
                world.end(who, At::Done);
            }
            At::Wait => {
                // It gives up waiting whenever it likes.
                let mut settling = world.clone();
                settling.processes[who] = Process { settles: true, at: At::Lock, ..was };
                next.push(settling);
                if !record(world.record).covers(was.end as u64, EPOCH) {
                    return Ok(());
                }
                world.processes[who].at = At::Answer;
            }
        }
        next.push(world);
        Ok(())
    }

    fn look(&self, without: Without, next: &mut Vec<Self>) -> Result<(), String> {
        let mut world = self.clone();
        let size = self.lines.len();
        let shows = |acknowledged: usize, size: usize, record: Option<(u64, u64)>| {
            let shown = record.map_or(size, |(from, _)| size.min(from as usize));
            if shown < acknowledged {
                return Err("a reader misses what was acknowledged".to_owned());
            }
            if !self.durable(shown) {
                return Err("a reader shows what is not durable".to_owned());
            }
            Ok(Reader::Done)
        };
        world.reader = match self.reader {
            Reader::Begins if without == Without::TheReadersOrder => {
                Reader::HasRecord { acknowledged: self.acknowledged, record: self.record }
            }
            Reader::Begins => Reader::HasSize { acknowledged: self.acknowledged, size },
            Reader::HasSize { acknowledged, size } => shows(acknowledged, size, self.record)?,
            Reader::HasRecord { acknowledged, record } => shows(acknowledged, size, record)?,
            Reader::Done => return Ok(()),
        };
        next.push(world);
        Ok(())
    }
}

/// Every moment that can be reached; how many there are, or what is wrong with one.
fn walk(from: World, without: Without) -> Result<usize, String> {
    let mut seen = HashSet::from([from.clone()]);
    let mut todo = vec![from];
    while let Some(world) = todo.pop() {
        let told = |why: String| format!("{why}: {world:?}");
        for next in world.next(without).map_err(told)? {
            if let Some(why) = next.wrong() {
                return Err(format!("{why}: {next:?} after {world:?}"));
            }
            if !seen.contains(&next) {
                seen.insert(next.clone());
                todo.push(next);
            }
        }
    }
    Ok(seen.len())
}

#[test]
fn every_interleaving_of_the_protocol_keeps_what_is_acknowledged_and_shows_nothing_else() {
    for (writers, askers, kills, failures, second) in [
        (2, 0, 1, 1, 0),
        (2, 1, 1, 0, 0),
        (2, 1, 0, 1, 0),
        (3, 0, 0, 1, 0),
        (3, 0, 1, 0, 0),
        (2, 0, 0, 1, 1),
        (2, 0, 1, 0, 1),
        (1, 1, 1, 1, 1),
    ] {
        let moments = walk(World::with_second(writers, askers, kills, failures, second), Without::Nothing);
        let moments = moments.unwrap_or_else(|why| panic!("{writers} writers, {askers} that ask, {second}: {why}"));
        assert!(moments > 1000, "{moments}");
        println!(
            "figure: the protocol with {writers} writers, {second} of them of two lines, {askers} that only ask and a reader, \
             {kills} kills and {failures} failed flushes: {moments} moments, nothing wrong with any"
        );
    }
}

/// The controls.
#[test]
fn the_walk_finds_what_is_wrong_without_any_one_part_of_the_protocol() {
    let parts = [
        (Without::WritingAgain, "durable"),
        (Without::TheEarlierDoubt, "durable"),
        (Without::Upto, "the record says durable, and it is not"),
        (Without::TheLarger, "misses"),
        (Without::TheSmallLock, ""),
        (Without::SettingFirst, "durable"),
        (Without::AnEarlyHandle, "durable"),
        (Without::WaitingForOthers, "answered from what is not durable"),
        (Without::TheReadersOrder, "a reader shows what is not durable"),
        (Without::PublishingFirst, "misses"),
        (Without::LookingBack, "durable"),
        (Without::LookingBefore, "durable"),
        (Without::WholeWrites, "durable"),
    ];
    for (without, complaint) in parts {
        let worlds = [(2, 0, 1, 1, 0), (1, 0, 0, 1, 1), (2, 1, 1, 1, 0), (3, 0, 0, 1, 0)];
        let found = worlds.into_iter().find_map(|(writers, askers, kills, failures, second)| {
            walk(World::with_second(writers, askers, kills, failures, second), without).err()
        });
        let found = found.unwrap_or_else(|| panic!("without {without:?} nothing was found"));
        assert!(found.contains(complaint), "without {without:?}: {found}");
    }
    println!(
        "figure: control: of {} parts of the protocol, leaving out any one is found by the same walk",
        parts.len()
    );
}
