//! What a command says was shown is taken over only where it is what holds now, member for member.

use std::sync::Arc;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::{ApplyInputs, Command, Enqueue, MutationGate, Parameters, Presented, Request};
use cortexpilot_core::domain::decide::query;
use cortexpilot_core::domain::id::{QueueItemId, RunId, Sha256Digest};
use cortexpilot_core::domain::preview::{Basis, Sealed};
use cortexpilot_core::domain::principal::{StatedRole, Surface};
use cortexpilot_core::domain::seal::{SeenPreview, short};
use cortexpilot_core::domain::text::Stated;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::fake::{MemStore, run_facts};
use cortexpilot_core::port::{Store as _, StoreRead as _};

use crate::support::{now, policy, role, schedule, seconds, start, usual};

fn request(priority: i64) -> Request {
    let at = schedule("2030-01-01T00:00:00+01:00");
    Request {
        caller: usual(Surface::Cli),
        now: start(),
        run_id: Some(RunId::parse("run_ok").expect("a run id")),
        run: Ok(run_facts("run_ok")),
        parameters: Parameters::new(priority, Some(at), None),
        policy: policy(MutationGate::Open),
        header_role: StatedRole::Absent,
    }
}

fn basis(store: &MemStore, request: &Request) -> Basis {
    let facts = now(store.enqueue_facts(&query(request, None))).expect("the store can be read");
    Basis::of(request.run.as_ref().expect("a run"), request, &facts)
}

fn seen(number: u8, digest: Sha256Digest) -> SeenPreview {
    SeenPreview { nonce: [number; 12], digest: short(&digest), expires_at: start() + seconds(60) }
}

fn apply(store: &MemStore, request: Request, seen: SeenPreview, shown: Option<Arc<Sealed>>) -> Verdict {
    let inputs = ApplyInputs {
        confirm: true,
        actor_role: role("OPS"),
        requested_by: Stated::read(Some("Alice Example")),
        approval_reason: Stated::read(Some("The nightly run failed on a flaky network.")),
        presented: Presented::Seen { seen, shown },
        ..ApplyInputs::default()
    };
    now(store.execute(Command::Enqueue(Box::new(Enqueue { request, inputs })))).expect("the store can be written")
}

/// A store in which one item of the run waits, with another priority.
fn store() -> MemStore {
    let store = MemStore::default();
    let first = request(9);
    let digest = basis(&store, &first).digest();
    let verdict = apply(&store, first, seen(0, digest), None);
    assert!(matches!(verdict, Verdict::Enqueued(_)), "{verdict:?}");
    store
}

#[test]
fn a_command_cannot_bring_the_digest_of_something_else() {
    type Change = fn(&mut Basis);
    let changes: [(&str, Change); 13] = [
        ("task_id", |b| b.derived.task_id.push('x')),
        ("owner", |b| b.derived.owner.push('x')),
        ("workflow_id", |b| b.derived.workflow_id.push('x')),
        ("contract_path", |b| b.derived.contract_path.push('x')),
        ("source_run_id", |b| b.derived.source_run_id.push('x')),
        ("priority", |b| b.derived.priority = 0),
        ("scheduled_at", |b| b.derived.scheduled_at = None),
        ("deadline_at", |b| b.derived.deadline_at = Some("2030-01-01T00:00:00Z".into())),
        ("contract_sha256", |b| b.contract_sha256 = Sha256Digest::of(b"[]")),
        ("awaits_approval", |b| b.awaits_approval = true),
        ("pending_matches", |b| b.pending = vec![QueueItemId::from_bytes([7; 16])]),
        ("approval_policy", |b| b.approval_policy = "operator"),
        ("allowed_roles", |b| b.allowed_roles.push("ZZZ".into())),
    ];
    let store = store();
    for (field, change) in changes {
        let mut other = basis(&store, &request(-7));
        assert_eq!(other.pending.len(), 1);
        change(&mut other);
        let other = Arc::new(Sealed::new(other));
        let Verdict::Denied(denial) = apply(&store, request(-7), seen(1, other.digest()), Some(other.clone())) else {
            panic!("queued on a preview of another {field}")
        };
        assert_eq!(denial.code, ErrorCode::PreviewStale, "{field}");
        assert_eq!(denial.changed.iter().map(|change| change.field).collect::<Vec<_>>(), [field]);
    }
    assert_eq!(store.lines().len(), 1);
}

#[test]
fn the_line_has_the_digest_of_what_holds_whatever_is_said_to_have_been_shown() {
    type Say = fn(Basis) -> Option<Arc<Sealed>>;
    let says: [Say; 3] = [
        |_| None,
        |basis| Some(Arc::new(Sealed::new(basis))),
        |mut basis| {
            basis.derived.owner.push('x');
            Some(Arc::new(Sealed::new(basis)))
        },
    ];
    for say in says {
        let store = store();
        let holds = basis(&store, &request(-7));
        let verdict = apply(&store, request(-7), seen(1, holds.digest()), say(holds.clone()));
        let Verdict::Enqueued(item) = verdict else { panic!("{verdict:?}") };
        assert_eq!(item.enqueued.provenance.as_ref().expect("ours").preview_digest, holds.digest());
    }
}

#[test]
fn a_preview_of_another_process_is_recognised_by_its_digest_and_nothing_else_is() {
    let empty = MemStore::default();
    let holds = basis(&empty, &request(-7));
    let found = Sealed::recognise(&request(-7), &seen(1, holds.digest())).expect("nothing is in the queue");
    assert_eq!((found.basis(), found.digest()), (&holds, holds.digest()));
    assert_eq!(Sealed::recognise(&request(-6), &seen(1, holds.digest())), None);
    assert_eq!(Sealed::recognise(&request(-7), &seen(1, basis(&store(), &request(-7)).digest())), None);
}
