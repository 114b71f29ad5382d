//! The one table of variables: `docs/reference/environment.md` is generated from it, `cortexpilot.toml` takes its keys, and
//! nothing else in the product reads the environment.

/// One variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Its name in the environment.
    pub(crate) name: &'static str,
    /// Its key in `cortexpilot.toml`; `None` for what cannot stand there.
    pub(crate) key: Option<&'static str>,
    /// What holds when it is not set, as the documentation shows it; empty for nothing.
    pub(crate) default: &'static str,
    /// What it means and which values it takes, in Markdown.
    pub(crate) meaning: &'static str,
    /// Whether its value must never be shown.
    pub(crate) secret: bool,
}

/// Items of one agent that may be pending at once, unless configured otherwise.
pub(crate) const PENDING_MAX_DEFAULT: u32 = 100;

/// Items that one agent may append within an hour, unless configured otherwise.
pub(crate) const APPLIES_PER_HOUR_DEFAULT: u32 = 300;

const fn variable(name: &'static str, key: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, key: Some(key), default, meaning, secret: false }
}

pub(crate) const REPO_ROOT: Variable = Variable {
    key: None,
    ..variable(
        "CORTEXPILOT_REPO_ROOT",
        "",
        "",
        "The directory that relative roots are resolved against, as an absolute path. Not set: the nearest directory, from the working directory upwards, that holds `.runtime-cache/cortexpilot` or `.git`; without one, the working directory. So every process started inside one repository sees the same ledger. `cortexpilot.toml` is looked for here.",
    )
};
pub(crate) const RUNTIME_ROOT: Variable = variable(
    "CORTEXPILOT_RUNTIME_ROOT",
    "runtime_root",
    ".runtime-cache/cortexpilot",
    "Where the ledger, the record of refusals, the keys and the pinned task contracts live. The directory is made with mode 0700 by the first process that may write.",
);
pub(crate) const RUNS_ROOT: Variable = variable(
    "CORTEXPILOT_RUNS_ROOT",
    "runs_root",
    "`runs` in the runtime root",
    "Where run directories are read from. Nothing is ever written there.",
);
pub(crate) const STORE: Variable = variable(
    "CORTEXPILOT_STORE",
    "store",
    "file",
    "Where the queue is kept: `file`, the embedded ledger. A `postgres://` address is refused: this version has no PostgreSQL store.",
);
pub(crate) const ENABLE_APPLY: Variable = variable(
    "CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY",
    "mcp_queue_pilot_enable_apply",
    "off",
    "Opens the mutation gate of this process: `1`, `true`, `yes`, `on`. Shut: `0`, `false`, `no`, `off` or blank. Anything else refuses to start. It holds for every surface, not for MCP alone, and is read once at start. `cortexpilot.toml` can shut it, never open it.",
);
pub(crate) const APPROVAL: Variable = variable(
    "CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL",
    "mcp_queue_pilot_approval",
    "declared",
    "Who says yes to an apply. `declared`: the checks are the approval and nobody else is asked. `operator`: what an agent asks for waits until a person agrees. `two-person`: until two people agree, neither of them the one who asked. `signed` is reserved and refuses to start. The policy floor in the runtime root may be stricter and then holds; a process that is configured weaker than the floor, with the gate open, does not start. `cortexpilot.toml` may name a policy too: the stricter of the two holds.",
);
pub(crate) const ALLOWED_ROLES: Variable = variable(
    "CORTEXPILOT_APPROVAL_ALLOWED_ROLES",
    "approval_allowed_roles",
    "OWNER,ARCHITECT,OPS,TECH_LEAD",
    "Roles that may apply, cancel, claim and complete: a comma list, any case. It replaces the default.",
);
pub(crate) const AUTH_REQUIRED: Variable = variable(
    "CORTEXPILOT_API_AUTH_REQUIRED",
    "api_auth_required",
    "true",
    "Whether HTTP asks for a token. Only `0`, `false`, `no` or `off` switch it off, and only on a loopback address; an unreadable value refuses to start. With authentication off everybody on the machine is `anonymous:loopback`: reads, previews and cancels, nothing else.",
);
pub(crate) const API_TOKEN: Variable = Variable {
    secret: true,
    ..variable(
        "CORTEXPILOT_API_TOKEN",
        "api_token",
        "",
        "One static operator token for HTTP: visible ASCII characters without blanks, at least 16 of them on an address that is not loopback. `serve` with authentication on and no token refuses to start; `up` makes one.",
    )
};
pub(crate) const API_TOKEN_ROLES: Variable = variable(
    "CORTEXPILOT_API_TOKEN_ROLES",
    "api_token_roles",
    "the allowed roles",
    "Roles that the bearer of that token holds: a comma list with at least one role.",
);
pub(crate) const API_HOST: Variable = variable(
    "CORTEXPILOT_API_HOST",
    "api_host",
    "127.0.0.1",
    "The address to listen on: an IP address or `localhost`. This version speaks no TLS: another address than loopback needs authentication and `--behind-tls-proxy`.",
);
pub(crate) const API_PORT: Variable = variable(
    "CORTEXPILOT_API_PORT",
    "api_port",
    "8000",
    "The port to listen on; `0` takes a free one, which is printed.",
);
pub(crate) const ALLOWED_ORIGINS: Variable = variable(
    "CORTEXPILOT_API_ALLOWED_ORIGINS",
    "api_allowed_origins",
    "",
    "Further hosts and origins that HTTP answers to, beside the address it listens on: a comma list such as `https://pilot.example.org`.",
);
pub(crate) const CORS_ORIGINS: Variable = Variable {
    key: None,
    ..variable(
        "CORTEXPILOT_API_CORS_ORIGINS",
        "",
        "",
        "Origins of pages elsewhere whose scripts may call this server from a browser and read its answers, with the session cookie where the browser sends it: a comma list of whole origins such as `https://console.example.org`. Empty: none. `*` is refused. Only the environment may set it, not `cortexpilot.toml`, which agents may be able to edit.",
    )
};
pub(crate) const CONNECTIONS_MAX: Variable = variable(
    "CORTEXPILOT_API_CONNECTIONS_MAX",
    "api_connections_max",
    "4096",
    "How many connections HTTP holds at once, from 1 to 65536. For a further one whoever is idle must leave, first those that never sent a whole request. Where the system allows a process fewer open files, it is fewer.",
);
pub(crate) const REQUESTS_PER_SECOND: Variable = variable(
    "CORTEXPILOT_API_REQUESTS_PER_SECOND",
    "api_requests_per_second",
    "1000",
    "How many requests one principal may send over HTTP in the long run; five seconds' worth may come at once. `0` is no limit; at most `1000000`. Beyond it: 429 with `Retry-After`. Health and what takes back or stops (cancelling, rejecting, freezing, revoking) are not counted.",
);
pub(crate) const EXPENSIVE_READS_MAX: Variable = variable(
    "CORTEXPILOT_API_EXPENSIVE_READS_MAX",
    "api_expensive_reads_max",
    "8",
    "How many reads that look through whole runs, files or the log are done at once, from 1 to 1024; further ones wait, and after ten seconds are answered 429.",
);
pub(crate) const HEAD_TIMEOUT: Variable = variable(
    "CORTEXPILOT_API_HEAD_TIMEOUT",
    "api_head_timeout",
    "15s",
    "How long a connection may take to send the head of a request, counted from its start or from the end of its last answer: it ends slow heads and idle connections alike. A duration from `1s` to `24h`, as all of these.",
);
pub(crate) const BODY_TIMEOUT: Variable = variable(
    "CORTEXPILOT_API_BODY_TIMEOUT",
    "api_body_timeout",
    "10s",
    "How long a request's body may take; then it is answered 408.",
);
pub(crate) const ANSWER_TIMEOUT: Variable = variable(
    "CORTEXPILOT_API_ANSWER_TIMEOUT",
    "api_answer_timeout",
    "30s",
    "How long an answer may take; then it is 503. A change that was begun goes on all the same, and its outcome is not known to the caller.",
);
pub(crate) const WRITE_TIMEOUT: Variable = variable(
    "CORTEXPILOT_API_WRITE_TIMEOUT",
    "api_write_timeout",
    "30s",
    "How long a client may leave an answer unread: within each such time it must take 64 KiB of what waits for it.",
);
pub(crate) const DRAIN_TIMEOUT: Variable = variable(
    "CORTEXPILOT_API_DRAIN_TIMEOUT",
    "api_drain_timeout",
    "45s",
    "How long a server that is told to stop waits for what was begun. Longer than an answer may take is sensible; a second signal ends it at once.",
);
pub(crate) const PRINCIPAL: Variable = variable(
    "CORTEXPILOT_PRINCIPAL",
    "principal",
    "`local:` and the OS user",
    "Whom the command line acts as: the operator who starts it. A stdio MCP server acts as `agent:` and the OS user, sponsored by this principal.",
);
pub(crate) const PRINCIPAL_ROLES: Variable = variable(
    "CORTEXPILOT_PRINCIPAL_ROLES",
    "principal_roles",
    "the allowed roles",
    "Roles that this principal holds: a comma list with at least one role. The agent of a stdio MCP server borrows them.",
);
pub(crate) const TOKEN: Variable = Variable {
    key: None,
    secret: true,
    ..variable(
        "CORTEXPILOT_TOKEN",
        "",
        "",
        "A personal token, as `cortexpilot token create` prints it: the process acts as the principal it names, in place of the two variables above. The queue pilot refuses an operator's. Only the environment may hold it, not `cortexpilot.toml`.",
    )
};
pub(crate) const TOKEN_FILE: Variable = Variable {
    key: None,
    ..variable(
        "CORTEXPILOT_TOKEN_FILE",
        "",
        "",
        "A file with such a token, in place of `CORTEXPILOT_TOKEN`: a regular file of the user who starts the process, with mode 0600 or tighter, and no symbolic link. Only the environment may name it. Both set is refused.",
    )
};
pub(crate) const PENDING_MAX: Variable = variable(
    "CORTEXPILOT_AGENT_PENDING_MAX",
    "agent_pending_max",
    "100",
    "How many items of one principal may be pending at once, open approval requests included, for agents and for whatever comes through the queue pilot; operators are not limited. `0` is no limit; at most `10000`. `cortexpilot.toml` can only tighten it: a number from 1 to 100.",
);
pub(crate) const APPLIES_PER_HOUR: Variable = variable(
    "CORTEXPILOT_AGENT_APPLIES_PER_HOUR",
    "agent_applies_per_hour",
    "300",
    "How many items one principal may append within an hour, for the same callers. `0` is no limit; at most `10000`. `cortexpilot.toml` can only tighten it: a number from 1 to 300.",
);
pub(crate) const WORKFLOW_CONCURRENCY: Variable = variable(
    "CORTEXPILOT_WORKFLOW_CONCURRENCY",
    "workflow_concurrency",
    "0",
    "How many items of one workflow case may be claimed at once, whoever claims them through this process; a further one waits. `0` is no limit; at most `10000`. Items without a case are not limited.",
);
pub(crate) const REPOSITORY_CONCURRENCY: Variable = variable(
    "CORTEXPILOT_REPOSITORY_CONCURRENCY",
    "repository_concurrency",
    "0",
    "The same for one repository, as the items' lines name it. Items that name none are not limited. Every process that claims, `serve`, `up` and each local worker, should be started with the same numbers: the strictest is not looked for.",
);
pub(crate) const PREVIEW_TTL: Variable = variable(
    "CORTEXPILOT_PREVIEW_TTL",
    "preview_ttl",
    "15m",
    "How long a preview may be applied: a duration such as `90s`, `15m` or `1h30m`, from `1s` to `24h`.",
);
pub(crate) const APPROVAL_TTL: Variable = variable(
    "CORTEXPILOT_APPROVAL_TTL",
    "approval_ttl",
    "24h",
    "How long a request for an approval stays open: a duration such as `45m`, `24h` or `7d`, from `1m` to `30d`.",
);
pub(crate) const WEBHOOK: Variable = Variable {
    key: None,
    ..variable(
        "CORTEXPILOT_APPROVAL_WEBHOOK",
        "",
        "",
        "Who is told that an approval was asked for: a URL that one signed notice a request is posted to ([webhook.md](webhook.md)). `https` anywhere, `http` only on this machine; without user name and password. Its path and query are never shown. Only the environment may name it, not `cortexpilot.toml`.",
    )
};
pub(crate) const WEBHOOK_SECRET: Variable = Variable {
    key: None,
    secret: true,
    ..variable(
        "CORTEXPILOT_APPROVAL_WEBHOOK_SECRET",
        "",
        "",
        "What those notices are signed with, needed where they are sent: 16 to 512 visible ASCII characters without blanks. Only the environment may hold it, not `cortexpilot.toml`.",
    )
};
pub(crate) const CHECKPOINT_EVERY: Variable = Variable {
    key: None,
    ..variable(
        "CORTEXPILOT_CHECKPOINT_EVERY",
        "",
        "60s",
        "How often `serve` and `up` sign a checkpoint of what was added to the ledger since the last one, and once more at a clean end: a duration such as `15s`, `5m` or `1h`, from `1s` to `24h`; `0` signs none by the clock. Nothing is signed without `keys/audit.key` (`cortexpilot audit init-key`). Whoever asks for a receipt has one signed at once, whatever this says. Only the environment may set it, not `cortexpilot.toml`, which agents may be able to edit.",
    )
};
pub(crate) const SEGMENT_SIZE: Variable = variable(
    "CORTEXPILOT_SEGMENT_SIZE",
    "segment_size",
    "",
    "How large `queue.jsonl` may grow before its beginning is sealed into `segments/` ([ledger.md](ledger.md#segments)): a size such as `64MiB`, from `1MiB` to `64GiB`. Empty: whatever its size.",
);
pub(crate) const SEGMENT_AGE: Variable = variable(
    "CORTEXPILOT_SEGMENT_AGE",
    "segment_age",
    "",
    "How old its first line may be before that: a duration such as `24h` or `30d`, from `1h` to `3650d`. Empty: whatever its age.",
);
pub(crate) const LOG: Variable = variable(
    "CORTEXPILOT_LOG",
    "log",
    "warn",
    "What is logged, on standard error: `off`, `error`, `warn`, `info` or `debug`. Tokens are never logged.",
);

