//! The promises that every store keeps.

use crate::support::World;

cortexpilot_core::conformance!(World::new);
