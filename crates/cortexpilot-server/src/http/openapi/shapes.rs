//! Shapes that several answers share. Nothing is written through these types; [`crate::http::list`] and
//! [`crate::http::error`] write them, and the tests hold every answer against them.
#![expect(unused_qualifications, reason = "the derive writes the bounds of generic types in full")]
#![expect(dead_code, reason = "these types are descriptions: their fields are read by the derive alone")]

use std::borrow::Cow;

use serde::Serialize;
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema};

use crate::wire::receipt::{ReceiptProblemView, ReceiptView};

/// Everything as a plain array; with `limit` or `cursor` one page.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum ListOf<T> {
    /// Everything. What could not be read is named in the header `x-cortexpilot-problems`.
    #[schema(title = "Everything")]
    All(Vec<T>),
    /// One page.
    Page(PageOf<T>),
}

/// One page of a list.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct PageOf<T> {
    /// The entries, at most `limit`.
    items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last one.
    #[schema(required = true)]
    next_cursor: Option<String>,
    /// What could not be read; left out when there is nothing.
    #[schema(nullable = false)]
    problems: Option<Vec<ProblemShape>>,
}

/// Something of a list that could not be read.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemShape {
    /// The file, below the directory that was looked in; never an absolute path.
    file: String,
    /// The line, counted from 1, where it is one line that cannot be read.
    #[schema(nullable = false, minimum = 1)]
    line: Option<u64>,
    /// What is wrong with it.
    problem: String,
}

/// An object whose members are a run's own: a document as it was written.
pub(crate) struct Open;

impl PartialSchema for Open {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().description(Some("A document of a run, as it was written: any members."));
        object.additional_properties(Some(AdditionalProperties::FreeForm(true))).build().into()
    }
}

impl utoipa::ToSchema for Open {
    fn name() -> Cow<'static, str> {
        "RunDocument".into()
    }
}

/// With `Prefer: receipt`, members of the answer beside its own; without, left out. One of the two is null.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ReceiptMembers {
    /// The receipt of the line that was written.
    receipt: Option<ReceiptView>,
    /// Why there is none. What was done stands.
    receipt_problem: Option<ReceiptProblemView>,
}
