//! What each variable does, row by row.

use super::*;

struct Case {
    dir: tempfile::TempDir,
    environment: Environment,
    overrides: Overrides,
}

fn case(variables: &[(&str, &str)]) -> Case {
    let dir = tempfile::tempdir().unwrap();
    let cwd = std::fs::canonicalize(dir.path()).unwrap();
    let environment = Environment {
        variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        cwd,
        program: "cortexpilot".to_owned(),
        user: "alice".to_owned(),
    };
    Case { dir, environment, overrides: Overrides::default() }
}

impl Case {
    fn load(&self) -> Result<Settings, ConfigProblems> {
        Settings::load(&self.environment, &self.overrides)
    }

    fn file(self, text: &str) -> Self {
        std::fs::write(self.environment.cwd.join(FILE), text).unwrap();
        self
    }
}

fn settings(variables: &[(&str, &str)]) -> Settings {
    case(variables).load().unwrap()
}

fn refusal(variables: &[(&str, &str)]) -> String {
    case(variables).load().map(|_| "accepted".to_owned()).unwrap_or_else(|problems| problems.to_string())
}

#[test]
fn without_anything_the_defaults_hold() {
    let case = case(&[]);
    let settings = case.load().unwrap();
    assert_eq!(settings.runtime_root, case.environment.cwd.join(".runtime-cache/cortexpilot"));
    assert_eq!(settings.runs_root, settings.runtime_root.join("runs"));
    assert_eq!(settings.mutation_gate, MutationGate::Shut);
    assert_eq!(list(&settings.allowed_roles), "ARCHITECT,OPS,OWNER,TECH_LEAD");
    assert!(settings.auth_required && settings.api_token.is_none());
    assert_eq!(
        (settings.host.to_string().as_str(), settings.port, settings.port_is_default),
        ("127.0.0.1", 8000, true)
    );
    assert_eq!((settings.principal.as_str(), settings.agent().id.as_str()), ("local:alice", "agent:alice"));
    assert_eq!(settings.agent().sponsor.as_deref(), Some("local:alice"));
    assert_eq!(settings.agent().roles, settings.operator().roles);
    assert_eq!(settings.preview_ttl, SignedDuration::from_mins(15));
    assert_eq!(settings.approval_ttl, SignedDuration::from_hours(24));
    assert_eq!(settings.approval, ApprovalPolicy::Declared);
    assert_eq!(settings.policy().limits, Limits { pending_max: 100, applies_per_hour: 300 });
    assert!(settings.token.is_none() && settings.webhook.is_none());
    assert!(settings.warnings.is_empty());
    assert!(settings.shown.iter().all(|shown| shown.origin == Origin::Default));
    drop(case.dir);
}

#[test]
fn every_variable_of_the_table_is_read_and_shown() {
    let settings = settings(&[]);
    let shown: Vec<_> = settings.shown.iter().map(|shown| shown.variable).collect();
    assert_eq!(shown, table::VARIABLES);
    for variable in table::VARIABLES {
        // A value that no variable takes: whatever reads it complains or uses it.
        let odd = "\u{1b}~/?";
        let problems = refusal(&[(variable.name, odd)]);
        let used = case(&[(variable.name, odd)]).load().is_ok_and(|settings| {
            settings.shown.iter().any(|shown| shown.variable == variable && shown.origin == Origin::Environment)
        });
        assert!(problems.contains(variable.name) || used, "{}: {problems}", variable.name);
        assert!(!problems.contains('\u{1b}'), "{problems:?}");
    }
}

#[test]
fn the_mutation_gate_opens_for_four_words_and_an_unreadable_one_refuses() {
    for (word, wanted) in [
        ("1", MutationGate::Open),
        (" TRUE ", MutationGate::Open),
        ("yes", MutationGate::Open),
        ("On", MutationGate::Open),
        ("0", MutationGate::Shut),
        ("false", MutationGate::Shut),
        ("NO", MutationGate::Shut),
        ("off", MutationGate::Shut),
        ("", MutationGate::Shut),
        ("  ", MutationGate::Shut),
    ] {
        assert_eq!(settings(&[(table::ENABLE_APPLY.name, word)]).mutation_gate, wanted, "{word}");
    }
    assert!(refusal(&[(table::ENABLE_APPLY.name, "enable")]).contains("must be one of"));
}

