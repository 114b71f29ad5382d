//! `--paginate`: every page of a list, as one array. Entries are printed as pages come, so a long list needs no more memory
//! than its largest page.

use cortexpilot_core::domain::text::escape;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Target;
use super::ask::Asked;
use super::print::{self, whole, write};
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{self, Answer};

/// How many entries are asked for at once: the most that a page has.
const LIMIT: &str = "500";

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    next_cursor: Option<String>,
    #[serde(borrow, default)]
    problems: Vec<&'a RawValue>,
}

/// Prints all entries. What could not be read of them is told on standard error.
pub(super) async fn all(target: &Target, mut asked: Asked, context: &Context) -> Result<Answer, Stopped> {
    if asked.method != hyper::Method::GET {
        return Err(Stopped::Usage(format!("--paginate: a {} answers no list", asked.method)));
    }
    if !asked.has("limit") {
        asked.set("limit", LIMIT);
    }
    // Blank where there is none yet: with it every list is answered in pages.
    if !asked.has("cursor") {
        asked.set("cursor", "");
    }
    let (mut begun, mut last) = (false, None);
    loop {
        let reply = target.send(&asked).await?;
        if !reply.status().is_success() {
            if begun {
                output::complain("The list is not whole: the next page was refused.\n");
            }
            return print::reply(reply, context, false).await;
        }
        let bytes = whole(reply.into_body()).await?;
        let Ok(page) = serde_json::from_slice::<Page<'_>>(&bytes) else {
            return Err(Stopped::Usage(format!(
                "--paginate: {} {} answers no list with pages",
                asked.method, asked.path
            )));
        };
        for item in &page.items {
            let before = if begun { ",\n" } else { "[\n" };
            begun = true;
            write(format!("{before}{}", output::escaped(item.get())).as_bytes())?;
        }
        for problem in &page.problems {
            output::complain(&format!("problem: {}\n", escape(problem.get())));
        }
        match page.next_cursor {
            None => {
                let end = if begun { "\n]\n" } else { "[]\n" };
                return Ok(Answer::ok(end.to_owned()));
            }
            Some(next) if last.as_ref() == Some(&next) => {
                return Err(anyhow::anyhow!("the server gave the same cursor twice, so the list would not end").into());
            }
            Some(next) => {
                asked.set("cursor", &next);
                last = Some(next);
            }
        }
    }
}
