//! Every operation of the control plane: the one table from which the router, the OpenAPI document and the reference page
//! are made. A route that does not stand here does not exist.
//!
//! An operation is described once, by the `#[utoipa::path]` over its handler: path, method, id, summary, parameters, body and
//! answer. Its row, in the file of its topic, adds what that cannot say: effect, access and codes. Which query parameters
//! and members are taken is read from the description when the table is made, so they cannot part.

use std::sync::LazyLock;

use axum::Router;
use axum::response::Response;
use axum::routing::MethodRouter;
use cortexpilot_core::error::ErrorCode;
use futures_util::future::BoxFuture;
use utoipa::openapi::path::{HttpMethod, Operation as Description, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::{OpenApi, Paths, Ref, RefOr};
use utoipa_axum::router::OpenApiRouter;

use super::call::Call;
use super::error::Refused;
use super::{
    approvals, config, docs, govern, health, intervene, ledger, metrics, openapi, queue, receipt, run_files, run_views,
    runs, session, stream, work, workers, workflows,
};

/// Whether an operation may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Leaves not one byte behind.
    Read,
    /// Sends one command through the one door; or signs somebody in or out, which is no matter of the record.
    Write,
}

impl Effect {
    /// The effect's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone who reaches the server. Such an answer holds no data of runs or queue, unless a token came along.
    Open,
    /// Whoever sends a token that the server knows.
    Token,
}

impl Access {
    /// The access' word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Token => "token",
        }
    }
}

/// The method of an operation. `HEAD` is answered wherever `GET` is, and not listed in `allow`, as existing clients know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Without a body.
    Get,
    /// With one JSON object as body; `{}` at least.
    Post,
    /// Without a body.
    Delete,
}

impl Verb {
    /// The method's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

impl From<Verb> for HttpMethod {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Get => Self::Get,
            Verb::Post => Self::Post,
            Verb::Delete => Self::Delete,
        }
    }
}

pub(crate) type Answer = BoxFuture<'static, Result<Response, Refused>>;

/// A schema beside its name among the components.
pub(crate) type NamedSchema = (String, RefOr<Schema>);

/// One operation.
#[derive(Clone)]
pub struct Operation {
    /// The method.
    pub verb: Verb,
    /// The path; `{name}` stands for one percent-encoded segment.
    pub path: &'static str,
    /// A stable name.
    pub id: &'static str,
    /// Whether it may change anything.
    pub effect: Effect,
    /// Who may call it.
    pub access: Access,
    /// The query parameters it takes; any other is refused.
    pub query: &'static [&'static str],
    /// The members of its body, as far as it takes one; any other is refused.
    pub body: &'static [&'static str],
    /// What it does, in one line.
    pub summary: &'static str,
    /// The codes that it answers beside those that every operation of its kind can ([`Self::codes`]).
    own: &'static [&'static [ErrorCode]],
    /// Its answer is JSON; else it holds no text of a run, or its handler has cleaned that for agents itself.
    pub(crate) json: bool,
    pub(crate) handler: fn(Call) -> Answer,
    pub(crate) description: Description,
    pub(crate) schemas: Vec<NamedSchema>,
}

/// A row of the table: the handler, its effect, its access; then, each as a call, what else is to be said.
macro_rules! operation {
    ($handler:ident, $effect:ident, $access:ident) => {
        ::utoipa_axum::paste! {
            $crate::http::table::Operation::described::<[<__path_ $handler>]>(
                $crate::http::table::Effect::$effect,
                $crate::http::table::Access::$access,
                $handler,
            )
        }
    };
}
pub(crate) use operation;

