//! What each event does to the queue.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::super::id::{QueueItemId, Sha256Digest};
use super::super::lease::{Held, HeldKind, StopRequest};
use super::super::queue::{
    Cancelled, Claim, Claimed, Done, Enqueued, Expired, Hold, ItemState, QueueItem, Requeued, StopRequested,
};
use super::archive::{Lines, OtherLine};
use super::{Oddity, Queue, Slot};

impl Queue {
    pub(super) fn enqueue(
        &mut self,
        event: &Arc<Enqueued>,
        line_hash: Option<Sha256Digest>,
        at: u64,
    ) -> Result<(), Oddity> {
        let seq = self.next_seq;
        match self.by_id.entry(event.queue_id.clone()) {
            Entry::Occupied(_) => return Err(Oddity::DuplicateId),
            Entry::Vacant(free) => free.insert(seq),
        };
        self.next_seq += 1;
        let state = ItemState::Pending;
        let item = QueueItem { seq, enqueued: event.clone(), line_hash, attempts: 0, not_before: None, state };
        if let Some(provenance) = &event.provenance {
            if let Some(key) = &provenance.idempotency_key {
                self.by_key.insert((provenance.principal.clone(), key.clone()), seq);
            }
            // What people approved was counted when it was asked for.
            let asked = !provenance.approvals.is_empty();
            match self.by_principal.get_mut(&provenance.principal) {
                Some(used) => used.applied(event.ts, asked),
                None => self.by_principal.entry(provenance.principal.clone()).or_default().applied(event.ts, asked),
            }
            self.newest = self.newest.max(Some(event.ts));
            *self.live_pins.entry(provenance.contract_sha256).or_default() += 1;
        }
        let lines = Lines { enqueued: at, claimed: None, ended: None, others: Vec::new() };
        self.items.insert(seq, Slot { item, lines });
        self.enter_pending(seq);
        Ok(())
    }

    pub(super) fn cancel(&mut self, event: &Cancelled, at: u64) -> Result<(), Oddity> {
        let seq = *self.by_id.get(&event.queue_id).ok_or(Oddity::UnknownItem)?;
        if !self.item(seq).is_pending() {
            return Err(Oddity::WrongState);
        }
        self.leave_pending(seq);
        self.release_pin(seq);
        let state = ItemState::Cancelled { at: event.ts, by: event.cancelled_by.clone(), reason: event.reason.clone() };
        self.close(seq, state, at);
        Ok(())
    }

    pub(super) fn claim(&mut self, event: &Claimed, at: u64) -> Result<(), Oddity> {
        let seq = *self.by_id.get(&event.queue_id).ok_or(Oddity::UnknownItem)?;
        if !self.item(seq).is_pending() {
            return Err(Oddity::WrongState);
        }
        self.leave_pending(seq);
        self.claimed_by_task.entry(self.item(seq).enqueued.task_id.clone()).or_default().push_back(seq);
        self.claimed += 1;
        if !event.run_id.is_empty() {
            self.by_run.insert(event.run_id.clone(), (seq, at));
        }
        let slot = self.slot(seq);
        slot.lines.claimed = Some(at);
        slot.item.attempts = slot.item.attempts.max(event.attempt);
        slot.item.not_before = None;
        slot.item.state = ItemState::Claimed(Claim {
            run_id: event.run_id.clone(),
            claimed_at: event.ts,
            worker: event.worker.clone(),
            attempt: event.attempt,
            lease_expires_at: event.lease_expires_at,
            lease: event.lease,
            stop: None,
        });
        if let Some(Slot { item, .. }) = self.items.get(&seq) {
            self.claimable.taken(item);
        }
        Ok(())
    }

