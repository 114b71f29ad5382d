//! One apply: how it is sent through each surface, and what it came to.

use serde_json::{Map, Value, json};

use crate::support::{Request, TOKEN};

/// One apply, as it is sent.
pub(super) struct Apply {
    pub(super) signed_in: bool,
    pub(super) run_id: String,
    pub(super) confirm: bool,
    pub(super) role: Option<&'static str>,
    pub(super) requested_by: &'static str,
    pub(super) reason: &'static str,
    pub(super) preview_token: Option<String>,
    /// The run's id once more, which only an operator can send.
    pub(super) typed: Option<&'static str>,
}

/// What it came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Enqueued,
    /// People are asked: the request's id.
    Asked(String),
    NotSignedIn,
    Refused(String),
}

impl Outcome {
    /// Of an answer that is no refusal.
    pub(super) fn of(answer: &Value) -> Self {
        match answer["status"].as_str() {
            Some("PENDING") => Self::Enqueued,
            Some("PENDING_APPROVAL") => {
                Self::Asked(answer["approval"]["id"].as_str().expect("a request has an id").to_owned())
            }
            other => panic!("neither queued nor asked, but {other:?}: {answer}"),
        }
    }
}

impl Apply {
    /// With everything in it but a preview.
    pub(super) fn sound(run: &str) -> Self {
        Self {
            signed_in: true,
            run_id: run.to_owned(),
            confirm: true,
            role: Some("OPS"),
            requested_by: "Ada",
            reason: "again, with the fix in",
            preview_token: None,
            typed: None,
        }
    }

    /// Its JSON members. Over HTTP the run stands in the path.
    pub(super) fn arguments(&self, with_run: bool) -> Value {
        let mut members = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        put("run_id", with_run.then(|| json!(self.run_id)));
        put("confirm", Some(json!(self.confirm)));
        put("requested_by", Some(json!(self.requested_by)));
        put("approval_reason", Some(json!(self.reason)));
        put("actor_role", self.role.map(|role| json!(role)));
        put("preview_token", self.preview_token.as_ref().map(|token| json!(token)));
        put("confirm_run_id", self.typed.map(|run| json!(run)));
        Value::Object(members)
    }

    pub(super) fn http(&self) -> Request {
        let path = format!("/api/queue/from-run/{}", self.run_id.replace('/', "%2F"));
        let request = Request::new("POST", &path).json(&self.arguments(false).to_string());
        let request = match (self.signed_in, self.confirm) {
            (true, _) => request.bearer(TOKEN),
            // Both ways of not being signed in: a token that nobody was given, and none.
            (false, true) => request.bearer("a-token-that-nobody-was-given"),
            (false, false) => request,
        };
        // Where the body states a role, the header may repeat it.
        match self.role {
            Some(role) => request.header("x-cortexpilot-role", role),
            None => request,
        }
    }

    pub(super) fn command_line(&self) -> Vec<&str> {
        let mut line =
            vec!["queue", "enqueue", &self.run_id, "--requested-by", self.requested_by, "--reason", self.reason];
        if self.confirm {
            line.push("--confirm");
        }
        if let Some(role) = self.role {
            line.extend(["--role", role]);
        }
        if let Some(token) = &self.preview_token {
            line.extend(["--preview-token", token]);
        }
        if let Some(run) = self.typed {
            line.extend(["--confirm-run-id", run]);
        }
        line
    }
}
