//! Who says yes, how much an agent may ask for, and who hears of it. `cortexpilot.toml` stands where agents work, so it can
//! tighten what is here and widen none of it (docs/adr/0008).

use std::path::Path;

use cortexpilot_core::domain::command::{ApprovalPolicy, Limits};
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::domain::token::TokenText;
use jiff::SignedDuration;

use super::endpoint::Endpoint;
use super::sources::Sources;
use super::table::{self, Variable};
use super::{Origin, Secret, secret_file, value};

/// How long a request stays open unless configured otherwise.
const APPROVAL_TTL: SignedDuration = SignedDuration::from_hours(24);

/// Fewer characters can be guessed by whoever holds one signed notice.
const WEBHOOK_SECRET_MIN: usize = 16;

/// Whom to tell that somebody asks for an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebhookSettings {
    /// Where to.
    pub(crate) endpoint: Endpoint,
    /// What each notice is signed with.
    pub(crate) secret: Secret,
}

/// The policy of this process. Where the environment and the file both name one, the stricter holds.
pub(super) fn policy(sources: &mut Sources) -> ApprovalPolicy {
    let stated = sources.parsed(&table::APPROVAL, value::policy).unwrap_or(ApprovalPolicy::Declared);
    let policy = match sources.outvoted(&table::APPROVAL).map(|file| (value::policy(&file.text), file.origin)) {
        Some((Ok(stricter), _)) if stricter > stated => {
            sources.tightened(&table::APPROVAL);
            stricter
        }
        Some((Err(problem), origin)) => {
            sources.problem_at(&origin, &table::APPROVAL, &problem);
            stated
        }
        Some((Ok(_), _)) | None => stated,
    };
    sources.show(&table::APPROVAL, policy.as_str().to_owned());
    policy
}

/// How long people may take to answer a request.
pub(super) fn ttl(sources: &mut Sources) -> SignedDuration {
    let parse = |raw: &str| value::span(raw, SignedDuration::from_mins(1), SignedDuration::from_hours(30 * 24));
    let ttl = sources.parsed(&table::APPROVAL_TTL, parse).unwrap_or(APPROVAL_TTL);
    sources.show(&table::APPROVAL_TTL, value::duration_text(ttl));
    ttl
}

/// How much an agent may queue.
pub(super) fn limits(sources: &mut Sources) -> Limits {
    Limits {
        pending_max: limit(sources, &table::PENDING_MAX, table::PENDING_MAX_DEFAULT),
        applies_per_hour: limit(sources, &table::APPLIES_PER_HOUR, table::APPLIES_PER_HOUR_DEFAULT),
    }
}

fn limit(sources: &mut Sources, variable: &Variable, default: u32) -> u32 {
    let mut limit = sources.parsed(variable, value::limit).unwrap_or(default);
    let in_file = matches!(sources.origin(variable), Origin::File(_));
    if in_file && !(1..=default).contains(&limit) {
        let only = format!(
            "can only be tightened here, to a number from 1 to {default}: no limit, or a wider one, is for the environment to give ({})",
            variable.name
        );
        sources.problem(variable, &only);
        limit = default;
    }
    sources.show(variable, limit.to_string());
    limit
}

/// The personal token this process acts with: given as text, or as a file that nobody else could have read.
pub(super) fn token(sources: &mut Sources, base: &Path) -> Option<Secret> {
    let given = sources.parsed(&table::TOKEN, personal_token);
    let file = sources.parsed(&table::TOKEN_FILE, |raw| token_file(base, raw));
    let path = sources.text(&table::TOKEN_FILE).map(|given| given.text.trim().to_owned());
    let set = |variable: &Variable| sources.text(variable).is_some();
    if set(&table::TOKEN) && set(&table::TOKEN_FILE) {
        let both = format!("is set beside {}, and the two could name two people: unset one of them", table::TOKEN.name);
        sources.problem(&table::TOKEN_FILE, &both);
    }
    sources.show(&table::TOKEN, if given.is_some() { "(set)" } else { "" }.to_owned());
    sources.show(&table::TOKEN_FILE, path.unwrap_or_default());
    given.or(file)
}

fn token_file(base: &Path, raw: &str) -> Result<Secret, String> {
    let stated = raw.trim();
    if stated == "~" || stated.starts_with("~/") {
        return Err("begins with ~, which only shells expand: write the directory itself".to_owned());
    }
    // Not resolved: a link in the file's place must be seen, not followed.
    let text = secret_file::read(&base.join(stated))
        .map_err(|unfit| format!("names a file that is not used: {}", escape(&unfit.to_string())))?;
    personal_token(&text).map_err(|problem| format!("names the file {}, whose text {problem}", value::quoted(stated)))
}

/// A text with the form of a personal token. Whether it is one, and still lives, only the ledger of decisions knows.
fn personal_token(raw: &str) -> Result<Secret, String> {
    let text = raw.trim();
    match TokenText::parse(text) {
        Some(token) => Ok(Secret::new(token.reveal().to_owned())),
        None if !text.starts_with("cpt_") => Err(
            "must be a personal token: cpt_operator_…, cpt_agent_… or cpt_worker_…, as `cortexpilot token create` prints it"
                .to_owned(),
        ),
        None => Err(
            "begins like a personal token, but its form or its checksum is wrong: a character was lost or mistyped. Copy it again, or make another one with `cortexpilot token rotate`"
                .to_owned(),
        ),
    }
}

/// Whom to tell of requests; `None` where nobody is.
pub(super) fn webhook(sources: &mut Sources) -> Option<WebhookSettings> {
    let endpoint = sources.parsed(&table::WEBHOOK, Endpoint::parse);
    let secret = sources.parsed(&table::WEBHOOK_SECRET, webhook_secret);
    let named = sources.text(&table::WEBHOOK).is_some();
    match (named, sources.text(&table::WEBHOOK_SECRET).is_some()) {
        (true, false) => {
            let needs = format!(
                "needs {}, or nobody could tell a notice of ours from a forged one: set it to a long random text, for example the output of `openssl rand -hex 32`",
                table::WEBHOOK_SECRET.name
            );
            sources.problem(&table::WEBHOOK, &needs);
        }
        (false, true) => sources.warnings.push(format!(
            "{} is set and {} is not: nobody is told of requests",
            table::WEBHOOK_SECRET.name,
            table::WEBHOOK.name
        )),
        (true, true) | (false, false) => {}
    }
    sources.show(&table::WEBHOOK, endpoint.as_ref().map(Endpoint::to_string).unwrap_or_default());
    sources.show(&table::WEBHOOK_SECRET, if secret.is_some() { "(set)" } else { "" }.to_owned());
    Some(WebhookSettings { endpoint: endpoint?, secret: secret? })
}

fn webhook_secret(raw: &str) -> Result<Secret, String> {
    let text = value::token(raw)?;
    if text.len() < WEBHOOK_SECRET_MIN {
        return Err(format!("must have at least {WEBHOOK_SECRET_MIN} characters"));
    }
    Ok(Secret::new(text))
}
