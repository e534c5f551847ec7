//! What an operator can order a peer to do, with its texts read: each body of `POST /v1/peers/…` becomes an [`Order`] or
//! a problem that names the field.

use bgp_proto::message::MAX_SHUTDOWN_TEXT;
use bgp_proto::{Family, FamilySet};
use serde::de::DeserializeOwned;

use super::model::{Direction, PeerDisable, PeerEnable, PeerRefresh, PeerReset, Problem};

/// An order to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Exchange the routes of these families again, without ending the session (RFC 2918, RFC 7313).
    Refresh {
        /// Which; all of the session when empty.
        families: FamilySet,
        /// Whose.
        direction: Direction,
    },
    /// End the session with Cease/Administrative Reset (RFC 4486) and begin another one.
    Reset {
        /// For the peer's operator (RFC 9003).
        message: Option<String>,
        /// Both sides keep the routes meanwhile (RFC 8538).
        graceful: bool,
    },
    /// End the session with Cease/Administrative Shutdown, and want none.
    Disable {
        /// For the peer's operator (RFC 9003).
        message: Option<String>,
    },
    /// Want sessions again, at once: also one that the peer's own mistakes keep away.
    Enable,
}

/// A body that is an order to some peers.
pub(super) trait IntoOrder: DeserializeOwned + Send {
    /// Whom it is for, and what it says.
    fn into_order(self) -> Result<(Vec<String>, Order), Problem>;
}

impl IntoOrder for PeerRefresh {
    fn into_order(self) -> Result<(Vec<String>, Order), Problem> {
        let mut families = FamilySet::EMPTY;
        for (index, name) in self.families.iter().enumerate() {
            let family = Family::SUPPORTED.into_iter().find(|family| family.to_string() == *name);
            let Some(family) = family else {
                return Err(Problem::bad_request(format!("families[{index}]: expected ipv4 or ipv6, found {name:?}")));
            };
            families.insert(family);
        }
        Ok((self.peers, Order::Refresh { families, direction: self.direction }))
    }
}

impl IntoOrder for PeerReset {
    fn into_order(self) -> Result<(Vec<String>, Order), Problem> {
        Ok((self.peers, Order::Reset { message: message(self.message)?, graceful: self.graceful }))
    }
}

impl IntoOrder for PeerDisable {
    fn into_order(self) -> Result<(Vec<String>, Order), Problem> {
        Ok((self.peers, Order::Disable { message: message(self.message)? }))
    }
}

impl IntoOrder for PeerEnable {
    fn into_order(self) -> Result<(Vec<String>, Order), Problem> {
        Ok((self.peers, Order::Enable))
    }
}

/// A text that fits a shutdown communication whole: what is cut may lose its meaning. RFC 9003 §2
pub(super) fn message(text: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let octets = text.len();
    if octets > MAX_SHUTDOWN_TEXT {
        return Err(Problem::bad_request(format!(
            "message: {octets} octets in UTF-8, at most {MAX_SHUTDOWN_TEXT} fit (RFC 9003); shorten it by {}",
            octets - MAX_SHUTDOWN_TEXT
        )));
    }
    if let Some(at) = text.chars().position(char::is_control) {
        return Err(Problem::bad_request(format!(
            "message: character {} is a control character; peers log and show it on one line",
            at + 1
        )));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_sent_whole_or_refused() {
        // RFC 9003 §2
        assert_eq!(message(None).unwrap(), None);
        assert_eq!(message(Some(String::new())).unwrap(), None);
        let longest = format!("x{}", "ü".repeat(127));
        assert_eq!(message(Some(longest.clone())).unwrap(), Some(longest));
        let problem = message(Some("ü".repeat(128))).unwrap_err();
        assert_eq!(
            (problem.status, problem.detail.as_str()),
            (400, "message: 256 octets in UTF-8, at most 255 fit (RFC 9003); shorten it by 1")
        );
        let problem = message(Some("back\nsoon".to_owned())).unwrap_err();
        assert!(problem.detail.contains("character 5 is a control character"), "{problem:?}");
    }

    #[test]
    fn families_are_those_of_the_configuration() {
        let refresh = |families: &[&str]| {
            let families = families.iter().map(|&name| name.to_owned()).collect();
            PeerRefresh { families, ..PeerRefresh::default() }.into_order()
        };
        let (_, order) = refresh(&["ipv6"]).unwrap();
        let families = FamilySet::from_iter([Family::IPV6_UNICAST]);
        assert_eq!(order, Order::Refresh { families, direction: Direction::Both });
        let problem = refresh(&["ipv4", "vpnv4"]).unwrap_err();
        assert_eq!(problem.detail, "families[1]: expected ipv4 or ipv6, found \"vpnv4\"");
    }
}
