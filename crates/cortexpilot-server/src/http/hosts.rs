//! Which Host and Origin headers this server answers to. A web page of another site can make a browser send requests
//! here (with the session cookie, or by letting its own name resolve to this address); what it cannot do is choose these
//! two headers.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Uri};
use cortexpilot_core::error::ErrorCode;

/// The hosts and origins this server answers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    hosts: BTreeSet<String>,
    origins: BTreeSet<String>,
    /// Origins of pages elsewhere whose scripts may call this server and read its answers.
    pages: BTreeSet<String>,
}

/// An entry of the allow-list cannot be used. The text completes the sentence "`ENTRY` …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OriginProblem(&'static str);

const SCHEMES: [(&str, u16); 2] = [("http", 80), ("https", 443)];

impl AllowedHosts {
    /// The names under which an address that was bound is reached: the address itself, and for a loopback or unspecified
    /// one the three names of this machine. Behind an unspecified address (`0.0.0.0`) every other name must be allowed by
    /// an entry, for nobody here knows it.
    pub fn bound(address: SocketAddr) -> Self {
        let mut allowed = Self::default();
        let ip = address.ip();
        let mut names = vec![match ip {
            std::net::IpAddr::V4(v4) => v4.to_string(),
            std::net::IpAddr::V6(v6) => format!("[{v6}]"),
        }];
        if ip.is_loopback() || ip.is_unspecified() {
            names.extend(["127.0.0.1", "localhost", "[::1]"].map(str::to_owned));
        }
        for name in names {
            allowed.add(&name, Some(address.port()), "http", 80);
        }
        allowed
    }

    /// Adds one entry of the operator's list: an origin (`https://pilot.example.org`), or a host with or without a port
    /// (`pilot.example.org:8443`), which stands for its `http` and `https` origins.
    ///
    /// # Errors
    /// For anything else: a path, a user, another scheme, a wildcard.
    pub fn allow(&mut self, entry: &str) -> Result<(), OriginProblem> {
        let entry = entry.trim().trim_end_matches('/').to_ascii_lowercase();
        let shape = || OriginProblem("must be an origin (https://host[:port]) or a host (host[:port])");
        let (schemes, authority) = match entry.split_once("://") {
            Some((scheme, authority)) => {
                let known = SCHEMES.iter().find(|(name, _)| *name == scheme);
                (vec![*known.ok_or(OriginProblem("is no http or https origin"))?], authority)
            }
            None => (SCHEMES.to_vec(), entry.as_str()),
        };
        if authority.contains(['@', '*']) {
            return Err(OriginProblem("must name one host, without a user and without wildcards"));
        }
        let authority: Authority = authority.parse().map_err(|_| shape())?;
        let port = authority.port_u16();
        let understood =
            port.map_or_else(|| authority.host().to_owned(), |port| format!("{}:{port}", authority.host()));
        if authority.host().is_empty() || understood != authority.as_str() {
            return Err(shape());
        }
        for (scheme, default_port) in schemes {
            self.add(authority.host(), port, scheme, default_port);
        }
        Ok(())
    }

    /// Lets the pages of one origin elsewhere (`https://console.example.org`) call this server from a browser, with the
    /// session cookie where the browser sends it. Its host is no name of this server's.
    ///
    /// # Errors
    /// For anything but one exact origin: a list of hosts, `*` or `null` would open the server to whoever asks.
    pub fn allow_pages_of(&mut self, entry: &str) -> Result<(), OriginProblem> {
        let mut named = Self::default();
        if !entry.contains("://") {
            return Err(OriginProblem("must be an origin with its scheme (https://host[:port])"));
        }
        named.allow(entry)?;
        self.pages.append(&mut named.origins);
        Ok(())
    }

    /// Whether any page elsewhere may call this server.
    pub(crate) fn has_pages(&self) -> bool {
        !self.pages.is_empty()
    }

    /// Whether this is the one origin of a page elsewhere that may call this server. Origins are compared as browsers write
    /// them: exactly.
    pub(crate) fn is_page(&self, origin: &[u8]) -> bool {
        std::str::from_utf8(origin).is_ok_and(|origin| self.pages.contains(origin))
    }

    /// Clients leave out a scheme's own port, or name it: both spellings are the same host.
    fn add(&mut self, name: &str, port: Option<u16>, scheme: &str, default_port: u16) {
        match port.filter(|port| *port != default_port) {
            Some(port) => {
                self.hosts.insert(format!("{name}:{port}"));
                self.origins.insert(format!("{scheme}://{name}:{port}"));
            }
            None => {
                self.hosts.insert(name.to_owned());
                self.hosts.insert(format!("{name}:{default_port}"));
                self.origins.insert(format!("{scheme}://{name}"));
            }
        }
    }

