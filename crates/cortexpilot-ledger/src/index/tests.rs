//! The files of an index, bit by bit, and what a process holds beside one.

use std::ops::ControlFlow;
use std::sync::Arc;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::governance::{ApprovalFilter, Recorded};
use cortexpilot_core::domain::principal::{Caller, PrincipalKind, Surface};
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::conformance::{
    Ask, agent, approve, block_on, cancel, claim, complete, execute, lease, reject, soon, start, token,
};
use cortexpilot_core::port::fake::ManualClock;

use super::build::Builder;
use super::table::{
    Described, Ending, Record, Row, SECTIONS, Section, Table, TableWriter, mark, other_of, run_to_seq, seq_in, to_seq,
};
use super::{DIR, IndexOptions, snapshot::Snapshot};
use crate::disk::Disk;
use crate::faults::{Fault, Faults};
use crate::reader::FileReader;
use crate::state::Engine;
use crate::store::{FileStore, StoreOptions};

fn quick() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// So many rows, every second position, with one id and one run each, every third under a key, and all in one run besides.
fn table(dir: &std::path::Path, rows: u64) -> Described {
    let mut sections: [Vec<Record>; SECTIONS] = Default::default();
    for n in 0..rows {
        let seq = n * 2;
        let (enqueued, ended) = (n * 1000, n * 1000 + 500);
        let (ending, others) = (Ending::Success, n % 5 == 0);
        let row = Row { seq, enqueued, claimed: None, ended, ending, others, workflow: [1, 2, 3] };
        if others {
            sections[4].push(other_of(seq, enqueued + 7));
            sections[4].push(other_of(seq, enqueued + 9));
        }
        sections[0].push(row.record());
        sections[1].push(to_seq(mark(Section::Ids, &[&format!("item {n}")]), seq));
        if n % 3 == 0 {
            sections[2].push(to_seq(mark(Section::Keys, &["p", &format!("key {n}")]), seq));
        }
        sections[3].push(run_to_seq(mark(Section::Runs, &[&format!("run {n}")]), ended, seq));
        sections[3].push(run_to_seq(mark(Section::Runs, &["the same"]), ended, seq));
    }
    let disk = Disk::default();
    let mut writer = TableWriter::new(&disk, &dir.join("table-unnamed"), "0123456789abcdef".repeat(2)).unwrap();
    for (section, records) in Section::ALL.into_iter().zip(&mut sections) {
        records.sort_unstable();
        for record in records.iter() {
            writer.push(section, record).unwrap();
        }
        writer.end_section().unwrap();
    }
    let is = writer.finish().unwrap();
    std::fs::rename(dir.join("table-unnamed"), is.path(dir)).unwrap();
    is
}

fn found(table: &Table, section: Section, parts: &[&str]) -> Vec<u64> {
    let mut found = Vec::new();
    let visit = |record: &Record| {
        found.push(seq_in(section, record));
        Ok(ControlFlow::Continue(()))
    };
    table.find(section, &mark(section, parts), visit).unwrap();
    found
}

#[test]
fn what_was_written_is_found_and_nothing_else_in_tables_of_every_size() {
    // From no row over one block to some of them; 75 rows and 185 ids fill a block.
    for rows in [0, 1, 2, 74, 75, 76, 150, 184, 185, 186, 1000] {
        let dir = quick();
        let is = table(dir.path(), rows);
        assert_eq!(std::fs::metadata(is.path(dir.path())).unwrap().len(), is.size(), "{rows} rows");
        let table = Table::open(dir.path(), &is).unwrap().unwrap();
        for n in 0..rows {
            assert_eq!(found(&table, Section::Ids, &[&format!("item {n}")]), [n * 2]);
            assert_eq!(found(&table, Section::Runs, &[&format!("run {n}")]), [n * 2]);
            let keyed: &[u64] = if n % 3 == 0 { &[n * 2] } else { &[] };
            assert_eq!(found(&table, Section::Keys, &["p", &format!("key {n}")]), keyed);
            let row = table.row(n * 2).unwrap().unwrap();
            assert_eq!((row.enqueued, row.claimed, row.ended), (n * 1000, None, n * 1000 + 500));
            assert_eq!(table.row(n * 2 + 1).unwrap(), None);
            let next = table.rows_after(Some(n * 2)).unwrap().peek().unwrap();
            assert_eq!(next.map(|record| seq_in(Section::Rows, &record)), (n + 1 < rows).then_some(n * 2 + 2));
        }
        assert_eq!(found(&table, Section::Ids, &["nothing"]), [0; 0]);
        assert_eq!(found(&table, Section::Keys, &["pkey", " 0"]), [0; 0], "no other way to cut the same letters");
        let last_first: Vec<u64> = (0..rows).rev().map(|n| n * 2).collect();
        assert_eq!(found(&table, Section::Runs, &["the same"]), last_first);
    }
}

