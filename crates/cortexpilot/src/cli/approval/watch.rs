//! `approval watch`: a line when a request is made or decided.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use cortexpilot_core::app::Reader;
use cortexpilot_core::domain::approval::{ApprovalId, ApprovalRequest, ApprovalStatus};
use cortexpilot_core::domain::governance::ApprovalFilter;
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::port::StoreError;
use cortexpilot_server::wire::ApprovalRowView;
use jiff::Timestamp;
use serde::Serialize;

use super::Watch;
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{self, Answer, View};
use crate::cli::session;
use crate::cli::words::moment;
use crate::os::OsIds;
use crate::serve;

/// How often the store is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What happened to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happened {
    /// It was open when watching began.
    Open,
    /// It was made.
    Asked,
    /// Somebody else asked for the same.
    Joined,
    /// One of several people said yes.
    Agreed,
    Approved,
    Rejected,
    Expired,
}

impl Happened {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Asked => "requested",
            Self::Joined => "joined",
            Self::Agreed => "agreed",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    fn ended(status: ApprovalStatus) -> Option<Self> {
        match status {
            ApprovalStatus::Pending => None,
            ApprovalStatus::Approved => Some(Self::Approved),
            ApprovalStatus::Rejected => Some(Self::Rejected),
            ApprovalStatus::Expired => Some(Self::Expired),
        }
    }
}

/// How an open request stood when it was looked at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    joined: usize,
    approvals: usize,
}

impl Seen {
    fn of(request: &ApprovalRequest) -> Self {
        Self { joined: request.joined.len(), approvals: request.approvals.len() }
    }
}

/// What was seen so far: the last position, and the requests that are still open.
#[derive(Debug, Default)]
struct Watcher {
    after: Option<u64>,
    open: BTreeMap<ApprovalId, Seen>,
}

impl Watcher {
    /// What has happened since the last look, in the order of asking.
    async fn look(&mut self, reader: &Reader, first: bool) -> Result<Vec<(Happened, ApprovalRequest)>, StoreError> {
        let mut happened = Vec::new();
        let known: Vec<ApprovalId> = self.open.keys().cloned().collect();
        for id in known {
            if let Some(request) = reader.approval(&id).await? {
                happened.extend(self.changes(&request, reader.now()).map(|what| (what, request)));
            }
        }
        let listing = reader.approvals(&ApprovalFilter { after: self.after, ..ApprovalFilter::default() }).await?;
        for (position, request) in listing.requests {
            self.after = Some(position);
            let ended = Happened::ended(request.status(reader.now()));
            if ended.is_none() {
                self.open.insert(request.asked.id.clone(), Seen::of(&request));
            }
            match (first, ended) {
                (true, None) => happened.push((Happened::Open, request)),
                (true, Some(_)) => {}
                (false, None) => happened.push((Happened::Asked, request)),
                (false, Some(ended)) => {
                    happened.push((Happened::Asked, request.clone()));
                    happened.push((ended, request));
                }
            }
        }
        Ok(happened)
    }

    fn changes(&mut self, request: &ApprovalRequest, now: Timestamp) -> Option<Happened> {
        let id = &request.asked.id;
        if let Some(ended) = Happened::ended(request.status(now)) {
            self.open.remove(id);
            return Some(ended);
        }
        let (now, before) = (Seen::of(request), self.open.get(id).copied()?);
        self.open.insert(id.clone(), now);
        match (now.approvals > before.approvals, now.joined > before.joined) {
            (true, _) => Some(Happened::Agreed),
            (false, true) => Some(Happened::Joined),
            (false, false) => None,
        }
    }
}

impl Watch {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let reader = session::reader(&context.settings)?;
        let stop = serve::stop_signal()?;
        let mut watcher = Watcher::default();
        let before = watcher.look(&reader, true).await.map_err(|error| Stopped::store(error, &OsIds))?;
        if !context.view.is_json() {
            let root = escape(&context.settings.runtime_root.display().to_string());
            output::complain(&format!("Watching requests in {root}. Ctrl-C ends it.\n"));
        }
        if !tell(context, &before, reader.now())? {
            return Ok(Answer::ok(String::new()));
        }
        tokio::select! {
            () = stop => Ok(Answer::ok(String::new())),
            ended = follow(context, &reader, watcher) => ended,
        }
    }
}

/// Until whoever reads has seen enough.
async fn follow(context: &Context, reader: &Reader, mut watcher: Watcher) -> Result<Answer, Stopped> {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut unread = false;
    loop {
        ticks.tick().await;
        match watcher.look(reader, false).await {
            Ok(happened) => {
                if std::mem::take(&mut unread) {
                    output::complain("The store can be read again.\n");
                }
                if !tell(context, &happened, reader.now())? {
                    return Ok(Answer::ok(String::new()));
                }
            }
            // Said once: it may pass, and whoever watches must know that nothing is seen until then.
            Err(error) if !unread => {
                unread = true;
                output::complain(&format!(
                    "The store cannot be read, so nothing is seen: {}\n",
                    escape(&error.to_string())
                ));
            }
            Err(_) => {}
        }
    }
}

#[derive(Serialize)]
struct Line {
    event: &'static str,
    approval: ApprovalRowView,
}

/// Prints what happened; whether somebody still reads.
fn tell(context: &Context, happened: &[(Happened, ApprovalRequest)], now: Timestamp) -> Result<bool, Stopped> {
    let lines: Vec<String> = happened.iter().map(|(what, request)| line(context, *what, request, now)).collect();
    let mut out = std::io::stdout().lock();
    match out.write_all(lines.concat().as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(anyhow::Error::from(error).into()),
    }
}

fn line(context: &Context, what: Happened, request: &ApprovalRequest, now: Timestamp) -> String {
    let view = ApprovalRowView::of(request, now);
    if context.view.is_json() {
        return output::json_line(&Line { event: what.as_str(), approval: view });
    }
    format!("{}{}\n", bell(&context.view, what), words(what, &view, now))
}

/// The bell rings on a terminal alone: in a file it would be a byte that nobody wants.
fn bell(view: &View, what: Happened) -> &'static str {
    let rings = match what {
        Happened::Open => false,
        Happened::Asked
        | Happened::Joined
        | Happened::Agreed
        | Happened::Approved
        | Happened::Rejected
        | Happened::Expired => true,
    };
    if rings && view.is_terminal() { "\u{7}" } else { "" }
}

fn words(what: Happened, view: &ApprovalRowView, now: Timestamp) -> String {
    let until = view.expires_at.parse().map_or_else(|_| String::new(), |at| format!(", expires {}", moment(at, now)));
    let agreed = format!("{} of {} agreed", view.has, view.needs);
    let more = match what {
        Happened::Open | Happened::Asked | Happened::Joined | Happened::Agreed => format!("{agreed}{until}"),
        Happened::Approved => view.queue_id.as_ref().map(|id| format!("queued as {id}")).unwrap_or_default(),
        Happened::Rejected => {
            let by = view.ended.as_ref().and_then(|ended| ended.by.clone()).unwrap_or_default();
            format!("by {by}")
        }
        Happened::Expired => "nobody decided in time".to_owned(),
    };
    let who = escape(&view.requester.principal);
    format!("{:9} {}  {}  asked by {who}  {}", what.as_str(), view.id, escape(&view.run_id), escape(&more))
}
