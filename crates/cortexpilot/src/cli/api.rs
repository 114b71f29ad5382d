//! `cortexpilot api`: one operation of the control plane, by its method and path. Whatever HTTP can read can be printed, also
//! where no server runs: then the same router answers inside this process, over the local roots (docs/adr/0028).

use clap::Args;
use cortexpilot_core::error::exit;

pub(crate) mod ask;
mod local;
mod pages;
mod print;
pub(crate) mod remote;
mod stream;

use super::Context;
use super::failure::Stopped;
use super::output::Answer;
use ask::Asked;
use local::Local;
use remote::Remote;

/// Call an operation of the control plane, and print its answer
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot api GET /api/runs
  cortexpilot api GET /api/queue -F status=PENDING --paginate --output json
  cortexpilot api GET /api/runs/RUN_ID/events/stream -F follow=false
  cortexpilot api POST /api/queue/from-run/RUN_ID/preview -F priority=5 --role OPS
  cortexpilot api POST /api/queue/QUEUE_ID/cancel -f reason='not needed' --role OPS \\
      --server http://127.0.0.1:8000

Without --server the operation is answered inside this process, over the local runtime root and runs root, as whom the \
command line acts; no network is used, and only what reads is answered. With --server it is sent to a running control \
plane.

In a pipe a body is printed byte for byte; on a terminal JSON is indented. With --output json standard output is one JSON \
document; of a stream, one line an event. docs/reference/operations.md lists every operation.

Exit codes are those of every command: a refusal's own where the answer has a code, else by status.")]
pub(crate) struct Api {
    /// GET, HEAD, POST or DELETE
    #[arg(value_name = "METHOD")]
    method: String,
    /// The operation's path, such as /api/runs; may hold a query
    #[arg(value_name = "PATH")]
    path: String,
    /// The control plane to call: https, or http on this machine
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Sign in to --server with the token in this file (mode 0600). Without it a token that is configured here is used, and
    /// sent to this machine alone
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<String>,
    /// A query parameter of a GET or a DELETE, a member of a POST's body: true, false, null and integers are sent as what they are, all
    /// else as text
    #[arg(short = 'F', long = "field", value_name = "NAME=VALUE", allow_hyphen_values = true)]
    fields: Vec<String>,
    /// The same, always as text
    #[arg(short = 'f', long = "raw-field", value_name = "NAME=VALUE", allow_hyphen_values = true)]
    raw_fields: Vec<String>,
    /// The body, from this file; `-` is standard input. Fields then go into the query
    #[arg(long, value_name = "FILE")]
    input: Option<String>,
    /// A header to send
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The role you act in: the header x-cortexpilot-role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Print the status and the headers first
    #[arg(short = 'i', long)]
    include: bool,
    /// Ask for every page of a list, and print all entries as one array
    #[arg(long, conflicts_with_all = ["include", "input"])]
    paginate: bool,
}

/// Whoever answers.
enum Target {
    Local(Box<Local>),
    Remote(Remote),
}

impl Target {
    async fn send(&self, asked: &Asked) -> Result<Reply, Stopped> {
        match self {
            Self::Local(local) => local.send(asked).await,
            Self::Remote(remote) => remote.send(asked).await,
        }
    }
}

/// An answer whose body may not have come whole yet.
pub(crate) type Reply = hyper::Response<axum::body::Body>;

impl Api {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let asked = Asked::of(&self, &context.environment.cwd)?;
        let target = match &self.server {
            Some(server) => Target::Remote(Remote::of(server, self.token_file.as_deref(), context)?),
            None => Target::Local(Box::new(Local::of(&asked, context).await?)),
        };
        if self.paginate {
            return pages::all(&target, asked, context).await;
        }
        let reply = target.send(&asked).await?;
        print::reply(reply, context, self.include || asked.is_head()).await
    }
}

/// The exit code of an answer: its code's own, else that of the class its status stands for.
fn exit_of(status: hyper::StatusCode, code: Option<&str>) -> u8 {
    use cortexpilot_core::error::ErrorCode;
    if status.is_success() || status == hyper::StatusCode::NOT_MODIFIED {
        return exit::OK;
    }
    let known = code.and_then(|code| ErrorCode::ALL.iter().find(|known| known.as_str() == code));
    match (known, status.as_u16()) {
        (Some(code), _) => code.row().exit,
        (None, 401 | 403 | 429) => exit::DENIED,
        (None, 404) => exit::NOT_FOUND,
        (None, 409) => exit::CONFLICT,
        (None, 400..=499) => exit::USAGE,
        (None, 503 | 507) => exit::STORE,
        (None, _) => exit::INTERNAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_its_codes_exit_code_or_its_statuss() {
        for (status, code, wanted) in [
            (200, None, exit::OK),
            (304, None, exit::OK),
            (404, Some("RUN_NOT_FOUND"), exit::NOT_FOUND),
            (422, Some("METADATA_REQUIRED"), exit::DENIED),
            (422, Some("A_CODE_OF_A_LATER_VERSION"), exit::USAGE),
            (404, None, exit::NOT_FOUND),
            (405, None, exit::USAGE),
            (401, None, exit::DENIED),
            (409, None, exit::CONFLICT),
            (507, None, exit::STORE),
            (500, None, exit::INTERNAL),
            (302, None, exit::INTERNAL),
        ] {
            let status = hyper::StatusCode::from_u16(status).unwrap();
            assert_eq!(exit_of(status, code), wanted, "{status} {code:?}");
        }
    }
}
