//! Policies, limits, personal tokens and the webhook.

use std::os::unix::fs::PermissionsExt as _;

use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_core::domain::token::{TokenId, TokenText};

use super::*;

const POLICY: &str = "CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL";
const WEBHOOK: &str = "CORTEXPILOT_APPROVAL_WEBHOOK";
const WEBHOOK_SECRET: &str = "CORTEXPILOT_APPROVAL_WEBHOOK_SECRET";

fn origin(settings: &Settings, variable: Variable) -> String {
    settings.shown.iter().find(|shown| shown.variable == variable).unwrap().origin.to_string()
}

fn shown(settings: &Settings, variable: Variable) -> &str {
    &settings.shown.iter().find(|shown| shown.variable == variable).unwrap().value
}

#[test]
fn three_policies_are_taken_and_nothing_else() {
    for (word, wanted) in [
        ("declared", ApprovalPolicy::Declared),
        (" operator ", ApprovalPolicy::Operator),
        ("two-person", ApprovalPolicy::TwoPerson),
        ("", ApprovalPolicy::Declared),
    ] {
        let settings = settings(&[(POLICY, word)]);
        assert_eq!((settings.approval, settings.policy().approval), (wanted, wanted), "{word}");
        assert_eq!(shown(&settings, table::APPROVAL), wanted.as_str());
    }
    for word in ["Declared", "operators", "two person", "none", "off", "1"] {
        assert!(refusal(&[(POLICY, word)]).contains("must be declared, operator, two-person"), "{word}");
    }
}

#[test]
fn of_two_policies_the_stricter_holds_and_its_origin_says_so() {
    for (environment, file, wanted, origin_ends) in [
        ("declared", "operator", "operator", "(stricter than the environment)"),
        ("declared", "two-person", "two-person", "(stricter than the environment)"),
        ("operator", "declared", "operator", "environment"),
        ("two-person", "operator", "two-person", "environment"),
        ("operator", "operator", "operator", "environment"),
        ("", "two-person", "two-person", "cortexpilot.toml"),
        ("two-person", "", "two-person", "environment"),
    ] {
        let case = case(&[(POLICY, environment)]).file(&format!("mcp_queue_pilot_approval = \"{file}\"\n"));
        let settings = case.load().unwrap();
        assert_eq!(settings.approval.as_str(), wanted, "{environment} {file}");
        assert!(origin(&settings, table::APPROVAL).ends_with(origin_ends), "{}", origin(&settings, table::APPROVAL));
    }
    for file in ["signed", "tow-person"] {
        let case = case(&[(POLICY, "two-person")]).file(&format!("mcp_queue_pilot_approval = \"{file}\"\n"));
        let said = case.load().unwrap_err().to_string();
        assert!(said.contains("cortexpilot.toml: `mcp_queue_pilot_approval`"), "an unreadable one refuses: {said}");
    }
}

#[test]
fn the_words_for_the_apply_path_follow_gate_and_policy() {
    let words =
        |gate: &str, policy: &str| settings(&[(table::ENABLE_APPLY.name, gate), (POLICY, policy)]).agents_may_queue();
    assert_eq!(words("0", "declared"), "OFF");
    assert_eq!(words("0", "operator"), "OFF");
    assert_eq!(words("1", "declared"), "ON, nobody is asked");
    assert_eq!(words("1", "operator"), "after a person agrees");
    assert_eq!(words("1", "two-person"), "after a person agrees");
}

#[test]
fn the_environment_sets_any_limit_and_an_unreadable_one_is_an_error() {
    let limits = |variables: &[(&str, &str)]| {
        let Limits { pending_max, applies_per_hour } = settings(variables).policy().limits;
        (pending_max, applies_per_hour)
    };
    assert_eq!(limits(&[("CORTEXPILOT_AGENT_PENDING_MAX", " 7 ")]), (7, 300));
    assert_eq!(limits(&[("CORTEXPILOT_AGENT_APPLIES_PER_HOUR", "10000")]), (100, 10_000));
    assert_eq!(
        limits(&[("CORTEXPILOT_AGENT_PENDING_MAX", "0"), ("CORTEXPILOT_AGENT_APPLIES_PER_HOUR", "0")]),
        (0, 0),
        "an operator may say none"
    );
    for name in ["CORTEXPILOT_AGENT_PENDING_MAX", "CORTEXPILOT_AGENT_APPLIES_PER_HOUR"] {
        for value in ["many", "-1", "1.0", "10001", "1e3"] {
            let said = refusal(&[(name, value)]);
            assert!(said.contains(name) && said.contains("from 0 (no limit) to 10000"), "{name}={value}: {said}");
        }
    }
}

