//! `cargo xtask dist mcpb`: the bundle of the read-only server, packed and validated by the format's own tool, and the
//! registry entry with the bundle's digest beside it. Nothing is published by it.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::agents::installed;
use crate::cli::Args;
use crate::workspace::{Workspace, output};

/// What a release's files are called after; the registry wants them on the forge's release pages.
const RELEASES: &str = "releases/download";

/// `cargo xtask dist mcpb [--debug]`.
pub(crate) fn mcpb(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let product = if args.has("--debug") { workspace.build_product()? } else { release(&workspace)? };
    let packer = match installed::npm(&workspace, "agents")? {
        Ok(prefix) => prefix.join("node_modules/.bin/mcpb"),
        Err(reason) => bail!("the packing tool cannot be had: {reason}"),
    };
    let packed = pack(&workspace, &product, &packer)?;
    println!("dist: bundle   {}", packed.bundle.display());
    println!("dist: registry {}", packed.entry.display());
    Ok(ExitCode::SUCCESS)
}

/// The same of the build that tests run with; the suite has built it and installed the tool.
pub(crate) fn packed_for_tests(workspace: &Workspace) -> Result<()> {
    let target = workspace.target_dir()?;
    let packer = target.join("clients/agents/node_modules/.bin/mcpb");
    pack(workspace, &target.join("debug/cortexpilot"), &packer).map(drop)
}

fn release(workspace: &Workspace) -> Result<PathBuf> {
    ensure!(
        workspace.cargo().args(["build", "--release", "--locked", "-p", "cortexpilot"]).status()?.success(),
        "the release cannot be built"
    );
    Ok(workspace.target_dir()?.join("release/cortexpilot"))
}

/// What was packed.
struct Packed {
    bundle: PathBuf,
    entry: PathBuf,
}

/// Packs a program with the manifest that is kept, below `target/dist`.
fn pack(workspace: &Workspace, product: &Path, packer: &Path) -> Result<Packed> {
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "bundles are packed on Linux on x86-64, for that alone"
    );
    let manifest =
        workspace.text("dist/mcpb/manifest.json")?.context("dist/mcpb/manifest.json is missing: cargo xtask gen")?;
    let version = member(&manifest, "version")?;
    let dist = workspace.target_dir()?.join("dist");
    let stage = dist.join("mcpb");
    if stage.exists() {
        std::fs::remove_dir_all(&stage).context("the last bundle's directory cannot be cleared")?;
    }
    std::fs::create_dir_all(stage.join("server"))?;
    std::fs::write(stage.join("manifest.json"), &manifest)?;
    std::fs::copy(workspace.path("LICENSE"), stage.join("LICENSE")).context("LICENSE cannot be copied")?;
    std::fs::copy(product, stage.join("server/cortexpilot")).context("the program cannot be copied")?;
    output(workspace.command(packer).arg("validate").arg(stage.join("manifest.json")))?;
    let name = format!("cortexpilot-readonly-{version}-linux-x86_64.mcpb");
    let bundle = dist.join(&name);
    output(workspace.command(packer).arg("pack").arg(&stage).arg(&bundle))?;
    let entry = dist.join("server.json");
    let kept = workspace.text("dist/server.json")?.context("dist/server.json is missing: cargo xtask gen")?;
    std::fs::write(&entry, with_package(&kept, &name, &digest(&bundle)?)?)?;
    Ok(Packed { bundle, entry })
}

fn member(document: &str, name: &str) -> Result<String> {
    let document: Value = serde_json::from_str(document)?;
    document[name].as_str().map(str::to_owned).with_context(|| format!("it has no {name}"))
}

/// The registry entry with the package that a release would hold.
fn with_package(kept: &str, name: &str, digest: &str) -> Result<String> {
    let mut entry: Value = serde_json::from_str(kept)?;
    let version = member(kept, "version")?;
    let repository = entry["repository"]["url"].as_str().context("it names no repository")?;
    let url = format!("{repository}/{RELEASES}/v{version}/{name}");
    entry["packages"] = json!([{
        "registryType": "mcpb",
        "identifier": url,
        "version": version,
        "fileSha256": digest,
        "transport": { "type": "stdio" },
    }]);
    Ok(format!("{}\n", serde_json::to_string_pretty(&entry)?))
}

fn digest(file: &Path) -> Result<String> {
    let mut file = std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Ok(hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_entry_names_the_bundle_of_its_version_with_its_digest() {
        let kept = r#"{"name": "n", "repository": {"url": "https://example.org/r"}, "version": "1.2.3"}"#;
        let entry: Value = serde_json::from_str(&with_package(kept, "b-1.2.3.mcpb", "00ff").unwrap()).unwrap();
        let package = &entry["packages"][0];
        assert_eq!(package["identifier"], "https://example.org/r/releases/download/v1.2.3/b-1.2.3.mcpb");
        assert_eq!((&package["fileSha256"], &package["version"]), (&json!("00ff"), &json!("1.2.3")));
        assert_eq!(entry["name"], "n");
        assert!(with_package("{}", "b", "00").is_err());
    }

    #[test]
    fn a_digest_is_that_of_the_whole_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(digest(&file).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
