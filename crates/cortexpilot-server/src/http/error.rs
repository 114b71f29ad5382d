//! Answers that are not a yes: one shape, its codes and statuses from the one table.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, LINK, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use cortexpilot_core::app::Failure;
use cortexpilot_core::domain::principal::{Caller, Surface};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::StoreError;
use cortexpilot_core::port::runs::ReadProblem;
use serde::Serialize;

use super::ids::RequestIds;
use super::not_part::{self, NotPart};
use super::spare;
use crate::wire::refusal::read_failure;
use crate::wire::{MemberProblem, RefusalView};

/// Why a request is not answered as wished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A code of the table, and what was wrong.
    Coded(ErrorCode, String),
    /// The app or the store said no.
    Failure(Failure),
    /// There is no such path. Its answer is the plain text that existing clients know.
    NoSuchPath,
    /// The original had this route, and it is not part of this system.
    NotPart(&'static NotPart),
    /// The path exists for other methods. Likewise plain, with the methods in `allow`.
    NoSuchMethod {
        /// The methods, separated by commas.
        allow: String,
    },
}

impl Refused {
    /// The body or the query has the wrong form.
    pub(crate) fn form(reason: impl Into<String>) -> Self {
        Self::Coded(ErrorCode::RequestValidation, reason.into())
    }

    /// A fault of ours. What exactly happened stands in the log, under the request's id.
    pub(crate) fn internal() -> Self {
        let said = "The server had an internal error. Look for the request id in its log.";
        Self::Coded(ErrorCode::Internal, said.into())
    }

    /// The code that is counted and logged.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Coded(code, _) => *code,
            Self::Failure(failure) => failure.code(),
            Self::NoSuchPath => ErrorCode::NotFound,
            Self::NotPart(_) => ErrorCode::NotPartOfCortexpilot,
            Self::NoSuchMethod { .. } => ErrorCode::MethodNotAllowed,
        }
    }

    /// Renders the answer. A store error's own text goes to the log and nowhere else.
    pub(crate) fn render(&self, ids: &RequestIds, caller: &Caller) -> Response {
        let code = self.code();
        let status = StatusCode::from_u16(code.row().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = match self {
            Self::NoSuchPath => json(status, &Plain { detail: "Not Found" }),
            Self::NoSuchMethod { .. } => json(status, &Plain { detail: "Method Not Allowed" }),
            Self::NotPart(route) => {
                let refusal = RefusalView::plain(code, route.reason(), Surface::Http, &ids.request_id);
                let mut response = json(status, &Coded::of(&refusal, ids));
                response.headers_mut().insert(LINK, HeaderValue::from_static(not_part::HELP));
                response
            }
            Self::Coded(code, reason) => {
                let refusal = RefusalView::plain(*code, reason, Surface::Http, &ids.request_id);
                json(status, &Coded::of(&refusal, ids))
            }
            Self::Failure(failure) => {
                if let Failure::Store(error) = failure {
                    tracing::error!(request_id = %ids.request_id, %error, "the store could not serve a request");
                }
                json(status, &Coded::of(&RefusalView::of(failure, caller, &ids.request_id), ids))
            }
        };
        if let Self::NoSuchMethod { allow } = self {
            let allow = HeaderValue::from_str(allow).expect("invariant: methods are plain words");
            response.headers_mut().insert(ALLOW, allow);
        }
        if let Some(challenge) = challenge(code) {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after_s() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(code);
        response
    }

    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Failure(Failure::Denied(denial)) => denial.retry_after_s,
            Self::Failure(Failure::Store(_))
            | Self::Coded(..)
            | Self::NotPart(_)
            | Self::NoSuchPath
            | Self::NoSuchMethod { .. } => None,
        }
    }
}

/// A 401 names the scheme it wants (RFC 9110 §15.5.2, RFC 6750 §3). `Bearer` makes no browser ask for a password.
fn challenge(code: ErrorCode) -> Option<&'static str> {
    match (code.row().status, code) {
        // Over HTTP a command is unauthenticated where its token was good when it came and is not any more.
        (401, ErrorCode::AuthInvalidToken | ErrorCode::Unauthenticated) => {
            Some("Bearer realm=\"cortexpilot\", error=\"invalid_token\"")
        }
        (401, _) => Some("Bearer realm=\"cortexpilot\""),
        _ => None,
    }
}

/// The plain answer that existing clients know, for a path that is not there.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = PlainRefusal)]
pub(crate) struct Plain {
    /// In words.
    detail: &'static str,
}

/// Any answer that is not a yes.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Refusal)]
pub(crate) struct Coded<'a> {
    /// Which, why, and what to do.
    detail: Detail<'a>,
}

/// A refusal, with the name under which its request is found elsewhere.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = RefusalDetail)]
pub(crate) struct Detail<'a> {
    #[serde(flatten)]
    refusal: &'a RefusalView,
    /// The trace id, as in the header `x-trace-id`.
    trace_id: &'a str,
}

impl<'a> Coded<'a> {
    fn of(refusal: &'a RefusalView, ids: &'a RequestIds) -> Self {
        Self { detail: Detail { refusal, trace_id: &ids.trace_id } }
    }
}

/// A refusal as it is answered, for the document.
pub(crate) fn example_of(refusal: &RefusalView) -> serde_json::Value {
    let ids = RequestIds::example(&refusal.request_id);
    serde_json::to_value(Coded::of(refusal, &ids)).expect("invariant: refusals serialise")
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = Response::new(Body::from(super::json::bytes(body)));
    *response.status_mut() = status;
    *response.headers_mut() = spare::take();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `200 OK` with a JSON body.
pub(crate) fn ok(body: &impl Serialize) -> Response {
    json(StatusCode::OK, body)
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<MemberProblem> for Refused {
    fn from(problem: MemberProblem) -> Self {
        Self::form(problem.to_string())
    }
}

impl From<ReadProblem> for Refused {
    fn from(problem: ReadProblem) -> Self {
        match problem {
            // Tools call this an invalid argument; over HTTP it is a query of the wrong form.
            ReadProblem::BadCursor => Self::form("`cursor` is not one that this list gave out."),
            ReadProblem::NotFound | ReadProblem::WorkflowNotFound | ReadProblem::Unreadable(_) => {
                Self::Failure(read_failure(&problem))
            }
        }
    }
}
