//! Until when a request may be decided: its last moment counts, the moment of its end does not.
//!
//! The shortest time that can be configured is a minute, which is too long for a test to wait. So a request's end is moved in
//! the ledger itself, while no process runs ([`end_at`]).

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::governance::cast::{end_at, now};

fn expiry(server: &Server, who: &Token, id: &str) -> Timestamp {
    let seen = server.send(&who.get(&format!("/api/approvals/{id}"))).answer();
    seen["expires_at"].as_str().unwrap().parse().unwrap()
}

#[test]
fn what_was_not_decided_in_time_cannot_be_decided_and_can_be_asked_again() {
    let home = home(&["run_http", "run_cli"]);
    let (ann, robot) = (Token::operator(&home, "ann"), Token::agent(&home, "robot"));
    for (door, run) in [(Door::Http, "run_http"), (Door::Cli, "run_cli")] {
        let asking = serve(&home, &[OPERATOR, ("CORTEXPILOT_APPROVAL_TTL", "1m")]);
        let id = request(&asking, &robot, run);
        let left = expiry(&asking, &ann, &id).duration_since(now());
        assert!(left > SignedDuration::from_secs(30) && left <= SignedDuration::from_mins(1), "{left}");
        assert!(asking.stop().status.success());
        end_at(&home, &id, now());
        let queue = home.queue();
        let server = serve(&home, &[OPERATOR]);
        assert_eq!(status(&server, &ann, &id), "EXPIRED");
        for verb in ["approve", "reject"] {
            assert_eq!(decided(door, &home, &server, verb, &ann, &id), "APPROVAL_EXPIRED", "{door:?} {verb}");
        }
        let listed = server.send(&ann.get("/api/approvals?status=PENDING")).answer();
        assert_eq!(listed.as_array().map(Vec::len), Some(0), "{listed}");
        assert_eq!(home.queue(), queue);
        let other = request(&server, &robot, run);
        assert_ne!(other, id);
        assert_eq!(decided(door, &home, &server, "approve", &ann, &other), "");
        assert!(server.stop().status.success());
    }
}

/// One yes a round, each a little later than the one before: the first before the request's end, the last after it. Wherever
/// the end falls, what was approved was approved before it, and what was refused was refused at it or later.
#[test]
fn at_the_last_moment_a_yes_counts_and_at_the_end_it_does_not() {
    const ROUNDS: i32 = 8;
    const BEFORE: SignedDuration = SignedDuration::from_millis(60);
    let home = home(&[]);
    let (ann, robot) = (Token::operator(&home, "ann"), Token::agent(&home, "robot"));
    let (mut in_time, mut too_late, mut round, mut tried) = (0, 0, 0, 0);
    // How long before the end the server is started: it must be up by then.
    let mut lead = SignedDuration::from_millis(300);
    while round < ROUNDS {
        let run = format!("run_{tried}");
        tried += 1;
        home.run(&RunFixture::new(&run));
        let asking = serve(&home, &[OPERATOR]);
        let id = request(&asking, &robot, &run);
        assert!(asking.stop().status.success());
        end_at(&home, &id, now() + lead);
        let server = serve(&home, &[OPERATOR]);
        let mut connection = server.connect();
        let end = expiry(&server, &ann, &id);
        if now() > end - BEFORE {
            // The machine is busy: this round came too late for its moment.
            lead *= 2;
            assert!(lead < SignedDuration::from_secs(60), "a server needs {lead} to start");
            continue;
        }
        // The last two strike after the end.
        let moment = end - BEFORE + BEFORE * round / (ROUNDS - 3);
        while now() < moment {
            std::hint::spin_loop();
        }
        let before = now();
        let answer = connection.send(&yes(&ann, &id));
        let after = now();
        let lines = lines_of(&home, item_of(&id));
        if answer.status == 200 {
            in_time += 1;
            assert!(before < end, "approved although it was over");
            let [line] = &lines[..] else { panic!("approved and not queued once: {lines:?}") };
            assert!(line["ts"].as_str().unwrap().parse::<Timestamp>().unwrap() < end, "{line}");
        } else {
            too_late += 1;
            assert_eq!(answer.code(), "APPROVAL_EXPIRED", "{}", answer.text());
            assert!(after >= end, "refused although it was not over");
            assert_eq!(lines, Vec::<Value>::new());
        }
        let word = status(&server, &ann, &id);
        assert_eq!(word, if answer.status == 200 { "APPROVED" } else { "EXPIRED" });
        round += 1;
    }
    assert!(in_time > 0 && too_late > 0, "{in_time} in time, {too_late} too late");
    assert_sound(&home);
    println!(
        "figure: {ROUNDS} yeses around the last moment of a request: {in_time} in time and queued, {too_late} too late and not"
    );
}
