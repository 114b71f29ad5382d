//! The diff gate on real trees: each trick is done by a script in the sandbox.

use cortexpilot_work::sandbox::Level;
use serde_json::{Value, json};

use crate::support::{World, commit};

fn sh(command: &str) -> Value {
    json!([{"exec": ["sh", "-c", command]}])
}

#[test]
fn what_a_contract_does_not_allow_is_named_with_its_path() {
    let world = World::at(Level::Confined);
    let rows: &[(&str, &str)] = &[
        ("echo x > README", "README (it lies outside allowed_paths)"),
        ("mv src/lib.rs docs/lib.rs", "src/lib.rs (it lies outside allowed_paths)"),
        ("rm src/lib.rs", "src/lib.rs (it lies outside allowed_paths)"),
        ("chmod +x src/lib.rs", "src/lib.rs (it lies outside allowed_paths)"),
        ("mkdir Docs && echo x > Docs/a", "Docs/a (it lies outside allowed_paths)"),
        ("echo x > docs/readme.md", "docs/readme.md (another file's name differs from it only by case"),
        ("ln -s /etc/passwd docs/l", "docs/l (it is a link to an absolute path)"),
        ("ln -s ../../x docs/l", "docs/l (it is a link that leads out of the repository)"),
        ("ln -s ../.git/config docs/l", "docs/l (it is a link into git's own directory)"),
        ("mkfifo docs/p", "docs/p (it is a pipe"),
        ("git init -q docs/sub && echo x > docs/sub/f", "docs/sub/.git (it is a repository of its own"),
        ("mkdir docs/sub && echo 'gitdir: ../../.git' > docs/sub/.git", "docs/sub/.git (it is a repository of its own"),
        ("printf '* filter=x' > docs/.gitattributes", "docs/.gitattributes (it tells git what to do"),
        ("printf x > docs/.gitmodules", "docs/.gitmodules (it tells git what to do"),
        ("touch \"docs/$(printf '\\377')\"", "docs/\\xff (its name is not UTF-8)"),
        ("touch \"docs/$(printf 'e\\314\\201')\"", "normalization form C"),
        ("touch \"docs/$(printf 'a\\342\\200\\256b')\"", "invisible character"),
        ("touch \"docs/a\nb\"", "invisible character"),
        ("touch 'docs/a\\b'", "backslash"),
        ("chmod u+s docs/README.md", "set-user-id"),
        ("rm -r docs && ln -s src docs", "docs (a symbolic link)"),
    ];
    for (number, (command, said)) in rows.iter().enumerate() {
        let mut assignment = world.assignment(&world.contract(sh(command)));
        assignment.run_id = cortexpilot_core::domain::id::RunId::parse(&format!("run_{number}")).unwrap();
        let outcome = cortexpilot_work::execute(&world.worker, &assignment, &(), &world.stop).unwrap();
        let reason = outcome.failure.map(|failure| failure.reason).unwrap_or_default();
        // A directory that became a link is the loss of what was in it and a new link; the link itself is allowed.
        let said = if said.starts_with("docs (a symbolic") { "docs/README.md: it" } else { said };
        assert!(reason.contains(said), "{command}: {reason:?}\nwanted: {said}");
    }
}

#[test]
fn allowed_changes_of_every_kind_stand_in_the_patch() {
    let world = World::at(Level::Confined);
    let command = "chmod +x docs/README.md && mkdir -p docs/deep && printf '\\000\\001' > docs/deep/binary && ln -s ../README.md docs/deep/l \
                   && printf 'a\\r\\n' > docs/crlf && : > docs/empty && printf 'ü' > 'docs/ü'";
    let (failure, run) = world.script(sh(command));
    assert_eq!(failure, "");
    let patch = run.0.join("patch.diff");
    crate::support::git(&world.repo(), &["apply", "--index", patch.to_str().unwrap()]);
    let repo = world.repo();
    assert_eq!(std::fs::read(repo.join("docs/deep/binary")).unwrap(), b"\0\x01");
    assert_eq!(std::fs::read(repo.join("docs/crlf")).unwrap(), b"a\r\n");
    assert_eq!(std::fs::read_link(repo.join("docs/deep/l")).unwrap().to_str(), Some("../README.md"));
    assert!(repo.join("docs/empty").exists() && repo.join("docs/ü").exists());
    assert!(std::fs::metadata(repo.join("docs/README.md")).unwrap().permissions().mode() & 0o100 != 0);
}

