//! Routes of the original that are no part of this system. Whoever comes from there and calls one is told so, under a code
//! of its own, rather than that the path is unknown. `docs/compat.md` has the same list; a test holds the two together.

use super::table::Verb;

/// Where an answer sends its reader.
pub const COMPAT_PAGE: &str =
    concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/compat.md#routes-that-are-not-part-of-this-system");

/// The same as the value of a `Link` header (RFC 8288).
pub(super) const HELP: &str = concat!(
    "<",
    env!("CARGO_PKG_REPOSITORY"),
    "/blob/main/docs/compat.md#routes-that-are-not-part-of-this-system>; rel=\"help\""
);

/// One route of the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotPart {
    /// The method under which the original had it.
    pub verb: Verb,
    /// The path; `{name}` stands for one segment that is not empty.
    pub path: &'static str,
    /// What it did there: completes the sentence "It …".
    pub did: &'static str,
    /// What to use here, if there is anything.
    pub instead: Option<&'static str>,
}

impl NotPart {
    /// What the caller may read.
    pub(crate) fn reason(&self) -> String {
        let Self { verb, path, did, instead } = self;
        let instead = instead.map_or_else(String::new, |instead| format!(" Here: {instead}."));
        format!("The original's {} {path} is not part of this system. It {did}.{instead}", verb.as_str())
    }

    /// Whether a request's path is this one.
    fn is_at(&self, path: &str) -> bool {
        let mut segments = path.split('/');
        let all = self.path.split('/').all(|ours| match (ours.starts_with('{'), segments.next()) {
            (true, Some(sent)) => !sent.is_empty(),
            (false, Some(sent)) => sent == ours,
            (_, None) => false,
        });
        all && segments.next().is_none()
    }
}

/// Every route, in the order of the page.
pub fn not_part() -> &'static [NotPart] {
    ROUTES
}

/// The original's route at a path that is none of ours, whatever the method: the one that is meant most exactly.
pub(super) fn at(verb: &str, path: &str) -> Option<&'static NotPart> {
    let exactly = |route: &&NotPart| (!route.path.contains('{'), route.verb.as_str() == verb);
    ROUTES.iter().filter(|route| route.is_at(path)).max_by_key(exactly)
}

/// The original's route at a path that is ours for other methods: then only the method that it had there means it.
pub(super) fn with(verb: &str, path: &str) -> Option<&'static NotPart> {
    ROUTES.iter().find(|route| route.verb.as_str() == verb && route.is_at(path))
}

const fn get(path: &'static str, did: &'static str, instead: Option<&'static str>) -> NotPart {
    NotPart { verb: Verb::Get, path, did, instead }
}

const fn post(path: &'static str, did: &'static str, instead: Option<&'static str>) -> NotPart {
    NotPart { verb: Verb::Post, path, did, instead }
}

const PREVIEW: Option<&str> = Some("runs are queued again with POST /api/queue/from-run/{run_id}");

