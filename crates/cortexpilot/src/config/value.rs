//! Texts to values. Every error completes the sentence "`VARIABLE` …", says what would be right, and never repeats a secret.

use std::net::{IpAddr, Ipv4Addr};

use cortexpilot_core::domain::command::{ApprovalPolicy, Limits};
use cortexpilot_core::domain::principal::{PROVEN_PREFIXES, Roles, parse_roles};
use cortexpilot_core::domain::text::{Text, escape};
use cortexpilot_server::http::AllowedHosts;
use jiff::SignedDuration;

/// A switch, trimmed, any case. Blank never reaches this: it counts as not set.
pub(super) fn switch(raw: &str) -> Result<bool, String> {
    match raw.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("must be one of 1, true, yes, on, 0, false, no, off; it is {}", quoted(raw))),
    }
}

/// A comma list of roles. One without a role in it counts as not set.
pub(super) fn roles(raw: &str) -> Result<Option<Roles>, String> {
    let roles = parse_roles(raw).map_err(|entry| {
        format!("must be a comma list of roles (letters, digits, _ and -); {} is none", quoted(&entry))
    })?;
    Ok((!roles.is_empty()).then_some(roles))
}

/// An IP address, or `localhost`. Names are not looked up: what they resolve to could stop being loopback.
pub(crate) fn host(raw: &str) -> Result<IpAddr, String> {
    let text = raw.trim();
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let bare = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| format!("must be an IP address or localhost; it is {}", quoted(raw)))
}

/// A port; 0 means a free one.
pub(super) fn port(raw: &str) -> Result<u16, String> {
    raw.trim().parse().map_err(|_| format!("must be a port from 0 to 65535; it is {}", quoted(raw)))
}

/// A duration from one second to a day, written as `1h30m`, `15m` or `90s`: each unit at most once, largest first.
pub(crate) fn duration(raw: &str) -> Result<SignedDuration, String> {
    let day = 24 * 3600;
    let wrong = || format!("must be a duration from 1s to 24h, such as 90s, 15m or 1h30m; it is {}", quoted(raw));
    seconds(raw, &CLOCK).filter(|seconds| (1..=day).contains(seconds)).map(SignedDuration::from_secs).ok_or_else(wrong)
}

/// A duration from one second to a day, or `0` for never.
pub(super) fn interval(raw: &str) -> Result<Option<SignedDuration>, String> {
    if raw.trim() == "0" {
        return Ok(None);
    }
    duration(raw)
        .map(Some)
        .map_err(|_| format!("must be 0, or a duration from 1s to 24h, such as 15s, 5m or 1h; it is {}", quoted(raw)))
}

/// A duration between these two, which may also be written in days: `7d`, `1d12h`.
pub(crate) fn span(raw: &str, least: SignedDuration, most: SignedDuration) -> Result<SignedDuration, String> {
    let read = seconds(raw, &CALENDAR).map(SignedDuration::from_secs);
    read.filter(|span| (least..=most).contains(span)).ok_or_else(|| {
        format!(
            "must be a duration from {} to {}, such as 45m, 24h or 7d; it is {}",
            duration_text(least),
            duration_text(most),
            quoted(raw)
        )
    })
}

/// A number of bytes between these two, written as `64MiB`: a whole number and `KiB`, `MiB` or `GiB`.
pub(crate) fn size(raw: &str, least: u64, most: u64) -> Result<u64, String> {
    let text = raw.trim();
    let read = SIZES.iter().find_map(|(unit, factor)| {
        let number = text.strip_suffix(unit)?.trim_end();
        let number: u64 = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok()).flatten()?;
        number.checked_mul(*factor)
    });
    read.filter(|size| (least..=most).contains(size)).ok_or_else(|| {
        format!("must be a size from {} to {}, such as 64MiB; it is {}", size_text(least), size_text(most), quoted(raw))
    })
}

const SIZES: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A number of bytes as people write it: the inverse of [`size`].
pub(crate) fn size_text(size: u64) -> String {
    let whole = SIZES.iter().find(|(_, factor)| size >= *factor && size.is_multiple_of(*factor));
    whole.map_or_else(|| format!("{size}B"), |(unit, factor)| format!("{}{unit}", size / factor))
}

