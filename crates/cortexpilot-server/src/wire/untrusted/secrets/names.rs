//! Names whose values are secrets, however they are spelled: `api_key`, `apiKey`, `X-API-KEY`, `DB_PASSWORD`.

/// What kind of secret the value of this name is; `None` for every other name.
///
/// The last word of a name says what its value is: `token_count` is a count and `password_file` a file.
pub(super) fn kind(name: &str) -> Option<&'static str> {
    if !could_be(name) {
        return None;
    }
    let words = words(name);
    let last = words.last()?.as_str();
    let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
    match last {
        // The working directory of a shell is called so, too.
        "pwd" if words.len() == 1 && (name == "PWD" || name == "OLDPWD") => None,
        "password" | "passwords" | "passwd" | "pwd" | "passphrase" | "passcode" | "passwort" | "pw" => Some("password"),
        "pass" if PASS.contains(&before) => Some("password"),
        "hash" | "digest" if matches!(before, "password" | "passwd" | "pwd") => Some("password"),
        "secret" | "secrets" => Some("secret"),
        "token" | "tokens" | "authtoken" | "accesstoken" | "apitoken" if NO_TOKEN.contains(&before) => None,
        "token" | "tokens" | "authtoken" | "accesstoken" | "apitoken" | "jwt" | "bearer" => Some("token"),
        "apikey" | "apikeys" | "accesskey" | "secretkey" | "authkey" => Some("api-key"),
        "privatekey" => Some("private-key"),
        "key" | "keys" | "pem" if before == "private" => Some("private-key"),
        "key" | "keys" if KEY.contains(&before) => Some("api-key"),
        // The name that Rails gives its key.
        "base" if before == "key" && words.iter().any(|word| word == "secret") => Some("secret"),
        "authorization" => Some("authorization"),
        "credential" | "credentials" | "creds" | "mnemonic" => Some("credential"),
        "cookie" | "cookies" => Some("cookie"),
        "signature" if matches!(words.first().map(String::as_str), Some("x")) => Some("signature"),
        _ => None,
    }
}

/// Before `pass`: alone it is what a test does.
const PASS: &[&str] = &[
    "admin", "database", "db", "email", "ftp", "imap", "login", "mail", "mongo", "mysql", "pg", "postgres", "proxy",
    "redis", "registry", "root", "sasl", "smtp", "ssh", "sudo", "user", "vault",
];

/// Before `key`: every other key opens nothing.
const KEY: &[&str] = &[
    "access",
    "account",
    "admin",
    "api",
    "app",
    "auth",
    "cipher",
    "client",
    "decryption",
    "deploy",
    "encryption",
    "gpg",
    "hmac",
    "jwt",
    "license",
    "master",
    "pgp",
    "rsa",
    "secret",
    "service",
    "session",
    "shared",
    "signing",
    "ssh",
    "subscription",
    "symmetric",
    "webhook",
];

/// Before `token`: places in a list, and words of language models.
const NO_TOKEN: &[&str] = &[
    "bos",
    "completion",
    "continuation",
    "cursor",
    "eos",
    "input",
    "max",
    "min",
    "next",
    "output",
    "pad",
    "page",
    "pagination",
    "prompt",
    "reasoning",
    "sep",
    "special",
    "stop",
    "sync",
    "total",
    "unk",
];

/// Whether a name is worth being taken apart: without this every name of an answer would cost an allocation.
fn could_be(name: &str) -> bool {
    let name = name.as_bytes();
    (0..name.len()).any(|at| {
        // `private_pem` and its like end in a part that stands nowhere else.
        let parts: &[&str] = match name[at].to_ascii_lowercase() {
            b'p' => &["pass", "pw", "pem"],
            b's' => &["secret", "signature"],
            b't' => &["token"],
            b'k' => &["key"],
            b'a' => &["auth"],
            b'c' => &["cred", "cookie"],
            b'm' => &["mnemonic"],
            b'b' => &["bearer"],
            b'j' => &["jwt"],
            _ => &[],
        };
        parts.iter().any(|part| name[at..].get(..part.len()).is_some_and(|c| c.eq_ignore_ascii_case(part.as_bytes())))
    })
}

/// The words of a name in lower case, without the numbers at their ends.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut chars = name.chars().peekable();
    let (mut before, mut two_upper) = (' ', false);
    while let Some(c) = chars.next() {
        let hump = c.is_ascii_uppercase() && before.is_ascii_lowercase();
        // In `APIKey` the last capital begins the next word.
        let last_capital = two_upper && c.is_ascii_uppercase() && chars.peek().is_some_and(char::is_ascii_lowercase);
        if (!c.is_ascii_alphanumeric() || hump || last_capital) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if c.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
        two_upper = c.is_ascii_uppercase();
        before = c;
    }
    for word in &mut words {
        word.truncate(word.trim_end_matches(|c: char| c.is_ascii_digit()).len());
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for (name, expected) in [
            ("password", "password"),
            ("PASSWORD", "password"),
            ("db_password", "password"),
            ("dbPassword1", "password"),
            ("Passwd", "password"),
            ("pwd", "password"),
            ("SMTP_PASS", "password"),
            ("sshPassphrase", "password"),
            ("client_secret", "secret"),
            ("clientSecret", "secret"),
            ("SECRET_KEY_BASE", "secret"),
            ("secret_access_key", "api-key"),
            ("aws-secret-access-key", "api-key"),
            ("X-API-KEY", "api-key"),
            ("apiKey", "api-key"),
            ("APIKey", "api-key"),
            ("apikey", "api-key"),
            ("OPENAI_API_KEY", "api-key"),
            ("AccountKey", "api-key"),
            ("token", "token"),
            ("access_token", "token"),
            ("refreshToken", "token"),
            ("_authToken", "token"),
            ("GITHUB_TOKEN", "token"),
            ("private_key", "private-key"),
            ("privateKey", "private-key"),
            ("Authorization", "authorization"),
            ("proxy-authorization", "authorization"),
            ("credentials", "credential"),
            ("Set-Cookie", "cookie"),
            ("X-Amz-Signature", "signature"),
            ("X-Amz-Security-Token", "token"),
            ("password_hash", "password"),
        ] {
            assert_eq!(kind(name), Some(expected), "{name}");
        }
        for name in [
            "",
            "task_id",
            "token_count",
            "max_tokens",
            "next_page_token",
            "tokenizer",
            "password_file",
            "secret_name",
            "public_key",
            "idempotency_key",
            "key",
            "author",
            "pass",
            "tests_pass",
            "compass",
            "PWD",
            "contract_sha256",
            "evidence_hashes",
            "passed",
            "keyboard",
            "monkey",
            "secretary",
            "input_tokens",
            "authority",
            "signature",
        ] {
            assert_eq!(kind(name), None, "{name}");
        }
    }
}
