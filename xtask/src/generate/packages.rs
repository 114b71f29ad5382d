//! What the TypeScript packages are made from: the document that the product prints, copied beside the types that
//! openapi-typescript makes of it.
//!
//! The types need Node; whether they belong to the document does not: their first lines name the SHA-256 of the document and
//! of the text below. So a machine without Node finds out that a package was not regenerated, and that somebody edited one.

use std::path::PathBuf;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use crate::report::Report;
use crate::workspace::{Workspace, last_line, passes};

/// Where the packages are.
pub(crate) const PACKAGES: &str = "packages";

/// The document as the product prints it.
const DOCUMENT: &str = "openapi.json";

/// The document as the contract's package carries it.
const COPY: &str = "packages/frontend-api-contract/openapi.json";

/// What openapi-typescript makes of it.
const TYPES: &str = "packages/frontend-api-contract/src/generated/schema.ts";

/// What writes both.
const GENERATOR: &str = "tools/generate.mjs";

/// The packages that are published; each carries the product's version.
const PUBLISHED: [&str; 3] = ["frontend-api-contract", "frontend-api-client", "frontend-shared"];

const REPAIR: &str = "cargo xtask gen (the types need Node 20 or newer with npm)";

/// The oldest Node that the packages and their tools run under.
const OLDEST: u32 = 20;

/// Brings copy and types up to date, where they are not. The types need Node: without it they stay, and that is said.
pub(super) fn write(workspace: &Workspace) -> Result<()> {
    let Some(document) = workspace.text(DOCUMENT)? else { return Ok(()) };
    if stale(workspace, &document)?.is_empty() {
        println!("gen: unchanged {COPY}\ngen: unchanged {TYPES}");
        return Ok(());
    }
    if let Err(reason) = installed(workspace)? {
        std::fs::write(workspace.path(COPY), &document).with_context(|| format!("{COPY} cannot be written"))?;
        println!("gen: written   {COPY}");
        println!("gen: NOT DONE  {TYPES}: {reason}");
        return Ok(());
    }
    anyhow::ensure!(
        passes(workspace.command("node").arg(GENERATOR).current_dir(home(workspace)))?,
        "{PACKAGES}/{GENERATOR} failed; what it printed is above"
    );
    Ok(())
}

/// Holds the packages against the document and the product's version. Needs no Node.
pub(super) fn check(workspace: &Workspace, report: &mut Report) -> Result<()> {
    // That the document itself is there, and new, is a row of the table of documents.
    let Some(document) = workspace.text(DOCUMENT)? else { return Ok(()) };
    for (place, what) in stale(workspace, &document)? {
        report.problem(place, what, REPAIR);
    }
    let version = product_version(workspace)?;
    for package in PUBLISHED {
        let file = format!("{PACKAGES}/{package}/package.json");
        let manifest = workspace.text(&file)?.with_context(|| format!("{file} is missing"))?;
        for what in other_versions(&manifest, &version).with_context(|| format!("{file} cannot be read"))? {
            report.problem(
                &file,
                what,
                format!("write {version} there, then `npm install --ignore-scripts` in {PACKAGES}"),
            );
        }
    }
    report.note("the TypeScript packages, as far as that needs no Node");
    Ok(())
}

/// Which of the files made from the document are not of this one, and why.
fn stale(workspace: &Workspace, document: &str) -> Result<Vec<(&'static str, String)>> {
    let copy = match workspace.text(COPY)? {
        Some(copy) if copy == document => None,
        Some(_) => Some((COPY, format!("is not the same as {DOCUMENT}"))),
        None => Some((COPY, "is missing".to_owned())),
    };
    let types = match workspace.text(TYPES)? {
        Some(types) => apart(&types, document).map(|why| (TYPES, why.to_owned())),
        None => Some((TYPES, "is missing".to_owned())),
    };
    Ok(copy.into_iter().chain(types).collect())
}

