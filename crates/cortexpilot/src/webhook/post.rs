//! One HTTP/1.1 POST on a connection of its own: no redirects, no proxies, no cookies, and of the answer only the head.

use std::io;
use std::sync::Arc;

use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::config::endpoint::Endpoint;

/// The head of an answer may be as long as this, in bytes. The rest is not read at all.
const HEAD_MAX: usize = 16 * 1024;

/// Whose certificates are believed.
#[derive(Debug, Clone)]
pub(crate) enum Trust {
    /// Whom the system believes: so a company's own authority works where its machines are set up for it.
    System,
    /// These alone.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test's authority is in no system's store"))]
    Only(Vec<CertificateDer<'static>>),
}

/// Why a try got no answer. None of these texts holds the address or what was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostProblem {
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("plain http is only for this machine, and the name means another one")]
    NotLoopback,
    #[error("no TLS: {0}")]
    Tls(String),
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("the request cannot be written: {0}")]
    Request(#[from] hyper::http::Error),
    #[error("no answer in time")]
    Slow,
}

/// What one try sends.
pub(super) struct Signed<'a> {
    pub(super) delivery: &'a str,
    pub(super) timestamp: String,
    pub(super) signature: String,
    pub(super) body: &'a str,
}

/// Posts to one endpoint.
pub(super) struct Post {
    endpoint: Endpoint,
    trust: Trust,
    /// Made once, when it is first needed: reading the system's certificates takes a while.
    tls: OnceCell<TlsConnector>,
}

impl Post {
    pub(super) fn new(endpoint: Endpoint, trust: Trust) -> Self {
        Self { endpoint, trust, tls: OnceCell::new() }
    }

    /// Sends, and returns what the answer's first line says.
    pub(super) async fn send(&self, signed: &Signed<'_>) -> Result<StatusCode, PostProblem> {
        let request = self.request(signed)?;
        let stream = self.connect().await?;
        if !self.endpoint.is_tls() {
            return exchange(stream, request).await;
        }
        let tls = self.tls.get_or_try_init(|| connector(self.trust.clone())).await?;
        let name = ServerName::try_from(self.endpoint.host().to_owned())
            .map_err(|error| PostProblem::Tls(error.to_string()))?;
        let stream = tls.connect(name, stream).await.map_err(|error| PostProblem::Tls(error.to_string()))?;
        exchange(stream, request).await
    }

    fn request(&self, signed: &Signed<'_>) -> Result<Request<String>, hyper::http::Error> {
        Request::post(self.endpoint.target())
            .header(header::HOST, self.endpoint.authority())
            .header(header::USER_AGENT, concat!("cortexpilot/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .header("x-cortexpilot-delivery", signed.delivery)
            .header("x-cortexpilot-timestamp", signed.timestamp.as_str())
            .header("x-cortexpilot-signature", signed.signature.as_str())
            .body(signed.body.to_owned())
    }

    /// Tries every address of the name in turn.
    async fn connect(&self) -> Result<TcpStream, PostProblem> {
        let found = tokio::net::lookup_host((self.endpoint.host(), self.endpoint.port())).await;
        let mut problem = PostProblem::Connect(io::ErrorKind::NotFound.into());
        for address in found.map_err(PostProblem::Connect)? {
            // `localhost` is a name like any other, and somebody could make it mean something else.
            if !self.endpoint.is_tls() && !address.ip().is_loopback() {
                problem = PostProblem::NotLoopback;
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => problem = PostProblem::Connect(error),
            }
        }
        Err(problem)
    }
}

async fn exchange<S>(stream: S, request: Request<String>) -> Result<StatusCode, PostProblem>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new().max_buf_size(HEAD_MAX).handshake(TokioIo::new(stream)).await?;
    // Ends with this function, whatever the other side still wants to say.
    let mut driven = JoinSet::new();
    driven.spawn(connection);
    Ok(sender.send_request(request).await?.status())
}

/// A way to TLS that believes whom it is told to.
///
/// # Errors
/// When there can be none; its text says why.
pub(crate) async fn connector(trust: Trust) -> Result<TlsConnector, PostProblem> {
    let built = tokio::task::spawn_blocking(move || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok::<_, rustls::Error>(builder.with_root_certificates(roots(trust)).with_no_client_auth())
    });
    let config = built.await.map_err(|error| PostProblem::Tls(error.to_string()))?;
    config.map(|config| TlsConnector::from(Arc::new(config))).map_err(|error| PostProblem::Tls(error.to_string()))
}

fn roots(trust: Trust) -> RootCertStore {
    let certificates = match trust {
        Trust::Only(certificates) => certificates,
        Trust::System => {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(%error, "some of the system's certificates cannot be read");
            }
            found.certs
        }
    };
    let mut roots = RootCertStore::empty();
    let (known, _) = roots.add_parsable_certificates(certificates);
    if known == 0 {
        tracing::error!(
            "the system has no certificates, so no receiver can be believed: install them (ca-certificates), or name a file in SSL_CERT_FILE"
        );
    }
    roots
}
