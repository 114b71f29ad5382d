//! A plan: a preview that was kept, to be applied as it was previewed or not at all.
//!
//! What decides is the token inside it, which is bound to the preview's digest, to the principal it was shown to and to its
//! expiry. The rest says which request that was, and is there to be read by people.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use cortexpilot_server::wire::PreviewView;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::When;

/// The version of the format.
const VERSION: u32 = 1;

/// No plan is larger.
const BYTES_MAX: u64 = 4 << 20;

/// A kept preview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// The version of the format.
    pub(crate) cortexpilot_plan: u32,
    /// The source run.
    pub(crate) run_id: String,
    /// As asked for.
    pub(crate) priority: Option<i64>,
    /// As sent.
    pub(crate) scheduled_at: Option<String>,
    /// As sent.
    pub(crate) deadline_at: Option<String>,
    /// Whom the preview was shown to.
    pub(crate) principal: String,
    /// What proves it.
    pub(crate) preview_token: String,
    /// Until when it may be applied.
    pub(crate) expires_at: String,
    /// The whole answer, for people and programs that look at plans. Nothing is decided from it.
    pub(crate) preview: Value,
}

impl Plan {
    /// Keeps a preview; `None` when it carries no token, so that no other process could apply it.
    pub(crate) fn of(view: &PreviewView, when: &When) -> Option<Self> {
        (!view.preview_token.is_empty()).then(|| Self {
            cortexpilot_plan: VERSION,
            run_id: view.run_id.clone(),
            priority: when.priority,
            scheduled_at: when.scheduled_at.clone(),
            deadline_at: when.deadline_at.clone(),
            principal: view.acting_as.principal.clone(),
            preview_token: view.preview_token.clone(),
            expires_at: view.expires_at.clone(),
            preview: serde_json::to_value(view).expect("invariant: our views have text keys and finite numbers"),
        })
    }

    /// The parameters it was previewed with.
    pub(crate) fn when(&self) -> When {
        When { priority: self.priority, scheduled_at: self.scheduled_at.clone(), deadline_at: self.deadline_at.clone() }
    }

    /// Reads a plan.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let file =
            OpenOptions::new().read(true).open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text).with_context(|| format!("{} cannot be read", path.display()))?;
        let plan: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is no plan that `queue preview -o` kept", path.display()))?;
        if plan.cortexpilot_plan != VERSION {
            bail!(
                "{} is a plan of version {}; this program reads version {VERSION}",
                path.display(),
                plan.cortexpilot_plan
            );
        }
        Ok(plan)
    }

    /// Writes the plan (0600). An earlier plan is replaced; any other file is left alone.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        if path.symlink_metadata().is_ok() && Self::read(path).is_err() {
            bail!("{} exists and is no plan: name another file, or remove it", path.display());
        }
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().with_context(|| format!("{} names no file", path.display()))?;
        let fresh = dir.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .and_then(|mut file| file.write_all(super::super::output::json(self).as_bytes()))
            .and_then(|()| std::fs::rename(&fresh, path));
        if written.is_err() {
            // It may not exist; the first error is the one that matters.
            let _ = std::fs::remove_file(&fresh);
        }
        written.with_context(|| format!("{} cannot be written", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn plan() -> Plan {
        Plan {
            cortexpilot_plan: VERSION,
            run_id: "run_1".into(),
            priority: Some(5),
            scheduled_at: None,
            deadline_at: None,
            principal: "local:alice".into(),
            preview_token: "token".into(),
            expires_at: "2030-01-01T00:00:00Z".into(),
            preview: Value::Null,
        }
    }

    #[test]
    fn a_plan_reads_back_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plan.json");
        plan().write(&path).unwrap();
        assert_eq!(Plan::read(&path).unwrap(), plan());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        plan().write(&path).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn only_a_plan_is_replaced_and_only_a_plan_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        std::fs::write(&path, "mine").unwrap();
        assert!(plan().write(&path).unwrap_err().to_string().contains("is no plan"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        let newer = super::super::super::output::json(&Plan { cortexpilot_plan: 2, ..plan() });
        std::fs::write(&path, newer).unwrap();
        assert!(Plan::read(&path).unwrap_err().to_string().contains("version 2"));
        let more = serde_json::to_string(&plan()).unwrap().replacen('{', "{\"confirm\":true,", 1);
        std::fs::write(&path, more).unwrap();
        assert!(Plan::read(&path).is_err(), "an unknown member is not passed over");
    }
}
