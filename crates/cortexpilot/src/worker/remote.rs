//! A queue behind a control plane: the documented protocol over HTTP, as a worker in any language would speak it.

use std::sync::Arc;
use std::time::Duration;

use cortexpilot_core::domain::id::{QueueItemId, RunId, Sha256Digest};
use hyper::Method;
use serde_json::{Value, json};

use super::claims::{Asked, Candidate, Claims, End, Looked, Note, Presence, StopAsked, Taken, Trouble};
use crate::cli::api::ask::Asked as Request;
use crate::cli::api::remote::Remote;
use crate::cli::failure::Stopped;
use crate::config::Secret;

/// No answer is read further, in bytes. A contract is at most 1 MiB, a list of items a little more.
const ANSWER_MAX: usize = 4 << 20;

/// No answer is waited for longer: a worker that is told to stop should.
const ANSWER: Duration = Duration::from_secs(20);

/// A control plane, and as whom it is asked.
pub(crate) struct Server {
    remote: Remote,
    worker: String,
    role: Option<String>,
}

/// An answer with its status.
struct Answer {
    status: hyper::StatusCode,
    body: Vec<u8>,
}

impl Server {
    pub(crate) fn new(remote: Remote, worker: &str, role: Option<String>) -> Self {
        Self { remote, worker: worker.to_owned(), role }
    }

    async fn ask(
        &self,
        method: Method,
        path: String,
        query: &[(&str, String)],
        body: Option<Value>,
    ) -> Result<Answer, Trouble> {
        let away = |why: String| Trouble::Away(why);
        let request = Request::ours(method, path, query, body.as_ref(), self.role.as_deref());
        let request = request.map_err(|stopped| away(words(&stopped)))?;
        let answered = async {
            let reply = self.remote.send(&request).await.map_err(|stopped| away(words(&stopped)))?;
            let (head, body) = reply.into_parts();
            let read = axum::body::to_bytes(body, ANSWER_MAX).await;
            let body = read.map_err(|error| away(format!("the answer broke off: {error}")))?.to_vec();
            Ok(Answer { status: head.status, body })
        };
        let answered = tokio::time::timeout(ANSWER, answered).await;
        answered.unwrap_or_else(|_| Err(away("no answer in time".to_owned())))
    }

    async fn get(&self, path: String, query: &[(&str, String)]) -> Result<Value, Trouble> {
        self.ask(Method::GET, path, query, None).await?.json()
    }

    async fn post(&self, path: String, body: Value) -> Result<Value, Trouble> {
        self.ask(Method::POST, path, &[], Some(body)).await?.json()
    }
}

impl Answer {
    /// The document of an answer that did what it was asked.
    fn json(self) -> Result<Value, Trouble> {
        if !self.status.is_success() {
            return Err(self.refusal());
        }
        serde_json::from_slice(&self.body).map_err(|_| Trouble::Away("an answer that is no JSON".to_owned()))
    }

    fn refusal(&self) -> Trouble {
        let document: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let detail = |name: &str| document["detail"][name].as_str().map(str::to_owned);
        match (detail("code"), detail("reason")) {
            (Some(code), reason) => Trouble::of(&code, reason.unwrap_or_default()),
            (None, _) => Trouble::Away(format!("the answer {}", self.status)),
        }
    }
}

