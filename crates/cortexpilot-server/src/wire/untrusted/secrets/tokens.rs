//! Secrets that are known by how they look: each issuer marks its own. The prefixes are facts that the issuers publish.

/// A secret by its first characters, what follows them, and how much of it there must be.
struct Token {
    prefix: &'static str,
    kind: &'static str,
    body: fn(u8) -> bool,
    least: usize,
    /// Words begin like this, too: one of the characters behind the prefix must be a digit.
    digit: bool,
}

const fn token(prefix: &'static str, kind: &'static str, body: fn(u8) -> bool, least: usize) -> Token {
    Token { prefix, kind, body, least, digit: false }
}

const fn digits(prefix: &'static str, kind: &'static str, body: fn(u8) -> bool, least: usize) -> Token {
    Token { prefix, kind, body, least, digit: true }
}

fn letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn dotted(byte: u8) -> bool {
    word(byte) || byte == b'.'
}

fn base64(byte: u8) -> bool {
    word(byte) || matches!(byte, b'+' | b'/' | b'=')
}

fn capital(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// In no order that matters but one: a longer prefix stands before one that begins it.
const TOKENS: &[Token] = &[
    digits("sk-ant-", "anthropic-key", word, 12),
    digits("sk-", "api-key", word, 16),
    digits("sk_live_", "stripe-key", letter, 10),
    digits("sk_test_", "stripe-key", letter, 10),
    digits("rk_live_", "stripe-key", letter, 10),
    digits("rk_test_", "stripe-key", letter, 10),
    token("whsec_", "stripe-key", base64, 20),
    token("ghp_", "github-token", letter, 16),
    token("gho_", "github-token", letter, 16),
    token("ghu_", "github-token", letter, 16),
    token("ghs_", "github-token", letter, 16),
    token("ghr_", "github-token", letter, 16),
    token("github_pat_", "github-token", word, 16),
    token("glpat-", "gitlab-token", dotted, 16),
    token("gldt-", "gitlab-token", dotted, 16),
    token("glrt-", "gitlab-token", dotted, 16),
    token("glptt-", "gitlab-token", dotted, 16),
    token("glcbt-", "gitlab-token", dotted, 16),
    token("AKIA", "aws-key", capital, 16),
    token("ASIA", "aws-key", capital, 16),
    token("ABIA", "aws-key", capital, 16),
    token("ACCA", "aws-key", capital, 16),
    token("AIza", "google-key", word, 30),
    token("ya29.", "google-token", dotted, 20),
    token("GOCSPX-", "google-secret", word, 20),
    token("xoxb-", "slack-token", word, 10),
    token("xoxp-", "slack-token", word, 10),
    token("xoxa-", "slack-token", word, 10),
    token("xoxr-", "slack-token", word, 10),
    token("xoxs-", "slack-token", word, 10),
    token("xoxe-", "slack-token", word, 10),
    token("xoxe.", "slack-token", dotted, 10),
    token("xapp-", "slack-token", word, 10),
    token("hooks.slack.com/services/", "webhook", base64, 16),
    token("discord.com/api/webhooks/", "webhook", base64, 16),
    token("npm_", "npm-token", letter, 30),
    token("pypi-", "pypi-token", word, 40),
    token("SG.", "sendgrid-key", dotted, 30),
    token("SK", "twilio-key", hex, 32),
    token("dop_v1_", "digitalocean-token", hex, 40),
    token("doo_v1_", "digitalocean-token", hex, 40),
    token("dor_v1_", "digitalocean-token", hex, 40),
    token("hf_", "huggingface-token", letter, 30),
    token("shpat_", "shopify-token", hex, 30),
    token("shpss_", "shopify-token", hex, 30),
    token("shpca_", "shopify-token", hex, 30),
    token("shppa_", "shopify-token", hex, 30),
    token("dapi", "databricks-token", hex, 32),
    token("hvs.", "vault-token", word, 20),
    token("hvb.", "vault-token", word, 20),
    token("dckr_pat_", "docker-token", word, 20),
    token("dp.pt.", "doppler-token", letter, 30),
    token("lin_api_", "linear-key", letter, 30),
    token("ntn_", "notion-token", letter, 40),
    token("PMAK-", "postman-key", word, 40),
    token("glc_", "grafana-token", base64, 32),
    token("glsa_", "grafana-token", word, 32),
    token("NRAK-", "new-relic-key", letter, 20),
    token("sntrys_", "sentry-token", base64, 30),
    token("pscale_tkn_", "planetscale-token", dotted, 30),
    token("sbp_", "supabase-token", hex, 40),
    token("gsk_", "groq-key", letter, 40),
    token("xai-", "xai-key", letter, 40),
    token("pplx-", "perplexity-key", letter, 40),
    token("r8_", "replicate-token", letter, 30),
    token("AGE-SECRET-KEY-", "private-key", word, 20),
    token("cpt_", "cortexpilot-token", word, 40),
    token("cps_", "cortexpilot-session", hex, 40),
    token("cpl_", "cortexpilot-login", hex, 40),
    // What a private key begins with in base64: `openssh-key-v1`, `-----BEGIN`.
    token("b3BlbnNzaC1rZXktdjEA", "private-key", base64, 8),
    token("LS0tLS1CRUdJTi", "private-key", base64, 24),
];

/// With which second bytes prefixes go on that begin with an ASCII byte: one bit each.
const SECONDS: [u128; 128] = {
    let mut seconds = [0; 128];
    let mut index = 0;
    while index < TOKENS.len() {
        let prefix = TOKENS[index].prefix.as_bytes();
        seconds[prefix[0] as usize] |= bit(prefix[1]);
        index += 1;
    }
    seconds
};

const fn bit(byte: u8) -> u128 {
    if byte < 128 { 1 << byte } else { 0 }
}

/// How far behind a prefix a digit is looked for: any longer, and a text of nothing but prefixes would be slow to read.
const DIGIT_WITHIN: usize = 64;

/// The token that begins here, if any: its kind and its length.
pub(super) fn at(rest: &[u8]) -> Option<(&'static str, usize)> {
    // Nearly every place in every text is turned away here.
    let [first, second, ..] = *rest else { return None };
    if SECONDS.get(usize::from(first))? & bit(second) == 0 {
        return None;
    }
    let token = TOKENS.iter().find(|token| rest.starts_with(token.prefix.as_bytes()))?;
    let body = &rest[token.prefix.len()..];
    if token.digit && !body.iter().take(DIGIT_WITHIN).take_while(|byte| (token.body)(**byte)).any(u8::is_ascii_digit) {
        return None;
    }
    let length = body.iter().take_while(|byte| (token.body)(**byte)).count();
    (length >= token.least).then_some((token.kind, token.prefix.len() + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_is_hidden_behind_a_shorter_one() {
        for (index, token) in TOKENS.iter().enumerate() {
            let earlier = TOKENS[..index].iter().find(|earlier| token.prefix.starts_with(earlier.prefix));
            assert!(earlier.is_none(), "{} is never reached", token.prefix);
        }
    }

    #[test]
    fn each_token_is_found_whole_and_not_when_it_is_too_short() {
        for token in TOKENS {
            let filler = (b'0'..=b'9').chain(b'A'..=b'Z').find(|byte| (token.body)(*byte)).unwrap();
            let body = char::from(filler).to_string().repeat(token.least);
            let text = format!("{}{body}", token.prefix);
            assert_eq!(at(format!("{text} and more").as_bytes()), Some((token.kind, text.len())), "{text}");
            assert_eq!(at(&text.as_bytes()[..text.len() - 1]), None, "{text}");
        }
        assert_eq!(at(b"sk-loading-container-spinner"), None);
        assert_eq!(at(b"npm_config_registry"), None);
    }
}
