//! The built console, `packages/console/dist`: checked in, so that nobody needs Node to install the product.
//!
//! A build writes down what it was made from and what came of it, file by file with SHA-256 (`made-from.txt`, made by
//! `packages/console/tools/record.mjs`). So a machine without Node finds out that sources were changed and the console was
//! not built again, and that somebody edited what is built. That the record itself is true the console's tests show: they
//! build it again and compare every byte.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};

use super::packages;
use crate::report::Report;
use crate::workspace::{Workspace, passes};

/// Where it is built to.
const DIST: &str = "packages/console/dist";

/// What a build says of itself.
const RECORD: &str = "made-from.txt";

/// Which files below `packages/` it is made from.
const INPUTS: &str = "packages/console/tools/inputs.json";

const REPAIR: &str = "cargo xtask gen (it needs Node 20.19 or newer with npm)";

/// So many differences are named.
const NAMED: usize = 5;

/// SHA-256 in hexadecimal by path.
type Sums = BTreeMap<String, String>;

/// Builds it, where it is not that of the sources. That needs Node: without it it stays, and that is said.
pub(super) fn write(workspace: &Workspace) -> Result<()> {
    if stale(workspace)?.is_empty() {
        println!("gen: unchanged {DIST}");
        return Ok(());
    }
    if let Err(reason) = packages::installed(workspace)? {
        println!("gen: NOT DONE  {DIST}: {reason}");
        return Ok(());
    }
    let mut npm = workspace.command("npm");
    npm.args(["run", "--silent", "build", "-w", "console", "--", "--logLevel", "warn"]);
    ensure!(
        passes(npm.current_dir(packages::home(workspace)))?,
        "`npm run build -w console` failed in {}; what it printed is above",
        packages::PACKAGES
    );
    println!("gen: written   {DIST} (the product takes it in when it is built next)");
    Ok(())
}

/// Holds it against the sources. Needs no Node.
pub(super) fn check(workspace: &Workspace, report: &mut Report) -> Result<()> {
    for what in stale(workspace)? {
        report.problem(DIST, what, REPAIR);
    }
    report.note("the built console, as far as that needs no Node");
    Ok(())
}

/// In what it is not that of the sources.
fn stale(workspace: &Workspace) -> Result<Vec<String>> {
    let Some(record) = workspace.text(&format!("{DIST}/{RECORD}"))? else {
        return Ok(vec![format!("has no {RECORD}: nobody knows what it was built from")]);
    };
    let mut made = Sums::new();
    below(&workspace.path(DIST), "", &mut made)?;
    made.remove(RECORD);
    Ok(apart(&record, &inputs(workspace)?, &made))
}

/// What it would be built from now.
fn inputs(workspace: &Workspace) -> Result<Sums> {
    let list = workspace.text(INPUTS)?.with_context(|| format!("{INPUTS} is missing"))?;
    let list: serde_json::Value = serde_json::from_str(&list).with_context(|| format!("{INPUTS} is no JSON"))?;
    let named = |member: &str| -> Result<Vec<&str>> {
        let names = list[member].as_array().with_context(|| format!("{INPUTS} has no list `{member}`"))?;
        names
            .iter()
            .map(|name| name.as_str().with_context(|| format!("`{member}` in {INPUTS} holds no names")))
            .collect()
    };
    let mut sums = Sums::new();
    for file in named("files")? {
        // One that is gone is no input of a build; the record still names it.
        if let Some(sum) = sum(&workspace.path(&format!("{}/{file}", packages::PACKAGES)))? {
            sums.insert(file.to_owned(), sum);
        }
    }
    for dir in named("directories")? {
        below(&workspace.path(&format!("{}/{dir}", packages::PACKAGES)), &format!("{dir}/"), &mut sums)?;
    }
    Ok(sums)
}

/// Every file in a directory and below it.
fn below(dir: &Path, prefix: &str, sums: &mut Sums) -> Result<()> {
    for entry in std::fs::read_dir(dir).with_context(|| format!("{} cannot be listed", dir.display()))? {
        let entry = entry?;
        let name =
            entry.file_name().into_string().ok().with_context(|| format!("a name in {} is no text", dir.display()))?;
        if entry.file_type()?.is_dir() {
            below(&entry.path(), &format!("{prefix}{name}/"), sums)?;
        } else if let Some(sum) = sum(&entry.path())? {
            sums.insert(format!("{prefix}{name}"), sum);
        }
    }
    Ok(())
}

