//! Who may depend on whom. The compiler holds the rest: a crate cannot name what it does not depend on.

mod domain;
mod licences;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cli::Args;
use crate::markdown;
use crate::report::Report;
use crate::workspace::{Workspace, has_cargo_subcommand, passes};

const CORE: &str = "cortexpilot-core";

/// Which of our crates each of our crates may use. A crate that is not listed may not exist yet: listing it is deciding.
struct Allowed {
    name: &'static str,
    normal: &'static [&'static str],
    dev: &'static [&'static str],
}

const PARTS: &[&str] =
    &[CORE, "cortexpilot-ledger", "cortexpilot-runs", "cortexpilot-server", "cortexpilot-postgres", "cortexpilot-work"];

const ALLOWED: &[Allowed] = &[
    Allowed { name: CORE, normal: &[], dev: &[] },
    Allowed { name: "cortexpilot-ledger", normal: &[CORE], dev: PARTS },
    Allowed { name: "cortexpilot-runs", normal: &[CORE], dev: PARTS },
    Allowed { name: "cortexpilot-postgres", normal: &[CORE], dev: PARTS },
    // It writes run directories; in tests the store reads them back.
    Allowed { name: "cortexpilot-work", normal: &[CORE], dev: &[CORE, "cortexpilot-runs"] },
    // The server never names a store, except in tests that need a real one behind it.
    Allowed { name: "cortexpilot-server", normal: &[CORE], dev: &[CORE, "cortexpilot-ledger", "cortexpilot-runs"] },
    Allowed { name: "cortexpilot", normal: PARTS, dev: PARTS },
    // A test fixture on the server's own HTTP layer.
    Allowed { name: "cortexpilot-mcp-fixture", normal: &[CORE, "cortexpilot-server"], dev: &[] },
    Allowed { name: "xtask", normal: &[], dev: &[] },
];

/// What core must not reach, however far away: a runtime, a web stack, a protocol library, a database client.
const NEVER_IN_CORE: &[&str] = &["tokio", "axum", "hyper", "rmcp", "tokio-postgres"];

/// Native TLS and crypto builds that we keep out: they need a C toolchain and their own update channel.
const NEVER_IN_LOCK: &[&str] = &["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

const ADR_DIR: &str = "docs/adr/";

/// `cargo xtask deps`.
pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    Ok(check(&Workspace::find()?)?.finish("deps"))
}

/// All dependency rules.
pub(crate) fn check(workspace: &Workspace) -> Result<Report> {
    let mut report = Report::default();
    let members = workspace.metadata(&["--no-deps"])?;
    check_edges(&members, &mut report)?;
    match workspace.metadata(&["--locked"]) {
        Ok(resolved) => {
            check_core_reach(&resolved, &mut report)?;
            let deny = workspace.text("deny.toml")?.context("deny.toml is missing")?;
            let looked_at = licences::check(&resolved, &deny, &mut report)?;
            report.note(format!("{looked_at} crates state a licence; each was held against deny.toml"));
            let listed = workspace.text(licences::CONSOLE)?;
            let looked_at = licences::check_console(listed, &deny, &mut report)?;
            report.note(format!("{looked_at} packages stand in the built console; the licence of each likewise"));
        }
        Err(error) => report.problem(
            "Cargo.lock",
            format!("the resolved graph cannot be read: {error:#}"),
            "cargo metadata > /dev/null, then commit Cargo.lock",
        ),
    }
    let manifest = workspace.text("Cargo.toml")?.context("Cargo.toml is missing")?;
    let named = workspace_dependencies(&manifest);
    check_only_workspace_dependencies(&members, &named, &mut report)?;
    check_adr(workspace, &named, &mut report)?;
    domain::check(workspace, &mut report)?;
    check_lock(&workspace.text("Cargo.lock")?.unwrap_or_default(), &mut report);
    if has_cargo_subcommand(workspace, "deny") {
        if !passes(workspace.cargo().args(["deny", "--log-level", "error", "check", "bans", "licenses", "sources"]))? {
            report.problem(
                "deny.toml",
                "cargo-deny refused a licence, a ban or a source; what it printed is above",
                "replace the crate, or change deny.toml with an ADR",
            );
        }
    } else {
        report.note(
            "cargo-deny NOT RUN, it is not installed: sources, bans and stated licences were checked here, licence texts were \
             not read (cargo install cargo-deny --locked)",
        );
    }
    report.note(format!(
        "{} workspace dependencies, {} crates of ours",
        named.len(),
        array(&members, "packages")?.len()
    ));
    Ok(report)
}