const CLOCK: [(char, i64); 3] = [('h', 3600), ('m', 60), ('s', 1)];
const CALENDAR: [(char, i64); 4] = [('d', 24 * 3600), ('h', 3600), ('m', 60), ('s', 1)];

fn seconds(raw: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut rest = raw.trim();
    let mut seconds: i64 = 0;
    for (unit, factor) in units {
        let Some((number, after)) = rest.split_once(*unit) else { continue };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: i64 = number.parse().ok()?;
        seconds = number.checked_mul(*factor).and_then(|more| seconds.checked_add(more))?;
        rest = after;
    }
    rest.is_empty().then_some(seconds)
}

/// A duration as people write it: the inverse of [`duration`] and [`span`]. A day is still `24h`, more are days.
pub(crate) fn duration_text(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let days = if seconds > 24 * 3600 { seconds / (24 * 3600) } else { 0 };
    let hours = seconds / 3600 - days * 24;
    let parts = [(days, 'd'), (hours, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number}{unit}")).collect()
}

/// Who says yes.
pub(crate) fn policy(raw: &str) -> Result<ApprovalPolicy, String> {
    let word = raw.trim();
    ApprovalPolicy::parse(word).ok_or_else(|| match word {
        "signed" => "asks for the policy `signed`, which is reserved and not built: use operator or two-person. Nothing is started rather than started weaker".to_owned(),
        _ => format!("must be {}; it is {}", ApprovalPolicy::ALL.map(ApprovalPolicy::as_str).join(", "), quoted(raw)),
    })
}

/// A token as an HTTP header can carry it.
pub(super) fn token(raw: &str) -> Result<String, String> {
    let text = raw.trim();
    if text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() <= 512 {
        Ok(text.to_owned())
    } else {
        Err("must be at most 512 visible ASCII characters without blanks".to_owned())
    }
}

/// The name of an operator. Names that only a token or a transport can prove are refused, for records would lie.
pub(super) fn principal(raw: &str) -> Result<String, String> {
    let text = match Text::<200>::parse(raw) {
        Ok(Some(text)) => text.as_str().to_owned(),
        Ok(None) => return Err("must not be blank".to_owned()),
        Err(problem) => return Err(problem.to_string()),
    };
    let mut reserved = PROVEN_PREFIXES.into_iter().chain(["unauthenticated"]);
    match reserved.find(|prefix| text.starts_with(prefix)) {
        Some(prefix) => Err(format!(
            "must not begin with `{prefix}`, which is kept for identities that are proven: a name such as local:alice is free"
        )),
        None => Ok(text),
    }
}

/// Hosts or origins, as a comma list.
pub(super) fn origins(raw: &str) -> Result<Vec<String>, String> {
    raw.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(origin).collect()
}

fn origin(entry: &str) -> Result<String, String> {
    AllowedHosts::default()
        .allow(entry)
        .map_err(|problem| format!("has the entry {}, which {problem}", quoted(entry)))?;
    Ok(entry.to_owned())
}

/// A value in an error: escaped, and not longer than a line.
pub(crate) fn quoted(raw: &str) -> String {
    let shown: String = raw.chars().take(60).collect();
    let dots = if shown.len() < raw.len() { "…" } else { "" };
    format!("\"{}{dots}\"", escape(&shown))
}

/// A limit: a whole number, 0 for none.
pub(crate) fn limit(raw: &str) -> Result<u32, String> {
    let most = Limits::MAX;
    let read = raw.trim().parse().ok().filter(|limit| *limit <= most);
    read.ok_or_else(|| format!("must be a whole number from 0 (no limit) to {most}; it is {}", quoted(raw)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_take_eight_words_and_nothing_else() {
        for (raw, wanted) in [("1", true), (" True ", true), ("YES", true), ("on", true), ("0", false), ("No", false)] {
            assert_eq!(switch(raw), Ok(wanted), "{raw}");
        }
        for raw in ["tru", "2", "enabled", "y", "\"true\"", "1 1"] {
            assert!(switch(raw).unwrap_err().contains("must be one of"), "{raw}");
        }
        assert!(switch("a\u{1b}[2J").unwrap_err().contains("\\u{001B}"));
    }

    #[test]
    fn sizes_are_bounded_and_need_units() {
        let mib = |n: u64| n << 20;
        let read = |raw| size(raw, mib(1), mib(64 << 10));
        assert_eq!(read("64MiB"), Ok(mib(64)));
        assert_eq!(read(" 2 GiB "), Ok(mib(2048)));
        assert_eq!(read("1024KiB"), Ok(mib(1)));
        for raw in
            ["", "64", "64MB", "64mib", "MiB", "0MiB", "1023KiB", "65GiB", "-1MiB", "1.5GiB", "18446744073709551615GiB"]
        {
            assert!(read(raw).unwrap_err().contains("from 1MiB to 64GiB"), "{raw}");
        }
        for raw in ["64MiB", "1GiB", "1536KiB"] {
            assert_eq!(size_text(read(raw).unwrap()), raw);
        }
    }

    #[test]
    fn durations_are_bounded_and_need_units() {
        let seconds = |raw| duration(raw).map(|duration| duration.as_secs());
        assert_eq!(seconds("15m"), Ok(900));
        assert_eq!(seconds(" 1h30m "), Ok(5400));
        assert_eq!(seconds("1h0m1s"), Ok(3601));
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("24h"), Ok(86_400));
        for raw in [
            "",
            "0s",
            "900",
            "24h1s",
            "15",
            "m",
            "30m1h",
            "1.5h",
            "-1m",
            "1h 30m",
            "1d",
            "99999999999999999999h",
            "1m1m",
        ] {
            assert!(seconds(raw).is_err(), "{raw}");
        }
        for raw in ["15m", "1h30m", "1m30s", "24h", "1s"] {
            assert_eq!(duration_text(duration(raw).unwrap()), raw);
        }
        let month = |raw| span(raw, SignedDuration::from_mins(1), SignedDuration::from_hours(30 * 24));
        for raw in ["1m", "24h", "7d", "30d", "1d12h", "2d3h4m5s"] {
            assert_eq!(duration_text(month(raw).unwrap()), raw);
        }
        assert_eq!(month("720h"), month("30d"));
        for raw in ["59s", "30d1s", "1w", "0d", "d", "7", "-1d", "1h1d", "9223372036854775807d"] {
            assert!(month(raw).unwrap_err().contains("from 1m to 30d"), "{raw}");
        }
    }

    #[test]
    fn hosts_are_addresses() {
        assert!(host("localhost").unwrap().is_loopback());
        assert!(host("127.0.0.1").unwrap().is_loopback());
        assert!(host("[::1]").unwrap().is_loopback());
        assert!(!host("0.0.0.0").unwrap().is_loopback());
        assert!(host("example.org").is_err());
        assert!(host("127.0.0.1:80").is_err());
    }

    #[test]
    fn an_operator_cannot_take_a_name_that_would_have_to_be_proven() {
        assert_eq!(principal(" local:alice "), Ok("local:alice".to_owned()));
        for raw in [
            "operator:alice",
            "agent:alice",
            "worker:w1",
            "token:api",
            "anonymous:loopback",
            "unauthenticated",
            " ",
            "a\u{202e}b",
        ] {
            assert!(principal(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn tokens_are_visible_ascii_and_never_repeated() {
        assert_eq!(token(" s3cret-value\n"), Ok("s3cret-value".to_owned()));
        assert!(!token("s3cret value").unwrap_err().contains("s3cret"));
    }

    #[test]
    fn lists_of_roles_and_origins_name_the_entry_that_is_wrong() {
        assert_eq!(roles(" , ,").unwrap(), None);
        assert_eq!(roles("ops, owner").unwrap().unwrap().len(), 2);
        assert!(roles("OPS,a b").unwrap_err().contains("\"a b\""));
        assert_eq!(origins("https://a.example, b.example:81").unwrap().len(), 2);
        assert!(origins("https://a.example/path").unwrap_err().contains("/path"));
    }
}