use std::os::unix::fs::PermissionsExt as _;

#[test]
fn attributes_and_commits_of_the_agent_hide_nothing_from_the_diff() {
    let mut world = World::at(Level::Confined);
    // The baseline itself asks for conversions, and the agent commits its work.
    std::fs::write(
        world.repo().join(".gitattributes"),
        "*.md text eol=crlf ident working-tree-encoding=UTF-16 -diff\n",
    )
    .unwrap();
    std::fs::write(world.repo().join("docs/README.md"), "one $Id$\n").unwrap();
    world.baseline = {
        crate::support::git(
            &world.repo(),
            &["-c", "core.attributesFile=/dev/null", "rm", "-q", "--cached", "docs/README.md"],
        );
        std::fs::write(world.repo().join(".gitattributes"), "*.md -diff\n*.txt filter=lfs\n").unwrap();
        commit(&world.repo())
    };
    let (failure, run) = world
        .script(sh("echo two >> docs/README.md && git add -A && git commit -q -m hidden && git status --porcelain"));
    assert_eq!(failure, "");
    assert!(run.text("patch.diff").contains("+two"), "{}", run.text("patch.diff"));
    assert_eq!(run.text("logs/runner.stdout.log"), "", "the agent's own git sees a clean tree after its commit");
}

#[test]
fn a_baseline_with_a_submodule_is_worked_on_and_the_submodule_stays_as_it_is() {
    let mut world = World::at(Level::Confined);
    let inner = world.path("inner");
    std::fs::create_dir(&inner).unwrap();
    crate::support::git(&inner, &["init", "-q"]);
    std::fs::write(inner.join("a"), "a").unwrap();
    commit(&inner);
    let repo = world.repo();
    crate::support::git(
        &repo,
        &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.to_str().unwrap(), "docs/mod"],
    );
    world.baseline = commit(&repo);
    let (failure, run) = world.script(json!([{"append": {"path": "docs/README.md", "text": "x\n"}}]));
    assert_eq!(failure, "");
    assert_eq!(run.text("diff_name_only.txt"), "docs/README.md\n");
    let mut assignment = world.assignment(&world.contract(sh("echo x > docs/mod/new")));
    assignment.run_id = cortexpilot_core::domain::id::RunId::parse("run_2").unwrap();
    let outcome = cortexpilot_work::execute(&world.worker, &assignment, &(), &world.stop).unwrap();
    let reason = outcome.failure.unwrap().reason;
    assert!(reason.contains("docs/mod/new (it is or lies in a submodule)"), "{reason}");
}

#[test]
fn a_change_of_very_many_files_is_still_an_event_that_readers_take() {
    let world = World::at(Level::Confined);
    let command = "mkdir x && i=0; while [ $i -lt 4000 ]; do : > x/a_file_with_a_rather_long_name_so_that_its_path_counts_$i; i=$((i+1)); done";
    let (failure, run) = world.script(sh(command));
    assert!(failure.contains("and 3990 more"), "{failure}");
    let gate = run.event("DIFF_GATE_RESULT");
    assert_eq!(
        (&gate["ok"], &gate["changed_total"], &gate["violations_total"]),
        (&json!(false), &json!(4000), &json!(4000))
    );
    assert_eq!(run.text("diff_name_only.txt").lines().count(), 4000);
    assert_eq!(run.json("reports/task_result.json")["git"]["changed_total"], 4000);
}

/// Holes cost their maker nothing; whoever copied what they stand for would fill the disk.
#[test]
fn files_with_holes_are_judged_by_their_size_and_not_copied() {
    let world = World::at(Level::Confined);
    let holes = "for i in 0 1 2 3 4 5 6 7 8 9; do truncate -s 60M docs/f$i; truncate -s 1G docs/large$i; done";
    let (failure, run) = world.script(json!([{"exec": ["/bin/sh", "-c", holes]}]));
    assert!(failure.contains("docs/large0 (it is larger than 64 MiB)"), "{failure}");
    let violations = run.event("DIFF_GATE_FAIL")["violation_reasons"].to_string();
    assert!(violations.contains("256 MiB"), "{violations}");
    let patch = run.text("patch.diff");
    let stored: Vec<&str> = patch.lines().filter(|line| line.starts_with("diff --git")).collect();
    assert!(stored.len() == 4 && stored[0].contains("docs/f0"), "{stored:?}");
}
