//! `cortexpilot contract`: checks task contracts before anything rests on them, and prints their schemas.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::error::exit;
use cortexpilot_work::contract::check::{self, CONTRACT_SCHEMA, Document, Finding, MANIFEST_SCHEMA};
use serde::Serialize;

use super::failure::Stopped;
use super::output::{Answer, Format, count, json};

/// Check task contracts
#[derive(Debug, Subcommand)]
pub(crate) enum Contract {
    /// Name everything that is wrong with a contract: where, what, and how to mend it
    #[command(after_help = "\
Examples:
  cortexpilot contract validate contract.json
  cortexpilot contract validate runs/run_1/contract.json --output json
  cortexpilot contract validate --manifest runs/run_1/manifest.json

Exit codes: 0 nothing is wrong, 4 a file cannot be read, 5 something is wrong.")]
    Validate {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// They are manifests of runs, not contracts
        #[arg(long)]
        manifest: bool,
    },
    /// Print a JSON Schema (2020-12), for editors and other programs
    #[command(after_help = "Example:\n  cortexpilot contract schema > task_contract.schema.json")]
    Schema {
        /// Of what
        #[arg(default_value = "contract")]
        document: SchemaOf,
    },
}

/// What there are schemas of.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Task contracts
    Contract,
    /// Manifests of runs
    Manifest,
}

#[derive(Serialize)]
struct Checked {
    file: String,
    valid: bool,
    findings: Vec<Finding>,
}

impl Contract {
    /// Needs no configuration: it reads the files it is given and nothing else.
    ///
    /// # Errors
    /// A file cannot be read at all.
    pub(crate) fn run(&self, format: Format) -> Result<Answer, Stopped> {
        match self {
            Self::Schema { document } => Ok(Answer::ok(match document {
                SchemaOf::Contract => CONTRACT_SCHEMA.to_owned(),
                SchemaOf::Manifest => MANIFEST_SCHEMA.to_owned(),
            })),
            Self::Validate { files, manifest } => {
                let kind = if *manifest { Document::Manifest } else { Document::Contract };
                let (mut checked, mut unread) = (Vec::new(), false);
                for file in files {
                    let name = file.display().to_string();
                    let findings = match std::fs::read(file) {
                        Ok(bytes) => check::document(kind, &bytes).err().map(|findings| findings.0).unwrap_or_default(),
                        Err(error) => {
                            unread = true;
                            let repair = "check the path and who may read it".to_owned();
                            vec![Finding {
                                path: String::new(),
                                problem: format!("it cannot be read: {error}"),
                                repair,
                            }]
                        }
                    };
                    checked.push(Checked { file: name, valid: findings.is_empty(), findings });
                }
                let exit = match (unread, checked.iter().all(|one| one.valid)) {
                    (true, _) => exit::NOT_FOUND,
                    (false, true) => exit::OK,
                    (false, false) => exit::CONFLICT,
                };
                let text = match format {
                    Format::Json => json(&checked),
                    Format::Human => words(&checked, kind),
                };
                Ok(Answer { text, exit })
            }
        }
    }
}

fn words(checked: &[Checked], kind: Document) -> String {
    let mut text = String::new();
    for one in checked {
        let file = escape(&one.file);
        if one.valid {
            let what = match kind {
                Document::Contract => "a contract that a worker can carry out",
                Document::Manifest => "a manifest as it must be",
            };
            text.push_str(&format!("{file}: {what}\n"));
            continue;
        }
        text.push_str(&format!("{file}: {}\n", count(one.findings.len(), "problem", "problems")));
        for finding in &one.findings {
            let place = if finding.path.is_empty() { "(the document)".into() } else { escape(&finding.path) };
            text.push_str(&format!("  {place}\n    {}\n    {}\n", escape(&finding.problem), escape(&finding.repair)));
        }
    }
    text
}
