//! A server that runs already, spoken to over Streamable HTTP: one POST a message, answered with JSON or with a stream of
//! events. Each request has a connection of its own.

use std::future::poll_fn;
use std::pin::Pin;

use cortexpilot_core::domain::text::escape;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Problem, WITHIN};
use crate::webhook::post::{Trust, connector};

/// No answer is longer, in bytes; lists are paged far below.
const BODY_MAX: usize = 8 << 20;

/// Where a server is.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
    target: String,
}

impl Address {
    /// Reads a URL; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "must be a URL such as http://127.0.0.1:8000/mcp/queue-pilot".to_owned();
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(wrong()),
        };
        let authority = uri.authority().map(|authority| authority.as_str().to_owned()).ok_or_else(wrong)?;
        if authority.contains('@') || text.contains('#') {
            return Err("must hold neither a user's name nor a fragment".to_owned());
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let local = host.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if !tls && !local {
            return Err("must begin with https://, unless it is on this machine: the token would go over the network \
                        for everybody to read"
                .to_owned());
        }
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Ok(Self { tls, host, port, authority, target })
    }

    /// Another path on the same server.
    pub(super) fn at(&self, path: &str) -> Self {
        Self { target: path.to_owned(), ..self.clone() }
    }
}

/// A server and what every request to it says.
pub(super) struct Remote {
    address: Address,
    bearer: Option<String>,
    session: Option<String>,
    protocol: Option<String>,
    waiting: Option<Value>,
}

impl Remote {
    pub(super) fn new(address: Address, bearer: Option<String>) -> Self {
        Self { address, bearer, session: None, protocol: None, waiting: None }
    }

    /// The version that every request after the first one names.
    pub(super) fn agreed(&mut self, protocol: &str) {
        self.protocol = Some(protocol.to_owned());
    }

    /// Sends one message; its answer waits for [`Remote::answer`].
    pub(super) async fn send(&mut self, message: &Value) -> Result<(), Problem> {
        let sent = timeout(WITHIN, self.exchange(message)).await;
        self.waiting = sent.map_err(|_| {
            Problem::new(
                format!("The server at {} did not answer within {} s.", self.address.authority, WITHIN.as_secs()),
                "Look at the log of the process that serves there.",
            )
        })??;
        Ok(())
    }

    /// The answer to the request with this id.
    pub(super) fn answer(&mut self, id: u64) -> Result<Value, Problem> {
        self.waiting.take().filter(|message| message["id"] == id).ok_or_else(|| self.odd("it holds no answer"))
    }

    async fn exchange(&mut self, message: &Value) -> Result<Option<Value>, Problem> {
        let response = self.post(message.to_string()).await?;
        let status = response.status();
        if let Some(session) = response.headers().get("mcp-session-id").and_then(|value| value.to_str().ok()) {
            self.session = Some(session.to_owned());
        }
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let events = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        let wanted = message.get("id");
        let body = self.body(response.into_body(), events.then_some(wanted).flatten()).await?;
        match status {
            StatusCode::OK if wanted.is_none() => Ok(None),
            StatusCode::OK if events => Ok(event(&body, wanted)),
            StatusCode::OK => serde_json::from_slice(&body).map(Some).map_err(|_| self.odd("it is no JSON")),
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT => Ok(None),
            other => Err(self.refused(other, &body)),
        }
    }

