//! What happened in each demonstration run: a small shop's repository, three workflow cases and a few people's requests.
//!
//! Each story is told twice: as the run that is written, and as the scenario in its task contract, which a worker carries out
//! when somebody queues it again. Both change the same files in the same way.

/// One run's story.
pub(super) struct Story {
    pub(super) run_id: &'static str,
    pub(super) task_id: &'static str,
    pub(super) workflow_id: &'static str,
    pub(super) minutes_ago: i64,
    pub(super) request: &'static str,
    pub(super) owner: &'static str,
    pub(super) worker: &'static str,
    pub(super) allowed_paths: &'static [&'static str],
    pub(super) test_command: &'static str,
    pub(super) timeout_s: u32,
    /// What was said while it was worked on: a plan, then a report.
    pub(super) notes: [&'static str; 2],
    /// Each changed file of the repository, as it is afterwards.
    pub(super) changes: &'static [(&'static str, &'static str)],
    pub(super) ending: Ending,
}

/// How it ended.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    Succeeded { summary: &'static str },
    OutsideItsPaths { violation: &'static str },
    TestsFailed { output: &'static str },
    Running,
    AwaitsApproval { reason: &'static str, action: &'static str },
}

impl Ending {
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::Succeeded { .. } => "SUCCESS",
            Self::Running => "RUNNING",
            // A run that waits for a person has status FAILURE too: the orchestrator stops it and resumes it later.
            Self::OutsideItsPaths { .. } | Self::TestsFailed { .. } | Self::AwaitsApproval { .. } => "FAILURE",
        }
    }
}