fn sum(path: &Path) -> Result<Option<String>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

/// How a record and what is there part.
fn apart(record: &str, from: &Sums, made: &Sums) -> Vec<String> {
    let (mut was_from, mut was_made) = (Sums::new(), Sums::new());
    for line in record.lines().skip(1) {
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("from"), Some(sum), Some(path)) => was_from.insert(path.to_owned(), sum.to_owned()),
            (Some("made"), Some(sum), Some(path)) => was_made.insert(path.to_owned(), sum.to_owned()),
            _ => return vec![format!("has a {RECORD} that cannot be read, at `{line}`")],
        };
    }
    let sources = named(&was_from, from, |path| format!("{}/{path}", packages::PACKAGES));
    let built = named(&was_made, made, |path| format!("{DIST}/{path}"));
    let mut said = Vec::new();
    if !sources.is_empty() {
        said.push(format!("was built before its sources became what they are: {sources}"));
    }
    if !built.is_empty() {
        said.push(format!("is not what was built: {built}"));
    }
    said
}

/// The paths under which two lists part, and how.
fn named(was: &Sums, is: &Sums, whole: impl Fn(&str) -> String) -> String {
    let gone = was.keys().filter(|path| !is.contains_key(*path)).map(|path| format!("{} is gone", whole(path)));
    let other = is.iter().filter_map(|(path, sum)| match was.get(path) {
        None => Some(format!("{} is new", whole(path))),
        Some(was) => (was != sum).then(|| format!("{} has changed", whole(path))),
    });
    let mut all: Vec<String> = gone.chain(other).collect();
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(of: &[(&str, &str)]) -> Sums {
        of.iter().map(|(path, sum)| ((*path).to_owned(), (*sum).to_owned())).collect()
    }

    const RECORDED: &str =
        "Written by the build.\nfrom 11 console/src/a.ts\nfrom 22 package-lock.json\nmade 33 index.html\n";

    #[test]
    fn a_console_that_is_not_of_its_sources_or_was_edited_is_found_without_node() {
        let from = [("console/src/a.ts", "11"), ("package-lock.json", "22")];
        let made = sums(&[("index.html", "33")]);
        assert_eq!(apart(RECORDED, &sums(&from), &made), Vec::<String>::new());
        for (now, said) in [
            (vec![("console/src/a.ts", "12"), from[1]], "packages/console/src/a.ts has changed"),
            (vec![from[0]], "packages/package-lock.json is gone"),
            (vec![from[0], from[1], ("console/src/b.ts", "1")], "packages/console/src/b.ts is new"),
        ] {
            let found = apart(RECORDED, &sums(&now), &made);
            assert_eq!(found, [format!("was built before its sources became what they are: {said}")]);
        }
        for (now, said) in [
            (vec![("index.html", "34")], "packages/console/dist/index.html has changed"),
            (vec![], "packages/console/dist/index.html is gone"),
            (vec![("index.html", "33"), ("x.js", "1")], "packages/console/dist/x.js is new"),
        ] {
            assert_eq!(apart(RECORDED, &sums(&from), &sums(&now)), [format!("is not what was built: {said}")]);
        }
    }

    #[test]
    fn of_many_differences_the_first_are_named_and_a_broken_record_is_one() {
        let many: Vec<String> = (0..8).map(|at| format!("src/{at}")).collect();
        let now: Sums = many.iter().map(|path| (path.clone(), "1".to_owned())).collect();
        let found = apart("Written.\n", &now, &Sums::new());
        assert!(found[0].contains("packages/src/4 is new") && found[0].ends_with("and 3 more"), "{found:?}");
        let broken = apart("Written.\nfrom x\n", &Sums::new(), &Sums::new());
        assert_eq!(broken, ["has a made-from.txt that cannot be read, at `from x`"]);
    }

    #[test]
    fn the_list_of_inputs_names_what_is_there() {
        let workspace = Workspace::find().unwrap();
        let inputs = inputs(&workspace).unwrap();
        for wanted in [
            "console/index.html",
            "console/src/main.tsx",
            "console/vite.config.mjs",
            "package-lock.json",
            "frontend-shared/src/index.ts",
        ] {
            assert!(inputs.contains_key(wanted), "{wanted}");
        }
        assert!(!inputs.keys().any(|path| path.contains("node_modules") || path.contains("/tests/")), "{inputs:?}");
    }
}
