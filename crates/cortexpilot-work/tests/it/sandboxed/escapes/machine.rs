//! What this machine gives, and that what is not forbidden works.

use cortexpilot_work::sandbox::{Level, Machine};

use super::{CONFINED, Cell};
use crate::support::{bwrap, helper};

/// The first thing that `cargo xtask test` runs of this set: if it fails the machine lacks a layer, and the last line that
/// begins with `figure:` or `missing:` says which.
#[test]
fn this_machine_gives_every_layer() {
    let machine = Machine::probe(&helper(), Some(&bwrap()));
    for (level, given) in [("confined", &machine.confined), ("namespaces", &machine.namespaces)] {
        match given {
            Ok(enforced) => {
                let (landlock, seccomp) = (enforced.landlock.as_ref().unwrap(), enforced.seccomp.as_ref().unwrap());
                println!(
                    "figure: {level}: Landlock {}, {} system calls refused, processes held by {}, memory by {}",
                    landlock.abi,
                    seccomp.refused,
                    enforced.processes_by.as_deref().unwrap_or("nothing"),
                    enforced.memory_by.as_deref().unwrap_or("nothing"),
                );
            }
            Err(why) => println!("missing: {level}: {why}"),
        }
    }
    assert!(machine.confined.is_ok() && machine.namespaces.is_ok(), "{machine:?}");
}

#[test]
fn what_is_not_forbidden_works_in_each_sandbox() {
    for cell in Cell::each() {
        for level in CONFINED {
            let command = "set -e; echo x > a; mkdir d; mv a d/b; cp -a d/b d/e; ln -s b d/c; cat d/c; git --version; perl -e 'print 1'; \
                           (sleep 0.01 & wait); cat /etc/passwd > /dev/null; : < /dev/urandom; echo y > /dev/null; \
                           echo z | cat /dev/stdin; chmod 700 d/b; touch -d 2020-01-01 d/b; renice -n 1 -p 0; \
                           perl -e 'use Socket; socketpair(A, B, AF_UNIX, SOCK_STREAM, 0) or die; $p = fork; if (!$p) { sleep 9; exit } \
                           kill TERM => $p; wait'; rm -r d";
            let (ended, said) = cell.sh(level, command);
            assert!(ended.is_success(), "{level:?}: {ended:?} {said}");
        }
        let (ended, said) =
            cell.sh(Level::Namespaces, "echo x > /tmp/a && echo x > /dev/shm/b && cat /tmp/a /dev/shm/b");
        assert!(ended.is_success(), "{ended:?} {said}");
    }
}