    pub(super) fn done(&mut self, event: &Done, is_legacy: bool, at: u64) -> Result<(), Oddity> {
        let named = self.by_id.get(&event.queue_id).copied();
        // Our own lines name the item that they close; one that does not is no word about another.
        let seq = named.or_else(|| self.claimed_of_task(&event.task_id).filter(|_| is_legacy));
        let seq = seq.ok_or(Oddity::UnknownItem)?;
        let claim = match &self.item(seq).state {
            ItemState::Pending => None,
            ItemState::Claimed(claim) => Some(claim.clone()),
            ItemState::Held(held) => Some(held.claim.clone()),
            ItemState::Closed { .. } | ItemState::Cancelled { .. } | ItemState::Expired { .. } => {
                return Err(Oddity::WrongState);
            }
        };
        self.leave(seq);
        self.release_pin(seq);
        let run_id = match (&claim, event.run_id.is_empty()) {
            (Some(claim), true) => claim.run_id.clone(),
            (Some(_) | None, _) => event.run_id.clone(),
        };
        if !run_id.is_empty() {
            self.by_run.insert(run_id.clone(), (seq, at));
        }
        let state = ItemState::Closed {
            status: event.status.clone(),
            claim,
            run_id,
            completed_at: event.ts,
            reason: event.reason.clone(),
            by: event.by.clone(),
        };
        self.close(seq, state, at);
        Ok(())
    }

    pub(super) fn hold(&mut self, event: &Hold, at: u64) -> Result<(), Oddity> {
        let seq = self.claimed_as(&event.queue_id, event.attempt)?;
        self.leave_claimed(seq);
        self.to_settle += 1;
        self.dead_letters += usize::from(event.kind == HeldKind::DeadLetter);
        let slot = self.slot(seq);
        slot.lines.others.push(OtherLine { at, run: None });
        if let ItemState::Claimed(claim) = std::mem::replace(&mut slot.item.state, ItemState::Pending) {
            slot.item.state = ItemState::Held(Box::new(Held {
                kind: event.kind,
                claim,
                at: event.ts,
                by: event.by.clone(),
                reason: event.reason.clone(),
            }));
        }
        Ok(())
    }

    pub(super) fn requeue(&mut self, event: &Requeued, at: u64) -> Result<(), Oddity> {
        let seq = *self.by_id.get(&event.queue_id).ok_or(Oddity::UnknownItem)?;
        let claim = match &self.item(seq).state {
            ItemState::Claimed(claim) => claim,
            ItemState::Held(held) => &held.claim,
            ItemState::Pending | ItemState::Closed { .. } | ItemState::Cancelled { .. } | ItemState::Expired { .. } => {
                return Err(Oddity::WrongState);
            }
        };
        if claim.attempt != event.attempt {
            return Err(Oddity::WrongState);
        }
        let run = Some(claim.run_id.clone()).filter(|run| !run.is_empty());
        self.leave(seq);
        let slot = self.slot(seq);
        // Of several claims the last has its place of its own; those before it are among the others.
        if let Some(at) = slot.lines.claimed.take() {
            slot.lines.others.push(OtherLine { at, run });
        }
        slot.lines.others.push(OtherLine { at, run: None });
        slot.item.state = ItemState::Pending;
        slot.item.not_before = event.not_before;
        let principal = slot.item.enqueued.provenance.as_ref().map(|by| by.principal.clone());
        if let Some(principal) = principal {
            // It may have been forgotten meanwhile, with nothing pending and nothing recent.
            self.by_principal.entry(principal).or_default().pending += 1;
        }
        self.enter_pending(seq);
        Ok(())
    }

    pub(super) fn expire(&mut self, event: &Expired, at: u64) -> Result<(), Oddity> {
        let seq = *self.by_id.get(&event.queue_id).ok_or(Oddity::UnknownItem)?;
        if !self.item(seq).is_pending() {
            return Err(Oddity::WrongState);
        }
        self.leave_pending(seq);
        self.release_pin(seq);
        self.close(seq, ItemState::Expired { at: event.ts }, at);
        Ok(())
    }

