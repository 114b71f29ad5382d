//! The promises that every store keeps: with everything in memory, and with an index that is brought up to date at the end
//! of every commit, so that each closed item is looked up; and with a ledger that is sealed whenever it can be.

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

mod sealed {
    use crate::support::{Root, World};

    cortexpilot_core::conformance!(|| World::on(Root::new().sealed(1)));
}

mod sealed_and_indexed {
    use crate::support::{Root, World};

    cortexpilot_core::conformance!(|| World::on(Root::new().sealed(2000).indexed(2)));
}
