//! Running one command in the sandbox: its output into logs and events, its limits, its end.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Progress, Stage, Stop};
use crate::record::{Level, RecordProblem, RunRecord};
use crate::runner::{Line, Lines, RUNNER_EVENT, Reading};
use crate::sandbox::{Ended, Enforced, Helper, Policy, StartProblem, launch};

/// How long what is asked to end may take to do so.
const GRACE: Duration = Duration::from_secs(5);
/// How often limits are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// A log longer than this ends the command: nobody would read it, and the disk is not its own.
const LOG_BYTES_MAX: u64 = 256 << 20;
/// More events than this stay in the log alone.
const EVENTS_MAX: u64 = 100_000;

/// How long a command may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Altogether.
    pub hard: Duration,
    /// Without saying anything.
    pub idle: Duration,
}

/// Why a command was ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Stopped,
    TimedOut,
    Idle,
    TooMuchOutput,
}

/// A command that ran.
pub(super) struct Ran {
    pub(super) ended: Ended,
    pub(super) cut: Option<Cut>,
    pub(super) enforced: Enforced,
    pub(super) took: Duration,
}

pub(super) enum CommandProblem {
    Start(StartProblem),
    Record(RecordProblem),
}

/// Where a command's output goes.
pub(super) struct Sink<'a> {
    pub(super) record: &'a RunRecord,
    pub(super) stdout: File,
    pub(super) stderr: File,
    /// Events out of the standard output; none for acceptance commands.
    pub(super) reading: Option<&'a Mutex<Box<dyn Reading>>>,
}

/// Runs it to its end.
pub(super) fn run(
    helper: &Helper,
    policy: &Policy,
    bounds: Bounds,
    sink: Sink<'_>,
    (progress, stage, stop): (&dyn Progress, Stage, &Stop),
) -> Result<Ran, CommandProblem> {
    let started = Instant::now();
    let (mut launched, stdout, stderr) = launch(helper, policy).map_err(CommandProblem::Start)?;
    let Sink { record, stdout: out_log, stderr: err_log, reading } = sink;
    let watch = Watch { started, spoke_ms: AtomicU64::new(0), logged: AtomicU64::new(0), broke: Mutex::new(None) };
    let (ended, cut) = std::thread::scope(|scope| {
        scope.spawn(|| drain(stdout, out_log, &watch, record, reading, (progress, stage)));
        scope.spawn(|| drain(stderr, err_log, &watch, record, None, (progress, stage)));
        let (mut cut, mut told_at) = (None, None::<Instant>);
        loop {
            if let Some(ended) = launched.wait(LOOK) {
                return (ended, cut);
            }
            progress.at(stage, record.events());
            let now = started.elapsed();
            let silent = now.saturating_sub(Duration::from_millis(watch.spoke_ms.load(Ordering::Relaxed)));
            let why = if stop.is_asked() {
                Some(Cut::Stopped)
            } else if now > bounds.hard {
                Some(Cut::TimedOut)
            } else if silent > bounds.idle {
                Some(Cut::Idle)
            } else if watch.logged.load(Ordering::Relaxed) > LOG_BYTES_MAX {
                Some(Cut::TooMuchOutput)
            } else {
                None
            };
            if let Some(why) = why.or(cut) {
                let first = cut.is_none();
                cut.get_or_insert(why);
                if first {
                    told_at = Some(Instant::now());
                    launched.stop();
                }
                if stop.is_insisted() || told_at.is_some_and(|at| at.elapsed() > GRACE) {
                    launched.kill();
                }
            }
        }
    });
    if let Some(problem) = watch.broke.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        return Err(CommandProblem::Record(problem));
    }
    let mut enforced = launched.enforced.clone();
    enforced.cgroups.clear();
    Ok(Ran { ended, cut, enforced, took: started.elapsed() })
}

struct Watch {
    started: Instant,
    /// When something was said last, in milliseconds from the start.
    spoke_ms: AtomicU64,
    logged: AtomicU64,
    broke: Mutex<Option<RecordProblem>>,
}

/// Reads a stream to its end. The log gets every byte (up to its limit); events are told of lines. What cannot be recorded is
/// still read, so that the command does not hang on a full pipe.
fn drain(
    mut stream: impl Read,
    mut log: File,
    watch: &Watch,
    record: &RunRecord,
    reading: Option<&Mutex<Box<dyn Reading>>>,
    (progress, stage): (&dyn Progress, Stage),
) {
    let (mut lines, mut buffer) = (Lines::default(), vec![0; 64 << 10]);
    let tell = |line: Line<'_>| -> Result<(), RecordProblem> {
        let Some(reading) = reading else { return Ok(()) };
        let told = {
            let mut reading = reading.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match line {
                Line::Whole(line) if line.iter().all(u8::is_ascii_whitespace) => return Ok(()),
                Line::Whole(line) => reading.line(line),
                Line::TooLong(bytes) => crate::runner::Told {
                    level: Level::Warn,
                    context: json!({"kind": "too_long", "bytes": bytes, "log": "logs/runner.stdout.log"}),
                },
            }
        };
        let events = record.events();
        if events < EVENTS_MAX {
            record.event(told.level, RUNNER_EVENT, told.context)?;
        } else if events == EVENTS_MAX {
            let context = json!({"kind": "too_many", "log": "logs/runner.stdout.log"});
            record.event(Level::Warn, RUNNER_EVENT, context)?;
        }
        progress.at(stage, events + 1);
        Ok(())
    };
    let mut broke = None;
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let bytes = &buffer[..read];
        watch.spoke_ms.store(u64::try_from(watch.started.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        if watch.logged.fetch_add(read as u64, Ordering::Relaxed) <= LOG_BYTES_MAX
            && broke.is_none()
            && let Err(error) = log.write_all(bytes)
        {
            broke = Some(RecordProblem::Io { what: "the runner's log".into(), error });
        }
        lines.take(bytes, |line| {
            if broke.is_none() {
                broke = tell(line).err();
            }
        });
    }
    lines.end(|line| {
        if broke.is_none() {
            broke = tell(line).err();
        }
    });
    if let Some(problem) = broke {
        watch.broke.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(problem);
    }
}