/// The edges between our own crates.
fn check_edges(members: &Value, report: &mut Report) -> Result<()> {
    for package in array(members, "packages")? {
        let name = string(package, "name")?;
        let place = manifest_of(name);
        let Some(allowed) = ALLOWED.iter().find(|allowed| allowed.name == name) else {
            report.problem(
                place,
                "is a crate without a row in the table of who may depend on whom",
                "add it to ALLOWED in xtask/src/deps.rs, with an ADR",
            );
            continue;
        };
        for dependency in array(package, "dependencies")? {
            let used = string(dependency, "name")?;
            let is_ours = dependency.get("path").is_some_and(Value::is_string);
            let is_dev = dependency["kind"].as_str() == Some("dev");
            let permitted = if is_dev { allowed.dev } else { allowed.normal };
            if is_ours && !permitted.contains(&used) {
                let kind = if is_dev { "dev-dependency" } else { "dependency" };
                let may = if permitted.is_empty() { "none of our crates".to_owned() } else { permitted.join(", ") };
                report.problem(
                    &place,
                    format!("{name} has {used} as a {kind}; it may use {may}"),
                    format!("move what it needs below it, or pass it in from the binary; then remove {used}"),
                );
            }
        }
    }
    Ok(())
}

/// Where a crate of ours says what it uses.
fn manifest_of(name: &str) -> String {
    if name == "xtask" { "xtask/Cargo.toml".to_owned() } else { format!("crates/{name}/Cargo.toml") }
}

/// What core reaches over normal and build dependencies, with the way there.
fn check_core_reach(resolved: &Value, report: &mut Report) -> Result<()> {
    let mut names = BTreeMap::new();
    for package in array(resolved, "packages")? {
        names.insert(string(package, "id")?, string(package, "name")?);
    }
    let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in array(&resolved["resolve"], "nodes")? {
        let uses = edges.entry(string(node, "id")?).or_default();
        for dependency in array(node, "deps")? {
            let counts = array(dependency, "dep_kinds")?.iter().any(|kind| kind["kind"].as_str() != Some("dev"));
            if counts {
                uses.push(string(dependency, "pkg")?);
            }
        }
    }
    let Some(start) = names.iter().find(|(_, name)| **name == CORE).map(|(id, _)| *id) else {
        report.problem("Cargo.toml", format!("{CORE} is not in the workspace"), "restore the crate");
        return Ok(());
    };
    let mut came_from: BTreeMap<&str, Option<&str>> = BTreeMap::from([(start, None)]);
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in edges.get(at).into_iter().flatten() {
            if !came_from.contains_key(next) {
                came_from.insert(next, Some(at));
                queue.push_back(next);
            }
        }
    }
    for (id, name) in names.iter().filter(|(id, name)| came_from.contains_key(**id) && NEVER_IN_CORE.contains(name)) {
        let mut way = vec![*name];
        let mut at = *id;
        while let Some(Some(before)) = came_from.get(at) {
            way.push(names.get(before).copied().unwrap_or(before));
            at = before;
        }
        way.reverse();
        report.problem(
            "crates/cortexpilot-core/Cargo.toml",
            format!("core reaches {name}: {}", way.join(" → ")),
            "core is pure: move what needs it to the server, a store or the binary",
        );
    }
    Ok(())
}

/// The keys of `[workspace.dependencies]`, our own crates left out.
fn workspace_dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.split(']').next().unwrap_or_default();
            inside = section == "workspace.dependencies";
            if let Some(name) = section.strip_prefix("workspace.dependencies.") {
                names.insert(name.trim_matches('"').to_owned());
            }
        } else if inside
            && !line.starts_with('#')
            && let Some((key, _)) = line.split_once('=')
        {
            names.insert(key.trim().split('.').next().unwrap_or_default().trim_matches('"').to_owned());
        }
    }
    names.retain(|name| !name.is_empty() && !name.starts_with("cortexpilot"));
    names
}

/// Each crate takes its dependencies from the workspace, so that the ADR rule sees them all and versions agree.
fn check_only_workspace_dependencies(members: &Value, named: &BTreeSet<String>, report: &mut Report) -> Result<()> {
    for package in array(members, "packages")? {
        for dependency in array(package, "dependencies")? {
            let key = dependency["rename"].as_str().map_or_else(|| string(dependency, "name"), Ok)?;
            if dependency.get("path").is_none_or(Value::is_null) && !named.contains(key) {
                report.problem(
                    manifest_of(string(package, "name")?),
                    format!("names `{key}` by itself"),
                    format!("put it into [workspace.dependencies] and write `{key}.workspace = true`"),
                );
            }
        }
    }
    Ok(())
}

/// A new dependency needs a line in an ADR: why, what it costs, who keeps it.
fn check_adr(workspace: &Workspace, named: &BTreeSet<String>, report: &mut Report) -> Result<()> {
    let mut text = String::new();
    for file in workspace.files()?.iter().filter(|file| file.starts_with(ADR_DIR) && file.ends_with(".md")) {
        text.push_str(&workspace.text(file)?.unwrap_or_default());
        text.push('\n');
    }
    let decided = code_words(&text);
    for name in named.iter().filter(|name| !decided.contains(name.as_str())) {
        report.problem(
            "docs/adr/0002-dependencies.md",
            format!("does not name the dependency `{name}`"),
            format!("add a line there: `{name}`, why, what it costs, who keeps it"),
        );
    }
    Ok(())
}

/// Every code span that is one word, in prose and tables.
fn code_words(page: &str) -> BTreeSet<&str> {
    let prose = markdown::lines(page).into_iter().filter(|line| !line.fenced);
    prose.flat_map(|line| line.text.split('`').skip(1).step_by(2)).map(str::trim).collect()
}