#[test]
fn a_file_can_lower_a_limit_and_neither_raise_nor_lift_it() {
    for (key, default) in [("agent_pending_max", 100), ("agent_applies_per_hour", 300)] {
        for taken in [1, default - 1, default] {
            let limits = case(&[]).file(&format!("{key} = {taken}\n")).load().unwrap().limits;
            let limit = if key == "agent_pending_max" { limits.pending_max } else { limits.applies_per_hour };
            assert_eq!(limit, taken, "{key}");
        }
        for refused in [0, default + 1, 10_000] {
            let said = case(&[]).file(&format!("{key} = {refused}\n")).load().unwrap_err().to_string();
            let wanted = format!("can only be tightened here, to a number from 1 to {default}");
            assert!(said.contains(key) && said.contains(&wanted), "{key} = {refused}: {said}");
        }
    }
}

#[test]
fn an_approval_may_take_from_a_minute_to_a_month() {
    for (raw, wanted) in [("1m", "1m"), ("90m", "1h30m"), ("7d", "7d"), ("720h", "30d")] {
        let settings = settings(&[("CORTEXPILOT_APPROVAL_TTL", raw)]);
        assert_eq!(shown(&settings, table::APPROVAL_TTL), wanted);
        assert_eq!(settings.policy().approval_ttl, settings.approval_ttl);
    }
    for raw in ["59s", "31d", "1440", "0", "forever"] {
        assert!(refusal(&[("CORTEXPILOT_APPROVAL_TTL", raw)]).contains("from 1m to 30d"), "{raw}");
    }
}

#[test]
fn nobody_takes_a_name_that_must_be_proven() {
    for raw in ["operator:alice", "agent:alice", "worker:w1", "token:api", "anonymous:loopback"] {
        let said = refusal(&[("CORTEXPILOT_PRINCIPAL", raw)]);
        assert!(said.contains("identities that are proven"), "{raw}: {said}");
    }
    assert_eq!(settings(&[("CORTEXPILOT_PRINCIPAL", "local:carol")]).principal, "local:carol");
}

fn token() -> String {
    TokenText::new(PrincipalKind::Agent, TokenId::from_bytes([7; 6]), [0xab; 32]).reveal().to_owned()
}

#[test]
fn a_personal_token_is_taken_and_never_shown() {
    let token = token();
    let settings = settings(&[("CORTEXPILOT_TOKEN", &format!(" {token}\n"))]);
    assert_eq!(settings.token.as_ref().unwrap().reveal(), token);
    assert_eq!(shown(&settings, table::TOKEN), "(set)");
    assert!(!format!("{settings:?}").contains(&token));
}

#[test]
fn what_is_no_token_is_refused_with_what_is_wrong_and_never_repeated() {
    let sound = token();
    let damaged = [
        ("hunter2hunter2", "must be a personal token"),
        (&sound[4..], "must be a personal token"),
        (&sound[..sound.len() - 1], "lost or mistyped"),
        (&sound.replace("abab", "abcb"), "lost or mistyped"),
        (&sound.replace("_agent_", "_root_"), "lost or mistyped"),
        (&sound.to_uppercase(), "must be a personal token"),
        (&format!("{sound}0"), "lost or mistyped"),
        ("cpt_agent_ü", "lost or mistyped"),
    ];
    for (raw, wanted) in damaged {
        let said = refusal(&[("CORTEXPILOT_TOKEN", raw)]);
        assert!(said.contains("CORTEXPILOT_TOKEN ") && said.contains(wanted), "{said}");
        assert!(!said.contains(raw) && !said.contains("abababab"), "{said}");
    }
}

