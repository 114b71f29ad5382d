//! A receiver of notices that answers by a script, one connection an answer.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

/// What a connection gets.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Status(u16),
    Redirect(u16, String),
    /// The connection is closed without a word.
    HangUp,
    /// Nothing, and the connection stays.
    Silence,
    /// Headers without end.
    EndlessHead,
    /// `200`, and then bytes without end.
    EndlessBody,
}

/// What a connection brought.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) line: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Received {
    /// The value of the header that is there exactly once.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str());
        let value = values.next().unwrap_or_else(|| panic!("no header {name}"));
        assert_eq!(values.next(), None, "{name}");
        value
    }
}

/// Listens on a free port, and returns its address and what arrives.
pub(super) async fn receive(answers: Vec<Answer>) -> (String, UnboundedReceiver<Received>) {
    listen(answers, None, "http").await
}

/// The same, with a certificate that only the tests' own authority vouches for.
pub(super) async fn receive_over_tls(answers: Vec<Answer>) -> (String, UnboundedReceiver<Received>) {
    let certificate = include_bytes!("../../../tests/data/webhook/receiver.der");
    let key = include_bytes!("../../../tests/data/webhook/receiver.key.der");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.as_slice()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate.as_slice())], key)
        .unwrap();
    listen(answers, Some(TlsAcceptor::from(Arc::new(config))), "https").await
}

async fn listen(answers: Vec<Answer>, tls: Option<TlsAcceptor>, scheme: &str) -> (String, UnboundedReceiver<Received>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    let (received, requests) = unbounded_channel();
    tokio::spawn(async move {
        let mut answers = answers.into_iter();
        while let Ok((stream, _)) = listener.accept().await {
            match &tls {
                None => {
                    let Some(answer) = answers.next() else { return };
                    tokio::spawn(converse(stream, answer, received.clone()));
                }
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        let Some(answer) = answers.next() else { return };
                        tokio::spawn(converse(stream, answer, received.clone()));
                    }
                }
            }
        }
    });
    (url, requests)
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: Answer, to: UnboundedSender<Received>) {
    let Some(received) = read(&mut stream).await else { return };
    let _ = to.send(received);
    let head = |status: u16, more: &str| format!("HTTP/1.1 {status} Said\r\n{more}content-length: 2\r\n\r\nok");
    let (said, more) = match answer {
        Answer::Status(status) => (head(status, ""), ""),
        Answer::Redirect(status, to) => (head(status, &format!("location: {to}/\r\n")), ""),
        Answer::HangUp => return,
        Answer::Silence => return std::future::pending().await,
        Answer::EndlessHead => ("HTTP/1.1 200 Said\r\n".to_owned(), "x-more: and more and more\r\n"),
        Answer::EndlessBody => ("HTTP/1.1 200 Said\r\n\r\n".to_owned(), "and more and more"),
    };
    let _ = stream.write_all(said.as_bytes()).await;
    while !more.is_empty() && stream.write_all(more.as_bytes()).await.is_ok() {}
    let _ = stream.flush().await;
}

/// One request; `None` where the other side says no whole one.
async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_ends = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_ends].to_vec()).ok()?;
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = bytes.split_off(head_ends + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Received { line, headers, body: String::from_utf8(body).ok()? })
}
