//! The promises that every store keeps: with everything in memory, and with an index that is brought up to date at the end
//! of every commit, so that each closed item is looked up.

use crate::support::World;

cortexpilot_core::conformance!(World::new);

mod indexed {
    use crate::support::{Root, World};

    cortexpilot_core::conformance!(|| World::on(Root::new().indexed(1)));
}

mod sometimes_indexed {
    use crate::support::{Root, World};

    cortexpilot_core::conformance!(|| World::on(Root::new().indexed(3)));
}
