//! What the kernel says about segments it dropped because of TCP MD5 (RFC 2385): the only trace of a wrong password.
//!
//! The counters are those of the network namespace, all of its sockets and hosts together. Read when somebody asks.

/// Segments the kernel dropped since it, or the namespace, was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Md5Counters {
    /// Unsigned, from an address whose segments must be signed (`TCPMD5NotFound`).
    pub unsigned: u64,
    /// Signed, from an address without a key (`TCPMD5Unexpected`).
    pub unexpected: u64,
    /// Signed with another key than ours (`TCPMD5Failure`).
    pub wrong: u64,
}

impl Md5Counters {
    /// The counters of now; `None` where the kernel does not tell.
    pub fn read() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/net/netstat").ok()?)
    }

    /// What was counted since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            unsigned: self.unsigned.saturating_sub(earlier.unsigned),
            unexpected: self.unexpected.saturating_sub(earlier.unexpected),
            wrong: self.wrong.saturating_sub(earlier.wrong),
        }
    }

    /// `netstat` is pairs of lines: names, then values, both behind the same word.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
        let (names, values) = (lines.next()?, lines.next()?);
        let value = |wanted: &str| {
            let mut columns = names.split_whitespace().zip(values.split_whitespace());
            columns.find(|(name, _)| *name == wanted)?.1.parse().ok()
        };
        Some(Self {
            unsigned: value("TCPMD5NotFound")?,
            unexpected: value("TCPMD5Unexpected")?,
            wrong: value("TCPMD5Failure")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_are_found_by_name_and_counted_from_a_start() {
        let text = "TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPSpuriousRTOs\n\
                    TcpExt: 1 22 333 4444 5\nIpExt: TCPMD5Failure\nIpExt: 9\n";
        let counters = Md5Counters { unsigned: 22, unexpected: 333, wrong: 4444 };
        assert_eq!(Md5Counters::parse(text), Some(counters));
        let earlier = Md5Counters { unsigned: 20, unexpected: 333, wrong: 5000 };
        assert_eq!(counters.since(earlier), Md5Counters { unsigned: 2, unexpected: 0, wrong: 0 });
        for bad in ["", "TcpExt: TCPMD5NotFound\n", "TcpExt: TCPMD5NotFound\nTcpExt: many\n"] {
            assert_eq!(Md5Counters::parse(bad), None, "{bad:?}");
        }
        assert!(Md5Counters::read().is_some(), "this kernel tells them");
    }
}
