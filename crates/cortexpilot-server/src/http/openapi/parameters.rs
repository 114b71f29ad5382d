//! Parameters that several operations take, described once: `params(RunPath, PageParams)`. Nothing is read through these types;
//! what a segment or a query must be is judged where it is used.
#![expect(dead_code, reason = "these types are descriptions: their fields are read by the derive alone")]

/// One run.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RunPath {
    /// The run's id: its directory's name.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", example = "run_ok")]
    run_id: String,
}

/// One queue item.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct QueuePath {
    /// The queue item's id: 32 lower-case hexadecimal digits.
    #[param(min_length = 1, example = "00000000000000000000000000000007")]
    queue_id: String,
}

/// One request that people decide.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ApprovalPath {
    /// The request's id: `apr_` and 32 lower-case hexadecimal digits.
    #[param(min_length = 1, example = "apr_00000000000000000000000000000007")]
    approval_id: String,
}

/// One personal token, by its id.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct TokenPath {
    /// The token's id, as the list names it: 12 lower-case hexadecimal digits, never the token itself.
    #[param(min_length = 1, example = "0a1b2c3d4e5f")]
    token_id: String,
}

/// One workflow case.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct WorkflowPath {
    /// The workflow's id, as runs name it.
    #[param(min_length = 1, example = "wf-1")]
    workflow_id: String,
}

/// Which part of a list is wanted. With either, the answer is a page; without both, a plain array of everything.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// At most so many entries. Sent alone or with `cursor` it asks for a page.
    #[param(minimum = 1, maximum = 500, default = 50, nullable = false)]
    limit: Option<u32>,
    /// `next_cursor` of the page before; blank asks for the first page.
    #[param(nullable = false)]
    cursor: Option<String>,
}
