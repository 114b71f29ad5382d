//! Generated files, kept in the repository and compared on every check: documents, printed by the product itself; what the
//! TypeScript packages are made from; the built console.

mod console;
pub(crate) mod packages;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cli::Args;
use crate::report::Report;
use crate::workspace::{Workspace, output};

/// What `cortexpilot gen-doc NAME` prints, and where it is kept. A new document is one row here and one there.
const DOCUMENTS: &[(&str, &str)] = &[
    ("env", "docs/reference/environment.md"),
    ("cli", "docs/reference/cli.md"),
    ("errors", "docs/reference/errors.md"),
    ("gates", "docs/reference/gates.md"),
    ("states", "docs/reference/states.md"),
    ("operations", "docs/reference/operations.md"),
    ("tools-readonly", "crates/cortexpilot-server/tests/golden/tools-readonly.json"),
    ("tools-pilot", "crates/cortexpilot-server/tests/golden/tools-pilot.json"),
    ("registry-server", "dist/server.json"),
    ("bundle-manifest", "dist/mcpb/manifest.json"),
    ("resources-readonly", "crates/cortexpilot-server/tests/golden/resources-readonly.json"),
    ("openapi", "openapi.json"),
    ("frontend-contract", "packages/frontend-api-contract/src/generated/contract.ts"),
    ("frontend-states", "packages/frontend-shared/src/generated/states.ts"),
];

/// `cargo xtask gen [--check]`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    if args.has("--check") {
        return Ok(check(&workspace)?.finish("gen"));
    }
    let product = workspace.build_product()?;
    for (name, file) in DOCUMENTS {
        let fresh = print(&workspace, &product, name)?;
        let path = workspace.path(file);
        if workspace.text(file)?.is_some_and(|kept| kept == fresh) {
            println!("gen: unchanged {file}");
            continue;
        }
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be created", dir.display()))?;
        }
        std::fs::write(&path, fresh).with_context(|| format!("{file} cannot be written"))?;
        println!("gen: written   {file}");
    }
    packages::write(&workspace)?;
    // After the packages: it is built from them.
    console::write(&workspace)?;
    Ok(ExitCode::SUCCESS)
}

/// Compares every document with what the product prints now.
pub(crate) fn check(workspace: &Workspace) -> Result<Report> {
    let product = workspace.build_product()?;
    let mut report = Report::default();
    for (name, file) in DOCUMENTS {
        match print(workspace, &product, name) {
            Ok(fresh) => match workspace.text(file)? {
                None => report.problem(*file, "is missing", "cargo xtask gen"),
                Some(kept) => {
                    if let Some(difference) = first_difference(&kept, &fresh) {
                        report.problem(
                            format!("{file}:{}", difference.line),
                            difference.to_string(),
                            "cargo xtask gen",
                        );
                    }
                }
            },
            Err(error) => {
                report.problem(*file, format!("{error:#}"), format!("make `cortexpilot gen-doc {name}` print it"))
            }
        }
    }
    report.note(format!("{} documents", DOCUMENTS.len()));
    packages::check(workspace, &mut report)?;
    console::check(workspace, &mut report)?;
    Ok(report)
}

/// What the product prints for one document. The product's own variables are taken away: documents describe the
/// product, not the machine.
fn print(workspace: &Workspace, product: &Path, name: &str) -> Result<String> {
    let mut command = workspace.command(product);
    command.args(["gen-doc", name]);
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("CORTEXPILOT_") {
            command.env_remove(variable);
        }
    }
    let printed = output(&mut command)?;
    let text =
        String::from_utf8(printed.stdout).with_context(|| format!("`cortexpilot gen-doc {name}` printed no UTF-8"))?;
    anyhow::ensure!(!text.trim().is_empty(), "`cortexpilot gen-doc {name}` printed nothing");
    Ok(text)
}

/// The first line on which two texts part.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    line: usize,
    kept: Option<String>,
    fresh: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = |line: &Option<String>| line.as_ref().map_or("(the end)".to_owned(), |line| format!("`{line}`"));
        write!(f, "is out of date: it has {}, the product prints {}", side(&self.kept), side(&self.fresh))
    }
}

fn first_difference(kept: &str, fresh: &str) -> Option<Difference> {
    if kept == fresh {
        return None;
    }
    // Split on `\n` alone, so that a lost last line break and a carriage return show as differences too.
    let mut left = kept.split('\n');
    let mut right = fresh.split('\n');
    let mut line = 1;
    loop {
        let (kept, fresh) = (left.next(), right.next());
        if kept != fresh || kept.is_none() {
            return Some(Difference { line, kept: kept.map(str::to_owned), fresh: fresh.map(str::to_owned) });
        }
        line += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_differing_line_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        let found = first_difference("a\nb\nc\n", "a\nx\nc\n").unwrap();
        assert_eq!(
            (found.line, found.to_string()),
            (2, "is out of date: it has `b`, the product prints `x`".to_owned())
        );
        assert_eq!(
            first_difference("a\n", "a\nb\n").unwrap().to_string(),
            "is out of date: it has ``, the product prints `b`"
        );
        assert_eq!(
            first_difference("a", "a\n").unwrap().to_string(),
            "is out of date: it has (the end), the product prints ``"
        );
    }
}
