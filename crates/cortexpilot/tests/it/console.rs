//! The console as the built binary gives it out.

use std::path::Path;

use rustix::process::Signal;

use crate::support::Home;
use crate::support::http::{Response, Server};

/// What whoever opens the console for the first time may have to wait for, gzipped, in bytes.
const FIRST_PAGE_MAX: usize = 200_000;

fn checked_in(file: &str) -> String {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packages/console/dist");
    std::fs::read_to_string(dist.join(file)).expect("the console is checked in as it is built")
}

fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Response {
    server.anonymous("GET", path, headers, None)
}

#[test]
fn the_binary_serves_the_console_to_anybody_under_its_policy_and_writes_nothing() {
    let home = Home::with_run();
    for auth in [&[][..], &[("CORTEXPILOT_API_AUTH_REQUIRED", "off")]] {
        // It is started in an empty directory: what it serves is in the program.
        let server = home.serve(auth);
        let index = checked_in("index.html");
        for page in ["/", "/queue?tab=all", "/runs/run_ok/queue", "/approvals"] {
            let told = get(&server, page, &[]);
            assert_eq!((told.status, told.body.as_str()), (200, index.as_str()), "{page}");
            let policy = told.header("content-security-policy").expect("a policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
            assert!(policy.ends_with("require-trusted-types-for 'script'; trusted-types 'none'"), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
        }
        assert_eq!(get(&server, "/theme.js", &[]).body, checked_in("theme.js"));
        assert_eq!(get(&server, "/licenses.md", &[]).body, checked_in("licenses.md"));
        for nothing in ["/favicon.ico", "/assets/none.js", "/made-from.txt", "/../Cargo.toml", "/health/x", "/mcp"] {
            assert_eq!(get(&server, nothing, &[]).status, 404, "{nothing}");
        }
        assert_eq!(server.anonymous("POST", "/queue", &[], Some("{}")).status, 405);
        assert_eq!((home.ledger(), home.decisions()), (vec![], vec![]), "looking leaves no line");
        assert_eq!(server.stop(Signal::TERM), (Some(0), String::new()));
    }
}

#[test]
fn what_the_first_page_names_is_within_the_budget_and_kept_for_ever() {
    let server = Home::with_run().serve(&[]);
    let gzip = [("accept-encoding", "gzip")];
    let length = |told: &Response| {
        told.header("content-length").and_then(|length| length.parse::<usize>().ok()).expect("a length")
    };
    let mut bytes = length(&server.anonymous("HEAD", "/", &gzip, None));
    let index = checked_in("index.html");
    let named = ["src=\"/", "href=\"/"].iter().flat_map(|before| index.split(before).skip(1));
    let mut files: Vec<&str> = named.map(|rest| rest.split('"').next().expect("the end of an attribute")).collect();
    // The page that everybody sees first is fetched by the script.
    let overview = checked_in("made-from.txt");
    let overview =
        overview.lines().filter_map(|line| line.rsplit(' ').next()).find(|path| path.starts_with("assets/overview-"));
    files.extend(overview);
    for file in &files {
        let path = format!("/{file}");
        let told = server.anonymous("HEAD", &path, &gzip, None);
        assert_eq!(told.status, 200, "{path}");
        let kept = told.header("cache-control").expect("how long it may be kept");
        assert_eq!(kept.contains("immutable"), file.starts_with("assets/"), "{path}: {kept}");
        let tag = told.header("etag").expect("a tag").to_owned();
        assert_eq!(get(&server, &path, &[gzip[0], ("if-none-match", &tag)]).status, 304, "{path}");
        bytes += length(&told);
    }
    println!("figure: the first page is {} files of {bytes} bytes gzipped, as they are sent", files.len() + 1);
    assert!(files.len() >= 5 && bytes < FIRST_PAGE_MAX, "{bytes} bytes in {files:?}");
}