    async fn post(&self, body: String) -> Result<Response<Incoming>, Problem> {
        let mut request = Request::post(&self.address.target)
            .header(header::HOST, &self.address.authority)
            .header(header::USER_AGENT, concat!("cortexpilot/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header(header::CONNECTION, "close");
        if let Some(bearer) = &self.bearer {
            request = request.header(header::AUTHORIZATION, bearer);
        }
        for (name, value) in [("mcp-session-id", &self.session), ("mcp-protocol-version", &self.protocol)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let request = request.body(body).map_err(|_| {
            Problem::new(
                "The token cannot be sent: it holds what no header may hold.",
                "Look for a line break or a blank in the variable that holds it.",
            )
        })?;
        let stream = self.connect().await?;
        let sent = if self.address.tls {
            let tls = connector(Trust::System).await.map_err(|error| self.lost(&error))?;
            let name = ServerName::try_from(self.address.host.clone()).map_err(|error| self.lost(&error))?;
            let stream = tls.connect(name, stream).await.map_err(|error| self.lost(&error))?;
            over(stream, request).await
        } else {
            over(stream, request).await
        };
        sent.map_err(|error| self.lost(&error))
    }

    async fn connect(&self) -> Result<TcpStream, Problem> {
        let found = tokio::net::lookup_host((self.address.host.as_str(), self.address.port)).await;
        let mut problem = None;
        for address in found.map_err(|error| self.lost(&error))? {
            // `localhost` is a name like any other, and somebody could make it mean something else.
            if !self.address.tls && !address.ip().is_loopback() {
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => problem = Some(error),
            }
        }
        Err(problem.map_or_else(|| self.lost(&"the name has no address on this machine"), |error| self.lost(&error)))
    }

    /// The body, up to its bound; of a stream of events up to the one that was asked for, for a stream may stay open.
    async fn body(&self, mut body: Incoming, until: Option<&Value>) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let frame = frame.map_err(|error| self.lost(&error))?;
            bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            if bytes.len() > BODY_MAX {
                return Err(self.odd("it does not end"));
            }
            if until.is_some() && event(&bytes, until).is_some() {
                break;
            }
        }
        Ok(bytes)
    }

    fn lost(&self, error: &dyn std::fmt::Display) -> Problem {
        Problem::new(
            format!("Nothing answers at {}: {error}.", self.address.authority),
            "Start the server there (`cortexpilot serve --mcp-pilot`), or install the entry again with the --url where it is.",
        )
    }

    fn odd(&self, what: &str) -> Problem {
        Problem::new(
            format!("What answers at {}{} is no MCP server: {what}.", self.address.authority, self.address.target),
            "Install the entry again with the --url of the queue pilot: it ends in /mcp/queue-pilot.",
        )
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> Problem {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let detail = [&body["detail"], &body["error"], &body].into_iter().find(|value| value["code"].is_string());
        let said = detail.map(|detail| {
            let text = |member: &str| detail[member].as_str().map(escape).unwrap_or_default();
            format!(" {} — {}", text("code"), text("reason"))
        });
        let said = said.unwrap_or_default();
        let step = match status {
            StatusCode::UNAUTHORIZED => {
                "Is the variable set to the whole token, and does it live? `cortexpilot token list` shows it; `cortexpilot \
                 token rotate ID` makes another one."
            }
            StatusCode::FORBIDDEN => "The token must be an agent's: `cortexpilot token create --kind agent`.",
            StatusCode::NOT_FOUND => {
                "The queue pilot is served by `cortexpilot serve --mcp-pilot` alone: start the server so, if it shall be."
            }
            _ => "Look at the log of the process that serves there.",
        };
        Problem::new(format!("The server at {} answered {status}.{said}", self.address.authority), step)
    }
}

async fn over<S>(stream: S, request: Request<String>) -> Result<Response<Incoming>, hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Driven until the body is read or dropped: each request has a connection of its own.
    tokio::spawn(connection);
    sender.send_request(request).await
}

/// The message with this id in a stream of events, as far as it has come.
fn event(stream: &[u8], id: Option<&Value>) -> Option<Value> {
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n");
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    whole.split("\n\n").find_map(|event| {
        let data: Vec<&str> = event
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(|data| data.strip_prefix(' ').unwrap_or(data))
            .collect();
        let message: Value = serde_json::from_str(&data.join("\n")).ok()?;
        (message.get("id") == id).then_some(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_no_network_in_the_clear() {
        for url in
            ["http://127.0.0.1:8000/mcp/queue-pilot", "http://[::1]:1/x", "http://localhost/x", "https://h.example/x"]
        {
            assert!(Address::parse(url).is_ok(), "{url}");
        }
        for url in [
            "http://h.example/x",
            "ftp://localhost/x",
            "localhost:8000",
            "http://a:b@localhost/",
            "http://localhost/#x",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
        assert_eq!(Address::parse("https://h.example/mcp").unwrap().port, 443);
    }

    #[test]
    fn the_answer_is_found_among_events_and_only_once_it_is_whole() {
        let one = Value::from(1);
        let stream = "event: message\ndata: {\"id\":7}\n\n: ping\n\ndata: {\"id\":1,\ndata:  \"result\":{}}\n\ndata: {";
        assert_eq!(event(stream.as_bytes(), Some(&one)).unwrap()["result"], serde_json::json!({}));
        assert_eq!(event(b"data: {\"id\":1}\n", Some(&one)), None);
        assert!(event(b"data: {\"id\":1}\r\n\r\n", Some(&one)).is_some());
        assert_eq!(event(b"", Some(&one)), None);
    }
}
