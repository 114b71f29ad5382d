//! A working tree on the contract's baseline, and what came of it.
//!
//! ```text
//! <workspace>/
//!   tree/        what the agent sees and changes, with a repository of its own in tree/.git
//!   home/ tmp/ shm/   the agent's HOME and TMPDIR, and what stands at /dev/shm for it
//!   tests/N/     the same three for an acceptance command, empty when it starts
//!   gate.git/    ours, never shown to the agent: the baseline's index, and the objects of what changed
//!   rules/       the baseline's .gitignore files, by which new files are judged
//!   stage/       copies of changed files on their way into gate.git
//! ```
//!
//! It is not `git worktree add`: that would write into the operator's repository and hand its hooks, configuration and refs to
//! the agent. Both repositories here borrow the operator's objects (read-only) and nothing else. After the work, no git
//! program looks at `tree/`: what changed is seen by [`Snapshot`], put into `gate.git` object by object, and the diff is one
//! between two commits' trees there.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::id::Sha256Digest;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};

use crate::contract::TaskContract;
use crate::gate::{self, Change, ChangeKind, FILE_BYTES_MAX, TOTAL_BYTES_MAX, Violation};
use crate::git::{Git, GitProblem};
use crate::record::private_dir;
use crate::snapshot::{Entry, Snapshot, read_beneath};
use crate::tools::Tools;

/// Attributes would let a file decide how other files are read (encodings, line ends, filters, "binary"). This file outranks
/// every `.gitattributes`: the workspace holds the baseline's bytes, and the diff is one of bytes.
const NO_ATTRIBUTES: &str = "* -text !eol -filter -ident !working-tree-encoding !diff !merge !whitespace\n";

/// Why there is no workspace, or no diff of it.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceProblem {
    /// git refused.
    #[error(transparent)]
    Git(#[from] GitProblem),
    /// The directory is no repository, or the baseline is no commit of it.
    #[error("{0}")]
    Baseline(String),
    /// The file system refused.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// What the system answered.
        #[source]
        error: io::Error,
    },
}

fn io_problem(what: &'static str) -> impl FnOnce(io::Error) -> WorkspaceProblem {
    move |error| WorkspaceProblem::Io { what, error }
}

/// The full hash of a commit of a repository: what a contract should name as its baseline, so that the same bytes always mean
/// the same work.
///
/// # Errors
/// The directory is no repository, or the name is no commit of it.
pub fn resolve_baseline(tools: &Tools, repository: &Path, name: &str) -> Result<String, WorkspaceProblem> {
    let source = Git::inside(&tools.git, repository);
    commit(&source, repository, name)
}

fn commit(source: &Git<'_>, repository: &Path, name: &str) -> Result<String, WorkspaceProblem> {
    let place = repository.display();
    source.line(["rev-parse", "--show-object-format"]).map_err(|problem| match problem {
        GitProblem::Failed { said, .. } => WorkspaceProblem::Baseline(format!("{place} is no git repository: {said}")),
        io @ GitProblem::Io(_) => WorkspaceProblem::Git(io),
    })?;
    let named = format!("{name}^{{commit}}");
    source.line(["rev-parse", "--verify", "--quiet", "--end-of-options", &named]).map_err(|problem| match problem {
        GitProblem::Failed { .. } => WorkspaceProblem::Baseline(format!(
            "the baseline `{name}` is no commit of {place}: fetch it, or correct rollback.baseline_ref"
        )),
        io @ GitProblem::Io(_) => WorkspaceProblem::Git(io),
    })
}

/// A workspace.
#[derive(Debug)]
pub struct Workspace {
    dir: PathBuf,
    git: PathBuf,
    baseline: String,
    objects: Vec<PathBuf>,
    before: Snapshot,
    /// Mode and object of each path of the baseline's submodules.
    submodules: Vec<Vec<u8>>,
}

/// Directories beside the tree that a command may fill: its HOME, its TMPDIR, and what stands at `/dev/shm` for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scratch {
    pub(crate) home: PathBuf,
    pub(crate) tmp: PathBuf,
    pub(crate) shm: PathBuf,
}

impl Scratch {
    fn in_dir(dir: &Path) -> Self {
        Self { home: dir.join("home"), tmp: dir.join("tmp"), shm: dir.join("shm") }
    }

    fn make(&self) -> io::Result<()> {
        [&self.home, &self.tmp, &self.shm].into_iter().try_for_each(|dir| private_dir(dir))
    }
}

/// What came of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// The patch, as git writes it, binary files included. What cannot stand in a tree of git is not in it; the violations
    /// name it.
    pub patch: Vec<u8>,
    /// Paths that changed, sorted, with how.
    pub changed: Vec<(String, ChangeKind)>,
    /// What the contract does not allow; empty: the gate is open.
    pub violations: Vec<Violation>,
    /// How many new files are not looked at, because the baseline's `.gitignore` files say so.
    pub ignored: usize,
    /// git's id of the tree after the work.
    pub tree_id: String,
}