impl Operation {
    /// The row of a handler whose description is `P`; made by [`operation!`].
    ///
    /// # Panics
    /// Where the description is none that the table can hold: it is made once, when the process starts, and in every test.
    pub(crate) fn described<P>(effect: Effect, access: Access, handler: fn(Call) -> Answer) -> Self
    where
        P: utoipa::Path + utoipa::__dev::SchemaReferences + for<'t> utoipa::__dev::Tags<'t>,
    {
        let mut description = P::operation();
        let mut schemas = Vec::new();
        P::schemas(&mut schemas);
        description.tags.get_or_insert_default().extend(P::tags().iter().map(ToString::to_string));
        let id = description.operation_id.clone().expect("invariant: every description names its operation");
        let verb = match P::methods()[..] {
            [HttpMethod::Get] => Verb::Get,
            [HttpMethod::Post] => Verb::Post,
            [HttpMethod::Delete] => Verb::Delete,
            _ => panic!("invariant: {id} has one method, GET, POST or DELETE"),
        };
        let summary = description.summary.take().unwrap_or_default().replace('\n', " ");
        description.summary = Some(summary.clone());
        let body = members(&description, &schemas).unwrap_or_else(|why| panic!("invariant: the body of {id} {why}"));
        let parameters = description.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.name.clone()),
            RefOr::T(_) | RefOr::Ref(_) => None,
        });
        let query = parameters.collect();
        Self {
            verb,
            path: P::path().leak(),
            id: id.leak(),
            effect,
            access,
            query: kept(query),
            body: kept(body),
            summary: summary.leak(),
            own: &[],
            json: true,
            handler,
            description,
            schemas,
        }
    }

    /// Adds the codes that this operation can answer beside those that every operation of its kind can.
    pub(crate) fn codes(mut self, codes: &'static [&'static [ErrorCode]]) -> Self {
        self.own = codes;
        self
    }

    /// Says that the answer is no JSON, or that its handler has cleaned it for agents itself: [`super::agents`] lets it pass
    /// as it is. Whoever writes this vouches that no text of a run reaches an agent uncleaned.
    pub(crate) fn cleaned_by_handler(mut self) -> Self {
        self.json = false;
        self
    }

    /// Whether it sends a command that a line of the record comes of: signing in and out changes something and sends none.
    pub(crate) fn commands(&self) -> bool {
        self.effect == Effect::Write && self.path != session::PATH
    }

    /// Every code that this operation can answer, in the order of the table of codes.
    pub fn answers(&self) -> Vec<ErrorCode> {
        let of_its_kind = openapi::codes::of_kind(self);
        let known = |code: &&ErrorCode| self.own.iter().any(|codes| codes.contains(code)) || of_its_kind.contains(code);
        ErrorCode::ALL.iter().filter(known).copied().collect()
    }
}

/// The members of the one JSON object that an operation takes; none where it takes no body.
fn members(description: &Description, schemas: &[NamedSchema]) -> Result<Vec<String>, &'static str> {
    let body = match &description.request_body {
        None => return Ok(Vec::new()),
        Some(RefOr::T(body)) => body,
        Some(RefOr::Ref(_)) => return Err("is described elsewhere"),
    };
    let Some(RefOr::T(content)) = body.content.get("application/json") else { return Err("is not JSON") };
    let schema = match content.schema.as_ref().ok_or("has no schema")? {
        RefOr::Ref(Ref { ref_location, .. }) => {
            let name = ref_location.rsplit('/').next().unwrap_or_default();
            let named = schemas.iter().find(|(known, _)| known == name).map(|(_, schema)| schema);
            named.ok_or("has a schema that is not among the components")?
        }
        inline @ RefOr::T(_) => inline,
    };
    let RefOr::T(Schema::Object(object)) = schema else { return Err("is no object") };
    match object.additional_properties.as_deref() {
        Some(AdditionalProperties::FreeForm(false)) => Ok(object.properties.keys().cloned().collect()),
        Some(AdditionalProperties::FreeForm(true) | AdditionalProperties::RefOr(_)) | None => {
            Err("takes unknown members: add #[serde(deny_unknown_fields)]")
        }
    }
}

/// The table lives as long as the process, and so do its words.
fn kept(words: Vec<String>) -> &'static [&'static str] {
    let words: Vec<&'static str> = words.into_iter().map(|word| &*word.leak()).collect();
    words.leak()
}

/// Every operation, in the order of the reference page and of the document.
pub fn operations() -> &'static [Operation] {
    &OPERATIONS
}

/// The router of the table and, made in the same steps, the description of what it serves: there is no way to add a route to
/// the one and not to the other. `serve` makes what answers the operations of one path.
pub(crate) fn described_router(serve: impl Fn(Vec<&'static Operation>) -> MethodRouter) -> (Router, OpenApi) {
    let mut paths: Vec<(&'static str, Vec<&'static Operation>)> = Vec::new();
    for operation in operations() {
        match paths.iter_mut().find(|(path, _)| *path == operation.path) {
            Some((_, known)) => known.push(operation),
            None => paths.push((operation.path, vec![operation])),
        }
    }
    let mut router = OpenApiRouter::with_openapi(openapi::head());
    for (path, known) in paths {
        let mut described = Paths::new();
        let mut schemas = Vec::new();
        for operation in &known {
            described.add_path_operation(path, vec![operation.verb.into()], operation.description.clone());
            schemas.extend(operation.schemas.iter().cloned());
        }
        router = router.routes((schemas, described, serve(known)));
    }
    router.split_for_parts()
}

/// One line for each topic; its rows stand in its file.
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let topics = [
        queue::operations(),
        stream::queue::operations(),
        ledger::operations(),
        stream::decisions::operations(),
        work::operations(),
        intervene::operations(),
        workers::operations(),
        receipt::operations(),
        approvals::operations(),
        govern::operations(),
        session::operations(),
        runs::operations(),
        stream::runs::operations(),
        run_files::operations(),
        run_views::operations(),
        workflows::operations(),
        config::operations(),
        health::operations(),
        metrics::operations(),
        openapi::operations(),
        docs::operations(),
    ];
    topics.into_iter().flatten().collect()
});
