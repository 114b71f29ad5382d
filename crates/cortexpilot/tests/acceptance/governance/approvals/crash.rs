//! `kill -9` of the server that people approve at. A request whose status is APPROVED has its item, an item has its
//! approvers, no yes that was acknowledged is lost, and whoever says yes again brings it to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use super::*;
use crate::support::process::PATIENCE;

const KILLS: usize = 50;

/// Requests that people decide while the server dies.
const REQUESTS: usize = 4;

/// The longest that a kill waits after the answer that it follows.
const SPREAD: Duration = Duration::from_millis(4);

/// What a request that is waiting for people may come to.
#[derive(Default)]
struct Tally {
    /// Yeses that were acknowledged, by request.
    acknowledged: BTreeMap<String, BTreeSet<String>>,
    unanswered: usize,
    approved_unanswered: usize,
    half: usize,
}

#[test]
fn a_request_is_never_approved_and_not_queued_when_the_approving_server_is_killed() {
    let seed = RandomState::new().hash_one(0) | 1;
    println!("seed {seed}");
    let mut chance = seed;
    let mut below = |end: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % end
    };
    let mut tally = Tally::default();
    for (environment, needs) in [(OPERATOR, 1), (TWO_PERSON, 2)] {
        let home = Home::in_memory();
        let robot = Token::agent(&home, "robot");
        let people = ["ann", "ben", "cleo"].map(|name| Token::operator(&home, name));
        // A second server lives through it all: it asks, and it looks.
        let witness = serve(&home, &[environment]);
        for kill in 0..KILLS / 2 {
            let ids: Vec<String> = (0..REQUESTS)
                .map(|at| {
                    let run = format!("run_{kill}_{at}");
                    home.run(&RunFixture::new(&run).without_hash_chain());
                    request(&witness, &robot, &run)
                })
                .collect();
            let victim = serve(&home, &[environment]);
            let after = usize::try_from(below(REQUESTS as u64 * 2)).unwrap();
            let pause = SPREAD * u32::try_from(below(1_000)).unwrap() / 1_000;
            let said = strike(victim, &people, &ids, after, pause);
            tally.unanswered += said.iter().filter(|(_, _, code)| code.is_none()).count();
            for (who, id, code) in &said {
                match code.as_deref() {
                    Some("") => {
                        tally.acknowledged.entry(id.clone()).or_default().insert(who.clone());
                    }
                    Some(code) => assert_eq!(code, "APPROVAL_DECIDED"),
                    None => {}
                }
            }
            for id in &ids {
                check(&home, &witness, &people, id, needs, &said, &mut tally);
            }
            finish(&home, &witness, &people, &ids, needs);
        }
        assert!(witness.stop().status.success());
        assert_eq!(assert_sound(&home).len(), KILLS / 2 * REQUESTS);
    }
    assert!(tally.unanswered > 0, "no kill struck somebody who was saying yes");
    println!(
        "figure: {KILLS} kills of the approving server: {} yeses acknowledged, 0 lost; {} without an answer, {} of them queued \
         the item, {} requests left with one yes of two; 0 approved and not queued, 0 queued twice (seed {seed})",
        tally.acknowledged.values().map(BTreeSet::len).sum::<usize>(),
        tally.unanswered,
        tally.approved_unanswered,
        tally.half,
    );
}

/// Who said yes to what, and the code of the answer; `None` where none came.
type Said = (String, String, Option<String>);

/// Everybody says yes to everything, each in an order of their own, until the server is killed after so many answers.
fn strike(victim: Server, people: &[Token], ids: &[String], after: usize, pause: Duration) -> Vec<Said> {
    let (says, answers) = channel();
    std::thread::scope(|scope| {
        let running: Vec<_> = people
            .iter()
            .enumerate()
            .map(|(at, who)| {
                let (says, address) = (says.clone(), victim.address.clone());
                scope.spawn(move || say_yes(&address, who, ids.iter().cycle().skip(at).take(ids.len()), &says))
            })
            .collect();
        drop(says);
        for _ in 0..after {
            // When all have had their say there is nothing more to wait for.
            if answers.recv_timeout(PATIENCE).is_err() {
                break;
            }
        }
        let until = Instant::now() + pause;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        victim.kill();
        running.into_iter().flat_map(|one| one.join().expect("an approver failed: see above")).collect()
    })
}

