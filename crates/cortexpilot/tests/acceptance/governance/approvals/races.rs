//! Several decide at the same moment, at two servers.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::*;
use crate::races::together;
use crate::support::Connection;

/// Sends each request on a connection of its own, in turn at the one server and the other, all at the same moment.
fn at_once(servers: &[Server; 2], requests: Vec<Request>) -> Vec<Response> {
    let mut connections: Vec<Connection> = (0..requests.len()).map(|at| servers[at % 2].connect()).collect();
    let jobs = connections.iter_mut().zip(&requests).map(|(connection, request)| move || connection.send(request));
    together(jobs.collect())
}

fn servers(home: &Home, environment: Variable<'_>) -> [Server; 2] {
    [serve(home, &[environment]), serve(home, &[environment])]
}

#[test]
fn a_double_click_is_one_yes() {
    const ROUNDS: usize = 10;
    for (environment, needs) in [(OPERATOR, 1), (TWO_PERSON, 2)] {
        let home = home(&[]);
        let (ann, robot) = (Token::operator(&home, "ann"), Token::agent(&home, "robot"));
        let servers = servers(&home, environment);
        for round in 0..ROUNDS {
            let run = format!("run_{round}");
            home.run(&RunFixture::new(&run));
            let id = request(&servers[0], &robot, &run);
            let answers = at_once(&servers, vec![yes(&ann, &id), yes(&ann, &id)]);
            let mut codes: Vec<String> = answers.iter().map(Response::code).collect();
            codes.sort();
            assert_eq!(codes, ["", "APPROVAL_DECIDED"], "{answers:?}");
            assert_eq!(lines_of(&home, item_of(&id)).len(), usize::from(needs == 1));
            assert_eq!(status(&servers[0], &ann, &id), if needs == 1 { "APPROVED" } else { "PENDING" });
        }
        assert_sound(&home);
    }
}

#[test]
fn of_twenty_approvers_at_once_the_line_names_those_who_were_needed() {
    const APPROVERS: usize = 20;
    const ROUNDS: usize = 5;
    let home = home(&[]);
    let robot = Token::agent(&home, "robot");
    let people: Vec<Token> = (0..APPROVERS).map(|at| Token::operator(&home, &format!("person-{at:02}"))).collect();
    for (environment, needs) in [(OPERATOR, 1), (TWO_PERSON, 2)] {
        let servers = servers(&home, environment);
        for round in 0..ROUNDS {
            let run = format!("run_{needs}_{round}");
            home.run(&RunFixture::new(&run));
            let id = request(&servers[0], &robot, &run);
            let answers = at_once(&servers, people.iter().map(|who| yes(who, &id)).collect());
            let said_yes: BTreeSet<String> = people
                .iter()
                .zip(&answers)
                .filter(|(_, answer)| answer.status == 200)
                .map(|(who, _)| who.principal.clone())
                .collect();
            for answer in answers.iter().filter(|answer| answer.status != 200) {
                assert_eq!((answer.status, answer.code().as_str()), (409, "APPROVAL_DECIDED"), "{}", answer.text());
            }
            let [line] = &lines_of(&home, item_of(&id))[..] else { panic!("{run} is not queued once") };
            let named = approvers(line);
            assert_eq!(named.len(), needs, "{line}");
            assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), said_yes, "{line}");
            assert_eq!(status(&servers[1], &people[0], &id), "APPROVED");
        }
        servers.map(Server::stop).into_iter().for_each(|ended| assert!(ended.status.success()));
    }
    let lines = assert_sound(&home);
    assert_eq!(lines.len(), 2 * ROUNDS);
    println!(
        "figure: {} × {APPROVERS} approvers at once at two servers: one line each time, with the one or two who were needed",
        2 * ROUNDS,
    );
}

#[test]
fn of_a_yes_and_a_no_at_once_one_holds() {
    const ROUNDS: usize = 20;
    /// A yes reads the run first, so that a no which is sent at the same moment is mostly there before it.
    const LATER: Duration = Duration::from_micros(250);
    let home = home(&[]);
    let [ann, ben] = ["ann", "ben"].map(|name| Token::operator(&home, name));
    let robot = Token::agent(&home, "robot");
    let servers = servers(&home, OPERATOR);
    let mut approved = 0;
    for round in 0..ROUNDS {
        let run = format!("run_{round:02}");
        home.run(&RunFixture::new(&run));
        let id = request(&servers[0], &robot, &run);
        let mut connections = servers.each_ref().map(Server::connect);
        let [for_yes, for_no] = &mut connections;
        let (yes, no) = (yes(&ann, &id), no(&ben, &id));
        let later = LATER * u32::try_from(round).unwrap();
        let jobs: Vec<Box<dyn FnOnce() -> Response + Send>> = vec![
            Box::new(move || for_yes.send(&yes)),
            Box::new(move || {
                let until = Instant::now() + later;
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                for_no.send(&no)
            }),
        ];
        let answers = together(jobs);
        let mut codes: Vec<String> = answers.iter().map(Response::code).collect();
        codes.sort();
        assert_eq!(codes, ["", "APPROVAL_DECIDED"], "{answers:?}");
        let queued = lines_of(&home, item_of(&id)).len();
        assert_eq!(status(&servers[1], &ann, &id), if queued == 1 { "APPROVED" } else { "REJECTED" });
        let rejected = decisions(&home, "REJECTED").iter().filter(|line| line["approval_id"] == id).count();
        assert_eq!(queued + rejected, 1, "{run}");
        approved += queued;
    }
    assert_eq!(assert_sound(&home).len(), approved);
    println!(
        "figure: {ROUNDS} × a yes and a no at once: {approved} queued, {} rejected, never both, never neither",
        ROUNDS - approved
    );
}

/// On the command line each decision is a process of its own.
#[test]
fn of_several_processes_that_decide_at_once_one_holds() {
    let home = home(&["run_a"]);
    let people = ["ann", "ben", "cleo", "dora"].map(|name| Token::operator(&home, name));
    let robot = Token::agent(&home, "robot");
    let server = serve(&home, &[OPERATOR]);
    let id = request(&server, &robot, "run_a");
    let home = &home;
    let started: Vec<Process> = people
        .iter()
        .map(|who| {
            let line = ["--output", "json", "approval", "approve", &id, "--reason", "looked at it", "--yes"];
            let environment = [crate::support::GATE_OPEN, LOG, OPERATOR, who.environment()];
            Process::spawn(home.command(&line, &environment), "approval approve")
        })
        .collect();
    let mut codes: Vec<String> = started.into_iter().map(|process| Ran::to_the_end(process).code()).collect();
    codes.sort();
    assert_eq!(codes, ["", "APPROVAL_DECIDED", "APPROVAL_DECIDED", "APPROVAL_DECIDED"]);
    let [line] = &lines_of(home, item_of(&id))[..] else { panic!("one item") };
    assert_eq!(approvers(line).len(), 1);
    // Whoever holds the shared token comes too late like anybody.
    let late = server.send(&Request::post(&format!("/api/approvals/{id}/approve"), "{}"));
    assert_eq!(late.code(), "APPROVAL_DECIDED", "{}", late.text());
}
