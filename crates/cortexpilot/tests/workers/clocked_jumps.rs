//! The wall clock jumps by ten years, forward and back, in the server and in each worker by itself, while items run. What
//! measures time that only goes forward is left alone, as the kernel leaves it.

use std::io::Write as _;
use std::path::Path;

use crate::stage::Stage;
use crate::strikes::{Setting, Strike, Struck, campaign, seed};
use crate::support::sized;

/// Where packages put the library: a multi-threaded program needs this one of the two.
const LIBRARIES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
];

/// What a clock may be set to, beside the right time.
const JUMPS: [&str; 4] = ["+10y", "-10y", "+0", "+10y"];

#[test]
fn no_item_is_lost_or_done_twice_when_clocks_jump_by_ten_years() {
    let library = LIBRARIES.into_iter().find(|path| Path::new(path).is_file());
    let library = library.expect("libfaketime is installed: `cargo xtask test --only clocked` looks for it first");
    let seed = seed();
    println!("seed {seed}");
    let clocks = tempfile::tempdir().expect("a temporary directory can be made");
    let clock_of = |name: &str| clocks.path().join(name).display().to_string();
    let set = |name: &str, to: &str| {
        // Renamed, so that nobody reads half of it; under a name of its own, as every worker's strike sets the server's.
        let mut new = tempfile::NamedTempFile::new_in(clocks.path()).expect("a file can be made beside the clocks");
        writeln!(new, "{to}").expect("a clock can be written");
        new.persist(clock_of(name)).expect("a clock can be set");
    };
    let environment = |name: &str| {
        let of_clock = [
            ("LD_PRELOAD", library.to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", clock_of(name)),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        of_clock.map(|(name, value)| (name.to_owned(), value)).to_vec()
    };
    set("server", "+0");
    let of_server = environment("server");
    let of_server: Vec<(&str, &str)> = of_server.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let stage = Stage::new(&of_server);
    let jump = |name: &str, chance: u64| {
        let to = |chance: u64| JUMPS[usize::try_from(chance % 4).expect("below four")];
        set(name, to(chance));
        set("server", to(chance / 4));
    };
    let setting = Setting {
        strikes: sized(100, 1_000),
        // Clocks jump between kills and stops: what one of these leaves is found by a clock that is wrong.
        kinds: &[Strike::Jump, Strike::Jump, Strike::Jump, Strike::Kill, Strike::Stop],
        jump: &jump,
        buried: &|pid| {
            // The library's own, which it removes where a process ends by itself.
            for name in ["faketime_shm_", "sem.faketime_sem_"] {
                _ = std::fs::remove_file(format!("/dev/shm/{name}{}", pid.as_raw_pid()));
            }
        },
        environment: &|name| {
            if !Path::new(&clock_of(name)).exists() {
                set(name, "+0");
            }
            environment(name)
        },
        seed,
    };
    let Struck { dealt, history, late, took, .. } = campaign(&stage, &setting);
    let of = |kind| dealt.get(&kind).copied().unwrap_or_default();
    let (jumps, kills, stops) = (of(Strike::Jump), of(Strike::Kill), of(Strike::Stop));
    let years = years_in_lines(&stage);
    assert!(stage.server.stop().status.success());
    println!("fired: {} clock jumps", 2 * jumps);
    println!(
        "figure: {jumps} jumps of a worker's and of the server's clock by ten years either way, {kills} kills and {stops} stops \
         among them: {} items, {} claims, {} held, {} repeated, {} done once each, 0 twice, 0 lost; {late} messages that came too \
         late, all refused; lines from {} to {}; {:.1} s \
         (seed {seed})",
        history.items(),
        history.claims,
        history.held,
        history.repeated,
        history.ended,
        years.0,
        years.1,
        took.as_secs_f64()
    );
    assert!(jumps > 0 && years.0 + 9 < years.1, "the clocks did not jump: lines from {} to {}", years.0, years.1);
    println!("figure: control: lines of the ledger say that the clocks did jump, from {} to {}", years.0, years.1);
}

/// The first and the last year that the ledger's lines were written in.
fn years_in_lines(stage: &Stage) -> (u32, u32) {
    let years: Vec<u32> = stage
        .events()
        .iter()
        .map(|line| line["ts"].as_str().and_then(|ts| ts.get(..4)?.parse().ok()).expect("a line has a time"))
        .collect();
    (years.iter().copied().min().unwrap_or_default(), years.iter().copied().max().unwrap_or_default())
}