#[test]
fn authentication_is_switched_off_by_four_words_and_an_unreadable_one_refuses() {
    for word in ["0", "false", "No", "OFF"] {
        assert!(!settings(&[(table::AUTH_REQUIRED.name, word)]).auth_required, "{word}");
    }
    for word in ["1", "true", "", " "] {
        assert!(settings(&[(table::AUTH_REQUIRED.name, word)]).auth_required, "{word}");
    }
    assert!(refusal(&[(table::AUTH_REQUIRED.name, "flase")]).contains("must be one of"));
}

#[test]
fn a_mistyped_name_is_an_error_and_a_strange_one_a_warning() {
    let said = refusal(&[("CORTEXPILOT_APPROVAL_ALOWED_ROLES", "OPS")]);
    assert!(
        said.contains("CORTEXPILOT_APPROVAL_ALOWED_ROLES")
            && said.contains("CORTEXPILOT_APPROVAL_ALLOWED_ROLES is meant")
    );
    assert!(refusal(&[("Cortexpilot_store", "file")]).contains("CORTEXPILOT_STORE is meant"));
    let settings = settings(&[("CORTEXPILOT_SERVICE_HOST", "10.0.0.1"), ("OTHER", "x")]);
    assert_eq!(settings.warnings, ["CORTEXPILOT_SERVICE_HOST is no variable of CortexPilot and is ignored"]);
}

