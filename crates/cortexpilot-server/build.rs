//! Takes the built console in: every file of `packages/console/dist` as it is checked in, and gzipped where that is shorter.
//! The files are bytes of the program, in debug builds too, so what is served never depends on where a process was started,
//! and whoever installs the product needs no Node.

use std::fmt::Write as _;
use std::io::{Error, Result, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Where the console is built to.
const DIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packages/console/dist");

/// What the files were built from (docs/adr/0039): for `cargo xtask check`, not for browsers.
const RECORD: &str = "made-from.txt";

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={DIST}");
    let out = out_dir()?;
    let mut files = Vec::new();
    list(Path::new(DIST), "", &mut files).map_err(|error| wanting(&error.to_string()))?;
    files.sort();
    if !files.iter().any(|file| file == "index.html") {
        return Err(wanting("it has no index.html"));
    }
    let mut table = String::from("&[\n");
    for (at, file) in files.iter().filter(|file| *file != RECORD).enumerate() {
        let plain = std::fs::read(Path::new(DIST).join(file))?;
        let zipped = gzipped(&plain)?;
        // Copies: what is built must not change between here and the compiler.
        std::fs::write(out.join(format!("console-{at}")), &plain)?;
        let gzip = if zipped.len() < plain.len() {
            std::fs::write(out.join(format!("console-{at}.gz")), &zipped)?;
            format!("Some({})", included(at, ".gz"))
        } else {
            "None".to_owned()
        };
        // Writing to a String cannot fail.
        let _ = writeln!(table, "Embedded {{ path: {file:?}, plain: {}, gzip: {gzip} }},", included(at, ""));
    }
    table.push(']');
    std::fs::write(out.join("console.rs"), table)
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo names the directory of a build script's output in the environment"
)]
fn out_dir() -> Result<PathBuf> {
    std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| Error::other("cargo names no OUT_DIR"))
}

fn wanting(why: &str) -> Error {
    Error::other(format!(
        "{DIST} cannot be taken in: {why}. `npm ci --ignore-scripts && npm run build && npm run build -w console` in packages/ makes it"
    ))
}

fn included(at: usize, end: &str) -> String {
    format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/console-{at}{end}\"))")
}

/// Every file, by its path from the top. Names are plain, so that a path of a request needs no decoding to be one of them.
fn list(dir: &Path, below: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let Some(name) = name.to_str().filter(plain) else {
            return Err(Error::other(format!("{} is no plain name", entry.path().display())));
        };
        let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn gzipped(plain: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    encoder.finish()
}
