//! What the helper is told, and what it answers. One JSON document a line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Level;

/// What is to be run, and within which bounds. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The program and its arguments. A name without `/` is looked up in `env["PATH"]`.
    pub argv: Vec<String>,
    /// Where it starts.
    pub cwd: String,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
    /// A file that it reads as its standard input; none: nothing to read.
    pub stdin: Option<String>,
    /// How much stands around it.
    pub level: Level,
    /// Files and directories that it may read and execute, beside the system's own.
    pub read: Vec<String>,
    /// Files and directories that it may change.
    pub write: Vec<String>,
    /// Directories that stand elsewhere inside [`Level::Namespaces`]: the place there, and the directory. `/tmp` and
    /// `/dev/shm` are memory of nobody's where they are not among them.
    pub shown: BTreeMap<String, String>,
    /// Whether it may reach the network.
    pub network: bool,
    /// Its resources.
    pub limits: Limits,
    /// bubblewrap, for [`Level::Namespaces`].
    pub bwrap: Option<String>,
    /// The words after which the helper's program takes a stage's name.
    pub helper_args: Vec<String>,
}

/// Resources. They bound accidents and floods; they are not what keeps the work in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Processes and threads of the whole tree.
    pub processes: u64,
    /// Memory of the whole tree, in bytes.
    pub memory_bytes: u64,
    /// Data of one process, in bytes (`RLIMIT_DATA`).
    pub data_bytes: u64,
    /// The largest file that is written, in bytes.
    pub file_bytes: u64,
    /// Open files of one process.
    pub open_files: u64,
    /// How much must be left on the disks that it writes to, in bytes, whoever fills them: below this it is killed. Of a disk
    /// that has no more than that when it starts, half must be left.
    pub disk_left_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            processes: 512,
            memory_bytes: 4 << 30,
            data_bytes: 4 << 30,
            file_bytes: 2 << 30,
            open_files: 4096,
            disk_left_bytes: 1 << 30,
        }
    }
}

/// What was enforced before the command was started. This is what stands in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enforced {
    /// The level, whole.
    pub level: Level,
    /// `none` or `host`.
    pub network: String,
    /// No program can gain rights by being executed.
    pub no_new_privs: bool,
    /// All capabilities are gone for good.
    pub no_capabilities: bool,
    /// Namespaces of its own.
    pub namespaces: Vec<String>,
    /// The Landlock rules.
    pub landlock: Option<LandlockEnforced>,
    /// The system call filter.
    pub seccomp: Option<SeccompEnforced>,
    /// The resource limits.
    pub limits: Option<Limits>,
    /// What holds the number of processes: `cgroup`, `rlimit` or `watch` (the tree is counted, and killed above the limit).
    pub processes_by: Option<String>,
    /// What holds the tree's memory: `cgroup` or `watch`.
    pub memory_by: Option<String>,
    /// Control groups that were made for it; removed afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cgroups: Vec<String>,
}

impl Enforced {
    /// A level with nothing in it yet.
    pub(crate) fn of(level: Level) -> Self {
        Self {
            level,
            network: "host".into(),
            no_new_privs: false,
            no_capabilities: false,
            namespaces: Vec::new(),
            landlock: None,
            seccomp: None,
            limits: None,
            processes_by: None,
            memory_by: None,
            cgroups: Vec::new(),
        }
    }
}

/// The Landlock rules that hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LandlockEnforced {
    /// The kernel's version of the interface.
    pub abi: u32,
    /// Signals and abstract sockets end at the sandbox (from version 6).
    pub scoped: bool,
    /// TCP is refused by Landlock too.
    pub tcp: bool,
}

/// The filter that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeccompEnforced {
    /// How many system calls are refused outright.
    pub refused: usize,
    /// Which socket families may be opened.
    pub sockets: Vec<String>,
}

/// What the helper says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    /// The bounds hold; the command starts now.
    Restricted(Enforced),
    /// They cannot be had; nothing was started.
    Refused(String),
    /// The command could not be started.
    NotStarted(String),
    /// Everything has ended.
    Ended(EndedSaid),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct EndedSaid {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// Why the tree was killed, where it was.
    pub(crate) killed_for: Option<String>,
    /// The most processes seen at once.
    pub(crate) processes: u64,
    /// The most memory seen at once, in bytes.
    pub(crate) memory_bytes: u64,
    /// Processes that outlived the command and were killed.
    pub(crate) left_behind: u64,
}
