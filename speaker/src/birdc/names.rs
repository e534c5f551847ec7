//! What sessions are called: as Calico calls them in the configuration it writes for BIRD, so that its probes, which
//! take peer and kind out of the name, find both.

use crate::api::model::PeerRow;

/// `Mesh_10_0_0_2` for a node of the mesh, `Node_10_0_0_3` for another peer in our AS (Calico's node-specific peers: a
/// reflector, its client), `Global_10_0_0_254` for one of another AS (a top-of-rack switch). A link-local address has its
/// interface behind it.
pub(super) fn session(peer: &PeerRow) -> String {
    let kind = match (&peer.node, peer.kind.as_str()) {
        (Some(_), _) => "Mesh",
        (None, "internal" | "client") => "Node",
        (None, _) => "Global",
    };
    format!("{kind}_{}", symbol(&peer.name()))
}

/// Whether a text is what a pattern says: `*` stands for any characters, `?` for one, and `\` takes the meaning from the
/// next.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Behind the last star, and how much of the text it stands for.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let escaped = pattern.get(p) == Some(&'\\') && p + 1 < pattern.len();
        let wanted = pattern.get(p + usize::from(escaped));
        if !escaped && wanted == Some(&'*') {
            p += 1;
            star = Some((p, t));
        } else if wanted.is_some_and(|&c| c == text[t] || !escaped && c == '?') {
            p += 1 + usize::from(escaped);
            t += 1;
        } else if let Some((behind, end)) = star {
            // It stands for one more.
            star = Some((behind, end + 1));
            (p, t) = (behind, end + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// What a session is called of which nothing but the API's name is known, as it has just gone.
pub(super) fn unknown(name: &str) -> String {
    format!("Node_{}", symbol(name))
}

/// A name as BIRD's grammar has it.
fn symbol(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
