use super::*;

/// The text with each secret as `<kind>`.
fn masked(raw: &str) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for found in find(&Flat::of(raw)) {
        assert!(at <= found.at.start && found.at.start < found.at.end, "{raw}: {found:?} after {at}");
        out.push_str(&raw[at..found.at.start]);
        out.push_str(&format!("<{}>", found.kind));
        at = found.at.end;
    }
    out + &raw[at..]
}

fn check(table: &[(&str, &str)]) {
    for (raw, expected) in table {
        assert_eq!(masked(raw), *expected, "{raw}");
    }
}

/// In parts, so that no tool that looks for secrets finds one in this file.
const GITHUB: &str = concat!("gh", "p_16C7e42F292c6912E7710c838347Ae178B4a");
const AWS: &str = concat!("AKI", "AIOSFODNN7EXAMPLE");
const BEGIN: &str = concat!("-----BEGIN RSA PRIV", "ATE KEY-----");
const END: &str = concat!("-----END RSA PRIV", "ATE KEY-----");

#[test]
fn tokens_are_found_wherever_a_word_can_begin() {
    for before in ["", "a ", "key=", "\"", "/", "x-", "x_", "line\\n", "%20", "a\u{200B}", "a\u{1B}[1m", "'", "日本"]
    {
        assert_eq!(masked(&format!("{before}{GITHUB}, and more")), {
            // A name before it makes its value the secret, of the same extent.
            format!("{before}<github-token>, and more")
        });
    }
    assert_eq!(masked(&format!("{AWS}.")), "<aws-key>.");
    assert_eq!(
        masked("https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXX now"),
        "https://<webhook> now"
    );
}

