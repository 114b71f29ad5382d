//! `kill -9` and SIGSTOP. A killed worker says nothing more; a stopped one goes on after its lease has ended, with a token
//! that was good when it fell asleep.

use serde_json::{Value, json};

use crate::history::History;
use crate::stage::{Stage, retries_of};
use crate::strikes::{Setting, Strike, Struck, campaign, seed};
use crate::support::sized;

#[test]
fn no_item_is_lost_or_done_twice_when_workers_are_killed_or_stand_still() {
    let seed = seed();
    println!("seed {seed}");
    let stage = Stage::new(&[]);
    let setting = Setting {
        strikes: sized(100, 1_000),
        kinds: &[Strike::Kill, Strike::Stop],
        jump: &|_, _| (),
        buried: &|_| (),
        environment: &|_| Vec::new(),
        seed,
    };
    let Struck { dealt, history, refused, late, took } = campaign(&stage, &setting);
    let of = |kind| dealt.get(&kind).copied().unwrap_or_default();
    let (kills, stops) = (of(Strike::Kill), of(Strike::Stop));
    assert!(stage.server.stop().status.success());
    println!("fired: {kills} worker kills");
    println!("fired: {stops} worker stops");
    println!(
        "figure: {kills} workers killed and {stops} stopped beyond their lease while they held an item: {} items, {} claims, {} \
         held for an operator, {} repeated as their contract says, {} settled; {} done once each, 0 twice, 0 lost; of claims \
         that had ended {refused} results of stopped workers and {late} messages over HTTP came, all refused; {:.1} s (seed \
         {seed})",
        history.items(),
        history.claims,
        history.held,
        history.repeated,
        history.settled,
        history.ended,
        took.as_secs_f64()
    );
    assert!(history.held > 0 && history.repeated > 0, "no strike cost a worker its item");
    assert!(late > 0, "nobody came too late");
}

/// The control: whatever is done to a history that is fine, its reader says so.
#[test]
fn the_reader_of_histories_finds_every_doctored_one() {
    let line = |event: &str, more: Value| {
        let mut line = json!({"event": event, "queue_id": "1", "ts": "2026-03-01T12:00:00.000000+00:00"});
        let members = more.as_object().expect("an object").clone();
        line.as_object_mut().expect("an object").extend(members);
        line
    };
    let fine = vec![
        line("QUEUE_ENQUEUE", json!({"source_run_id": "run_repeated_1"})),
        line("QUEUE_CLAIM", json!({"attempt": 1, "run_id": "a"})),
        line("QUEUE_REQUEUE", json!({"attempt": 1})),
        line("QUEUE_CLAIM", json!({"attempt": 2, "run_id": "b"})),
        line("QUEUE_STOP", json!({"attempt": 2, "by": "token:ops (OPS)"})),
        line("QUEUE_HOLD", json!({"attempt": 2})),
        line("QUEUE_REQUEUE", json!({"attempt": 2, "by": "token:ops (OPS)"})),
        line("QUEUE_CLAIM", json!({"attempt": 3, "run_id": "c"})),
        line("QUEUE_DONE", json!({"attempt": 3, "run_id": "c", "status": "SUCCESS"})),
    ];
    let wrong = |lines: &[Value]| {
        let history = History::of(lines, retries_of);
        !history.problems.is_empty() || !history.open().is_empty()
    };
    assert!(!wrong(&fine), "{:?}", History::of(&fine, retries_of));
    let mut doctored: Vec<(&str, Vec<Value>)> = Vec::new();
    let mut with = |what: &'static str, change: &dyn Fn(&mut Vec<Value>)| {
        let mut lines = fine.clone();
        change(&mut lines);
        doctored.push((what, lines));
    };
    with("done twice", &|lines| lines.push(lines[8].clone()));
    with("done by an earlier attempt", &|lines| {
        lines[8] = line("QUEUE_DONE", json!({"attempt": 2, "run_id": "b", "status": "SUCCESS"}));
    });
    with("done with another run", &|lines| lines[8]["run_id"] = json!("b"));
    with("claimed while another has it", &|lines| lines.insert(2, lines[3].clone()));
    with("claimed while it is held", &|lines| drop(lines.remove(6)));
    with("a held item runs again by itself", &|lines| drop(lines[6].as_object_mut().map(|line| line.remove("by"))));
    with("repeated against its contract", &|lines| lines[0]["source_run_id"] = json!("run_once_1"));
    with("an attempt is counted twice", &|lines| lines[3]["attempt"] = json!(1));
    with("never handed in", &|lines| drop(lines.pop()));
    with("still held", &|lines| lines.truncate(6));
    with("never queued", &|lines| drop(lines.remove(0)));
    with("queued twice", &|lines| lines.push(lines[0].clone()));
    for (what, lines) in &doctored {
        assert!(wrong(lines), "{what} went unnoticed");
    }
    println!("figure: control: {0} of {0} doctored histories found", doctored.len());
}
