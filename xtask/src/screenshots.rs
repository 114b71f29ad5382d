//! `cargo xtask screenshots`: every page of the console in a real browser, at three widths, light and dark, with ordinary and
//! with hostile data, and the contact sheets of it in the documentation.
//!
//! That nothing overflows and no page scrolls sideways is judged by the same tests that `cargo xtask test` runs; a finding
//! fails this command too. The sheets are for people to look at: they are made anew each time and compared with nothing.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cli::Args;
use crate::generate::packages;
use crate::test::chromium;
use crate::workspace::{Workspace, show};

/// Makes pictures and sheets. Interface: `--binary PATH --sheets DIR --pictures DIR`; exits with zero when nothing overflows.
const SCRIPT: &str = "console/tools/screenshots.mjs";

/// Where the sheets are kept.
const SHEETS: &str = "docs/console";

/// It takes some minutes on two cores.
const LIMIT: Duration = Duration::from_secs(50 * 60);

/// `cargo xtask screenshots [--pictures DIR] [--sheets DIR]`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let product = workspace.build_product()?;
    if let Err(reason) = packages::installed(&workspace)? {
        bail!("the console's tools cannot be had: {reason}");
    }
    let browser = match chromium::found(&workspace) {
        Ok(browser) => browser,
        Err(reason) => bail!("there is no browser: {reason}"),
    };
    let here = std::env::current_dir().context("the current directory cannot be read")?;
    let sheets = args.values("--sheets").last().map_or_else(|| workspace.path(SHEETS), |dir| here.join(dir));
    let mut command = workspace.command("node");
    command.current_dir(packages::home(&workspace)).arg(SCRIPT).env(chromium::VARIABLE, browser);
    command.arg("--binary").arg(product).arg("--sheets").arg(&sheets);
    if let Some(dir) = args.values("--pictures").last() {
        command.arg("--pictures").arg(here.join(dir));
    }
    Ok(if show(&mut command, LIMIT)?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