#[test]
fn what_splits_a_secret_does_not_hide_it() {
    let split = |separator: &str| GITHUB.chars().map(String::from).collect::<Vec<_>>().join(separator);
    for separator in [
        "\u{200B}",
        "\u{200D}",
        "\u{2060}",
        "\u{FEFF}",
        "\u{AD}",
        "\u{202E}",
        "\u{E0041}",
        "\u{FE0F}",
        "\u{1B}[0m",
        "\\u200b",
    ] {
        assert_eq!(masked(&format!("a {} b", split(separator))), "a <github-token> b", "{separator:?}");
    }
    let escaped: String = GITHUB.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    assert_eq!(masked(&format!(r#"{{"a":"{escaped}"}}"#)), r#"{"a":"<github-token>"}"#);
    let twice = escaped.replace('\\', "\\\\");
    assert_eq!(masked(&format!(r#"{{\"a\":\"{twice}\"}}"#)), r#"{\"a\":\"<github-token>\"}"#);
}

#[test]
fn private_keys_go_whole_over_lines_on_one_line_and_without_an_end() {
    for break_ in ["\n", "\\n", "\r\n", " ", "\\\\n"] {
        let key = format!("{BEGIN}{break_}MIIEowIBAAKCAQEA{break_}b64/+=={break_}{END}");
        assert_eq!(masked(&format!("key: {key} end")), "key: <private-key> end");
    }
    assert_eq!(masked(&format!("{BEGIN}\nMIIEow")), "<private-key>");
    assert_eq!(masked(&BEGIN.replace("-----", "---- ").replace("RSA", "SSH2 ENCRYPTED")), "<private-key>");
    check(&[
        (
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        ),
        ("-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nAAAA", "<private-key>"),
    ]);
    assert!(
        key_goes_on(BEGIN) && !key_goes_on(&format!("{BEGIN} x {END}")) && !key_goes_on("-----BEGIN CERTIFICATE-----")
    );
    assert!(has_key_end(END) && !has_key_end(BEGIN));
}

#[test]
fn credentials_in_headers_and_addresses_are_found() {
    check(&[
        ("Authorization: Bearer abc.def", "Authorization: Bearer <authorization>"),
        ("authorization: basic dXNlcjpwYXNz\r\nHost: a", "authorization: basic <authorization>\r\nHost: a"),
        (
            r#"curl -H "Authorization: token abc" https://a.example"#,
            r#"curl -H "Authorization: token <authorization>" https://a.example"#,
        ),
        ("Authorization: Digest username=\"a\", response=\"b\"", "Authorization: Digest <authorization>"),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=x/y, Signature=z\nHost: a",
            "Authorization: AWS4-HMAC-SHA256 <authorization>\nHost: a",
        ),
        ("send Bearer 0123456789abcdef!", "send Bearer <bearer-token>!"),
        ("a bearer of good news, bearer token authentication", "a bearer of good news, bearer token authentication"),
        ("Basic dXNlcjpodW50ZXIy then", "Basic <basic-credential> then"),
        ("Basic authentication and basic instructions", "Basic authentication and basic instructions"),
        ("Cookie: sid=abc; theme=dark\nX: y", "Cookie: <cookie>\nX: y"),
        ("postgres://app:s3cr3t@db.example/x?y", "postgres://app:<password>@db.example/x?y"),
        ("redis://:hunter2@cache:6379", "redis://:<password>@cache:6379"),
        ("https://user@host.example/a:b@c", "https://user@host.example/a:b@c"),
        ("http://localhost:8000/x", "http://localhost:8000/x"),
        ("https://a.example/?token=abc&b=c", "https://a.example/?token=<token>&b=c"),
        ("https://a.example/?X-Amz-Signature=0a1b&b=c", "https://a.example/?X-Amz-Signature=<signature>&b=c"),
        ("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl y", "x <jwt> y"),
        ("x eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0. y", "x <jwt> y"),
    ]);
}

#[test]
fn what_is_assigned_to_a_secrets_name_is_found_in_every_notation() {
    check(&[
        ("password=hunter2", "password=<password>"),
        ("PASSWORD = 'correct horse' # x", "PASSWORD = '<password>' # x"),
        (r#"{"password": "a\"b", "user": "c"}"#, r#"{"password": "<password>", "user": "c"}"#),
        (r#"{\"api_key\":\"abc\",\"b\":1}"#, r#"{\"api_key\":\"<api-key>\",\"b\":1}"#),
        (r#"{\\\"pwd\\\": \\\"abc\\\"}"#, r#"{\\\"pwd\\\": \\\"<password>\\\"}"#),
        ("db:\n  password: correct horse\n  user: x", "db:\n  password: <password>\n  user: x"),
        ("  - token: abc", "  - token: <token>"),
        ("export AWS_SECRET_ACCESS_KEY=wJalr/XUt+nFEMI", "export AWS_SECRET_ACCESS_KEY=<api-key>"),
        ("aws_secret_access_key = wJalr/XUt", "aws_secret_access_key = <api-key>"),
        ("A=b\\nDB_PASSWORD=x,y;z\\nC=d", "A=b\\nDB_PASSWORD=<password>\\nC=d"),
        ("the password: swordfish!", "the password: <password>"),
        ("login --password hunter2 --user x", "login --password <password> --user x"),
        ("--api-key='a b' x", "--api-key='<api-key>' x"),
        ("config[\"password\"] = \"x\"", "config[\"password\"] = \"<password>\""),
        (":password => 'x'", ":password => '<password>'"),
        ("password := \"x\"", "password := \"<password>\""),
        ("if password == \"x\" {", "if password == \"<password>\" {"),
        ("password: str = \"x\"", "password: str = \"<password>\""),
        ("<password>hunter2</password>", "<password><password></password>"),
        ("Server=a;User Id=b;Password=c;Encrypt=d", "Server=a;User Id=b;Password=<password>;Encrypt=d"),
        ("AccountName=a;AccountKey=abc+/==;E=f", "AccountName=a;AccountKey=<api-key>;E=f"),
        ("//registry.example/:_authToken=abc", "//registry.example/:_authToken=<token>"),
        ("password=${DB_PASSWORD:-hunter2}", "password=<password>"),
        ("password: \"", "password: \""),
    ]);
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "",
        "The password must be set. Password: please enter it. The token is valid; no secret: none.",
        "password=$DB_PASSWORD token=${TOKEN} secret={{ vault.x }} --password <your-password> api_key=xxxx",
        "password: String, token: Option<Token>, secret: &str = x, fn token(a: Token) -> Token;",
        "let token = lexer.next_token(); token = next; password=password; password=get_password()",
        "token=null password: None\nsecret: true\nsecrets: inherit",
        "tokens: 4096, token=12, max_tokens=9, token_count: 7, PWD=/srv/x, std::token::Token",
        "task-1234567890abcdefghij disk-0123456789abcdef0 risk-aaaaaaaaaaaaaaaaa1",
        "2928b8e9c7f1a6d4b3e2c1d0a9f8e7d6c5b4a3928170605f4e3d2c1b0a99887f sha256:abc",
        "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b 2026-11-22T08:30:52.000001+00:00 /srv/runs/run_ok/contract.json",
        "fix: token refresh; see docs/token.md:12 and src/secret.rs:40:7",
    ] {
        assert_eq!(masked(text), text);
    }
}

#[test]
fn a_text_that_is_nearly_a_secret_everywhere_takes_no_longer_than_another() {
    // Each of these made a scanner that begins anew at every place look at the rest of the text each time.
    let texts = [
        "sk-",
        "eyJ-",
        "eyJ\u{200B}",
        "token=a(",
        "Token=Token=",
        "password=${",
        "token=\"${ token='${ ",
        "://a:",
        "-----BEGIN ",
        "a.password=",
        "authorization:a.",
        "--token a",
        "\\u0070",
        "\\\\\\\\",
        "bearer ",
        "token = $A ",
        "<token>",
        "password:",
        "\u{1B}[",
        "token=\\\"${",
        "-",
        "key: \"",
    ];
    for part in texts {
        let time = |length: usize| {
            let text = part.repeat(length / part.len());
            let began = std::time::Instant::now();
            let _ = find(&Flat::of(&text));
            began.elapsed()
        };
        let (short, long) = (time(2_000).min(time(2_000)), time(32_000).min(time(32_000)));
        // Sixteen times the text; a machine that is busy with other work is given a factor of eight.
        let most = short * 128 + std::time::Duration::from_millis(40);
        assert!(long < most, "{part:?}: {short:?}, then {long:?}");
    }
}