#[test]
fn a_token_may_stand_in_a_file_of_its_owner_alone() {
    let token = token();
    let case = case(&[("CORTEXPILOT_TOKEN_FILE", "agent.token")]);
    let path = case.environment.cwd.join("agent.token");
    let missing = case.load().unwrap_err().to_string();
    assert!(missing.contains("CORTEXPILOT_TOKEN_FILE") && missing.contains("does not exist"), "{missing}");
    std::fs::write(&path, format!("{token}\n")).unwrap();
    for mode in [0o644, 0o640, 0o700, 0o606] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let said = case.load().unwrap_err().to_string();
        assert!(said.contains(&format!("chmod 600 {}", path.display())) && !said.contains(&token), "{said}");
    }
    for mode in [0o600, 0o400] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let settings = case.load().unwrap();
        assert_eq!(settings.token.as_ref().unwrap().reveal(), token);
        assert_eq!(shown(&settings, table::TOKEN_FILE), "agent.token");
    }
    std::fs::write(case.environment.cwd.join("other.token"), &token).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("other.token", &path).unwrap();
    assert!(case.load().unwrap_err().to_string().contains("symbolic link"));
}

#[test]
fn a_token_file_without_a_token_is_refused_without_repeating_it() {
    let case = case(&[("CORTEXPILOT_TOKEN_FILE", "agent.token")]);
    let path = case.environment.cwd.join("agent.token");
    std::fs::write(&path, "hunter2hunter2\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let said = case.load().unwrap_err().to_string();
    assert!(said.contains("must be a personal token") && !said.contains("hunter2"), "{said}");
}

#[test]
fn two_tokens_at_once_are_refused() {
    let token = token();
    let case = case(&[("CORTEXPILOT_TOKEN", &token), ("CORTEXPILOT_TOKEN_FILE", "agent.token")]);
    let path = case.environment.cwd.join("agent.token");
    std::fs::write(&path, &token).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(case.load().unwrap_err().to_string().contains("unset one of them"));
}

#[test]
fn a_webhook_needs_a_secret_and_neither_is_shown_whole() {
    let secret = "hunter2-hunter2-hunter2";
    let settings = settings(&[(WEBHOOK, "https://hooks.example.org/T0/B0?key=abc"), (WEBHOOK_SECRET, secret)]);
    let webhook = settings.webhook.as_ref().unwrap();
    assert_eq!((webhook.endpoint.target(), webhook.secret.reveal()), ("/T0/B0?key=abc", secret));
    assert_eq!(shown(&settings, table::WEBHOOK), "https://hooks.example.org/…");
    assert_eq!(shown(&settings, table::WEBHOOK_SECRET), "(set)");
    let debug = format!("{settings:?}");
    assert!(!debug.contains("hunter2") && !debug.contains("B0") && !debug.contains("key=abc"));

    assert!(refusal(&[(WEBHOOK, "https://hooks.example.org/")]).contains("needs CORTEXPILOT_APPROVAL_WEBHOOK_SECRET"));
    let short = refusal(&[(WEBHOOK, "https://hooks.example.org/"), (WEBHOOK_SECRET, "hunter2-hunter2")]);
    assert!(short.contains("at least 16 characters") && !short.contains("hunter2"), "{short}");
    let plain = refusal(&[(WEBHOOK, "http://hooks.example.org/"), (WEBHOOK_SECRET, secret)]);
    assert!(plain.contains("https://"), "{plain}");
    let alone = self::settings(&[(WEBHOOK_SECRET, secret)]);
    assert!(alone.webhook.is_none() && alone.warnings[0].contains("nobody is told"), "{:?}", alone.warnings);
}

#[test]
fn what_proves_or_reaches_somebody_comes_from_the_environment_alone() {
    for key in ["token", "token_file", "approval_webhook", "approval_webhook_secret"] {
        let said = case(&[]).file(&format!("{key} = \"hunter2hunter2hunter2\"\n")).load().unwrap_err().to_string();
        assert!(said.contains("only the environment may set") && !said.contains("hunter2"), "{said}");
    }
}
