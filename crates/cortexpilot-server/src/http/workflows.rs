//! Workflow cases, read only.

use super::call::Call;
use super::error::ok;
use super::list::List;
use super::table::Answer;

pub(crate) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let page = call.query.page()?;
        let listing = call.state.app.reader().runs().workflows(page.clone().unwrap_or_default()).await?;
        Ok(List::of_runs(listing).answer(page.is_some()))
    })
}

pub(crate) fn get(call: Call) -> Answer {
    Box::pin(async move { Ok(ok(&call.state.app.reader().runs().workflow(call.segment.trim()).await?)) })
}
