//! Four pilot processes and two HTTP writers append at once, while two readers look on without pause.
//!
//! A reader must see every item that was acknowledged before it asked, whoever acknowledged it, and must never see the
//! order change.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use super::{apply_of, assert_sound, preview, text};
use crate::support::{Called, Connection, GATE_OPEN, Home, Mcp, NO_LIMITS, Request, Server, VERSIONS, apply};

/// Pilot processes, and what each applies.
const PROCESSES: usize = 4;
const APPLIES: usize = 250;

/// HTTP writers, and what each applies.
const HTTP_WRITERS: usize = 2;
const HTTP_APPLIES: usize = 100;

/// Calls that a pilot process has in flight.
const WINDOW: usize = 25;

/// What writers and readers know of each other.
#[derive(Default)]
struct Ledger {
    acknowledged: AtomicUsize,
    done: AtomicBool,
}

#[test]
fn what_was_acknowledged_is_listed_while_four_processes_write_and_readers_poll() {
    let home = Home::in_memory();
    let runs_of = |who: &str, count: usize| -> Vec<String> {
        let names: Vec<String> = (0..count).map(|at| format!("run_{who}_{at:03}")).collect();
        for name in &names {
            home.run(&RunFixture::new(name));
        }
        names
    };
    let of_pilots: Vec<Vec<String>> = (0..PROCESSES).map(|at| runs_of(&format!("pilot{at}"), APPLIES)).collect();
    let of_writers: Vec<Vec<String>> =
        (0..HTTP_WRITERS).map(|at| runs_of(&format!("http{at}"), HTTP_APPLIES)).collect();

    let server = home.serve(&[GATE_OPEN]);
    let ledger = Ledger::default();
    let (acknowledged, polls) = std::thread::scope(|scope| {
        let (http, mcp) = (over_http(&server), over_mcp(home.readonly(VERSIONS[2], &[])));
        let readers = [scope.spawn(|| poll(&ledger, http)), scope.spawn(|| poll(&ledger, mcp))];
        let pilots = of_pilots.iter().map(|runs| {
            let pilot = home.pilot(VERSIONS[0], &[&[GATE_OPEN], &NO_LIMITS[..]].concat());
            scope.spawn(|| apply_over_mcp(pilot, runs, &ledger))
        });
        let mut writers: Vec<_> = pilots.collect();
        writers.extend(of_writers.iter().map(|runs| {
            let connection = server.connect();
            scope.spawn(|| apply_over_http(connection, runs, &ledger))
        }));
        // Readers end also when a writer fails.
        let done = SetOnDrop(&ledger.done);
        let acknowledged: Vec<String> =
            writers.into_iter().flat_map(|writer| writer.join().expect("a writer failed: see above")).collect();
        drop(done);
        (acknowledged, readers.map(|reader| reader.join().expect("a reader failed: see above")))
    });

    let wanted = PROCESSES * APPLIES + HTTP_WRITERS * HTTP_APPLIES;
    assert_eq!(acknowledged.len(), wanted);
    let lines: Vec<Value> = assert_sound(&home);
    let written = lines.iter().map(|line| text(line, "queue_id").to_owned()).collect();
    assert_same("queue.jsonl", written, &acknowledged);
    assert_same("GET /api/queue", over_http(&server)(), &acknowledged);
    assert_same("list_queue", over_mcp(home.readonly(VERSIONS[4], &[]))(), &acknowledged);
    assert_same("cortexpilot queue list", on_the_command_line(&home), &acknowledged);
    println!(
        "figure: {PROCESSES} processes × {APPLIES} applies beside {HTTP_WRITERS} HTTP writers × {HTTP_APPLIES}: \
         {wanted} acknowledged, {} lines, {wanted} listed on each surface; {} HTTP and {} MCP polls, none failed",
        lines.len(),
        polls[0],
        polls[1]
    );
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Applies all runs, a window of calls in flight at a time; gives the ids of the items.
fn apply_over_mcp(mut pilot: Mcp, runs: &[String], ledger: &Ledger) -> Vec<String> {
    let mut ids = Vec::new();
    for window in runs.chunks(WINDOW) {
        let sent: Vec<u64> = window
            .iter()
            .map(|run| pilot.post_call("preview_enqueue_from_run", &json!({"run_id": run}).to_string()))
            .collect();
        let tokens: Vec<String> = sent
            .into_iter()
            .map(|id| text(Called::of(pilot.answer_to(id)).answer(), "preview_token").to_owned())
            .collect();
        let sent: Vec<u64> = window
            .iter()
            .zip(tokens)
            .map(|(run, token)| pilot.post_call("enqueue_from_run", &apply(run, json!({"preview_token": token}))))
            .collect();
        for (id, run) in sent.into_iter().zip(window) {
            let applied = Called::of(pilot.answer_to(id)).answer().clone();
            assert_eq!((&applied["source_run_id"], &applied["already_applied"]), (&json!(run), &json!(false)));
            ids.push(text(&applied, "queue_id").to_owned());
            ledger.acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    }
    pilot.finish();
    ids
}

fn apply_over_http(mut connection: Connection, runs: &[String], ledger: &Ledger) -> Vec<String> {
    let apply = |run: &String| {
        let shown = preview(&mut connection, run);
        let applied = connection.send(&apply_of(run, text(&shown, "preview_token"))).answer();
        ledger.acknowledged.fetch_add(1, Ordering::SeqCst);
        text(&applied, "queue_id").to_owned()
    };
    runs.iter().map(apply).collect()
}

/// Lists until the writers are done, and once more; gives how often. Each list begins with the one before, and holds at
/// least what was acknowledged before it was asked for.
fn poll(ledger: &Ledger, mut list: impl FnMut() -> Vec<String>) -> usize {
    let mut before: Vec<String> = Vec::new();
    let mut polls = 0;
    loop {
        let last = ledger.done.load(Ordering::SeqCst);
        let acknowledged = ledger.acknowledged.load(Ordering::SeqCst);
        let now = list();
        polls += 1;
        assert!(now.len() >= acknowledged, "{} listed, {acknowledged} acknowledged before", now.len());
        assert!(now.starts_with(&before), "the list does not begin with the one before it");
        if last {
            return polls;
        }
        before = now;
    }
}

fn ids(items: &Value) -> Vec<String> {
    let items = items.as_array().unwrap_or_else(|| panic!("no list: {items}"));
    items.iter().map(|item| text(item, "queue_id").to_owned()).collect()
}

fn over_http(server: &Server) -> impl FnMut() -> Vec<String> + use<> {
    let mut connection = server.connect();
    move || {
        let listed = connection.send(&Request::get("/api/queue"));
        assert_eq!(listed.header("x-cortexpilot-problem-count"), None, "{:?}", listed.headers);
        ids(&listed.answer())
    }
}

fn over_mcp(mut reader: Mcp) -> impl FnMut() -> Vec<String> {
    move || {
        let mut all = Vec::new();
        let mut arguments = json!({"limit": 500});
        loop {
            let page = reader.call("list_queue", &arguments.to_string()).answer().clone();
            assert_eq!(page["problems"], Value::Null, "{}", page["problems"]);
            all.extend(ids(&page["queue"]));
            match page.get("next_cursor") {
                Some(cursor) => arguments["cursor"] = cursor.clone(),
                None => return all,
            }
        }
    }
}

fn on_the_command_line(home: &Home) -> Vec<String> {
    let mut all = Vec::new();
    let mut arguments: Vec<String> = ["queue", "list", "--limit", "500"].map(str::to_owned).to_vec();
    loop {
        let page = home.cli(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]).answer();
        all.extend(ids(&page["items"]));
        match page["next_cursor"].as_str() {
            Some(next) => {
                arguments.truncate(4);
                arguments.extend(["--cursor".to_owned(), next.to_owned()]);
            }
            None => return all,
        }
    }
}

/// As many items as acknowledgements, and the same ones.
fn assert_same(place: &str, mut found: Vec<String>, acknowledged: &[String]) {
    let mut wanted = acknowledged.to_vec();
    wanted.sort();
    found.sort();
    let missing = wanted.iter().filter(|id| found.binary_search(id).is_err()).count();
    assert!(found == wanted, "{place}: {} items for {} acknowledgements, {missing} missing", found.len(), wanted.len());
}
