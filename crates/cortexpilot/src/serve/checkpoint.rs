//! The read-only MCP server's tools, with the signed checkpoint for whoever keeps one elsewhere.

use std::sync::Arc;

use cortexpilot_core::app::Reader;
use cortexpilot_ledger::log::stored_logs;
use cortexpilot_server::mcp::readonly::ReadOnlyTools;

use crate::config::Settings;
use crate::os::OsIds;

/// What the read-only MCP server serves, over whatever transport. Holds nothing that could write.
pub(crate) fn read_only_tools(settings: &Settings, reader: Reader) -> ReadOnlyTools {
    let root = settings.runtime_root.clone();
    let checkpoint = move || {
        let logs = stored_logs(&root).map_err(|error| error.to_string())?;
        // The queue's log is the first.
        let stored = logs.into_iter().next().and_then(|(_, stored)| stored);
        Ok(stored.map(|stored| stored.checkpoint.note().to_string()))
    };
    ReadOnlyTools::new(reader, Arc::new(OsIds)).with_checkpoint(Arc::new(checkpoint))
}
