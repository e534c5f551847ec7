//! A loopback network for each case: `127.a.b.0/24`, roost at `.1`, its peers from `.2` on.
//!
//! Cases run at the same time, in threads of one process or in many. A UDP socket bound in the network is the lock: no
//! other case can bind it, and the kernel frees it however the case ends.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Where roost listens.
pub const PORT: u16 = 1790;

/// A network nobody else uses.
#[derive(Debug)]
pub struct Loopback {
    network: u16,
    _lock: UdpSocket,
}

impl Loopback {
    /// Takes a free network. 127.0 and 127.255 are left to others.
    pub fn claim() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let start = (std::process::id() % 1021) as u16 * 61;
        for _ in 0..65_000 {
            let network = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
            if !(0x0100..0xff00).contains(&network) {
                continue;
            }
            let [a, b] = network.to_be_bytes();
            if let Ok(lock) = UdpSocket::bind((Ipv4Addr::new(127, a, b, 1), PORT)) {
                return Self { network, _lock: lock };
            }
        }
        panic!("no free loopback network");
    }

    /// Roost's address.
    pub fn roost(&self) -> Ipv4Addr {
        self.host(1)
    }

    /// The address of the peer of this number, from zero.
    pub fn peer(&self, number: usize) -> Ipv4Addr {
        self.host(u8::try_from(number + 2).expect("a case has a few peers"))
    }

    /// An address that is no peer's.
    pub fn stranger(&self, number: u8) -> Ipv4Addr {
        self.host(200 + number % 50)
    }

    fn host(&self, host: u8) -> Ipv4Addr {
        let [a, b] = self.network.to_be_bytes();
        Ipv4Addr::new(127, a, b, host)
    }
}

/// A port of `::1`, the only loopback address IPv6 has, that no other case uses. It is none of those that connections get
/// by themselves (`net.ipv4.ip_local_port_range` begins at 32,768).
#[derive(Debug)]
pub struct Loopback6 {
    port: u16,
    _lock: UdpSocket,
}

impl Loopback6 {
    /// Takes a free port.
    pub fn claim() -> Self {
        let locked = |port| UdpSocket::bind((Ipv6Addr::LOCALHOST, port)).ok().map(|lock| Self { port, _lock: lock });
        (20_000..30_000).find_map(locked).expect("a free port of ::1")
    }

    /// Where roost listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv6Addr::LOCALHOST, self.port))
    }
}
