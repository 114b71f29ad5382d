//! The OpenAPI document, made from the same table as the router and served beside what it describes.

use std::sync::LazyLock;

use serde_json::Value;

use super::call::Call;
use super::kept::Kept;
use super::table::{Answer, Operation, operation};

pub(crate) mod codes;
mod examples;
mod finish;
mod head;
mod headers;
pub(crate) mod parameters;
mod refusals;
pub(crate) mod shapes;

pub(super) use head::head;

pub(super) fn operations() -> Vec<Operation> {
    // It holds no text of a run, and is the same for every reader.
    vec![operation!(show, Read, Open).cleaned_by_handler()]
}

/// The document: OpenAPI 3.1, always in the same order.
static DOCUMENT: LazyLock<Value> = LazyLock::new(finish::finished);

static KEPT: LazyLock<Kept> = LazyLock::new(|| Kept::new(document().into(), "application/json"));

/// The document as it is served and kept in the repository: pretty, with a line break at its end.
pub fn document() -> String {
    serde_json::to_string_pretty(&*DOCUMENT).expect("invariant: the document serialises") + "\n"
}

/// The document as a value.
pub fn document_value() -> &'static Value {
    &DOCUMENT
}

/// This document: every operation with its parameters, bodies, answers and codes.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    operation_id = "openapi",
    tag = "server",
    responses(
        (status = 200, description = "An OpenAPI 3.1 document.", body = Object),
        (status = 304, description = "It is the one that `if-none-match` names.")
    )
)]
fn show(call: Call) -> Answer {
    Box::pin(async move { Ok(KEPT.answer(&call.headers)) })
}