    /// Judges a request by its Host and, when it may change something, its Origin. Needs no token and holds without one.
    pub(crate) fn admit(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), ErrorCode> {
        if !self.host_is_ours(uri, headers) {
            return Err(ErrorCode::HostNotAllowed);
        }
        if !method.is_safe() && !self.origin_is_ours(headers) {
            return Err(ErrorCode::OriginNotAllowed);
        }
        Ok(())
    }

    /// Exactly one Host header, and it is ours; so is the host of a request line that names one (absolute form).
    fn host_is_ours(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let known = |name: &str| self.hosts.contains(name) || self.hosts.contains(&name.to_ascii_lowercase());
        host.to_str().is_ok_and(known) && uri.authority().is_none_or(|named| known(named.as_str()))
    }

    /// Browsers send `Origin` with every request that is not a plain read; other clients send none, and none is no page of
    /// another site.
    pub(crate) fn origin_is_ours(&self, headers: &HeaderMap) -> bool {
        let cross_site = headers.get_all("sec-fetch-site").iter().any(|site| site.as_bytes() == b"cross-site");
        let mut origins = headers.get_all(ORIGIN).iter();
        match (cross_site, origins.next(), origins.next()) {
            (_, Some(page), None) if self.is_page(page.as_bytes()) => true,
            (true, _, _) | (_, Some(_), Some(_)) => false,
            (false, Some(origin), None) => {
                origin.to_str().is_ok_and(|origin| self.origins.contains(&origin.to_ascii_lowercase()))
            }
            (false, None, _) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn bound(address: &str) -> AllowedHosts {
        AllowedHosts::bound(address.parse().unwrap())
    }

    fn admit(allowed: &AllowedHosts, method: &Method, uri: &str, headers: &[(&'static str, &str)]) -> &'static str {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        match allowed.admit(method, &uri.parse().unwrap(), &map) {
            Ok(()) => "ok",
            Err(code) => code.as_str(),
        }
    }

    #[test]
    fn only_the_names_of_the_bound_address_are_hosts() {
        let loopback = bound("127.0.0.1:8000");
        for (host, want) in [
            ("127.0.0.1:8000", "ok"),
            ("localhost:8000", "ok"),
            ("LOCALHOST:8000", "ok"),
            ("[::1]:8000", "ok"),
            ("127.0.0.1", "HOST_NOT_ALLOWED"),
            ("localhost", "HOST_NOT_ALLOWED"),
            ("localhost:8001", "HOST_NOT_ALLOWED"),
            ("localhost.:8000", "HOST_NOT_ALLOWED"),
            ("evil.example:8000", "HOST_NOT_ALLOWED"),
            ("user@localhost:8000", "HOST_NOT_ALLOWED"),
            ("", "HOST_NOT_ALLOWED"),
            ("löcalhost:8000", "HOST_NOT_ALLOWED"),
        ] {
            assert_eq!(admit(&loopback, &Method::GET, "/", &[("host", host)]), want, "{host}");
        }
        assert_eq!(admit(&loopback, &Method::GET, "/", &[]), "HOST_NOT_ALLOWED");
        let two = [("host", "localhost:8000"), ("host", "evil.example")];
        assert_eq!(admit(&loopback, &Method::GET, "/", &two), "HOST_NOT_ALLOWED");
        let ours = [("host", "localhost:8000")];
        assert_eq!(admit(&loopback, &Method::GET, "http://evil.example/", &ours), "HOST_NOT_ALLOWED");
        assert_eq!(admit(&loopback, &Method::GET, "http://localhost:8000/", &ours), "ok");
        assert_eq!(admit(&bound("127.0.0.1:80"), &Method::GET, "/", &[("host", "localhost")]), "ok");
        assert_eq!(admit(&bound("10.1.2.3:8000"), &Method::GET, "/", &[("host", "10.1.2.3:8000")]), "ok");
        assert_eq!(admit(&bound("10.1.2.3:8000"), &Method::GET, "/", &ours), "HOST_NOT_ALLOWED");
        assert_eq!(admit(&bound("[fd00::1]:8000"), &Method::GET, "/", &[("host", "[fd00::1]:8000")]), "ok");
    }

    #[test]
    fn entries_are_origins_or_hosts_and_nothing_else() {
        let mut allowed = bound("0.0.0.0:8000");
        allowed.allow("https://Pilot.example.org/").unwrap();
        allowed.allow("console.example.org:8443").unwrap();
        let at = |host, origin| admit(&allowed, &Method::POST, "/", &[("host", host), ("origin", origin)]);
        assert_eq!(at("pilot.example.org", "https://pilot.example.org"), "ok");
        assert_eq!(at("pilot.example.org:443", "https://pilot.example.org"), "ok");
        assert_eq!(at("pilot.example.org", "http://pilot.example.org"), "ORIGIN_NOT_ALLOWED");
        assert_eq!(at("console.example.org:8443", "http://console.example.org:8443"), "ok");
        assert_eq!(at("console.example.org:8443", "https://console.example.org:8443"), "ok");
        assert_eq!(at("localhost:8000", "http://localhost:8000"), "ok");
        assert_eq!(at("console.example.org", "https://console.example.org:8443"), "HOST_NOT_ALLOWED");
        for bad in
            ["", "*", "https://*.example.org", "ftp://a", "https://a/b", "https://u@a", "a b", "https://", "a:99999"]
        {
            assert!(allowed.clone().allow(bad).is_err(), "{bad:?}");
        }
        // A host may be called `null`; the opaque origin of that name still matches no entry.
        allowed.allow("null").unwrap();
        let opaque = [("host", "localhost:8000"), ("origin", "null")];
        assert_eq!(admit(&allowed, &Method::POST, "/", &opaque), "ORIGIN_NOT_ALLOWED");
    }

    #[test]
    fn a_page_elsewhere_is_named_by_its_whole_origin_and_by_nothing_else() {
        let mut allowed = bound("127.0.0.1:8000");
        for bad in
            ["", "*", "null", "pilot.example.org", "https://*", "https://*.example.org", "file:///x", "https://a/b"]
        {
            assert!(allowed.clone().allow_pages_of(bad).is_err(), "{bad:?}");
        }
        allowed.allow_pages_of("https://Pages.example.org").unwrap();
        let post = |origin: &str, site: &str| {
            let headers = [("host", "127.0.0.1:8000"), ("origin", origin), ("sec-fetch-site", site)];
            admit(&allowed, &Method::POST, "/", &headers)
        };
        assert_eq!(post("https://pages.example.org", "cross-site"), "ok");
        for (origin, site) in [
            ("http://pages.example.org", "cross-site"),
            ("https://pages.example.org:8443", "cross-site"),
            ("https://pages.example.org.evil.example", "cross-site"),
            ("https://evil.example", "cross-site"),
            ("null", "cross-site"),
            ("http://127.0.0.1:8000", "cross-site"),
        ] {
            assert_eq!(post(origin, site), "ORIGIN_NOT_ALLOWED", "{origin}");
        }
        let twice = [
            ("host", "127.0.0.1:8000"),
            ("origin", "https://pages.example.org"),
            ("origin", "https://pages.example.org"),
        ];
        assert_eq!(admit(&allowed, &Method::POST, "/", &twice), "ORIGIN_NOT_ALLOWED");
        let as_host = [("host", "pages.example.org")];
        assert_eq!(admit(&allowed, &Method::GET, "/", &as_host), "HOST_NOT_ALLOWED", "its host is not ours");
    }

    #[test]
    fn a_page_of_another_site_changes_nothing() {
        let allowed = bound("127.0.0.1:8000");
        let post = |headers: &[(&'static str, &str)]| {
            let mut all = vec![("host", "127.0.0.1:8000")];
            all.extend_from_slice(headers);
            admit(&allowed, &Method::POST, "/", &all)
        };
        assert_eq!(post(&[]), "ok");
        assert_eq!(post(&[("origin", "http://127.0.0.1:8000")]), "ok");
        assert_eq!(post(&[("origin", "http://localhost:8000"), ("sec-fetch-site", "same-origin")]), "ok");
        for foreign in
            ["http://evil.example", "null", "https://127.0.0.1:8000", "http://127.0.0.1:8001", "http://127.0.0.1"]
        {
            assert_eq!(post(&[("origin", foreign)]), "ORIGIN_NOT_ALLOWED", "{foreign}");
        }
        assert_eq!(post(&[("sec-fetch-site", "cross-site")]), "ORIGIN_NOT_ALLOWED");
        let ours = ("origin", "http://127.0.0.1:8000");
        assert_eq!(post(&[ours, ("sec-fetch-site", "cross-site")]), "ORIGIN_NOT_ALLOWED");
        assert_eq!(post(&[ours, ("origin", "http://evil.example")]), "ORIGIN_NOT_ALLOWED");
        let read = [("host", "127.0.0.1:8000"), ("origin", "http://evil.example")];
        assert_eq!(
            admit(&allowed, &Method::GET, "/", &read),
            "ok",
            "the browser itself keeps the answer from the page"
        );
    }
}
