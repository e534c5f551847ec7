//! An address packets are handed to, and the interface it is meant for.

use std::fmt;
use std::net::{AddrParseError, IpAddr};
use std::str::FromStr;

/// A next hop as BGP names it. A link-local address is one only together with an interface; for every other address
/// the interface is 0 and the routes decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NextHop {
    /// The address.
    pub addr: IpAddr,
    /// The kernel's number of the interface of a link-local address; 0: none.
    pub interface: u32,
}

impl From<IpAddr> for NextHop {
    fn from(addr: IpAddr) -> NextHop {
        NextHop { addr, interface: 0 }
    }
}

impl FromStr for NextHop {
    type Err = AddrParseError;

    /// An address, without an interface.
    fn from_str(text: &str) -> Result<NextHop, AddrParseError> {
        text.parse().map(|addr: IpAddr| addr.into())
    }
}

impl fmt::Display for NextHop {
    /// The address, and the interface's number behind a `%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.interface {
            0 => write!(f, "{}", self.addr),
            interface => write!(f, "{}%{interface}", self.addr),
        }
    }
}