/// Why these types are not those of the document, going by their first lines.
fn apart(types: &str, document: &str) -> Option<&'static str> {
    let mut lines = types.splitn(4, '\n');
    let _maker = lines.next();
    let named = |line: Option<&str>, what: &str| {
        line.and_then(|line| line.strip_prefix(what)?.strip_prefix(" sha256: ").map(str::to_owned))
    };
    let of_document = named(lines.next(), "// document");
    let of_text = named(lines.next(), "// text");
    let text = lines.next().unwrap_or_default();
    if of_document.is_none() || of_text.is_none() {
        return Some("does not say which document it was made from");
    }
    if of_document != Some(sha256(document)) {
        return Some("was made from another document");
    }
    (of_text != Some(sha256(text))).then_some("was changed since it was made")
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every place of a package's manifest that names another version of ours.
fn other_versions(manifest: &str, version: &str) -> Result<Vec<String>> {
    let manifest: serde_json::Value = serde_json::from_str(manifest)?;
    let mut others = Vec::new();
    if manifest["version"] != version {
        others.push(format!("has version {}, the product {version}", manifest["version"]));
    }
    for (name, wanted) in manifest["dependencies"].as_object().into_iter().flatten() {
        if !name.starts_with("@cortexpilot/") {
            others.push(format!("depends on {name}, and the packages depend on nothing of others"));
        } else if wanted != version {
            others.push(format!("depends on {name} {wanted}, the product is {version}"));
        }
    }
    Ok(others)
}

fn product_version(workspace: &Workspace) -> Result<String> {
    let metadata = workspace.metadata(&["--no-deps"])?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let product = packages.iter().find(|package| package["name"] == "cortexpilot");
    let version = product.and_then(|product| product["version"].as_str());
    Ok(version.context("cargo metadata does not know the package cortexpilot")?.to_owned())
}

/// The packages' directory.
pub(crate) fn home(workspace: &Workspace) -> PathBuf {
    workspace.path(PACKAGES)
}

/// Installs the pinned tools of the packages, where they are not; or says why they cannot be had.
pub(crate) fn installed(workspace: &Workspace) -> Result<Result<(), String>> {
    let home = home(workspace);
    let version = match workspace.command("node").arg("--version").output() {
        Ok(said) => String::from_utf8_lossy(&said.stdout).trim().to_owned(),
        Err(error) => return Ok(Err(format!("node cannot be started: {error}"))),
    };
    let major = version.strip_prefix('v').and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST) {
        return Ok(Err(format!("node is {version}; it takes {OLDEST} or newer")));
    }
    let wanted =
        std::fs::read_to_string(home.join("package-lock.json")).context("the packages' lock cannot be read")?;
    // Written last: an installation that was interrupted is made anew.
    let stamp = home.join("node_modules/.cortexpilot-installed");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(Ok(()));
    }
    println!("installing the tools of {PACKAGES}/package-lock.json");
    // Scripts of packages do not run here: nothing that is used needs one.
    match workspace.command("npm").args(["ci", "--ignore-scripts"]).current_dir(&home).output() {
        Err(error) => Ok(Err(format!("npm cannot be started: {error}"))),
        Ok(npm) if !npm.status.success() => {
            Ok(Err(format!("npm cannot install {PACKAGES}/package-lock.json: {}", last_line(&npm.stderr))))
        }
        Ok(_) => {
            std::fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))?;
            Ok(Ok(()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(document: &str, text: &str) -> String {
        format!("// Made by x\n// document sha256: {}\n// text sha256: {}\n{text}", sha256(document), sha256(text))
    }

    #[test]
    fn types_of_another_document_and_edited_types_are_found_without_node() {
        let sound = types("{}\n", "export type A = 1;\nexport type B = 2;\n");
        assert_eq!(apart(&sound, "{}\n"), None);
        assert_eq!(apart(&sound, "{ }\n"), Some("was made from another document"));
        let edited = sound.replace("A = 1", "A = 2");
        assert_eq!(apart(&edited, "{}\n"), Some("was changed since it was made"));
        let shortened = sound.strip_suffix('\n').unwrap();
        assert_eq!(apart(shortened, "{}\n"), Some("was changed since it was made"));
        for headless in ["", "export type A = 1;\n", "// a\n// b\n// c\n"] {
            assert_eq!(apart(headless, "{}\n"), Some("does not say which document it was made from"));
        }
    }

    #[test]
    fn a_package_of_another_version_or_with_a_foreign_dependency_is_found() {
        let manifest = |version: &str, dependencies: &str| {
            other_versions(&format!(r#"{{"version":"{version}","dependencies":{{{dependencies}}}}}"#), "0.1.0").unwrap()
        };
        assert!(manifest("0.1.0", r#""@cortexpilot/frontend-api-contract":"0.1.0""#).is_empty());
        assert_eq!(manifest("0.2.0", ""), [r#"has version "0.2.0", the product 0.1.0"#]);
        assert_eq!(manifest("0.1.0", r#""@cortexpilot/x":"^0.1.0""#).len(), 1);
        assert_eq!(manifest("0.1.0", r#""left-pad":"1.0.0""#).len(), 1);
    }
}
