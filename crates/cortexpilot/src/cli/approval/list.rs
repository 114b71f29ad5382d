//! `approval list`.

use cortexpilot_core::domain::approval::ApprovalStatus;
use cortexpilot_core::domain::governance::ApprovalFilter;
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::Clock as _;
use cortexpilot_server::wire::ApprovalRowView;
use jiff::Timestamp;
use serde::Serialize;

use super::List;
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{Answer, json};
use crate::cli::session;
use crate::cli::words::moment;
use crate::config::value;
use crate::os::{OsIds, SystemClock};

#[derive(Serialize)]
struct ListAnswer {
    items: Vec<ApprovalRowView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let now = SystemClock.now();
        let filter = ApprovalFilter {
            status: self.status.as_deref().map(status).transpose()?.map(|status| (status, now)),
            after: self.cursor.as_deref().map(cursor).transpose()?,
            limit: Some(self.limit.into()),
            ..ApprovalFilter::default()
        };
        let reader = session::reader(&context.settings)?;
        let listing = reader.approvals(&filter).await.map_err(|error| Stopped::store(error, &OsIds))?;
        let next = listing.requests.last().filter(|_| listing.more).map(|(position, _)| position.to_string());
        let items: Vec<ApprovalRowView> =
            listing.requests.iter().map(|(_, request)| ApprovalRowView::of(request, now)).collect();
        if context.view.is_json() {
            return Ok(Answer::ok(json(&ListAnswer { items, next_cursor: next })));
        }
        if items.is_empty() {
            return Ok(Answer::ok(self.nothing(context)));
        }
        let wide = context.view.is_wide();
        let header: &[&str] = if wide {
            &["id", "status", "agreed", "run", "who asks", "asked", "until"]
        } else {
            &["id", "status", "agreed", "run"]
        };
        let mut text = context.view.table(header, items.into_iter().map(|item| row(item, now, wide)));
        if let Some(next) = next {
            let mut words = vec!["approval", "list", "--cursor", &next];
            let limit = self.limit.to_string();
            if let Some(status) = &self.status {
                words.extend(["--status", status]);
            }
            if self.limit != 50 {
                words.extend(["--limit", &limit]);
            }
            text.push_str(&format!("more: {}\n", context.commands.line(&words)));
        }
        Ok(Answer::ok(text))
    }

    fn nothing(&self, context: &Context) -> String {
        let root = escape(&context.settings.runtime_root.display().to_string());
        if self.status.is_some() || self.cursor.is_some() {
            return format!("No such requests in {root}.\n");
        }
        format!(
            "Nobody has asked for an approval in {root}.\nWho is asked: {}\n",
            context.commands.line(&["gate", "policy", "show"])
        )
    }
}

fn row(item: ApprovalRowView, now: Timestamp, wide: bool) -> Vec<String> {
    let at = |text: &str| text.parse().map_or_else(|_| text.to_owned(), |at| moment(at, now));
    let (asked, until) = (at(&item.asked_at), at(&item.expires_at));
    let mut cells = vec![item.id, item.status.to_owned(), format!("{} of {}", item.has, item.needs), item.run_id];
    if wide {
        let until = if item.status == ApprovalStatus::Pending.as_str() { until } else { "–".to_owned() };
        cells.extend([item.requester.principal, asked, until]);
    }
    cells
}

/// A mistyped status must not quietly list nothing.
fn status(word: &str) -> Result<ApprovalStatus, Stopped> {
    ApprovalStatus::parse(word).ok_or_else(|| {
        let known = ApprovalStatus::ALL.map(ApprovalStatus::as_str).join(", ");
        Stopped::Usage(format!("--status must be one of {known}; it is {}", value::quoted(word)))
    })
}

fn cursor(raw: &str) -> Result<u64, Stopped> {
    let position = raw.parse().ok().filter(|_| raw.bytes().all(|byte| byte.is_ascii_digit()));
    position.ok_or_else(|| {
        Stopped::code(ErrorCode::ArgumentsInvalid, "`cursor` is not one that this list gave out.", &OsIds)
    })
}
