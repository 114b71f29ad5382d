//! All the ways in which the gates can stand, derived from the gate table.

use cortexpilot_core::domain::gate::GateId;
use cortexpilot_core::domain::principal::Surface;
use cortexpilot_core::error::ErrorCode;

/// How each gate stands, in the gates' order: open, or shut in this way.
pub(super) type Combination = Vec<(GateId, Option<ErrorCode>)>;

/// The ways in which a gate can be shut from outside on a surface: what its row in the gate table names. A gate whose row
/// names nothing cannot be shut in this version.
pub(super) fn ways(gate: GateId, surface: Surface) -> &'static [ErrorCode] {
    match (gate, surface) {
        // Over stdio and on the command line the process itself is the principal: nothing that is sent can take it away.
        (GateId::Authenticated, Surface::Mcp | Surface::Cli) => &[],
        // Who enters there is an operator, for whom there is one limit. The others are set all the same, as low as can be.
        (GateId::Limits, Surface::Http | Surface::Cli) => &[ErrorCode::LineageLimit],
        _ => gate.row().codes,
    }
}

/// How many of the combinations are tried. That everything is frozen shuts a gate which the process shuts as well: whatever
/// the breadth, of each other gate only the [`first`] of its ways is tried with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breadth {
    /// All of them.
    EveryWay,
    /// All while no limit is reached; at a limit, of each other gate only the [`first`] of its ways.
    FewAtLimits,
    /// Of each gate but the limits only the [`first`] of its ways.
    Few,
}

/// The first way in which a gate can be shut, if there is any.
fn first(gate: GateId, surface: Surface) -> &'static [ErrorCode] {
    let ways = ways(gate, surface);
    &ways[..ways.len().min(1)]
}

/// How many combinations there are, by multiplication.
pub(super) fn derived(surface: Surface, breadth: Breadth) -> usize {
    let others = || GateId::ALL.into_iter().filter(|gate| !matches!(gate, GateId::MutationGate | GateId::Limits));
    let every: usize = others().map(|gate| 1 + ways(gate, surface).len()).product();
    let few: usize = others().map(|gate| 1 + first(gate, surface).len()).product();
    let but_preview = others().filter(|gate| *gate != GateId::Preview);
    let (open, at_each_limit, impossible) = match breadth {
        Breadth::EveryWay => (every, every, but_preview.map(|gate| 1 + ways(gate, surface).len()).product()),
        Breadth::FewAtLimits => (every, few, 0),
        Breadth::Few => (few, few, 0),
    };
    let limits = ways(GateId::Limits, surface).len();
    let frozen = ways(GateId::MutationGate, surface).len() - 1;
    // The mutation gate is open or shut by the process; or everything is frozen.
    2 * (open + limits * at_each_limit - impossible) + frozen * (1 + limits) * few
}

/// All combinations, by enumeration.
pub(super) fn all(surface: Surface, breadth: Breadth) -> Vec<Combination> {
    let mut all = vec![Combination::new()];
    for gate in GateId::ALL {
        let stands = std::iter::once(None).chain(ways(gate, surface).iter().copied().map(Some));
        let longer = |stand| all.iter().map(move |shorter| [&shorter[..], &[(gate, stand)]].concat());
        all = stands.flat_map(longer).collect();
    }
    let is_first = |(gate, code): &(GateId, Option<ErrorCode>)| {
        let any = matches!(gate, GateId::MutationGate | GateId::Limits);
        any || code.is_none_or(|code| first(*gate, surface).contains(&code))
    };
    all.retain(|combination| {
        let frozen = stand(combination, GateId::MutationGate) == Some(ErrorCode::Frozen);
        match breadth {
            Breadth::EveryWay if !frozen => possible(combination),
            Breadth::FewAtLimits if !frozen && stand(combination, GateId::Limits).is_none() => true,
            Breadth::EveryWay | Breadth::FewAtLimits | Breadth::Few => combination.iter().all(is_first),
        }
    });
    all
}

/// An item of a run that is too deep was never let into the queue: no equal one can wait.
fn possible(combination: &Combination) -> bool {
    stand(combination, GateId::Preview) != Some(ErrorCode::AlreadyPending)
        || stand(combination, GateId::Limits) != Some(ErrorCode::LineageLimit)
}

pub(super) fn stand(combination: &Combination, gate: GateId) -> Option<ErrorCode> {
    combination.iter().find(|(known, _)| *known == gate).and_then(|(_, code)| *code)
}

/// What precedence demands: the code of the first gate that is shut.
pub(super) fn expected(combination: &Combination) -> Option<ErrorCode> {
    combination.iter().find_map(|(_, code)| *code)
}