pub(super) const STORIES: [Story; 6] = [
    Story {
        run_id: super::PREVIEWED,
        task_id: "task_quote_cache",
        workflow_id: "wf-checkout-latency",
        minutes_ago: 190,
        request: "Cache shipping quotes for 60 seconds, so that the checkout page asks the carrier once per parcel.",
        owner: "lead-checkout",
        worker: "agent-2",
        allowed_paths: &["shop/shipping"],
        test_command: "sh tests/shipping/quotes_test.sh",
        timeout_s: 900,
        notes: [
            "I will keep each answer of the carrier in a file, named by weight and address, and look at its age.",
            "quotes.sh now keeps a quote for 60 seconds. The test that was there asks three times and passes.",
        ],
        changes: &[(
            "shop/shipping/quotes.sh",
            r#"# What a parcel costs. Usage: quote WEIGHT_G ADDRESS
quote() {
    # The carrier is asked at most once in 60 seconds.
    kept="${QUOTES:-/tmp}/quote-$1-$2"
    if test -z "$(find "$kept" -mmin -1 2>/dev/null)"; then
        carrier_price "$1" "$2" > "$kept"
    fi
    cat "$kept"
}
"#,
        )],
        ending: Ending::Succeeded {
            summary: "Shipping quotes are cached for 60 seconds; the carrier is asked once per parcel.",
        },
    },
    Story {
        run_id: super::STOPPED,
        task_id: "task_payment_timeout",
        workflow_id: "wf-checkout-latency",
        minutes_ago: 95,
        request: "Lower the payment client's timeout from 10 s to 3 s and retry once.",
        owner: "lead-checkout",
        worker: "agent-1",
        allowed_paths: &["shop/payments"],
        test_command: "grep -qx TIMEOUT_S=3 shop/payments/client.sh",
        timeout_s: 600,
        notes: [
            "The timeout stands in the client and in a setting, so I will change both.",
            "The client retries once after 3 s. I also changed deploy/production.env, where the setting lives.",
        ],
        changes: &[
            (
                "shop/payments/client.sh",
                "# Asks the payment provider. Usage: pay BASKET\nTIMEOUT_S=3\nRETRIES=1\npay() {\n    provider_charge --timeout \"$TIMEOUT_S\" --retries \"$RETRIES\" \"$1\"\n}\n",
            ),
            (
                "deploy/production.env",
                "# Read when the shop is started.\nSHOP_REGION=eu-1\nPAYMENT_TIMEOUT_S=3\nTLS_MIN=1.2\n",
            ),
        ],
        ending: Ending::OutsideItsPaths { violation: "deploy/production.env" },
    },
    Story {
        run_id: "run_demo_retry_docs",
        task_id: "task_retry_docs",
        workflow_id: "wf-docs-refresh",
        minutes_ago: 60 * 26,
        request: "Document the Retry-After header in the API guide, with one example.",
        owner: "lead-docs",
        worker: "agent-3",
        allowed_paths: &["docs/api.md"],
        test_command: "grep -q 'retry-after: 12' docs/api.md",
        timeout_s: 300,
        notes: [
            "The guide lists response headers in a table; I will add a row and an example below it.",
            "docs/api.md explains Retry-After and shows a 429 answer.",
        ],
        changes: &[(
            "docs/api.md",
            "# API\n\n## Headers of an answer\n\n| Header | Meaning |\n|---|---|\n| `x-request-id` | Names the request in our logs. |\n| `retry-after` | Seconds to wait before sending the same request again. |\n\n```\nHTTP/1.1 429 Too Many Requests\nretry-after: 12\n```\n",
        )],
        ending: Ending::Succeeded { summary: "The API guide explains Retry-After, with an example of a 429 answer." },
    },
    Story {
        run_id: "run_demo_quick_start",
        task_id: "task_quick_start",
        workflow_id: "wf-docs-refresh",
        minutes_ago: 4,
        request: "Rewrite the quick start so that it works from a fresh clone.",
        owner: "lead-docs",
        worker: "agent-3",
        allowed_paths: &["docs/quick-start.md", "README.md"],
        test_command: "grep -q 'createdb shop' docs/quick-start.md",
        timeout_s: 1200,
        notes: [
            "I will follow the page in an empty container and note where it breaks.",
            "Steps 1 and 2 work. Step 3 needs a database that the page never mentions; adding it.",
        ],
        changes: &[(
            "docs/quick-start.md",
            "# Quick start\n\n1. Clone the repository.\n2. Copy `deploy/production.env` to `.env`.\n3. Make the database: `createdb shop`.\n4. Start the shop: `sh shop/start.sh`.\n",
        )],
        ending: Ending::Running,
    },
    Story {
        run_id: super::WAITING,
        task_id: "task_tls_upgrade",
        workflow_id: "wf-dependency-upgrade",
        minutes_ago: 42,
        request: "Speak TLS 1.3 alone everywhere and fix what breaks.",
        owner: "lead-platform",
        worker: "agent-1",
        allowed_paths: &["shop", "deploy", "tests"],
        test_command: "grep -qx TLS_MIN=1.3 deploy/production.env",
        timeout_s: 3600,
        notes: [
            "I will begin with the setting and then look for whoever speaks an older version.",
            "The setting says 1.3; nothing else names a version.",
        ],
        changes: &[(
            "deploy/production.env",
            "# Read when the shop is started.\nSHOP_REGION=eu-1\nPAYMENT_TIMEOUT_S=10\nTLS_MIN=1.3\n",
        )],
        ending: Ending::AwaitsApproval {
            reason: "allowed_paths too wide",
            action: "Confirm the allowed path scope or narrow the allowed_paths set",
        },
    },
    Story {
        run_id: "run_demo_orm_upgrade",
        task_id: "task_orm_upgrade",
        workflow_id: "wf-dependency-upgrade",
        minutes_ago: 60 * 5,
        request: "Upgrade the ORM to its current minor version.",
        owner: "lead-platform",
        worker: "agent-2",
        allowed_paths: &["requirements.txt", "shop/db"],
        test_command: "sh tests/db/session_test.sh",
        timeout_s: 900,
        notes: [
            "One pin to raise, then the deprecation warnings.",
            "The pin is raised. The session still uses the removed autocommit option.",
        ],
        changes: &[("requirements.txt", "carrier-client 1.4.2\norm 2.1.2\npayments 3.2.0\n")],
        ending: Ending::TestsFailed { output: "shop/db/session.sh: orm_open: unknown option --autocommit\n" },
    },
];