    pub(super) fn stop(&mut self, event: &StopRequested, at: u64) -> Result<(), Oddity> {
        let seq = self.claimed_as(&event.queue_id, event.attempt)?;
        let slot = self.slot(seq);
        let ItemState::Claimed(claim) = &mut slot.item.state else { return Err(Oddity::WrongState) };
        if claim.stop.is_some() {
            return Err(Oddity::WrongState);
        }
        claim.stop = Some(StopRequest { by: event.by.clone(), reason: event.reason.clone(), at: event.ts });
        slot.lines.others.push(OtherLine { at, run: None });
        Ok(())
    }

    /// The item of this id, if this is its claim.
    fn claimed_as(&self, id: &QueueItemId, attempt: u32) -> Result<u64, Oddity> {
        let seq = *self.by_id.get(id).ok_or(Oddity::UnknownItem)?;
        let claim = self.item(seq).claim().ok_or(Oddity::WrongState)?;
        if claim.attempt == attempt { Ok(seq) } else { Err(Oddity::WrongState) }
    }

    fn close(&mut self, seq: u64, state: ItemState, at: u64) {
        let slot = self.slot(seq);
        slot.item.state = state;
        slot.lines.ended = Some(at);
        self.closed.push_back(seq);
    }

    /// The original's command line closes an item under a fresh queue id; its task id then says which one it meant. With
    /// several claimed items of one task it meant the one claimed first.
    fn claimed_of_task(&self, task_id: &str) -> Option<u64> {
        self.claimed_by_task.get(task_id).and_then(|claimed| claimed.front()).copied()
    }

    /// Whatever the item was filed under, it is not any more.
    fn leave(&mut self, seq: u64) {
        match &self.item(seq).state {
            ItemState::Pending => self.leave_pending(seq),
            ItemState::Claimed(_) => self.leave_claimed(seq),
            ItemState::Held(held) => {
                self.dead_letters -= usize::from(held.kind == HeldKind::DeadLetter);
                self.to_settle -= 1;
            }
            ItemState::Closed { .. } | ItemState::Cancelled { .. } | ItemState::Expired { .. } => {}
        }
    }

    fn leave_claimed(&mut self, seq: u64) {
        let Some(Slot { item, .. }) = self.items.get(&seq) else { return };
        let task_id = &item.enqueued.task_id;
        if let Some(claimed) = self.claimed_by_task.get_mut(task_id) {
            let held_before = claimed.len();
            claimed.retain(|held| *held != seq);
            self.claimed -= held_before - claimed.len();
            if claimed.is_empty() {
                self.claimed_by_task.remove(task_id);
            }
        }
        self.claimable.given_up(item);
    }

    fn enter_pending(&mut self, seq: u64) {
        let Some(Slot { item, .. }) = self.items.get(&seq) else { return };
        self.pending_by_run.entry(item.enqueued.source_run_id.clone()).or_default().insert(seq);
        self.claimable.insert(item);
        if let Some(deadline) = item.deadline_at() {
            self.deadlines.insert((deadline, seq));
        }
    }

    fn leave_pending(&mut self, seq: u64) {
        let Some(Slot { item, .. }) = self.items.get(&seq) else { return };
        if let Some(used) = item.enqueued.provenance.as_ref().and_then(|by| self.by_principal.get_mut(&by.principal)) {
            used.pending -= 1;
        }
        self.claimable.remove(item);
        if let Some(deadline) = item.deadline_at() {
            self.deadlines.remove(&(deadline, seq));
        }
        if let Some(of_run) = self.pending_by_run.get_mut(&item.enqueued.source_run_id) {
            of_run.remove(&seq);
            if of_run.is_empty() {
                self.pending_by_run.remove(&item.enqueued.source_run_id);
            }
        }
    }

    fn release_pin(&mut self, seq: u64) {
        let Some(Slot { item, .. }) = self.items.get(&seq) else { return };
        let Some(provenance) = &item.enqueued.provenance else { return };
        if let Some(count) = self.live_pins.get_mut(&provenance.contract_sha256) {
            *count -= 1;
            if *count == 0 {
                self.live_pins.remove(&provenance.contract_sha256);
            }
        }
    }
}