const ROUTES: &[NotPart] = &[
    post(
        "/api/queue/run-next",
        "claimed an item and executed it inside the request",
        Some("workers claim with POST /api/queue/claim"),
    ),
    post(
        "/api/runs/{run_id}/rollback",
        "rolled back what a run had changed",
        Some("a pending item is rolled back with POST /api/queue/{queue_id}/cancel"),
    ),
    post("/api/runs/{run_id}/reject", "marked a run as failed", None),
    post(
        "/api/runs/{run_id}/replay",
        "compared a run with another one and wrote a report into it",
        Some("GET /api/runs/{run_id}/compare writes nothing"),
    ),
    post(
        "/api/runs/{run_id}/verify",
        "verified a run's evidence and wrote a report into it",
        Some("GET /api/runs/{run_id}/artifacts says which files still have their checksum"),
    ),
    post("/api/runs/{run_id}/reexec", "executed a run again inside the request", PREVIEW),
    post("/api/runs/{run_id}/evidence/promote", "wrote search results into a run's evidence", None),
    post(
        "/api/runs/{run_id}/copilot-brief",
        "had a language model explain a run",
        Some("GET /api/runs/{run_id}/proof and GET /api/runs/{run_id}/incident hold facts"),
    ),
    get("/api/runs/{run_id}/_health", "answered whether the text is a run id", Some("GET /health")),
    post(
        "/api/workflows/{workflow_id}/copilot-brief",
        "had a language model explain a workflow case",
        Some("GET /api/workflows/{workflow_id} holds facts"),
    ),
    get(
        "/api/god-mode/pending",
        "listed the runs that waited for a person",
        Some("the read-only MCP server's get_pending_approvals"),
    ),
    get("/api/god-mode/ping", "answered that the route was there", Some("GET /health")),
    post("/api/god-mode/approve", "approved a step inside a run", None),
    get("/api/agents", "listed configured agents", None),
    get("/api/agents/status", "listed what configured agents were doing", Some("GET /api/runs")),
    get("/api/agents/roles/{role}/config", "showed how agents of a role were configured", None),
    post("/api/agents/roles/{role}/config/preview", "showed what another configuration of a role would change", None),
    post("/api/agents/roles/{role}/config/apply", "configured the agents of a role", None),
    get("/api/policies", "listed the agents', commands' and tools' allow-lists", None),
    get("/api/locks", "listed locks on paths", None),
    post("/api/locks/release", "released locks on paths", None),
    get("/api/worktrees", "listed working trees of runs", None),
    get("/api/command-tower/overview", "summed up the planning sessions", None),
    get("/api/command-tower/alerts", "listed alerts about the planning sessions", None),
    get("/api/pm/sessions", "listed planning sessions", None),
    get("/api/pm/sessions/{pm_session_id}", "showed a planning session", None),
    get("/api/pm/sessions/{pm_session_id}/events", "listed a planning session's events", None),
    get("/api/pm/sessions/{pm_session_id}/conversation-graph", "drew who spoke with whom in a planning session", None),
    get("/api/pm/sessions/{pm_session_id}/metrics", "counted what happened in a planning session", None),
    post("/api/pm/sessions/{pm_session_id}/messages", "wrote a message into a planning session", None),
    get("/api/pm/task-packs", "listed templates of tasks", None),
    post("/api/pm/intake", "took in a new task", None),
    post("/api/pm/intake/preview", "showed the plan for a new task", None),
    post("/api/pm/intake/preview/copilot-brief", "had a language model explain the plan for a new task", None),
    post("/api/pm/intake/{intake_id}/answer", "answered questions about a new task", None),
    post("/api/pm/intake/{intake_id}/run", "started a new task", PREVIEW),
    get("/api/task-packs", "listed templates of tasks", None),
    get("/api/intakes", "listed new tasks", None),
    post("/api/intake", "took in a new task", None),
    get("/api/intake/{intake_id}", "showed a new task", None),
    post("/api/intake/preview", "showed the plan for a new task", None),
    post("/api/intake/preview/copilot-brief", "had a language model explain the plan for a new task", None),
    post("/api/intake/{intake_id}/answers", "answered questions about a new task", None),
    post("/api/intake/{intake_id}/run", "started a new task", PREVIEW),
    post("/api/rum/web-vitals", "wrote a browser's measurements to a file", None),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_segment_by_segment() {
        for (path, found) in [
            ("/api/god-mode/pending", true),
            ("/api/runs/run_a/rollback", true),
            ("/api/runs/run%2Fa/rollback", true),
            ("/api/runs//rollback", false),
            ("/api/runs/run_a/rollback/", false),
            ("/api/runs/rollback", false),
            ("/api/god-mode", false),
            ("/api/god-mode/pending/more", false),
            ("/api/God-Mode/pending", false),
            ("/", false),
        ] {
            assert_eq!(at("GET", path).is_some(), found, "{path}");
        }
    }

    #[test]
    fn of_several_routes_the_most_exact_one_is_meant() {
        for (verb, path, meant) in [
            ("POST", "/api/intake/preview", "/api/intake/preview"),
            ("GET", "/api/intake/preview", "/api/intake/preview"),
            ("GET", "/api/intake/abc", "/api/intake/{intake_id}"),
            ("POST", "/api/pm/intake/preview/run", "/api/pm/intake/{intake_id}/run"),
        ] {
            assert_eq!(at(verb, path).map(|route| route.path), Some(meant), "{verb} {path}");
        }
    }

    #[test]
    fn where_a_path_is_ours_too_only_the_originals_method_means_its_route() {
        assert!(with("POST", "/api/queue/run-next").is_some());
        assert!(with("GET", "/api/queue/run-next").is_none());
    }

    #[test]
    fn no_route_is_named_twice_and_none_is_one_of_ours() {
        for (index, route) in ROUTES.iter().enumerate() {
            let same = |other: &NotPart| (other.verb, other.path) == (route.verb, route.path);
            assert!(!ROUTES[..index].iter().any(same), "{route:?}");
            let ours = super::super::operations().iter().any(|ours| (ours.verb, ours.path) == (route.verb, route.path));
            assert!(!ours, "{route:?}");
        }
    }

    #[test]
    fn what_is_named_instead_is_a_route_of_ours() {
        for route in ROUTES {
            let reason = route.reason();
            for (verb, path) in named(route.instead.unwrap_or_default()) {
                let known =
                    super::super::operations().iter().any(|ours| ours.verb.as_str() == verb && ours.path == path);
                assert!(known, "{verb} {path}: {reason}");
            }
        }
    }

    /// The routes that a sentence names.
    fn named(text: &str) -> Vec<(&str, &str)> {
        let words: Vec<&str> = text.split(' ').collect();
        let pairs = words.windows(2).filter(|pair| ["GET", "POST"].contains(&pair[0]));
        pairs.map(|pair| (pair[0], pair[1].trim_end_matches([',', '.']))).collect()
    }
}
