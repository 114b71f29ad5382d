//! Cancel against claim. The rollback takes back what nobody has begun; what somebody has begun cannot be rolled back. At
//! the same moment one of the two is true, never both and never neither.

use std::sync::Barrier;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use cortexpilot_runs::fixture::RunFixture;
use serde_json::Value;

use super::{apply_of, assert_sound, preview, text};
use crate::support::{Connection, GATE_OPEN, Home, Request};

/// Half of them through one server process, half through two.
const RACES: usize = 1_000;

/// What became of one race: who says that it got the item.
struct Race {
    id: String,
    cancelled: bool,
    claimed: bool,
}

#[test]
fn an_item_is_never_both_cancelled_and_claimed() {
    let home = Home::in_memory();
    home.run(&RunFixture::new("run_raced"));
    let servers = [home.serve(&[GATE_OPEN]), home.serve(&[GATE_OPEN])];
    let mut races = run_races(&home, servers[0].connect(), servers[0].connect(), &mut servers[0].connect());
    races.extend(run_races(&home, servers[0].connect(), servers[1].connect(), &mut servers[1].connect()));

    let (both, neither) = (
        races.iter().filter(|race| race.cancelled && race.claimed).count(),
        races.iter().filter(|race| !race.cancelled && !race.claimed).count(),
    );
    let (cancels, claims) =
        (races.iter().filter(|race| race.cancelled).count(), races.iter().filter(|race| race.claimed).count());
    assert_eq!((both, neither, cancels + claims), (0, 0, RACES));
    let lines = assert_sound(&home);
    for race in &races {
        let of_item: Vec<&str> =
            lines.iter().filter(|line| line["queue_id"] == *race.id).map(|line| text(line, "event")).collect();
        let end = if race.claimed { "QUEUE_CLAIM" } else { "QUEUE_CANCEL" };
        assert_eq!(of_item, ["QUEUE_ENQUEUE", end], "{}", race.id);
    }
    println!(
        "figure: {RACES} races of cancel against claim: {cancels} cancelled, {claims} claimed, {both} both, {neither} neither"
    );
}

/// Half of the races: `canceller` and `claimer` go for the one item that there is.
fn run_races(home: &Home, canceller: Connection, claimer: Connection, enqueuer: &mut Connection) -> Vec<Race> {
    let before = home.queue().lines().len();
    let start = Barrier::new(2);
    let (start, mut head_start) = (&start, HeadStart(before as u64 + 1));
    std::thread::scope(|scope| {
        let (items, item) = channel::<(String, Duration)>();
        let (says, cancelled) = channel();
        scope.spawn(move || racer(canceller, start, &item, &says, cancels));
        let (calls, call) = channel::<(String, Duration)>();
        let (says, claimed) = channel();
        scope.spawn(move || racer(claimer, start, &call, &says, claims));
        (0..RACES / 2)
            .map(|_| {
                let token = text(&preview(enqueuer, "run_raced"), "preview_token").to_owned();
                let id = text(&enqueuer.send(&apply_of("run_raced", &token)).answer(), "queue_id").to_owned();
                let (of_cancel, of_claim) = head_start.next();
                items.send((id.clone(), of_cancel)).expect("the canceller listens");
                calls.send((id.clone(), of_claim)).expect("the claimer listens");
                let gone = "a racer failed: see above";
                Race { id, cancelled: cancelled.recv().expect(gone), claimed: claimed.recv().expect(gone) }
            })
            .collect()
    })
}

/// Takes items until there are no more. Both racers of an item pass the barrier together; then one of them may give the
/// other a head start, so that either may win.
fn racer(
    mut connection: Connection,
    start: &Barrier,
    items: &Receiver<(String, Duration)>,
    says: &Sender<bool>,
    take: fn(&mut Connection, &str) -> bool,
) {
    for (id, pause) in items {
        start.wait();
        let until = Instant::now() + pause;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        if says.send(take(&mut connection, &id)).is_err() {
            return;
        }
    }
}

fn cancels(connection: &mut Connection, id: &str) -> bool {
    let answer = connection.send(&Request::post(&format!("/api/queue/{id}/cancel"), "{}"));
    if answer.status == 200 {
        assert_eq!(answer.json()["status"], "CANCELLED");
        return true;
    }
    assert_eq!((answer.status, answer.code().as_str()), (409, "QUEUE_ITEM_NOT_CANCELLABLE"), "{}", answer.text());
    false
}

fn claims(connection: &mut Connection, id: &str) -> bool {
    let answer: Value = connection.send(&Request::post("/api/queue/claim", r#"{"worker":"racer"}"#)).answer();
    if answer["ok"] == true {
        assert_eq!(
            (&answer["item"]["queue_id"], &answer["item"]["status"]),
            (&Value::from(id), &Value::from("CLAIMED"))
        );
        return true;
    }
    assert_eq!(answer["reason"], "queue empty", "{answer}");
    false
}

/// Head starts of up to a fifth of a millisecond, now for one racer and now for the other; always the same ones.
struct HeadStart(u64);

impl HeadStart {
    fn next(&mut self) -> (Duration, Duration) {
        // Xorshift (Marsaglia 2003): spread is all that is asked of it.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let pause = Duration::from_micros(self.0 % 200);
        if self.0 & (1 << 40) == 0 { (pause, Duration::ZERO) } else { (Duration::ZERO, pause) }
    }
}