impl Workspace {
    /// Makes one in `dir`, which must not exist.
    ///
    /// # Errors
    /// `repository` is none, the baseline is no commit there, or the file system refused. What was made is removed.
    pub fn prepare(tools: &Tools, repository: &Path, baseline_ref: &str, dir: &Path) -> Result<Self, WorkspaceProblem> {
        if let Some(parent) = dir.parent() {
            private_dir(parent).map_err(io_problem("the directory of workspaces"))?;
        }
        std::fs::create_dir(dir).map_err(io_problem("the workspace"))?;
        let made = Self::fill(tools, repository, baseline_ref, dir);
        if made.is_err() {
            remove(dir);
        }
        made
    }

    fn fill(tools: &Tools, repository: &Path, baseline_ref: &str, dir: &Path) -> Result<Self, WorkspaceProblem> {
        let program = tools.git.as_path();
        let source = Git::inside(program, repository);
        let baseline = commit(&source, repository, baseline_ref)?;
        let format = source.line(["rev-parse", "--show-object-format"])?;
        let objects = PathBuf::from(source.line(["rev-parse", "--path-format=absolute", "--git-path", "objects"])?);
        let objects = borrowed(objects).map_err(io_problem("the repository's objects"))?;
        for name in ["tree", "rules", "stage"] {
            private_dir(&dir.join(name)).map_err(io_problem("the workspace"))?;
        }
        Scratch::in_dir(dir).make().map_err(io_problem("the workspace"))?;
        let (tree, gate) = (dir.join("tree"), dir.join("gate.git"));
        let init = |at: &Path, kind: &[&str]| -> Result<(), WorkspaceProblem> {
            let mut args =
                vec!["init".to_owned(), "--quiet".into(), "--template=".into(), format!("--object-format={format}")];
            args.extend(kind.iter().map(|arg| (*arg).to_owned()));
            args.push(at.to_string_lossy().into_owned());
            Git::inside(program, dir).run(args)?;
            Ok(())
        };
        init(&gate, &["--bare", "--initial-branch=gate"])?;
        init(&tree, &["--initial-branch=work"])?;
        let list = objects.iter().map(|path| format!("{}\n", path.display())).collect::<String>();
        for repository in [&gate, &tree.join(".git")] {
            for (path, text) in [("objects/info/alternates", list.as_str()), ("info/attributes", NO_ATTRIBUTES)] {
                let path = repository.join(path);
                private_dir(path.parent().unwrap_or(repository)).map_err(io_problem("the workspace's repositories"))?;
                std::fs::write(path, text).map_err(io_problem("the workspace's repositories"))?;
            }
        }
        // A repository with a history cut short says where in this file; without it `git log` calls the cut damage.
        let shallow = source.line(["rev-parse", "--path-format=absolute", "--git-path", "shallow"])?;
        match std::fs::copy(shallow, tree.join(".git/shallow")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_problem("the history's limits")(error));
            }
            Ok(_) | Err(_) => {}
        }
        let ours = Git::with_files(program, &gate, &tree);
        ours.run(["read-tree", &baseline])?;
        ours.run(["checkout-index", "--all", "--force"])?;
        let git_dir = tree.join(".git");
        let theirs = Git::with_files(program, &git_dir, &tree);
        theirs.run(["update-ref", "refs/heads/work", &baseline])?;
        theirs.run(["config", "user.name", "CortexPilot worker"])?;
        theirs.run(["config", "user.email", "worker@cortexpilot.invalid"])?;
        theirs.run(["read-tree", &baseline])?;
        // Exit status 1 says that a file differs; with submodules it does.
        theirs.answered(["update-index", "-q", "--refresh"], &[], &[0, 1])?;
        let before = Snapshot::take(&tree).map_err(io_problem("the workspace's files"))?;
        let submodules = submodules(&Git::at(program, &gate), &baseline)?;
        let workspace = Self { dir: dir.to_owned(), git: program.to_owned(), baseline, objects, before, submodules };
        workspace.keep_rules()?;
        Ok(workspace)
    }

    /// What the agent works in.
    pub fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// The agent's own.
    pub(crate) fn scratch(&self) -> Scratch {
        Scratch::in_dir(&self.dir)
    }

    /// Empty ones for an acceptance command: what the agent left in its HOME would otherwise be the configuration of what
    /// checks its work.
    pub(crate) fn scratch_for_test(&self, index: usize) -> Result<Scratch, WorkspaceProblem> {
        let scratch = Scratch::in_dir(&self.dir.join("tests").join(index.to_string()));
        scratch.make().map_err(io_problem("a directory for an acceptance command"))?;
        Ok(scratch)
    }

    /// Directories outside that the agent's repository reads its objects from.
    pub fn objects(&self) -> &[PathBuf] {
        &self.objects
    }

    /// The commit that the work starts from, in full.
    pub fn baseline(&self) -> &str {
        &self.baseline
    }

    /// Takes the diff and judges it. Everything that could still write to the tree must have ended.
    ///
    /// # Errors
    /// git or the file system refused; nothing is known about the work then.
    pub fn diff(&self, contract: &TaskContract) -> Result<Diff, WorkspaceProblem> {
        let tree = self.tree();
        let mut after = Snapshot::take_after(&tree, &self.before).map_err(io_problem("the workspace's files"))?;
        let ignored = self.ignored(&after)?;
        for path in &ignored {
            after.entries.remove(path);
        }
        let changes = gate::changes(&self.before, &after);
        let violations =
            gate::judge(&changes, &self.before, &after, &self.submodules, &contract.allowed_paths, contract.may_write);
        let tree_id = self.store(&changes, &after)?;
        let git_dir = self.dir.join("gate.git");
        let patch = Git::at(&self.git, &git_dir).run([
            "diff-tree",
            "-p",
            "-r",
            "--binary",
            "--full-index",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--ignore-submodules=none",
            "--end-of-options",
            &self.baseline,
            &tree_id,
        ])?;
        let changed = changes.iter().map(|change| (gate::shown(&change.path), change.kind)).collect();
        Ok(Diff { patch, changed, violations, ignored: ignored.len(), tree_id })
    }

    /// Paths that differ from a snapshot's: for what the acceptance commands leave behind.
    pub(crate) fn look(&self) -> Result<Snapshot, WorkspaceProblem> {
        Snapshot::take(&self.tree()).map_err(io_problem("the workspace's files"))
    }

    /// Reads a file of the tree, following no link.
    pub(crate) fn read(&self, path: &str, most: u64) -> io::Result<Vec<u8>> {
        read_beneath(&self.tree(), path.as_bytes(), most)
    }

    /// Removes everything. What cannot be removed is logged and left.
    pub fn remove(self) {
        remove(&self.dir);
    }

    /// Copies the baseline's `.gitignore` files to where no agent changes them.
    fn keep_rules(&self) -> Result<(), WorkspaceProblem> {
        for (path, entry) in &self.before.entries {
            let is_rules = path == b".gitignore" || path.ends_with(b"/.gitignore");
            if is_rules && matches!(entry, Entry::File { .. }) {
                let bytes = read_beneath(&self.tree(), path, 8 << 20).map_err(io_problem("a .gitignore"))?;
                let target = self.dir.join("rules").join(std::ffi::OsStr::from_bytes(path));
                private_dir(target.parent().unwrap_or(&self.dir)).map_err(io_problem("a .gitignore"))?;
                std::fs::write(target, bytes).map_err(io_problem("a .gitignore"))?;
            }
        }
        Ok(())
    }

    /// New files that the baseline's rules ignore: results of builds and tests.
    fn ignored(&self, after: &Snapshot) -> Result<BTreeSet<Vec<u8>>, WorkspaceProblem> {
        let mut asked = Vec::new();
        for path in after.entries.keys().filter(|path| !self.before.entries.contains_key(*path)) {
            asked.extend_from_slice(path);
            asked.push(0);
        }
        if asked.is_empty() {
            return Ok(BTreeSet::new());
        }
        let (gate, rules) = (self.dir.join("gate.git"), self.dir.join("rules"));
        let git = Git::with_files(&self.git, &gate, &rules);
        // Status 1: none of them.
        let said = git.answered(["check-ignore", "--no-index", "-z", "--stdin"], &asked, &[0, 1])?;
        Ok(said.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect())
    }

    /// Puts what changed into `gate.git` and answers the new tree's id.
    fn store(&self, changes: &[Change], after: &Snapshot) -> Result<String, WorkspaceProblem> {
        let gate = self.dir.join("gate.git");
        let git = Git::at(&self.git, &gate);
        let stage = self.dir.join("stage");
        let (mut staged, mut names, mut total) = (BTreeMap::new(), Vec::new(), 0);
        for (number, change) in changes.iter().enumerate() {
            let bytes = match after.entries.get(&change.path) {
                // What is too large is a violation, alone or together, and is not copied: files with holes hold more than
                // this disk does.
                Some(Entry::File { sha256, size, .. })
                    if *size <= FILE_BYTES_MAX && total + *size <= TOTAL_BYTES_MAX =>
                {
                    total += *size;
                    let read = read_beneath(&self.tree(), &change.path, FILE_BYTES_MAX);
                    let bytes = read.map_err(io_problem("a changed file"))?;
                    if Sha256Digest::of(&bytes) != *sha256 {
                        let error =
                            io::Error::other("it changed while it was read: something still writes to the workspace");
                        return Err(io_problem("a changed file")(error));
                    }
                    bytes
                }
                Some(Entry::Link { target }) => target.clone(),
                Some(Entry::File { .. } | Entry::Special | Entry::Unreadable | Entry::Repository) | None => continue,
            };
            let file = stage.join(number.to_string());
            std::fs::write(&file, bytes).map_err(io_problem("a changed file"))?;
            names.extend_from_slice(file.as_os_str().as_bytes());
            names.push(b'\n');
            staged.insert(number, String::new());
        }
        if !staged.is_empty() {
            let ids = git.feed(["hash-object", "-w", "--no-filters", "--stdin-paths"], &names)?;
            let ids = String::from_utf8_lossy(&ids).into_owned();
            for ((_, id), line) in staged.iter_mut().zip(ids.lines()) {
                *id = line.to_owned();
            }
        }
        let mut index = Vec::new();
        for (number, change) in changes.iter().enumerate() {
            // Names that git itself refuses are violations already; they cannot stand in a tree.
            let is_name = std::str::from_utf8(&change.path)
                .is_ok_and(|path| !path.split('/').any(crate::contract::paths::is_git) && !path.contains('\\'));
            if !is_name || self.submodules.iter().any(|module| gate::inside(&change.path, module)) {
                continue;
            }
            let (mode, id) = match (change.kind, staged.get(&number), after.entries.get(&change.path)) {
                (ChangeKind::Deleted, _, _) => ("0", "0".repeat(self.baseline.len())),
                (_, Some(id), Some(Entry::Link { .. })) => ("120000", id.clone()),
                (_, Some(id), Some(Entry::File { executable: true, .. })) => ("100755", id.clone()),
                (_, Some(id), Some(_)) => ("100644", id.clone()),
                (_, _, _) => continue,
            };
            index.extend_from_slice(format!("{mode} {id}\t").as_bytes());
            index.extend_from_slice(&change.path);
            index.push(0);
        }
        git.run(["read-tree", &self.baseline])?;
        if !index.is_empty() {
            git.feed(["update-index", "--add", "--replace", "-z", "--index-info"], &index)?;
        }
        Ok(git.line(["write-tree"])?)
    }
}

