//! Query parameters: each known, each once, each of its type. A mistyped filter must not quietly list everything.

use axum::extract::Query as Pairs;
use axum::http::Uri;
use cortexpilot_core::port::runs::PageQuery;

use super::error::Refused;

/// How many entries a page has unless asked otherwise, and at most.
pub const LIMIT_DEFAULT: usize = 50;
/// The largest page.
pub const LIMIT_MAX: usize = 500;

/// The parameters of one request.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query whose parameters are among `known`.
    pub(crate) fn parse(uri: &Uri, known: &[&'static str]) -> Result<Self, Refused> {
        if uri.query().is_none_or(str::is_empty) {
            return Ok(Self::default());
        }
        let Pairs(pairs) = Pairs::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Refused::form("The query cannot be read as `name=value` pairs."))?;
        for (at, (name, _)) in pairs.iter().enumerate() {
            let Some(known) = known.iter().find(|known| *known == name) else {
                return Err(Refused::form(unknown(known)));
            };
            if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(Refused::form(format!("The query parameter `{known}` occurs twice.")));
            }
        }
        Ok(Self(pairs))
    }

    /// Whether the parameter was sent, be it blank.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(sent, _)| sent == name)
    }

    /// A text, trimmed; `None` when absent or blank.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(sent, _)| sent == name)?;
        Some(value.trim()).filter(|text| !text.is_empty())
    }

    /// A count of at least one.
    pub(crate) fn count(&self, name: &str) -> Result<Option<usize>, Refused> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<usize>() {
            Ok(count) if digits && count > 0 => Ok(Some(count)),
            Ok(_) | Err(_) => {
                Err(Refused::form(format!("The query parameter `{name}` must be an integer of at least 1.")))
            }
        }
    }

    /// A switch, in the spellings that existing clients use; off when absent or blank.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refused> {
        match self.text(name).unwrap_or("false").to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
            "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
            _ => Err(Refused::form(format!("The query parameter `{name}` must be true or false."))),
        }
    }

    /// The page that is asked for; `None` when neither `limit` nor `cursor` was sent: then a list is answered whole.
    pub(crate) fn page(&self) -> Result<Option<PageQuery>, Refused> {
        if !self.has("limit") && !self.has("cursor") {
            return Ok(None);
        }
        let limit = self.count("limit")?.unwrap_or(LIMIT_DEFAULT);
        if limit > LIMIT_MAX {
            return Err(Refused::form(format!("The query parameter `limit` must be 1 to {LIMIT_MAX}.")));
        }
        Ok(Some(PageQuery { limit: Some(limit), after: self.text("cursor").map(str::to_owned) }))
    }
}

/// Never repeats the name that was sent: it is the caller's text.
fn unknown(known: &[&str]) -> String {
    if known.is_empty() {
        return "This path takes no query parameters.".to_owned();
    }
    let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("A query parameter is not known here; this path takes {}.", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["status", "limit", "cursor", "tail"];

    fn parse(query: &str) -> Result<Query, Refused> {
        Query::parse(&format!("/x{query}").parse().unwrap(), KNOWN)
    }

    fn page(query: &str) -> String {
        match parse(query).and_then(|query| query.page()) {
            Ok(None) => "whole".into(),
            Ok(Some(page)) => format!("{} {}", page.limit.unwrap(), page.after.unwrap_or_default()),
            Err(refused) => refused.code().as_str().into(),
        }
    }

    #[test]
    fn a_page_is_asked_for_by_limit_or_cursor() {
        for (query, want) in [
            ("", "whole"),
            ("?status=x", "whole"),
            ("?limit=7", "7 "),
            ("?cursor=abc", "50 abc"),
            ("?limit=&cursor=", "50 "),
            ("?limit=500&cursor=a%3Ab", "500 a:b"),
            ("?limit=501", "REQUEST_VALIDATION_ERROR"),
            ("?limit=0", "REQUEST_VALIDATION_ERROR"),
            ("?limit=-1", "REQUEST_VALIDATION_ERROR"),
            ("?limit=%2B5", "REQUEST_VALIDATION_ERROR"),
            ("?limit=5.0", "REQUEST_VALIDATION_ERROR"),
            ("?limit=99999999999999999999999", "REQUEST_VALIDATION_ERROR"),
            ("?limit=1&limit=2", "REQUEST_VALIDATION_ERROR"),
            ("?limti=1", "REQUEST_VALIDATION_ERROR"),
        ] {
            assert_eq!(page(query), want, "{query}");
        }
    }

    #[test]
    fn switches_and_texts_are_read_as_existing_clients_write_them() {
        assert!(parse("?tail=True").unwrap().flag("tail").unwrap());
        assert!(parse("?tail=1").unwrap().flag("tail").unwrap());
        assert!(!parse("?tail=").unwrap().flag("tail").unwrap());
        assert!(!parse("").unwrap().flag("tail").unwrap());
        assert!(parse("?tail=maybe").unwrap().flag("tail").is_err());
        assert_eq!(parse("?status=%20pending%20").unwrap().text("status"), Some("pending"));
        assert_eq!(parse("?status=+").unwrap().text("status"), None);
    }

    #[test]
    fn the_name_of_an_unknown_parameter_is_not_repeated() {
        let Err(Refused::Coded(_, reason)) = parse("?%3Cscript%3E=1") else { panic!("accepted") };
        assert_eq!(reason, "A query parameter is not known here; this path takes `status`, `limit`, `cursor`, `tail`.");
    }
}
