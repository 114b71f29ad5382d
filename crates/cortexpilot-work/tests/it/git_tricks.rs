//! Hooks, configuration and attributes that would start a program: each is shown to work on plain git first.

use std::path::Path;
use std::process::Command;

use cortexpilot_work::sandbox::Level;
use serde_json::json;

use crate::support::{World, commit, git};

/// Something that leaves a file behind when git runs it.
fn trap(world: &World) -> (String, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let (script, sprung) = (world.path("trap.sh"), world.path("sprung"));
    std::fs::write(&script, format!("#!/bin/sh\necho \"$0 $*\" >> {}\ncat\n", sprung.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    (script.to_str().unwrap().to_owned(), sprung)
}

fn plain_git(dir: &Path, args: &[&str]) {
    // Whether it succeeds does not matter: what it runs does.
    Command::new("git").current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").args(args).output().unwrap();
}

#[test]
fn nothing_of_the_operators_repository_is_run_when_a_workspace_is_made() {
    let mut world = World::at(Level::None);
    let (trap, sprung) = trap(&world);
    let repo = world.repo();
    std::fs::write(repo.join(".gitattributes"), "*.md filter=evil diff=evil\n").unwrap();
    world.baseline = commit(&repo);
    for (name, value) in [
        ("core.fsmonitor", trap.as_str()),
        ("core.hooksPath", ".hooks"),
        ("filter.evil.smudge", trap.as_str()),
        ("filter.evil.clean", trap.as_str()),
        ("filter.evil.required", "true"),
        ("diff.evil.textconv", trap.as_str()),
        ("diff.evil.command", trap.as_str()),
        ("diff.external", trap.as_str()),
        ("core.pager", trap.as_str()),
        ("core.alternateRefsCommand", trap.as_str()),
    ] {
        git(&repo, &["config", name, value]);
    }
    std::fs::create_dir(repo.join(".hooks")).unwrap();
    for hook in ["post-checkout", "post-index-change", "reference-transaction", "pre-commit", "fsmonitor-watchman"] {
        std::fs::copy(&trap, repo.join(".hooks").join(hook)).unwrap();
    }
    // The control: plain git runs them.
    plain_git(&repo, &["worktree", "add", "--detach", "../control", "HEAD"]);
    assert!(sprung.exists(), "the trap works");
    std::fs::remove_file(&sprung).unwrap();
    let (failure, run) = world.script(json!([{"append": {"path": "docs/README.md", "text": "two\n"}}]));
    assert_eq!(failure, "");
    assert!(run.text("patch.diff").contains("+two"));
    assert!(!sprung.exists(), "{}", std::fs::read_to_string(&sprung).unwrap_or_default());
}

#[test]
fn nothing_that_an_agent_leaves_in_its_repository_is_run_by_the_worker() {
    let world = World::at(Level::None);
    let (trap, sprung) = trap(&world);
    let command = format!(
        "cd \"$PWD\" && for h in post-checkout post-index-change pre-commit; do mkdir -p .git/hooks && cp {trap} .git/hooks/$h; done; \
         git config core.fsmonitor {trap}; git config diff.external {trap}; git config core.hooksPath \"$PWD/.git/hooks\"; \
         git config filter.evil.clean {trap}; git config filter.evil.smudge {trap}; printf '* filter=evil' > .git/info/attributes; \
         echo two >> docs/README.md; cp -r . {copy}",
        copy = world.path("copy").display(),
    );
    let (failure, run) = world.script(json!([{"exec": ["sh", "-c", command]}]));
    assert_eq!(failure, "");
    assert!(run.text("patch.diff").contains("+two"));
    let during = std::fs::read_to_string(&sprung).unwrap_or_default();
    // The control: plain git in a copy of that tree runs them.
    plain_git(&world.path("copy"), &["status"]);
    plain_git(&world.path("copy"), &["diff"]);
    let after = std::fs::read_to_string(&sprung).unwrap_or_default();
    assert!(after.len() > during.len(), "the trap works");
    assert!(!during.contains("gate.git") && !during.contains("rules"), "{during}");
    // While the work ran, only the agent's own git calls could spring it: none of them come after its last command.
    let own = during.lines().count();
    assert!(own <= 4, "{during}");
}

#[test]
fn a_git_file_that_leads_elsewhere_is_not_followed() {
    let world = World::at(Level::None);
    let (trap, sprung) = trap(&world);
    let evil = world.path("evil.git");
    let command = format!(
        "git init -q --bare {evil} && git --git-dir={evil} config core.fsmonitor {trap} && rm -rf .git && echo 'gitdir: {evil}' > .git \
         && rm -f {sprung} && echo two >> docs/README.md",
        evil = evil.display(),
        sprung = sprung.display(),
    );
    let (failure, run) = world.script(json!([{"exec": ["sh", "-c", command]}]));
    assert_eq!(failure, "");
    assert_eq!(run.text("diff_name_only.txt"), "docs/README.md\n");
    assert!(!sprung.exists(), "{}", std::fs::read_to_string(&sprung).unwrap_or_default());
}