#[test]
fn every_flipped_bit_of_a_table_is_found_before_it_is_used() {
    use std::os::unix::fs::FileExt as _;
    let dir = quick();
    let is = table(dir.path(), 80);
    let path = is.path(dir.path());
    let bytes = std::fs::read(&path).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    let read_all = || -> Result<usize, super::Broken> {
        let table = Table::open(dir.path(), &is)?.expect("it is there");
        let mut records = 0;
        for section in Section::ALL {
            let mut cursor = table.records(section);
            while cursor.peek()?.is_some() {
                cursor.advance();
                records += 1;
            }
        }
        Ok(records)
    };
    assert_eq!(read_all().unwrap() as u64, is.records.iter().sum::<u64>());
    let mut flipped = 0_u32;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            file.write_all_at(&[bytes[at] ^ (1 << bit)], at as u64).unwrap();
            assert!(read_all().is_err(), "byte {at} bit {bit}");
            flipped += 1;
        }
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
    println!("figure: {flipped} bits of a table flipped, all found");
    // Two blocks that changed places, and a table cut short.
    let (one, two) = (&bytes[..2048], &bytes[2048..4096]);
    file.write_all_at(&[two, one].concat(), 0).unwrap();
    assert!(read_all().is_err());
    file.write_all_at(&bytes, 0).unwrap();
    file.set_len(bytes.len() as u64 - 1).unwrap();
    assert!(read_all().is_err());
    let other = Described { name: "f".repeat(32), ..is.clone() };
    std::fs::write(other.path(dir.path()), &bytes).unwrap();
    assert!(Table::open(dir.path(), &other).is_err(), "under another name");
}

fn open(root: &std::path::Path, index: IndexOptions, disk: Disk) -> FileStore {
    let options = StoreOptions { index, ..StoreOptions::new(root) };
    FileStore::open_on(options, Arc::new(ManualClock::at(start())), disk).unwrap()
}

fn at_once() -> IndexOptions {
    IndexOptions { lines: 1, at_once: true, ..IndexOptions::default() }
}

