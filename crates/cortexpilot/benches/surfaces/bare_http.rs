//! The bare side of HTTP: an axum handler that takes a body and gives so many bytes back. Nothing of ours is in here.

use std::io::Read as _;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

/// The word before the number of bytes on the command line.
pub(crate) const WORD: &str = "--bare-http";

/// Serves, with as many threads as the product, until standard input ends. Says where it listens.
pub(crate) fn serve(answer_bytes: usize) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("listening on http://{}/", listener.local_addr()?);
        let listener = listener.tap_io(|stream| {
            // Where it cannot be set, answers are delayed.
            let _ = stream.set_nodelay(true);
        });
        let answer = Bytes::from(vec![b'x'; answer_bytes]);
        let handler = move |body: Bytes| async move {
            assert!(!body.is_empty(), "a request without a body");
            ([(CONTENT_TYPE, "application/json")], answer)
        };
        let router = Router::new().route("/api/queue/from-run/{run_id}", post(handler));
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        tokio::select! {
            served = axum::serve(listener, router) => served,
            _ = ended => Ok(()),
        }
    })
}
