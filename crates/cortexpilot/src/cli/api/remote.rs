//! A running control plane, called over HTTP/1.1: a connection for each request, no redirects, no proxies, no cookies.
//!
//! Where a token goes is decided here. One that is found in this machine's configuration goes to this machine alone; to
//! another goes only one that the command line names for it, and only over TLS.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Reply;
use super::ask::Asked;
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::config::{Secret, Settings, secret_file};
use crate::webhook::post::{Trust, connector};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the head of an answer may take: twice what a server gives itself unless it is configured otherwise.
const ANSWER: Duration = Duration::from_secs(60);

/// Where the token lies that `up` makes, below the runtime root.
const TOKEN_OF_UP: &str = "keys/api.token";

/// A control plane somewhere.
pub(crate) struct Remote {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
    bearer: Option<HeaderValue>,
}

impl Remote {
    /// Reads the address, and finds the token that may go there.
    ///
    /// # Errors
    /// When it is no address, when a token would go over a network in clear, or when the named token cannot be used.
    pub(crate) fn of(server: &str, token_file: Option<&str>, context: &Context) -> Result<Self, Stopped> {
        let mut remote = Self::parse(server).map_err(|why| Stopped::Usage(format!("--server {why}")))?;
        let token = match token_file {
            Some(file) => {
                let text = secret_file::read(&context.environment.cwd.join(file))
                    .map_err(|unfit| Stopped::Usage(format!("--token-file: {unfit}")))?;
                Some(Secret::new(text.trim().to_owned()))
            }
            None if remote.is_this_machine() => found(&context.settings)?,
            None => None,
        };
        remote.bearer = token.map(|token| bearer(&token)).transpose()?;
        Ok(remote)
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "must be a URL such as https://pilot.example.org or http://127.0.0.1:8000";
        let uri: Uri = text.trim().parse().map_err(|_| WRONG)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(WRONG),
        };
        let authority = uri.authority().ok_or(WRONG)?.as_str().to_owned();
        if authority.contains('@')
            || text.contains('#')
            || !matches!(uri.path_and_query().map(|at| at.as_str()), None | Some("/"))
        {
            return Err("must name a server and nothing more: no user, no path, no query");
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(WRONG)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let remote = Self { tls, host, port, authority, bearer: None };
        if !tls && !remote.is_this_machine() {
            return Err(
                "must begin with https://, unless it is on this machine: tokens and answers would go over the network for everybody to read",
            );
        }
        Ok(remote)
    }

    fn is_this_machine(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    pub(crate) async fn send(&self, asked: &Asked) -> Result<Reply, Stopped> {
        let stream = match timeout(CONNECT, self.connect()).await {
            Ok(stream) => stream.map_err(|error| self.lost(&error))?,
            Err(_) => return Err(self.lost(&"no connection in time")),
        };
        let request = self.request(asked)?;
        let answered = async {
            if !self.tls {
                return exchange(stream, request).await;
            }
            let tls = connector(Trust::System).await.map_err(|error| error.to_string())?;
            let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
            let stream = tls.connect(name, stream).await.map_err(|error| error.to_string())?;
            exchange(stream, request).await
        };
        match timeout(ANSWER, answered).await {
            Ok(reply) => reply.map_err(|error| self.lost(&error)),
            Err(_) => Err(self.lost(&"no answer in time")),
        }
    }

    fn request(&self, asked: &Asked) -> Result<Request<Body>, Stopped> {
        let mut request = Request::builder()
            .method(asked.method.clone())
            .uri(asked.target())
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, concat!("cortexpilot/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close");
        if let Some(bearer) = &self.bearer {
            request = request.header(header::AUTHORIZATION, bearer);
        }
        for (name, value) in &asked.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(asked.body.clone().unwrap_or_default()));
        request.map_err(|error| Stopped::Usage(format!("PATH makes no request: {error}")))
    }

    /// Tries every address of the name in turn.
    async fn connect(&self) -> io::Result<TcpStream> {
        let mut problem = io::Error::from(io::ErrorKind::NotFound);
        for address in tokio::net::lookup_host((self.host.as_str(), self.port)).await? {
            // `localhost` is a name like any other, and somebody could make it mean another machine.
            if self.is_this_machine() && !address.ip().is_loopback() {
                problem = io::Error::other("the name means another machine");
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    fn lost(&self, why: &dyn std::fmt::Display) -> Stopped {
        anyhow::anyhow!("{} does not answer: {why}. Does `cortexpilot serve` run there?", self.authority).into()
    }
}

/// The token of this machine's configuration: the personal one, the control plane's own, or the one that `up` made.
fn found(settings: &Settings) -> Result<Option<Secret>, Stopped> {
    if let Some(token) = settings.token.as_ref().or(settings.api_token.as_ref()) {
        return Ok(Some(Secret::new(token.reveal().to_owned())));
    }
    match secret_file::read(&settings.runtime_root.join(TOKEN_OF_UP)) {
        Ok(text) => Ok(Some(Secret::new(text.trim().to_owned()))),
        Err(unfit) if unfit.is_missing() => Ok(None),
        Err(unfit) => Err(Stopped::Usage(format!("the token that `up` made: {unfit}"))),
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue, Stopped> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).map_err(|_| {
        Stopped::Usage("the token cannot be sent: it holds what no header may hold, such as a line break".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

async fn exchange<S>(stream: S, request: Request<Body>) -> Result<Reply, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    // Driven until the body is read or dropped: each request has a connection of its own.
    tokio::spawn(connection);
    let reply = sender.send_request(request).await.map_err(|error| error.to_string())?;
    Ok(reply.map(Body::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_https_or_on_this_machine() {
        for (url, port, here) in [
            ("https://h.example", 443, false),
            ("https://h.example:8443/", 8443, false),
            ("http://127.0.0.1:8000", 8000, true),
            ("http://[::1]:1", 1, true),
            ("http://LOCALHOST", 80, true),
            ("https://localhost", 443, true),
        ] {
            let remote = Remote::parse(url).unwrap();
            assert_eq!((remote.port, remote.is_this_machine()), (port, here), "{url}");
        }
        for url in [
            "http://h.example",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "ftp://localhost",
            "localhost:8000",
            "127.0.0.1",
            "https://a:b@h.example",
            "https://h.example/api",
            "https://h.example/?x",
            "https://h.example/#x",
            "",
        ] {
            assert!(Remote::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_token_with_a_line_break_in_it_is_not_sent() {
        assert!(bearer(&Secret::new("a\nb".to_owned())).is_err());
        assert!(bearer(&Secret::new("cpt_x".to_owned())).unwrap().is_sensitive());
    }
}