/// Ten items: five done, three rolled back, one claimed, one pending.
fn work(store: &FileStore) {
    for n in 0..10 {
        block_on(Ask::of(&format!("run_{n}")).at(n).enqueue(store));
    }
    for n in 0..6 {
        let Verdict::Claimed(item) = block_on(execute(store, claim(soon(20 + n)))) else { panic!("nothing to claim") };
        if n < 5 {
            block_on(execute(store, complete(item.queue_id(), &lease(&item), soon(20 + n))));
        }
    }
    for item in &block_on(store.items(&Default::default())).unwrap().items[6..9] {
        block_on(execute(store, cancel(item.queue_id(), soon(30))));
    }
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_snapshot_is_found() {
    let dir = quick();
    work(&open(dir.path(), at_once(), Disk::default()));
    let path = dir.path().join(DIR).join("snapshot");
    let bytes = std::fs::read(&path).unwrap();
    let whole = Snapshot::decode(&bytes).unwrap();
    let live: std::collections::BTreeSet<u64> = whole.live.iter().map(|live| live.seq).collect();
    assert_eq!((live.len(), whole.live.len(), whole.header.next_seq), (2, 3, 10), "two items, one of them claimed");
    let mut changed = bytes.clone();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            changed[at] ^= 1 << bit;
            assert!(Snapshot::decode(&changed).is_err(), "byte {at} bit {bit}");
            changed[at] ^= 1 << bit;
        }
        assert!(Snapshot::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
    println!("figure: {} bits of a snapshot flipped, all found", bytes.len() * 8);
}

#[test]
fn a_process_beside_an_index_holds_live_items_and_no_others() {
    let dir = quick();
    let held = |engine: &Engine| engine.read().state.queue.held().count();
    {
        let store = open(dir.path(), at_once(), Disk::default());
        work(&store);
        assert_eq!(held(store.engine()), 2, "the process that built it");
    }
    let engine = Engine::new(dir.path());
    let (listing, _) = engine.look(|shared| shared.list(&Default::default())).unwrap();
    assert_eq!((held(&engine), listing.items.len()), (2, 10), "one that begins with it");
    let late = Engine::new(dir.path());
    late.write().begin_without_index();
    late.look(|shared| Ok(shared.health())).unwrap();
    assert_eq!(held(&late), 10);
    late.write().take_newer_index();
    assert_eq!(held(&late), 2, "one that began before it was built");
    let (again, _) = late.look(|shared| shared.list(&Default::default())).unwrap();
    assert_eq!(again, listing);
}

#[test]
fn what_people_decided_stays_decided_when_its_items_leave_memory() {
    let dir = quick();
    let mut store = open(dir.path(), at_once(), Disk::default());
    let Verdict::Recorded(made) = block_on(execute(&store, token(PrincipalKind::Operator, "ann", start()))) else {
        panic!("no token")
    };
    let Recorded::Token(made) = *made else { panic!("no token") };
    let ann = Caller { principal: Some(made.principal()), surface: Surface::Http };
    let requests = |store: &FileStore| block_on(store.approvals(&ApprovalFilter::default())).unwrap().requests;
    for n in 0..3 {
        let ask = Ask::of(&format!("run_{n}")).at(n).by(agent("alice")).under(ApprovalPolicy::Operator);
        block_on(execute(&store, ask.command(block_on(ask.preview(&store)))));
    }
    let asked = requests(&store);
    let Verdict::Approved(item) = block_on(execute(&store, approve(&ann, &asked[0].1, soon(10)))) else { panic!("no") };
    block_on(execute(&store, reject(&ann, &asked[1].1, soon(11))));
    block_on(execute(&store, cancel(item.queue_id(), soon(12))));
    let want = requests(&store);
    assert!(want[0].1.queued && !want[2].1.queued);
    for _ in 0..2 {
        drop(store);
        store = open(dir.path(), at_once(), Disk::default());
        assert_eq!(requests(&store), want);
        let again = block_on(execute(&store, approve(&ann, &want[0].1, soon(20))));
        assert!(matches!(again, Verdict::Denied(_)), "{again:?}");
    }
    // The decisions are read anew while the queue is not.
    store.engine().write().decisions_file.suspect();
    assert_eq!(requests(&store), want);
}

/// Its writer stops at every change in turn, as with a full disk or a crash: what is there by then fits the ledger, or is
/// not used.
#[test]
fn an_index_half_written_at_any_point_changes_no_answer() {
    let mut stopped = 0;
    for n in 0.. {
        let dir = quick();
        let store = open(dir.path(), IndexOptions::off(), Disk::default());
        work(&store);
        // A first index, whole, and a second one that stops.
        Builder::new(dir.path(), Disk::default(), at_once()).check(store.engine());
        let last = block_on(Ask::of("run_again").at(40).enqueue(&store));
        block_on(execute(&store, cancel(last.queue_id(), soon(41))));
        let faults = Faults::at(n, Fault::Stop);
        Builder::new(dir.path(), faults.disk(), at_once()).check(store.engine());
        let want = block_on(store.items(&Default::default())).unwrap();
        assert_eq!((want.items.len(), want.problems.len()), (11, 0));
        block_on(execute(&store, claim(soon(50))));
        drop(store);
        let reader = FileReader::open(dir.path());
        let found = block_on(reader.items(&Default::default())).unwrap();
        assert_eq!((found.items.len(), &found.items[10]), (11, &want.items[10]), "stopped at change {n}");
        let store = open(dir.path(), at_once(), Disk::default());
        block_on(Ask::of("run_more").at(60).enqueue(&store));
        assert_eq!(store.engine().read().state.queue.held().count(), 3, "the next one builds it whole");
        if !faults.struck() {
            break;
        }
        stopped += 1;
    }
    println!("figure: stopped at each of {stopped} changes");
    assert!(stopped >= 6);
}