#[test]
fn what_later_versions_bring_is_refused_rather_than_ignored() {
    for (name, value, wanted) in [
        ("CORTEXPILOT_STORE", "postgres://user:hunter2@db/x", "does not have"),
        ("CORTEXPILOT_STORE", "sqlite", "must be `file`"),
        ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", "signed", "reserved and not built"),
    ] {
        let said = refusal(&[(name, value)]);
        assert!(said.contains(name) && said.contains(wanted), "{name}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(refusal(&[("CORTEXPILOT_STORE", "file")]), "accepted");
}

#[test]
fn how_much_is_worked_on_at_once_is_unlimited_unless_a_number_says_otherwise() {
    assert!(settings(&[]).policy().concurrency.is_none());
    let variables = [("CORTEXPILOT_WORKFLOW_CONCURRENCY", "2"), ("CORTEXPILOT_REPOSITORY_CONCURRENCY", " 1 ")];
    let concurrency = settings(&variables).policy().concurrency;
    assert_eq!((concurrency.per_workflow, concurrency.per_repository), (2, 1));
    for wrong in ["-1", "many", "10001", "1.5"] {
        let said = refusal(&[("CORTEXPILOT_WORKFLOW_CONCURRENCY", wrong)]);
        assert!(said.contains("0 (no limit) to 10000"), "{said}");
    }
}

#[test]
fn roles_replace_the_default_and_the_held_ones_follow_them() {
    let settings =
        settings(&[("CORTEXPILOT_APPROVAL_ALLOWED_ROLES", "ops, sre"), ("CORTEXPILOT_API_TOKEN_ROLES", "sre")]);
    assert_eq!(list(&settings.allowed_roles), "OPS,SRE");
    assert_eq!(list(&settings.principal_roles), "OPS,SRE");
    assert_eq!(list(&settings.api_token_roles), "SRE");
    assert_eq!(
        list(&self::settings(&[("CORTEXPILOT_APPROVAL_ALLOWED_ROLES", " , ")]).allowed_roles),
        "ARCHITECT,OPS,OWNER,TECH_LEAD"
    );
    assert!(refusal(&[("CORTEXPILOT_PRINCIPAL_ROLES", "OPS;OWNER")]).contains("\"OPS;OWNER\""));
    // Whoever writes a list without a role means "none"; the default would be all of them.
    assert!(refusal(&[("CORTEXPILOT_PRINCIPAL_ROLES", ",")]).contains("names no role"));
}

#[test]
fn the_environment_wins_over_the_file_and_the_command_line_over_both() {
    let mut case = case(&[("CORTEXPILOT_API_PORT", "9001")])
        .file("api_port = 9000\npreview_ttl = \"1h\"\nruntime_root = \"rt\"\n");
    let settings = case.load().unwrap();
    assert_eq!((settings.port, settings.port_is_default), (9001, false));
    assert_eq!(settings.preview_ttl, SignedDuration::from_hours(1));
    assert_eq!(settings.runtime_root, case.environment.cwd.join("rt"));
    let origin = |settings: &Settings, variable: Variable| {
        settings.shown.iter().find(|shown| shown.variable == variable).unwrap().origin.clone()
    };
    assert_eq!(origin(&settings, table::API_PORT), Origin::Environment);
    assert_eq!(origin(&settings, table::PREVIEW_TTL), Origin::File(case.environment.cwd.join(FILE)));
    case.overrides = Overrides {
        port: Some(0),
        runtime_root: Some("flag".into()),
        runs_root: Some("elsewhere".into()),
        ..Overrides::default()
    };
    let settings = case.load().unwrap();
    assert_eq!((settings.port, settings.port_is_default), (0, false));
    assert_eq!(settings.runtime_root, case.environment.cwd.join("flag"));
    assert_eq!(settings.runs_root, case.environment.cwd.join("elsewhere"));
    assert_eq!(origin(&settings, table::API_PORT), Origin::Flag);
    assert!(!settings.runs_root_follows);
}

#[test]
fn a_problem_in_the_file_names_the_file_and_the_key() {
    let said = case(&[]).file("api_port = 99999\n").load().unwrap_err().to_string();
    assert!(said.contains("cortexpilot.toml: `api_port` must be a port"), "{said}");
}

#[test]
fn the_file_can_shut_the_mutation_gate_and_never_open_it() {
    for open in ["\"1\"", "\"on\"", "true"] {
        let said = case(&[]).file(&format!("mcp_queue_pilot_enable_apply = {open}\n")).load().unwrap_err().to_string();
        assert!(said.contains("can be opened by the environment alone"), "{open}: {said}");
    }
    let shut = case(&[]).file("mcp_queue_pilot_enable_apply = \"off\"\n").load().unwrap();
    assert_eq!(shut.mutation_gate, MutationGate::Shut);
    let opened =
        case(&[(table::ENABLE_APPLY.name, "1")]).file("mcp_queue_pilot_enable_apply = \"off\"\n").load().unwrap();
    assert_eq!(opened.mutation_gate, MutationGate::Open, "the environment wins, as for every key");
}

#[test]
fn all_problems_are_named_at_once() {
    let said = refusal(&[("CORTEXPILOT_API_PORT", "x"), ("CORTEXPILOT_STORE", "y"), ("CORTEXPILOT_LOG", "loud")]);
    assert_eq!(said.lines().count(), 3, "{said}");
}

#[test]
fn the_demonstration_has_its_own_roots_whatever_is_configured() {
    let mut case = case(&[("CORTEXPILOT_RUNTIME_ROOT", "/srv/real"), ("CORTEXPILOT_RUNS_ROOT", "/srv/real-runs")]);
    case.overrides.demo = true;
    let settings = case.load().unwrap();
    let own = case.environment.cwd.join(".runtime-cache/cortexpilot-demo");
    assert_eq!((settings.runtime_root, settings.runs_root), (own.clone(), own.join("runs")));
    assert!(settings.runs_root_follows);
}

#[test]
fn relative_roots_are_one_for_every_working_directory() {
    let mut case = case(&[("CORTEXPILOT_RUNTIME_ROOT", "state")]);
    let top = case.environment.cwd.clone();
    std::fs::create_dir_all(top.join(".git")).unwrap();
    std::fs::create_dir_all(top.join("a/b")).unwrap();
    for cwd in [top.clone(), top.join("a"), top.join("a/b")] {
        case.environment.cwd = cwd;
        assert_eq!(case.load().unwrap().runtime_root, top.join("state"));
    }
}

#[test]
fn secrets_are_shown_as_set_and_no_more() {
    let settings = settings(&[("CORTEXPILOT_API_TOKEN", "hunter2-hunter2-hunter2")]);
    assert_eq!(settings.api_token.as_ref().unwrap().reveal(), "hunter2-hunter2-hunter2");
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert!(settings.shown.iter().any(|shown| shown.variable == table::API_TOKEN && shown.value == "(set)"));
}

mod governing;
mod http;
