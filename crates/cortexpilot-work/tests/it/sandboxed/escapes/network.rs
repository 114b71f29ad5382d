//! Reaching anything that listens: TCP, UDP, sockets in the file system, abstract ones, and every other family.

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

use cortexpilot_work::sandbox::Level;

use super::{CONFINED, Cell};

fn connects(address: &str, port: u16) -> String {
    format!(
        "use IO::Socket::IP; exit(IO::Socket::IP->new(PeerAddr => '{address}', PeerPort => {port}, Timeout => 5) ? 0 : 1);"
    )
}

/// What commonly listens in the file system on a machine where people work.
const SOCKETS: [&str; 3] = ["docker.sock", "ssh-agent.sock", "bus"];

/// Sockets of local services, each of which would carry out what it is asked for.
fn local_services(cell: &Cell) {
    for name in SOCKETS {
        let path = cell.outside(name);
        let _listener = UnixListener::bind(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        cell.perl(
            name,
            &format!("use IO::Socket::UNIX; exit(IO::Socket::UNIX->new(Peer => '{}') ? 0 : 1);", path.display()),
        );
        std::fs::remove_file(path).unwrap();
    }
    let name = format!("cortexpilot-{}-{}-{}", std::process::id(), cell.user.is_some(), cell.network);
    let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    cell.perl(
        "an abstract socket",
        &format!(
            "use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0) or exit 1; \
             connect($s, pack('Sa*', AF_UNIX, qq(\\0{name}))) or exit 1;"
        ),
    );
    // A pair needs nobody to open it, but one of datagrams can be sent elsewhere.
    let path = cell.outside("log");
    let log = UnixDatagram::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
    for kind in ["SOCK_DGRAM", "SOCK_RAW"] {
        cell.perl(
            "a datagram by one end of a pair",
            &format!(
                "use Socket; socketpair(my $a, my $b, AF_UNIX, {kind}, 0) or exit 1; \
                 send($a, 'x', 0, sockaddr_un('{}')) or exit 1;",
                path.display()
            ),
        );
        log.set_nonblocking(true).unwrap();
        assert_eq!(log.recv(&mut [0; 8]).unwrap(), 1, "the control's");
        assert!(log.recv(&mut [0; 8]).is_err(), "a datagram arrived from a sandbox");
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn there_is_no_network() {
    for cell in Cell::each() {
        for address in ["127.0.0.1", "::1"] {
            // A machine without IPv6 has nothing to reach there.
            let Ok(tcp) = TcpListener::bind((address, 0)) else { continue };
            cell.perl("TCP", &connects(address, tcp.local_addr().unwrap().port()));
        }
        // A resolver, as DNS uses it: what is asked leaves the machine.
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.set_nonblocking(true).unwrap();
        let port = udp.local_addr().unwrap().port();
        let send = format!(
            "use IO::Socket::INET; my $s = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '127.0.0.1:{port}') or exit 1; $s->send('x') or exit 1;"
        );
        std::fs::write(cell.tree().join("udp.pl"), send).unwrap();
        for level in CONFINED {
            // In a network of its own a datagram may be sent; it arrives nowhere.
            cell.sh(level, "perl udp.pl");
            assert!(udp.recv(&mut [0; 8]).is_err(), "a datagram arrived from {level:?}");
        }
        cell.sh(Level::None, "perl udp.pl");
        assert_eq!(udp.recv(&mut [0; 8]).unwrap(), 1, "the control's datagram arrives");
        local_services(&cell);
    }
}

#[test]
fn no_family_of_sockets_but_the_named_ones_can_be_opened() {
    // Prints each family of which a socket of some type can be had.
    let program = "use Socket; for my $f (1..45) { for my $t (1, 2, 3, 5) { \
                   if (socket(my $s, $f, $t, 0)) { print qq($f\\n); last } } }";
    for mut cell in Cell::each() {
        std::fs::write(cell.tree().join("attempt.pl"), program).unwrap();
        let families = |cell: &Cell, level| -> Vec<u32> {
            let (ended, said) = cell.sh(level, "perl attempt.pl");
            assert!(ended.is_success(), "{said}");
            said.lines().map(|line| line.parse().unwrap()).collect()
        };
        let control = families(&cell, Level::None);
        assert!([1, 2, 16].iter().all(|family| control.contains(family)), "{control:?}");
        assert_eq!(families(&cell, Level::Confined), Vec::<u32>::new());
        let (unix, inet, inet6, netlink) = (1, 2, 10, 16);
        assert!(families(&cell, Level::Namespaces).iter().all(|one| [unix, inet, inet6, netlink].contains(one)));
        cell.network = true;
        assert!(families(&cell, Level::Confined).iter().all(|one| [inet, inet6, netlink].contains(one)));
        assert!(families(&cell, Level::Namespaces).iter().all(|one| [unix, inet, inet6, netlink].contains(one)));
    }
}

#[test]
fn a_contract_that_allows_the_network_gets_it_and_no_more() {
    for mut cell in Cell::each() {
        cell.network = true;
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        std::fs::write(cell.tree().join("attempt.pl"), connects("127.0.0.1", tcp.local_addr().unwrap().port()))
            .unwrap();
        for level in CONFINED {
            let (ended, said) = cell.sh(level, "perl attempt.pl");
            assert!(ended.is_success(), "{level:?}: {said}");
        }
        local_services(&cell);
        if cell.of_root() {
            cell.perl("packets", "use Socket; socket(my $s, 17, SOCK_RAW, 0) or exit 1;");
        }
    }
}
