//! The same through the front door: an item whose agent tries what lies around its workspace. What is shown to the work is
//! decided where a run is carried out, so this holds that place too.

use std::path::Path;

use cortexpilot_work::sandbox::Level;
use serde_json::json;

use super::{CONFINED, is_root};
use crate::support::{Run, World, git};

/// What an agent tries, each as a shell command with a name, where the control must succeed with all of them.
fn attempts(world: &World) -> Vec<(&'static str, String)> {
    let at = |name: &str| world.path(name).display().to_string();
    let (runs, work, repo) = (at("runs"), at("work"), at("repo"));
    vec![
        ("reads another run", format!("cat {runs}/run_other/contract.json")),
        ("lists the runs", format!("ls {runs}")),
        ("changes another run", format!("echo x >> {runs}/run_other/contract.json")),
        ("reads its own record", format!("cat {runs}/run_1/manifest.json")),
        ("changes its own record", format!("echo '{{}}' >> {runs}/run_1/reports.json")),
        ("reads a key", "cat ../../../runtime/keys/preview.key".into()),
        ("reads the ledger", format!("cat {}", at("runtime/queue.jsonl"))),
        ("appends to the ledger", format!("echo '{{}}' >> {}", at("runtime/queue.jsonl"))),
        ("reads another workspace", format!("cat {work}/run_2/tree/secret")),
        ("reads the gate's repository", format!("cat {work}/run_1/gate.git/HEAD")),
        ("changes the gate's rules", format!("echo '*' > {work}/run_1/rules/.gitignore")),
        ("leaves a file among those to be hashed", format!("echo x > {work}/run_1/stage/x")),
        ("reads the operator's files", format!("cat {repo}/docs/README.md")),
        ("reads the operator's configuration", format!("cat {repo}/.git/config")),
        ("adds a hook", format!("mkdir -p {repo}/.git/hooks && echo x > {repo}/.git/hooks/post-checkout")),
        ("changes the operator's configuration", format!("echo '[x]' >> {repo}/.git/config")),
        ("moves the operator's branch", format!("cp {repo}/.git/HEAD x && cat x > {repo}/.git/HEAD && rm x")),
        (
            "writes among the objects that it borrows",
            "o=$(cat .git/objects/info/alternates) && echo x > \"$o/evil\" && rm \"$o/evil\"".into(),
        ),
        (
            "plants objects there by git",
            "o=$(cat .git/objects/info/alternates) && echo evil | GIT_OBJECT_DIRECTORY=\"$o\" git hash-object -w --stdin".into(),
        ),
        (
            "lets the operator's git borrow from it",
            format!("mkdir -p {repo}/.git/objects/info && echo \"$PWD/.git/objects\" >> {repo}/.git/objects/info/alternates"),
        ),
        ("goes there by a link that it makes", format!("ln -s {runs} docs/l; cat docs/l/run_other/contract.json; r=$?; rm docs/l; exit $r")),
    ]
}