/// Every variable, in the documentation's order.
pub(crate) const VARIABLES: [Variable; 38] = [
    RUNTIME_ROOT,
    RUNS_ROOT,
    REPO_ROOT,
    STORE,
    ENABLE_APPLY,
    APPROVAL,
    ALLOWED_ROLES,
    AUTH_REQUIRED,
    API_TOKEN,
    API_TOKEN_ROLES,
    API_HOST,
    API_PORT,
    ALLOWED_ORIGINS,
    CORS_ORIGINS,
    CONNECTIONS_MAX,
    REQUESTS_PER_SECOND,
    EXPENSIVE_READS_MAX,
    HEAD_TIMEOUT,
    BODY_TIMEOUT,
    ANSWER_TIMEOUT,
    WRITE_TIMEOUT,
    DRAIN_TIMEOUT,
    PRINCIPAL,
    PRINCIPAL_ROLES,
    TOKEN,
    TOKEN_FILE,
    PENDING_MAX,
    APPLIES_PER_HOUR,
    WORKFLOW_CONCURRENCY,
    REPOSITORY_CONCURRENCY,
    PREVIEW_TTL,
    APPROVAL_TTL,
    WEBHOOK,
    WEBHOOK_SECRET,
    CHECKPOINT_EVERY,
    SEGMENT_SIZE,
    SEGMENT_AGE,
    LOG,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_names_without_their_prefix() {
        for variable in VARIABLES {
            let plain = variable.name.strip_prefix("CORTEXPILOT_").unwrap().to_ascii_lowercase();
            assert_eq!(variable.key.unwrap_or(&plain), plain);
        }
    }

    #[test]
    fn names_are_distinct() {
        let names: std::collections::BTreeSet<_> = VARIABLES.iter().map(|variable| variable.name).collect();
        assert_eq!(names.len(), VARIABLES.len());
    }
}