/// What stopped a request, for one line.
fn words(stopped: &Stopped) -> String {
    match stopped {
        Stopped::Fault(error) => format!("{error:#}"),
        Stopped::Usage(why) | Stopped::Nothing(why) => why.clone(),
        Stopped::Refused { view, .. } => view.reason.clone(),
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn at(id: &QueueItemId, what: &str) -> String {
    format!("/api/queue/{}/{what}", id.as_str())
}

/// Items that this worker can name in a path: ours are 32 hexadecimal digits.
fn id_of(item: &Value) -> Option<QueueItemId> {
    let id = QueueItemId::parse(item["queue_id"].as_str()?)?;
    id.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(id)
}

impl Claims for Server {
    fn look(&self, limit: usize) -> Asked<'_, Looked> {
        Box::pin(async move {
            let answer = self.get("/api/queue/next".to_owned(), &[("limit", limit.to_string())]).await?;
            let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
            let candidates = items.iter().filter_map(|item| {
                Some(Candidate {
                    queue_id: id_of(item)?,
                    task_id: text(item, "task_id"),
                    workflow_id: text(item, "workflow_id"),
                    source_run_id: text(item, "source_run_id"),
                    repository: item["repository"].as_str().map(Into::into),
                    pinned: None,
                })
            });
            let idle = answer["reason"].as_str().filter(|reason| *reason != "queue empty").map(str::to_owned);
            Ok(Looked { candidates: candidates.collect(), idle })
        })
    }

    fn contract<'a>(&'a self, id: &'a QueueItemId) -> Asked<'a, Option<Arc<[u8]>>> {
        Box::pin(async move {
            let answer = self.ask(Method::GET, at(id, "contract"), &[], None).await?;
            if answer.status == hyper::StatusCode::NOT_FOUND {
                return Ok(None);
            }
            if answer.status.is_success() { Ok(Some(answer.body.into())) } else { Err(answer.refusal()) }
        })
    }

    fn claim<'a>(&'a self, id: &'a QueueItemId, lease: Duration) -> Asked<'a, Option<Taken>> {
        Box::pin(async move {
            let body = json!({"worker": self.worker, "lease_s": lease.as_secs(), "queue_id": id.as_str()});
            let answer = match self.post("/api/queue/claim".to_owned(), body).await {
                Err(Trouble::NotOurs(_)) => return Ok(None),
                other => other?,
            };
            if answer["ok"] != true {
                return Ok(None);
            }
            taken(&answer)
                .map(Some)
                .ok_or_else(|| Trouble::Away("a claim's answer that cannot be understood".to_owned()))
        })
    }

    fn heartbeat<'a>(&'a self, taken: &'a Taken, note: Note) -> Asked<'a, Option<StopAsked>> {
        Box::pin(async move {
            let progress = json!({"stage": note.stage, "events": note.events});
            let body = json!({"lease_token": taken.token.reveal(), "progress": progress});
            let answer = self.post(at(&taken.queue_id, "heartbeat"), body).await?;
            let stop = &answer["stop"];
            Ok(stop.is_object().then(|| StopAsked { by: text(stop, "by"), reason: text(stop, "reason") }))
        })
    }

    fn complete<'a>(&'a self, taken: &'a Taken, end: End, reason: Option<String>) -> Asked<'a, ()> {
        Box::pin(async move {
            let mut body = json!({"lease_token": taken.token.reveal(), "status": end.as_str()});
            if let Some(reason) = reason {
                body["reason"] = reason.into();
            }
            self.post(at(&taken.queue_id, "complete"), body).await.map(drop)
        })
    }

    fn release<'a>(&'a self, taken: &'a Taken, started: bool, reason: String) -> Asked<'a, ()> {
        Box::pin(async move {
            let body = json!({"lease_token": taken.token.reveal(), "started": started, "reason": reason});
            self.post(at(&taken.queue_id, "release"), body).await.map(drop)
        })
    }

    fn ended_so<'a>(&'a self, taken: &'a Taken, end: Option<End>) -> Asked<'a, bool> {
        Box::pin(async move {
            let item = self.get(format!("/api/queue/{}", taken.queue_id.as_str()), &[]).await?;
            // In the detail the item may stand beside other members.
            let item = if item["item"].is_object() { &item["item"] } else { &item };
            Ok(match end {
                Some(end) => item["run_id"] == taken.run_id.as_str() && item["status"] == end.as_str(),
                None => item["status"] != "CLAIMED" || item["run_id"] != taken.run_id.as_str(),
            })
        })
    }

    fn present<'a>(&'a self, presence: &'a Presence) -> Asked<'a, ()> {
        Box::pin(async move { self.post("/api/workers/presence".to_owned(), said(presence, false)).await.map(drop) })
    }

    fn gone<'a>(&'a self, presence: &'a Presence) -> Asked<'a, ()> {
        Box::pin(async move { self.post("/api/workers/presence".to_owned(), said(presence, true)).await.map(drop) })
    }
}

fn taken(answer: &Value) -> Option<Taken> {
    let item = &answer["item"];
    Some(Taken {
        queue_id: id_of(item)?,
        run_id: RunId::parse(item["run_id"].as_str()?).ok()?,
        attempt: answer["attempt"].as_u64().and_then(|attempt| u32::try_from(attempt).ok()).unwrap_or(1),
        token: Secret::new(answer["lease_token"].as_str()?.to_owned()),
        lease: Duration::from_secs(answer["lease_s"].as_u64()?),
        pinned: answer["contract_sha256"].as_str().and_then(Sha256Digest::parse),
    })
}

fn said(presence: &Presence, gone: bool) -> Value {
    let cannot: Vec<Value> =
        presence.cannot.iter().map(|(id, why)| json!({"queue_id": id.as_str(), "why": why})).collect();
    let mut said = json!({
        "worker": presence.worker,
        "host": presence.host,
        "pid": presence.pid,
        "version": presence.version,
        "started_at": presence.started_at.to_string(),
        "draining": presence.draining,
        "slots": presence.slots,
        "running": presence.running.iter().map(QueueItemId::as_str).collect::<Vec<_>>(),
        "cannot": cannot,
    });
    if gone {
        said["gone"] = true.into();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_for_what_its_code_says() {
        let answer = |status: u16, body: Value| Answer {
            status: hyper::StatusCode::from_u16(status).unwrap(),
            body: body.to_string().into_bytes(),
        };
        let detail = |code: &str| json!({"detail": {"code": code, "reason": "why"}});
        assert_eq!(answer(409, detail("LEASE_INVALID")).json(), Err(Trouble::NotOurs("why".into())));
        assert_eq!(answer(404, detail("QUEUE_ITEM_NOT_FOUND")).json(), Err(Trouble::NotOurs("why".into())));
        assert!(matches!(answer(503, detail("STORE_UNAVAILABLE")).json(), Err(Trouble::Away(_))));
        assert!(matches!(answer(502, json!("bad gateway")).json(), Err(Trouble::Away(_))));
        let refused = answer(403, detail("SCOPE_FORBIDDEN")).json().unwrap_err();
        assert!(refused.is_final() && matches!(refused, Trouble::Refused { .. }));
        assert!(!answer(422, detail("METADATA_REJECTED")).json().unwrap_err().is_final());
        assert_eq!(answer(200, json!({"ok": true})).json(), Ok(json!({"ok": true})));
    }

    #[test]
    fn a_claim_without_its_token_is_none() {
        let mut answer = json!({
            "ok": true, "lease_token": "t", "lease_s": 60, "attempt": 2, "contract_sha256": "a".repeat(64),
            "item": {"queue_id": "0".repeat(32), "run_id": "run_1"},
        });
        let claim = taken(&answer).unwrap();
        assert_eq!((claim.attempt, claim.lease, claim.pinned.is_some()), (2, Duration::from_secs(60), true));
        answer["lease_token"] = Value::Null;
        assert!(taken(&answer).is_none());
        assert!(id_of(&json!({"queue_id": "a/../b"})).is_none());
    }
}
