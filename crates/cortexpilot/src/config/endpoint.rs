//! The address of a webhook. A receiver's path or query often is a password of its own, so neither is ever shown.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;

/// Longest address, in bytes.
const BYTES_MAX: usize = 2_000;

/// Where notices go: `https` anywhere, `http` on this machine alone.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    tls: bool,
    /// A name or an address, the latter without brackets.
    host: String,
    port: u16,
    /// Host and port as they were written, for the header.
    authority: String,
    /// Path and query.
    target: String,
}

impl Endpoint {
    /// Reads an address. The error never repeats it.
    pub(super) fn parse(raw: &str) -> Result<Self, String> {
        let text = raw.trim();
        if text.len() > BYTES_MAX {
            return Err(format!("must be a URL of at most {BYTES_MAX} characters"));
        }
        let wrong = || "must be a URL such as https://alerts.example.org/cortexpilot".to_owned();
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err("must begin with https:// (or, on this machine, http://)".to_owned()),
        };
        if text.contains('#') {
            return Err("must not have a fragment (#…), which is never sent".to_owned());
        }
        let authority = uri.authority().map(|authority| authority.as_str().to_owned()).ok_or_else(wrong)?;
        if authority.contains('@') {
            return Err("must not hold a user name or a password: the signature shows who sends, and a receiver's own key may stand in the path".to_owned());
        }
        let bracketed = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let port = match (uri.port_u16(), tls) {
            (Some(0), _) => return Err("must name a port from 1 to 65535".to_owned()),
            (Some(port), _) => port,
            (None, _) if authority != bracketed => return Err("must name a port from 1 to 65535".to_owned()),
            (None, true) => 443,
            (None, false) => 80,
        };
        let host = bracketed.trim_start_matches('[').trim_end_matches(']').to_owned();
        let endpoint = Self {
            tls,
            host,
            port,
            authority,
            target: uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        };
        if !endpoint.tls && !endpoint.is_loopback() {
            return Err("must begin with https://: plain http is only for this machine (127.0.0.1, ::1, localhost), for whoever is on the way could read and keep back notices".to_owned());
        }
        Ok(endpoint)
    }

    fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }

    /// The name or address to connect to.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What the `Host` header says.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query: not to be shown.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }
}

impl fmt::Display for Endpoint {
    /// The address without its path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.target == "/" { "/" } else { "/…" };
        write!(f, "{}://{}{path}", if self.tls { "https" } else { "http" }, self.authority)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str) -> String {
        Endpoint::parse(raw).map_or_else(
            |problem| problem,
            |endpoint| format!("{endpoint} {} {} {}", endpoint.host(), endpoint.port(), endpoint.target()),
        )
    }

    #[test]
    fn https_goes_anywhere_and_http_nowhere_but_here() {
        assert_eq!(
            check("https://hooks.example.org/T0/B0?key=hunter2"),
            "https://hooks.example.org/… hooks.example.org 443 /T0/B0?key=hunter2"
        );
        assert_eq!(check(" https://10.0.0.7:8443 "), "https://10.0.0.7:8443/ 10.0.0.7 8443 /");
        assert_eq!(check("http://127.0.0.1:9/x"), "http://127.0.0.1:9/… 127.0.0.1 9 /x");
        assert_eq!(check("http://[::1]:9/"), "http://[::1]:9/ ::1 9 /");
        assert_eq!(check("http://localhost"), "http://localhost/ localhost 80 /");
        for raw in ["http://10.0.0.7/", "http://example.org/", "http://0.0.0.0:1/", "http://localhost.example.org/"] {
            assert!(check(raw).contains("only for this machine"), "{raw}: {}", check(raw));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for raw in [
            "hunter2",
            "ftp://example.org/hunter2",
            "https://",
            "https:///hunter2",
            "https://user:hunter2@example.org/",
            "https://example.org:99999/hunter2",
            "https://example.org:0/hunter2",
            "https://example.org:/hunter2",
            "https://example.org/hunter2#x",
            "https://exämple.org/hunter2",
            "https://example.org/hunter2 x",
            "//example.org/hunter2",
        ] {
            let said = check(raw);
            assert!(said.starts_with("must "), "{raw}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert!(check(&format!("https://example.org/{}", "a".repeat(2_000))).contains("at most 2000"));
        assert!(!format!("{:?}", Endpoint::parse("https://example.org/hunter2")).contains("hunter2"));
    }
}