/// The part of cargo-deny's work that needs no cargo-deny: every crate from crates.io, no native TLS or crypto.
fn check_lock(lock: &str, report: &mut Report) {
    for block in lock.split("[[package]]").skip(1) {
        let field = |key: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.trim_start_matches([' ', '=']).trim_matches('"').to_owned())
        };
        let name = field("name").unwrap_or_default();
        if let Some(source) = field("source").filter(|source| source != CRATES_IO) {
            report.problem("Cargo.lock", format!("{name} comes from {source}"), "take it from crates.io");
        }
        if NEVER_IN_LOCK.contains(&name.as_str()) {
            report.problem(
                "Cargo.lock",
                format!("{name} is in the tree"),
                format!("cargo tree -i {name}; then choose features without it (rustls with ring)"),
            );
        }
    }
    if !lock.contains("[[package]]") {
        report.problem("Cargo.lock", "is missing or empty", "cargo metadata > /dev/null, then commit it");
    }
}

fn array<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value[key].as_array().with_context(|| format!("cargo metadata has no list `{key}` where it should"))
}

fn string<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("cargo metadata has no text `{key}` where it should"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(check: impl FnOnce(&mut Report) -> Result<()>) -> Vec<String> {
        let mut report = Report::default();
        check(&mut report).unwrap();
        report.problems().iter().map(|problem| problem.what.clone()).collect()
    }

    fn member(name: &str, uses: &[(&str, Option<&str>)]) -> Value {
        let uses: Vec<Value> = uses
            .iter()
            .map(|(name, kind)| json!({"name": name, "kind": kind, "path": "/srv/x", "rename": null}))
            .collect();
        json!({"packages": [{"name": name, "dependencies": uses}]})
    }

    #[test]
    fn edges_follow_the_table() {
        let found = |value: Value| problems(|report| check_edges(&value, report));
        assert_eq!(
            found(member("cortexpilot-server", &[(CORE, None), ("cortexpilot-ledger", Some("dev"))])),
            Vec::<String>::new()
        );
        let wrong = found(member("cortexpilot-server", &[("cortexpilot-ledger", None)]));
        assert_eq!(wrong, ["cortexpilot-server has cortexpilot-ledger as a dependency; it may use cortexpilot-core"]);
        assert_eq!(found(member(CORE, &[("cortexpilot-ledger", Some("dev"))])).len(), 1);
        assert_eq!(found(member("cortexpilot-cloud", &[])).len(), 1);
    }

    #[test]
    fn core_must_not_reach_a_runtime_over_any_number_of_crates() {
        let node = |id: &str, deps: &[(&str, Option<&str>)]| {
            let deps: Vec<Value> =
                deps.iter().map(|(pkg, kind)| json!({"pkg": pkg, "dep_kinds": [{"kind": kind}]})).collect();
            json!({"id": id, "deps": deps})
        };
        let graph = |kind: Option<&str>| {
            json!({
                "packages": [{"id": "1", "name": CORE}, {"id": "2", "name": "between"}, {"id": "3", "name": "tokio"}],
                "resolve": {"nodes": [node("1", &[("2", kind)]), node("2", &[("3", None)]), node("3", &[])]},
            })
        };
        assert_eq!(
            problems(|report| check_core_reach(&graph(None), report)),
            ["core reaches tokio: cortexpilot-core → between → tokio"]
        );
        assert!(problems(|report| check_core_reach(&graph(Some("dev")), report)).is_empty());
    }

    #[test]
    fn workspace_dependencies_are_read_in_every_spelling() {
        let manifest = "[workspace.dependencies]\ncortexpilot-core = { path = \"x\" }\n# no = \"1\"\naxum = { version = \"1\" }\nanyhow.version = \"1\"\n\n[workspace.dependencies.toml]\nversion = \"1\"\n[profile.dev]\ndebug = 1\n";
        let names: Vec<String> = workspace_dependencies(manifest).into_iter().collect();
        assert_eq!(names, ["anyhow", "axum", "toml"]);
    }

    #[test]
    fn an_adr_names_a_crate_in_code() {
        let words = code_words("| `axum` | why |\n- `tower-http`: why\n```\n`hidden`\n```\nplain tokio");
        assert!(words.contains("axum") && words.contains("tower-http"));
        assert!(!words.contains("hidden") && !words.contains("tokio") && !words.contains("tower"));
    }

    #[test]
    fn the_lock_file_holds_crates_io_alone() {
        let lock = |name: &str, source: &str| {
            format!("version = 4\n\n[[package]]\nname = \"{name}\"\nversion = \"1\"\nsource = \"{source}\"\n")
        };
        let found = |lock: &str| {
            problems(|report| {
                check_lock(lock, report);
                Ok(())
            })
        };
        assert!(found(&lock("axum", CRATES_IO)).is_empty());
        assert_eq!(found(&lock("axum", "git+https://example.org/axum")).len(), 1);
        assert_eq!(found(&lock("openssl-sys", CRATES_IO)).len(), 1);
        assert_eq!(found("").len(), 1);
    }
}
