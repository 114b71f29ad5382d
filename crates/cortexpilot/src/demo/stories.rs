//! What happened in each demonstration run: a small shop's repository, three workflow cases and a few people's requests.

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
    /// What the agent wrote while it worked: a plan, then a report.
    pub(super) notes: [&'static str; 2],
    /// Each changed file with its part of the diff.
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
        request: "Cache shipping quotes for 60 seconds, so that the checkout page asks the carrier once per basket.",
        owner: "lead-checkout",
        worker: "codex-2",
        allowed_paths: &["shop/shipping", "tests/shipping"],
        test_command: "pytest -q tests/shipping",
        timeout_s: 900,
        notes: [
            "I will put a small time-limited cache in front of the carrier client and key it by basket and address.",
            "quotes.py now keeps a quote for 60 seconds. Two tests cover the hit and the expiry.",
        ],
        changes: &[
            (
                "shop/shipping/quotes.py",
                "--- a/shop/shipping/quotes.py\n+++ b/shop/shipping/quotes.py\n@@ -1,7 +1,14 @@\n from shop.shipping.carrier import Carrier\n+from shop.cache import TimedCache\n \n+_QUOTES = TimedCache(seconds=60, entries=10_000)\n+\n \n def quote(basket, address):\n-    return Carrier().quote(basket.weight_g, address)\n+    key = (basket.id, basket.version, address.key)\n+    found = _QUOTES.get(key)\n+    if found is None:\n+        found = _QUOTES.put(key, Carrier().quote(basket.weight_g, address))\n+    return found\n",
            ),
            (
                "tests/shipping/test_quotes.py",
                "--- a/tests/shipping/test_quotes.py\n+++ b/tests/shipping/test_quotes.py\n@@ -9,3 +9,12 @@\n def test_quote_uses_weight(carrier, basket, address):\n     assert quote(basket, address) == carrier.price(1200)\n+\n+\n+def test_second_quote_is_cached(carrier, basket, address):\n+    quote(basket, address)\n+    quote(basket, address)\n+    assert carrier.calls == 1\n",
            ),
        ],
        ending: Ending::Succeeded {
            summary: "Shipping quotes are cached for 60 seconds; the carrier is asked once per basket.",
        },
    },
    Story {
        run_id: "run_demo_payment_timeout",
        task_id: "task_payment_timeout",
        workflow_id: "wf-checkout-latency",
        minutes_ago: 95,
        request: "Lower the payment client's timeout from 10 s to 3 s and retry once.",
        owner: "lead-checkout",
        worker: "codex-1",
        allowed_paths: &["shop/payments"],
        test_command: "pytest -q tests/payments",
        timeout_s: 600,
        notes: [
            "The timeout is read from settings, so I will change the client and the setting it reads.",
            "The client retries once after 3 s. I also changed deploy/production.env, where the setting lives.",
        ],
        changes: &[
            (
                "shop/payments/client.py",
                "--- a/shop/payments/client.py\n+++ b/shop/payments/client.py\n@@ -12,4 +12,4 @@\n class PaymentClient:\n-    timeout_s = 10\n-    retries = 0\n+    timeout_s = 3\n+    retries = 1\n",
            ),
            (
                "deploy/production.env",
                "--- a/deploy/production.env\n+++ b/deploy/production.env\n@@ -3,3 +3,3 @@\n SHOP_REGION=eu-1\n-PAYMENT_TIMEOUT_S=10\n+PAYMENT_TIMEOUT_S=3\n",
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
        worker: "claude-1",
        allowed_paths: &["docs/api.md"],
        test_command: "mkdocs build --strict",
        timeout_s: 300,
        notes: [
            "The guide lists response headers in a table; I will add a row and an example below it.",
            "docs/api.md explains Retry-After and shows a 429 answer.",
        ],
        changes: &[(
            "docs/api.md",
            "--- a/docs/api.md\n+++ b/docs/api.md\n@@ -41,3 +41,10 @@\n | `x-request-id` | Names the request in our logs. |\n+| `retry-after` | Seconds to wait before sending the same request again. |\n+\n+```\n+HTTP/1.1 429 Too Many Requests\n+retry-after: 12\n+```\n",
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
        worker: "claude-1",
        allowed_paths: &["docs/quick-start.md", "README.md"],
        test_command: "scripts/run_docs_blocks.sh docs/quick-start.md",
        timeout_s: 1200,
        notes: [
            "I will follow the page in an empty container and note where it breaks.",
            "Steps 1 to 3 work. Step 4 needs a database that the page never mentions; adding it.",
        ],
        changes: &[(
            "docs/quick-start.md",
            "--- a/docs/quick-start.md\n+++ b/docs/quick-start.md\n@@ -1 +1 @@\n-old\n+new\n",
        )],
        ending: Ending::Running,
    },
    Story {
        run_id: super::WAITING,
        task_id: "task_tls_upgrade",
        workflow_id: "wf-dependency-upgrade",
        minutes_ago: 42,
        request: "Upgrade the TLS library everywhere and fix what breaks.",
        owner: "lead-platform",
        worker: "codex-1",
        allowed_paths: &["shop", "deploy", "tests"],
        test_command: "make test",
        timeout_s: 3600,
        notes: ["", ""],
        changes: &[("shop", "")],
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
        worker: "codex-2",
        allowed_paths: &["requirements.txt", "shop/db"],
        test_command: "pytest -q tests/db",
        timeout_s: 900,
        notes: [
            "One pin to raise, then the deprecation warnings.",
            "The pin is raised. One session fixture still uses the removed autocommit flag.",
        ],
        changes: &[(
            "requirements.txt",
            "--- a/requirements.txt\n+++ b/requirements.txt\n@@ -7,3 +7,3 @@\n jinja2==3.1.6\n-sqlalchemy==2.0.36\n+sqlalchemy==2.1.2\n uvicorn==0.34.0\n",
        )],
        ending: Ending::TestsFailed {
            output: "tests/db/test_session.py::test_rollback FAILED\nTypeError: Session.__init__() got an unexpected keyword argument 'autocommit'\n1 failed, 41 passed in 6.02s\n",
        },
    },
];
