//! The bare side: an axum handler that answers with the bytes of a file, and with headers as the product's answer has them.
//! Nothing of ours is in here.

use std::io::Read as _;
use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

/// The word before the file on the command line.
pub(crate) const WORD: &str = "--bare-get";

/// The head of an answer and, behind an empty line, its body. What belongs to the connection or is made anew for each answer
/// is not taken over.
fn answer(file: &[u8]) -> Option<(HeaderMap, Bytes)> {
    let end = file.windows(4).position(|four| four == b"\r\n\r\n")?;
    let mut headers = HeaderMap::new();
    for line in std::str::from_utf8(&file[..end]).ok()?.lines().skip(1) {
        let (name, value) = line.split_once(": ")?;
        if !["content-length", "date", "connection"].contains(&name) {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            headers.insert(name, HeaderValue::from_str(value).ok()?);
        }
    }
    Some((headers, Bytes::copy_from_slice(&file[end + 4..])))
}

/// Serves, with as many threads as the product, until standard input ends. Says where it listens.
pub(crate) fn serve(file: &Path) -> std::io::Result<()> {
    let answer = answer(&std::fs::read(file)?).ok_or_else(|| std::io::Error::other("no answer in the file"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("listening on http://{}/", listener.local_addr()?);
        let listener = listener.tap_io(|stream| {
            // Where it cannot be set, answers are delayed.
            let _ = stream.set_nodelay(true);
        });
        let handler = move || async move { answer };
        let router = Router::new().route("/health", get(handler.clone())).route("/api/queue/{queue_id}", get(handler));
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        tokio::select! {
            served = axum::serve(listener, router) => served,
            _ = ended => Ok(()),
        }
    })
}
