//! The process exit codes of the command line, by class of error.

/// It worked.
pub const OK: u8 = 0;
/// An error of ours, or of the machine.
pub const INTERNAL: u8 = 1;
/// The command line, configuration or arguments are wrong.
pub const USAGE: u8 = 2;
/// Refused: a gate is shut.
pub const DENIED: u8 = 3;
/// What was named does not exist.
pub const NOT_FOUND: u8 = 4;
/// It exists, but not in the state that the request needs.
pub const CONFLICT: u8 = 5;
/// The store cannot serve; nothing was acknowledged.
pub const STORE: u8 = 6;
