//! The reading half has no way to a command, however it is reached.

use cortexpilot_core::app::Reader;
use cortexpilot_core::domain::command::Command;

fn write(reader: &Reader, command: Command) {
    let _ = reader.execute(command.clone());
    let _ = reader.queue().execute(command);
}

fn main() {}