/// The names of the attempts that succeeded, and the run.
fn tried(world: &World, level: Level) -> (Vec<String>, Vec<&'static str>, Run) {
    for (path, text) in [
        ("runs/run_other/contract.json", "{}"),
        ("runtime/keys/preview.key", "secret"),
        ("runtime/queue.jsonl", "line\n"),
        ("work/run_2/tree/secret", "secret"),
    ] {
        let path = world.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let all = attempts(world);
    let mut script: Vec<_> = Vec::new();
    for (name, command) in &all {
        let command = format!("if ( {command} ) > /dev/null 2>&1; then echo \"got: {name}\"; fi");
        script.push(json!({"exec": ["/bin/sh", "-c", command]}));
    }
    script.push(json!({"append": {"path": "docs/README.md", "text": "two\n"}}));
    let (failure, run) = world.script(json!(script));
    assert_eq!(failure, "", "{level:?}");
    let log = run.text("logs/runner.stdout.log");
    let got = log.lines().filter_map(|line| line.strip_prefix("got: ")).map(str::to_owned).collect();
    let names = all.into_iter().map(|(name, _)| name).collect();
    (got, names, run)
}

#[test]
fn an_item_reaches_nothing_of_the_operators_and_nothing_of_cortexpilots() {
    let (got, names, ..) = tried(&World::at(Level::None), Level::None);
    assert_eq!(got, names, "the control reaches everything");
    for level in CONFINED {
        let world = World::at(level);
        let configuration = std::fs::read(world.path("repo/.git/config")).unwrap();
        let (got, _, run) = tried(&world, level);
        assert_eq!(got, [""; 0], "{level:?}");
        assert_eq!(run.json("manifest.json")["sandbox"]["level"], level.as_str());
        assert_eq!(std::fs::read_to_string(world.path("runtime/queue.jsonl")).unwrap(), "line\n");
        assert_eq!(std::fs::read(world.path("repo/.git/config")).unwrap(), configuration);
        git(&world.repo(), &["fsck", "--strict"]);
        assert_eq!(git(&world.repo(), &["status", "--porcelain"]), "");
    }
}

/// What the agent leaves in its home would otherwise be the configuration of what checks its work.
#[test]
fn acceptance_commands_have_a_home_that_the_agent_never_saw() {
    for level in [Level::None, Level::Confined, Level::Namespaces] {
        let world = World::at(level);
        let plant = "echo x > \"$HOME/.gitconfig\"; echo x > \"$TMPDIR/x\"; echo two >> docs/README.md; \
                     if [ -w /tmp ] && [ \"$ISOLATED\" ]; then echo x > /tmp/y; fi; echo \"$HOME $TMPDIR\"";
        let mut contract = world.contract(json!([{"exec": ["/bin/sh", "-c", plant]}]));
        let look = "sh -c 'test -w \"$HOME\" && test -w \"$TMPDIR\" && test -z \"$(ls -A \"$HOME\" \"$TMPDIR\" | grep -v :)\" && echo x > \"$TMPDIR/x\"'";
        contract["acceptance_tests"] = json!([
            {"name": "first", "cmd": look, "must_pass": true},
            {"name": "second", "cmd": look, "must_pass": true},
        ]);
        let outcome = world.run(&contract).unwrap();
        assert_eq!(outcome.failure, None, "{level:?}");
    }
}

/// In namespaces `/tmp` and `/dev/shm` are the workspace's own directories: on its disk, and gone with it.
#[test]
fn temporary_files_of_a_sandbox_take_no_memory_and_are_removed() {
    let world = World::at(Level::Namespaces);
    let (failure, run) = world.script(json!([
        {"exec": ["/bin/sh", "-c", "echo x > /tmp/a && echo x > /dev/shm/b && echo two >> docs/README.md && stat -f -c %T /tmp /dev/shm ."]},
    ]));
    assert_eq!(failure, "");
    let log = run.text("logs/runner.stdout.log");
    let kinds: Vec<&str> = log.lines().collect();
    assert!(kinds.len() == 3 && kinds[0] == kinds[2] && kinds[1] == kinds[2], "{kinds:?}");
    assert_eq!(std::fs::read_dir(world.path("work")).unwrap().count(), 0);
    assert!(!Path::new("/tmp/a").exists());
}

/// As Go's module cache does: directories that not even their owner may write to.
#[test]
fn a_workspace_with_directories_that_cannot_be_written_is_removed_whole() {
    let world = World::at(Level::Confined);
    let (failure, _) = world.script(json!([
        {"exec": ["/bin/sh", "-c", "mkdir -p \"$HOME/go/pkg/mod/deep\" && echo x > \"$HOME/go/pkg/mod/deep/f\" && \
                                    echo two >> docs/README.md && chmod -R a-w \"$HOME/go\" && chmod 0 \"$HOME/go/pkg/mod/deep\""]},
    ]));
    assert_eq!(failure, "");
    assert_eq!(std::fs::read_dir(world.path("work")).unwrap().count(), 0);
    assert!(is_root() || !world.path("work/run_1").exists());
}