fn say_yes<'a>(address: &str, who: &Token, ids: impl Iterator<Item = &'a String>, says: &Sender<()>) -> Vec<Said> {
    let mut said = Vec::new();
    for id in ids {
        let code = one_yes(address, who, id);
        let gone = code.is_none();
        said.push((who.principal.clone(), id.clone(), code));
        // Nobody listens any more once the server is to die.
        _ = says.send(());
        if gone {
            break;
        }
    }
    said
}

/// The code of the answer; `None` when no whole answer came.
fn one_yes(address: &str, who: &Token, id: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let body = r#"{"reason":"looked at it"}"#;
    let request = format!(
        "POST /api/approvals/{id}/approve HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         x-cortexpilot-role: OPS\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        who.text,
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let body: Value = serde_json::from_str(body).ok().filter(|_| length == Some(body.len()))?;
    match head.split(' ').nth(1)? {
        "200" => Some(String::new()),
        status => Some(body["detail"]["code"].as_str().unwrap_or(status).to_owned()),
    }
}

fn check(home: &Home, witness: &Server, people: &[Token], id: &str, needs: usize, said: &[Said], tally: &mut Tally) {
    // What another process says first, then the file: whatever it calls approved must be there.
    let word = status(witness, &people[0], id);
    let lines = lines_of(home, item_of(id));
    assert!(lines.len() <= 1, "{id} was queued twice");
    // A line that the victim wrote and could not make durable any more was never acknowledged: no reader takes it for true
    // until whoever writes next has settled it.
    let in_doubt = word == "PENDING" && !lines.is_empty() && queue_is_unsettled(home);
    assert!(in_doubt || word == if lines.is_empty() { "PENDING" } else { "APPROVED" }, "{id}: {word}, {lines:?}");
    let partly: Vec<String> = decisions(home, "APPROVED")
        .iter()
        .filter(|line| line["approval_id"] == *id)
        .map(|line| line["principal"].as_str().unwrap_or_default().to_owned())
        .collect();
    let mut known: BTreeSet<String> = partly.iter().cloned().collect();
    if let [line] = &lines[..] {
        let named = approvers(line);
        assert_eq!((named.len(), named.iter().collect::<BTreeSet<_>>().len()), (needs, needs), "{line}");
        known.extend(named);
        tally.approved_unanswered += usize::from(said.iter().any(|(_, of, code)| of == id && code.is_none()));
    } else {
        assert!(partly.len() < needs, "{id} has all its approvers and no item: {partly:?}");
        tally.half += usize::from(!partly.is_empty());
    }
    let acknowledged = tally.acknowledged.get(id).cloned().unwrap_or_default();
    assert!(acknowledged.is_subset(&known), "{id}: a yes was acknowledged and is lost: {acknowledged:?} {known:?}");
}

/// Whether the lock file says that bytes of the queue may not be durable: its writer was killed before it could clear the
/// mark.
fn queue_is_unsettled(home: &Home) -> bool {
    let marks = std::fs::read_to_string(home.runtime().join("ledger.lock")).expect("the lock file can be read");
    let queue = marks.lines().find(|line| line.starts_with("queue.jsonl")).expect("it has a mark for the queue");
    !queue.contains(" clear ")
}

/// Does what people do after a lost answer: they say yes again, at another server.
fn finish(home: &Home, witness: &Server, people: &[Token], ids: &[String], needs: usize) {
    for id in ids {
        for who in people {
            let answer = witness.send(&yes(who, id));
            assert!(answer.status == 200 || answer.code() == "APPROVAL_DECIDED", "{}", answer.text());
        }
        let [line] = &lines_of(home, item_of(id))[..] else { panic!("{id} was not brought to its end, or twice") };
        assert_eq!(approvers(line).len(), needs);
        assert_eq!(status(witness, &people[0], id), "APPROVED");
    }
}
