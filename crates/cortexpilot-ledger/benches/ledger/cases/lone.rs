//! One caller that waits for each line: against a bare append and `fdatasync` of the same bytes.

use std::path::Path;
use std::time::Duration;

use super::Setting;
use crate::baselines::append_sync::Bare;
use crate::drive::{self, Contract, LEDGER, alone, enqueues, observed};
use crate::measure::{Figure, Issued, NOTHING, Side, Target, lines_from, median_us};

/// Lines of each side in a round. The sides take turns line by line.
const LINES: usize = 25;

/// As long as the contract of a made-up run.
const BARE_CONTRACT: &[u8] = br#"{"task_id": "task_of_run_00000000_0000000000"}"#;

pub(super) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let pinned = measure(&root.join("pinned"), setting, Contract::Shared).map_err(|error| error.to_string())?;
    let new = measure(&root.join("new"), setting, Contract::Own).map_err(|error| error.to_string())?;
    Ok(vec![pinned, new])
}

fn measure(root: &Path, setting: &Setting, contract: Contract) -> std::io::Result<Figure> {
    let store = drive::open(root);
    let mut bare = Bare::new(root)?;
    drive::fill(&store, 1);
    // They warm the library up and give the bare side its lines.
    enqueues(&store, LINES, contract).into_iter().for_each(|command| alone(&store, command));
    let lines = lines_from(&root.join(LEDGER), 0).split_off(1);
    let bare_contract = match contract {
        Contract::Shared => None,
        Contract::Own => Some(BARE_CONTRACT),
    };
    let (mut ratios, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let mut issued = NOTHING;
    for _ in 0..setting.rounds {
        let (mut times, mut bare_times): (Vec<Duration>, Vec<Duration>) = Default::default();
        for (number, command) in enqueues(&store, LINES, contract).into_iter().enumerate() {
            let library = || {
                let (elapsed, did) = observed(&store, 1, || alone(&store, command));
                times.push(elapsed);
                issued = issued.and(did);
            };
            // In turn, and in turn who is first.
            if number % 2 == 0 {
                library();
                bare_times.push(bare.append(&lines[number], bare_contract)?);
            } else {
                bare_times.push(bare.append(&lines[number], bare_contract)?);
                library();
            }
        }
        ratios.push(median_us(&times) / median_us(&bare_times));
        ours.extend(times);
        theirs.extend(bare_times);
    }
    let (what, target) = match contract {
        Contract::Shared => ("its contract pinned already", Target::AtMost(1.25)),
        Contract::Own => ("with a new contract (three syncs on either side)", Target::None),
    };
    let bare_issued = Issued { lines: bare.lines, syncs: bare.syncs, bytes: bare.bytes };
    let side = |name: &str, times: &[Duration], issued: Issued| Side {
        name: name.into(),
        value: format!("{:.0} µs", median_us(times)),
        issued: Some(issued),
    };
    Ok(Figure {
        name: format!("lone durable enqueue, {what}: time against a bare append + fdatasync"),
        rounds: ratios,
        unit: "×",
        target,
        like_with_like: true,
        sides: vec![side("library", &ours, issued), side("bare", &theirs, bare_issued)],
    })
}
