//! An operation answered inside this process: the control plane's own router over the local roots, without a socket. What is
//! printed is therefore what HTTP would answer, for there is no second way to make it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use cortexpilot_core::domain::id::hex;
use cortexpilot_core::port::receipts::{
    CheckpointDocument, LineOf, NoReceipt, ReceiptDocument, Receipts, Signing, SigningHealth,
};
use cortexpilot_core::port::{BoxFuture, Ids};
use cortexpilot_ledger::log::{last_checkpoints, receipt_kept};
use cortexpilot_server::auth::{Auth, StaticToken};
use cortexpilot_server::http::{Effect, HttpOptions, operations, router};
use hyper::{Request, header};
use tower::ServiceExt as _;

use super::Reply;
use super::ask::Asked;
use crate::cli::Context;
use crate::cli::config;
use crate::cli::failure::Stopped;
use crate::cli::session;
use crate::os::OsIds;

/// The address that the router believes to be bound to. Nothing listens there.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// A control plane without a socket, and the one caller it knows.
pub(super) struct Local {
    router: Router,
    bearer: String,
}

impl Local {
    /// Puts it together for one question. Its store has no way to write, whatever is asked of it.
    ///
    /// # Errors
    /// When the operation would change something, or the roots cannot be read.
    pub(super) async fn of(asked: &Asked, context: &Context) -> Result<Self, Stopped> {
        let writes = operations().iter().any(|operation| {
            operation.effect == Effect::Write
                && operation.verb.as_str() == asked.method.as_str()
                && is_at(operation.path, &asked.path)
        });
        if writes {
            return Err(Stopped::Usage(format!(
                "{} {} changes something: name a running control plane with --server, or use the command that does the same \
                 (docs/reference/operations.md)",
                asked.method, asked.path
            )));
        }
        let settings = &context.settings;
        let app = session::previewer(settings)?;
        let caller = session::caller(settings, app.reader()).await?;
        let app = app.with_receipts(Arc::new(KeptReceipts(settings.runtime_root.clone())));
        // Known to this process alone, and gone with it.
        let token = hex(&(&OsIds as &dyn Ids).bytes::<32>());
        let bearer = format!("Bearer {token}");
        let known = caller.principal.into_iter().map(|principal| StaticToken { token: token.clone(), principal });
        let mut options = HttpOptions::new(NOWHERE, env!("CARGO_PKG_VERSION"));
        options.configuration = config::configuration(context);
        Ok(Self { router: router(Arc::new(app), Auth::tokens(known.collect()), options), bearer })
    }

    pub(super) async fn send(&self, asked: &Asked) -> Result<Reply, Stopped> {
        let mut request = Request::builder()
            .method(asked.method.clone())
            .uri(asked.target())
            .header(header::HOST, NOWHERE.to_string())
            .header(header::AUTHORIZATION, &self.bearer);
        for (name, value) in &asked.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(asked.body.clone().unwrap_or_default()));
        let request = request.map_err(|error| Stopped::Usage(format!("PATH makes no request: {error}")))?;
        let Ok(reply) = self.router.clone().oneshot(request).await;
        Ok(reply)
    }
}

/// Whether a path is the one that a template of the table describes.
fn is_at(template: &str, path: &str) -> bool {
    let (mut ours, mut sent) = (template.split('/'), path.split('/'));
    loop {
        match (ours.next(), sent.next()) {
            (None, None) => return true,
            (Some(ours), Some(sent)) if ours == sent || (ours.starts_with('{') && !sent.is_empty()) => {}
            (Some(_) | None, _) => return false,
        }
    }
}

/// Proves what was signed before, and signs nothing.
struct KeptReceipts(PathBuf);

impl KeptReceipts {
    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Path) -> Result<T, NoReceipt> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, NoReceipt>> {
        let root = self.0.clone();
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || read(&root)).await;
            read.unwrap_or_else(|error| Err(NoReceipt::Failed(error.to_string())))
        })
    }
}

impl Receipts for KeptReceipts {
    fn fresh(&self, of: LineOf) -> BoxFuture<'_, Result<ReceiptDocument, NoReceipt>> {
        self.kept(of)
    }

    fn kept(&self, of: LineOf) -> BoxFuture<'_, Result<ReceiptDocument, NoReceipt>> {
        self.read(move |root| receipt_kept(root, &of))
    }

    fn checkpoints(&self) -> BoxFuture<'_, Result<Vec<CheckpointDocument>, NoReceipt>> {
        self.read(last_checkpoints)
    }

    fn health(&self) -> SigningHealth {
        SigningHealth {
            signing: Signing::Waiting,
            every_s: None,
            queue_lines: 0,
            decision_lines: 0,
            at: None,
            failures: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_met_segment_by_segment() {
        for (template, path, met) in [
            ("/api/runs", "/api/runs", true),
            ("/api/runs/{run_id}", "/api/runs/a", true),
            ("/api/runs/{run_id}", "/api/runs/", false),
            ("/api/runs/{run_id}", "/api/runs", false),
            ("/api/runs/{run_id}", "/api/runs/a/b", false),
            ("/api/queue/{queue_id}/cancel", "/api/queue/a/cancel", true),
            ("/", "/", true),
        ] {
            assert_eq!(is_at(template, path), met, "{template} {path}");
        }
    }
}
