//! Answers of fixed shape: which of their members hold text of others.

use super::{Cleaner, Done, Limits};
use crate::wire::preview::EffectView;
use crate::wire::{AppliedView, ItemView, PreviewView};

/// Cleans the texts of a queue item that come from its run, from whoever cancelled it, or from a ledger of the original.
/// Everything else in it is ours.
pub fn item(item: &mut ItemView, limits: Limits) -> Done {
    let mut cleaner = Cleaner::new(limits);
    cleaner.item(item);
    cleaner.done
}

/// Cleans what a preview shows of its run and of pending items. The digest, the token and every check are what they would
/// be without it.
pub fn preview(view: &mut PreviewView) -> Done {
    let mut cleaner = Cleaner::new(Limits::ONE);
    cleaner.item(&mut view.preview_item);
    cleaner.effect(&mut view.effect);
    for item in &mut view.pending_matches {
        cleaner.item(item);
    }
    cleaner.done
}

/// Cleans what an apply's answer repeats of its run and of what people wrote.
pub fn applied(view: &mut AppliedView) -> Done {
    let mut cleaner = Cleaner::new(Limits::ONE);
    for text in [
        &mut view.task_id,
        &mut view.owner,
        &mut view.contract_path,
        &mut view.workflow_id,
        &mut view.source_run_id,
        &mut view.requested_by,
        &mut view.approval_reason,
    ] {
        cleaner.in_place(text);
    }
    for text in [&mut view.approver_reason, &mut view.repository].into_iter().flatten() {
        cleaner.in_place(text);
    }
    cleaner.done
}

impl Cleaner {
    fn item(&mut self, item: &mut ItemView) {
        for text in [
            &mut item.task_id,
            &mut item.owner,
            &mut item.contract_path,
            &mut item.workflow_id,
            &mut item.source_run_id,
            &mut item.status,
            &mut item.scheduled_at,
            &mut item.deadline_at,
            &mut item.run_id,
        ] {
            self.in_place(text);
        }
        for text in
            [&mut item.reason, &mut item.cancelled_by, &mut item.ended_by, &mut item.worker, &mut item.repository]
                .into_iter()
                .flatten()
        {
            self.in_place(text);
        }
        if let Some(stop) = &mut item.stop {
            self.in_place(&mut stop.by);
            self.in_place(&mut stop.reason);
        }
        if let Some(held) = &mut item.held {
            self.in_place(&mut held.reason);
            if let Some(by) = &mut held.by {
                self.in_place(by);
            }
        }
        if let Some(progress) = &mut item.progress {
            self.in_place(&mut progress.stage);
            self.in_place(&mut progress.message);
        }
    }

    fn effect(&mut self, effect: &mut EffectView) {
        for text in effect.allowed_paths.iter_mut().chain(&mut effect.commands) {
            self.in_place(text);
        }
        self.in_place(&mut effect.runner);
        let permissions = std::mem::take(&mut effect.tool_permissions);
        for (mut name, mut what) in permissions {
            self.in_place(&mut name);
            self.in_place(&mut what);
            effect.tool_permissions.insert(name, what);
        }
    }
}
