//! Every order in which things can happen to a few items, workers, their messages, a watch and an operator, tried out on the
//! code that decides: a model whose every step is a command that the product judges and a line that it folds.
//!
//! - `desk`: a store of one process, made anew from its lines for each command, as after a restart.
//! - `machine`: what a command does to a ledger, asked once for each ledger and command.
//! - `model`: what may happen when, and what must never come of it.
//! - `checks`: the models that are searched through, and the control: without fencing the search finds what goes wrong.

mod checks;
mod desk;
mod machine;
mod model;
