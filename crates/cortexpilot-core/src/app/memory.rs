//! The previews that this process showed, so that a caller which sends only the seed's inputs after a preview works, and
//! so that a stale answer can say what changed. Bounded: the oldest gives way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::preview::Preview;
use crate::domain::command::Parameters;
use crate::domain::preview::{Sealed, Shown};
use crate::domain::seal::{Nonce, SeenPreview};

/// How many previews are remembered.
const REMEMBERED_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<VecDeque<Remembered>>);

#[derive(Debug, Clone)]
struct Remembered {
    principal: String,
    seen: SeenPreview,
    shown: Shown,
}

impl Memory {
    pub(super) fn remember(&self, principal: &str, preview: &Preview) {
        let mut previews = self.lock();
        if previews.len() >= REMEMBERED_MAX {
            previews.pop_front();
        }
        previews.push_back(Remembered {
            principal: principal.to_owned(),
            seen: preview.seen,
            shown: Arc::new(Sealed::new(preview.basis.clone())),
        });
    }

    /// The latest preview of this run with these parameters that this principal was shown; where there is none, the latest
    /// of the run, so that the refusal can say what differs.
    pub(super) fn latest(
        &self,
        principal: &str,
        run_id: &str,
        parameters: &Parameters,
    ) -> Option<(SeenPreview, Shown)> {
        let previews = self.lock();
        let of_run = || {
            previews
                .iter()
                .rev()
                .filter(|entry| entry.principal == principal && entry.shown.basis().derived.source_run_id == run_id)
        };
        let found = of_run().find(|entry| entry.shown.basis().derived.is_of(parameters)).or_else(|| of_run().next())?;
        Some((found.seen, found.shown.clone()))
    }

    /// What this preview showed.
    pub(super) fn shown(&self, principal: &str, nonce: &Nonce) -> Option<Shown> {
        let previews = self.lock();
        let found = previews.iter().rev().find(|entry| entry.principal == principal && entry.seen.nonce == *nonce)?;
        Some(found.shown.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Remembered>> {
        // A panic while holding it leaves a valid queue: every operation on it is complete or not begun.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
