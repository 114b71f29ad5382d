//! Taking more of the machine than is given.

use super::{CONFINED, Cell};
use cortexpilot_work::sandbox::Level;

#[test]
fn a_flood_of_processes_is_held() {
    for mut cell in Cell::each() {
        cell.limits.processes = 40;
        cell.perl(
            "a flood of processes",
            "for (1..150) { my $p = fork; exit 1 unless defined $p; if (!$p) { sleep 20; exit } } sleep 1; exit 0;",
        );
    }
}

#[test]
fn a_bomb_of_processes_ends_with_everything_it_made() {
    for mut cell in Cell::each() {
        cell.limits.processes = 60;
        // Each copy makes another, nine times over: five hundred at most, if nothing held them.
        let bomb = "exec 9>marker; flock 9; perl -e 'for (1..9) { fork } sleep 30' & sleep 1; exit 0";
        for level in CONFINED {
            let (ended, said) = cell.sh(level, bomb);
            assert!(ended.killed_for.is_some() || ended.processes <= 70, "{level:?}: {ended:?} {said}");
            let lock = std::fs::File::open(cell.tree().join("marker")).unwrap();
            lock.try_lock().unwrap_or_else(|error| panic!("{level:?}: {error:?}"));
        }
    }
}

#[test]
fn ten_gibibytes_of_memory_are_not_given() {
    for mut cell in Cell::each() {
        let mmap = libc::SYS_mmap;
        // Asked for and not touched: the control takes no memory.
        let program = format!("my $r = syscall({mmap}, 0, 10 << 30, 3, 0x4022, -1, 0); exit($r == -1 ? 1 : 0);");
        cell.perl("ten gibibytes in one piece", &program);
        cell.limits.data_bytes = 64 << 20;
        cell.perl("more than the limit, touched", "my $x = 'x' x (128 << 20); exit(length($x) > 0 ? 0 : 1);");
        // Each process stays below its own limit; together they pass the tree's.
        cell.limits.data_bytes = 1 << 30;
        cell.limits.memory_bytes = 128 << 20;
        cell.perl(
            "many processes together",
            "for (1..6) { my $p = fork; if (!$p) { my $x = 'x' x (48 << 20); sleep 2; exit(length($x) > 0 ? 0 : 1) } } \
             my $bad = 0; while (wait() > 0) { $bad = 1 if $? } exit $bad;",
        );
    }
}

#[test]
fn no_file_grows_beyond_its_limit_and_no_run_fills_the_disk() {
    for mut cell in Cell::each() {
        cell.limits.file_bytes = 1 << 20;
        cell.row("a large file", "head -c 2097152 /dev/zero > large && rm large");
        cell.row("a file with a hole", "truncate -s 1G hole && rm hole");
        cell.limits.file_bytes = 1 << 30;
        // Files that are each small enough, until less is left than must be.
        let fill = "for i in 1 2 3 4; do head -c 67108864 /dev/zero > f$i || exit 1; done; sleep 0.5; rm f1 f2 f3 f4";
        let (ended, said) = cell.sh(Level::None, fill);
        assert!(ended.is_success(), "the control fills it: {said}");
        for level in CONFINED {
            let room = rustix::fs::statvfs(cell.tree()).unwrap();
            cell.limits.disk_left_bytes = room.f_bavail * room.f_frsize - (32 << 20);
            let (ended, said) = cell.sh(level, fill);
            let why = ended.killed_for.unwrap_or_default();
            assert!(why.contains("disk"), "{level:?}: {why} {said}");
            cell.sh(Level::None, "rm -f f1 f2 f3 f4");
        }
    }
}

#[test]
fn open_files_are_bounded_and_nothing_raises_a_limit() {
    for mut cell in Cell::each() {
        cell.limits.open_files = 64;
        cell.perl(
            "many open files",
            "my @all; for (1..200) { open(my $f, '<', '/dev/null') or exit 1; push @all, $f } exit 0;",
        );
        for level in CONFINED {
            for limit in [
                "--nofile=4096:4096",
                "--fsize=unlimited",
                "--data=unlimited",
                "--core=unlimited",
                "--memlock=unlimited",
            ] {
                let (ended, _) = cell.sh(level, &format!("prlimit --pid 0 {limit} || prlimit {limit} true"));
                assert!(!ended.is_success(), "{limit} at {level:?}");
            }
        }
    }
}
