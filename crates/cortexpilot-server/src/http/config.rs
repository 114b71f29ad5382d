//! How this server was configured, and what MCP clients are told. It was read when it started; nothing here changes it.

use cortexpilot_core::error::ErrorCode::ScopeForbidden;

use super::call::Call;
use super::error::ok;
use super::scope;
use super::table::{Answer, Operation, operation};
use crate::wire::config::{InstallView, SettingView};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(settings, Read, Token).codes(&[&[ScopeForbidden]]),
        operation!(clients, Read, Token).codes(&[&[ScopeForbidden]]),
    ]
}

/// Shows every setting of this server with where it comes from; of secrets, whether they are set. Operators only.
///
/// As it was read when the server started, like `cortexpilot config show --origin`. What each means stands in
/// docs/reference/environment.md.
#[utoipa::path(
    get,
    path = "/api/config",
    operation_id = "config_get",
    tag = "server",
    responses((status = 200, description = "Every setting, in the order of the documentation.", body = Vec<SettingView>))
)]
pub(crate) fn settings(call: Call) -> Answer {
    Box::pin(async move {
        scope::configuration(&call.caller)?;
        Ok(ok(&call.state.options.configuration.settings))
    })
}

/// Shows what MCP clients are told to start the read-only server here, as `cortexpilot mcp install` does. Operators only.
///
/// The paths are those of this server's machine. Nothing is written, and no token is in it: the queue pilot is installed on the
/// command line, which makes one.
#[utoipa::path(
    get,
    path = "/api/config/clients",
    operation_id = "config_clients",
    tag = "server",
    responses((status = 200, description = "One entry for each client and scope.", body = Vec<InstallView>))
)]
pub(crate) fn clients(call: Call) -> Answer {
    Box::pin(async move {
        scope::configuration(&call.caller)?;
        Ok(ok(&call.state.options.configuration.clients))
    })
}