/// A repository's object directories: its own and those it borrows from, so that all of them can be shown read-only.
fn borrowed(first: PathBuf) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![first]);
    while let Some(dir) = open.pop() {
        let dir = dir.canonicalize()?;
        if found.contains(&dir) || found.len() > 16 {
            continue;
        }
        match std::fs::read_to_string(dir.join("info/alternates")) {
            Ok(list) => {
                let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
                open.extend(lines.map(|line| dir.join(line)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        found.push(dir);
    }
    Ok(found)
}

fn submodules(git: &Git<'_>, baseline: &str) -> Result<Vec<Vec<u8>>, WorkspaceProblem> {
    let listed = git.run(["ls-tree", "-r", "-z", "--full-tree", baseline])?;
    let mut found = Vec::new();
    for entry in listed.split(|byte| *byte == 0) {
        if entry.starts_with(b"160000 ")
            && let Some(tab) = entry.iter().position(|byte| *byte == b'\t')
        {
            found.push(entry[tab + 1..].to_vec());
        }
    }
    Ok(found)
}

/// Removes everything. What cannot be removed is logged and left.
pub(crate) fn remove(dir: &Path) {
    // The standard library removes beneath open directories and follows no link that is swapped in meanwhile.
    let mut removed = std::fs::remove_dir_all(dir);
    if removed.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
        // Caches of some toolchains hold directories that not even their owner may write to.
        open_up(dir);
        removed = std::fs::remove_dir_all(dir);
    }
    if let Err(error) = removed
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(workspace = %dir.display(), %error, "a workspace could not be removed whole");
    }
}

/// Lets the owner read and write every directory of a tree, as far as that goes; follows no link.
fn open_up(dir: &Path) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut parents = vec![(rustix::fs::openat(CWD, dir, flags, Mode::empty()), 0)];
    while let Some((parent, depth)) = parents.pop() {
        let Ok(parent) = parent else { continue };
        if rustix::fs::fchmod(&parent, Mode::RWXU).is_err() || depth > 200 {
            continue;
        }
        for entry in Dir::read_from(&parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_directory = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory);
            if !is_directory || matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let open = || rustix::fs::openat(&parent, name, flags, Mode::empty());
            let inner = open().or_else(|_| {
                // Nothing else runs here any more that could put a link in its place between these two.
                rustix::fs::chmodat(&parent, name, Mode::RWXU, AtFlags::empty())?;
                open()
            });
            parents.push((inner, depth + 1));
        }
    }
}
