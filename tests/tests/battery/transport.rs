//! The connection under a session: TCP MD5 (RFC 2385), TTLs (RFC 5082), IPv6, and IPv4 prefixes with IPv6 next hops
//! (RFC 8950), which come with it.
//!
//! The peers' sockets get their options before they connect. The kernel drops what is wrong without a word; so what must
//! not arrive is followed by the same octets in the right form, which TCP sends again and which do.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::harness::wire::code::*;
use crate::harness::wire::{OPTIONAL, UPDATE, mp_reach, prefix_octets, v6};
use crate::harness::{
    Event, Loopback6, Neighbor, Open, PATIENCE, Peer, Roost, Setup, Update, capabilities, keepalive, message,
};

const PREFIX: &str = "10.1.0.0/16";
const SIX: &str = "2001:db8:1::/48";
/// Long enough for a SYN or an OPEN to be answered many times over on loopback.
const A_WHILE: Duration = Duration::from_millis(700);

fn set<T>(socket: &impl AsRawFd, level: i32, name: i32, value: &T) {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the descriptor is open for the borrow's life, and the kernel reads `length` octets of a plain C value.
    #[allow(unsafe_code)]
    let rc = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length) };
    assert_eq!(rc, 0, "option {name}: {}", std::io::Error::last_os_error());
}

fn set_ttl(socket: &impl AsRawFd, ttl: i32) {
    set(socket, libc::IPPROTO_IP, libc::IP_TTL, &ttl);
}

/// `struct tcp_md5sig` of `linux/tcp.h`, for an IPv4 peer.
#[repr(C)]
struct Md5 {
    address: libc::sockaddr_in,
    rest_of_storage: [u8; 128 - size_of::<libc::sockaddr_in>()],
    flags: u8,
    prefix_length: u8,
    key_length: u16,
    interface: i32,
    key: [u8; 80],
}

fn set_key(socket: &impl AsRawFd, roost: SocketAddr, text: &str) {
    let IpAddr::V4(address) = roost.ip() else { panic!("{roost} is no IPv4 address") };
    let mut key = [0; 80];
    key[..text.len()].copy_from_slice(text.as_bytes());
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
        sin_zero: [0; 8],
    };
    let rest_of_storage = [0; 128 - size_of::<libc::sockaddr_in>()];
    let md5 =
        Md5 { address, rest_of_storage, flags: 0, prefix_length: 0, key_length: text.len() as u16, interface: 0, key };
    set(socket, libc::IPPROTO_TCP, libc::TCP_MD5SIG, &md5);
}

/// Tries to connect as a peer, with options set first.
fn dial(roost: &Roost, number: usize, limit: Duration, options: impl Fn(&Socket)) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    options(&socket);
    socket.bind(&SocketAddr::from((roost.net().peer(number), 0)).into())?;
    socket.connect_timeout(&roost.address().into(), limit)?;
    Ok(socket.into())
}

#[track_caller]
fn connect(roost: &Roost, neighbor: &Neighbor, options: impl Fn(&Socket)) -> Peer {
    let stream = dial(roost, 0, PATIENCE, options).expect("roost answers");
    Peer::on(stream, 0, neighbor.clone())
}

// ---- TCP MD5: RFC 2385

fn signed() -> Neighbor {
    Neighbor::ebgp(65001).with("password: right")
}

#[test]
fn with_the_right_key_the_session_comes_up() {
    let roost = Setup::with([signed()]).start();
    let mut peer = connect(&roost, &signed(), |socket| set_key(socket, roost.address(), "right"));
    peer.establish(&Open::new(65001)).settle(&roost);
}

#[test]
fn with_another_key_or_none_roost_does_not_answer() {
    // RFC 2385 §2: "the segment … MUST be dropped"
    let roost = Setup::with([signed()]).start();
    for key in [Some("wrong"), Some("righ"), None] {
        let options = |socket: &Socket| key.into_iter().for_each(|key| set_key(socket, roost.address(), key));
        let error = dial(&roost, 0, A_WHILE, options).expect_err("a connection that is not signed as it should be");
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{key:?}: {error}");
    }
    let mut peer = connect(&roost, &signed(), |socket| set_key(socket, roost.address(), "right"));
    peer.establish(&Open::new(65001)).settle(&roost);
}

#[test]
fn a_peer_without_a_key_of_ours_may_not_sign() {
    // RFC 2385 §2: signed where nothing is expected is not expected either
    let roost = Setup::with([Neighbor::ebgp(65001), signed()]).start();
    let signs = dial(&roost, 0, A_WHILE, |socket| set_key(socket, roost.address(), "right"));
    assert_eq!(signs.expect_err("a signed connection").kind(), std::io::ErrorKind::TimedOut);
    roost.peer(0).settle(&roost);
}

#[test]
fn a_key_that_changes_costs_no_session() {
    // RFC 2385 §4.1
    let file = tempfile::NamedTempFile::new().expect("a file under /tmp");
    std::fs::write(file.path(), "first\n").expect("the file is ours");
    let neighbor = Neighbor::ebgp(65001).with(&format!("password_file: {}", file.path().display()));
    let roost = Setup::with([neighbor.clone()]).start();
    let stream = dial(&roost, 0, PATIENCE, |socket| set_key(socket, roost.address(), "first")).expect("roost answers");
    let options = stream.try_clone().expect("a second descriptor");
    let mut peer = Peer::on(stream, 0, neighbor);
    peer.establish(&Open::new(65001)).settle(&roost);
    std::fs::write(file.path(), "second\n").expect("the file is ours");
    set_key(&options, roost.address(), "second");
    // Nothing arrives until roost has the new key; TCP sends it again.
    peer.settle(&roost);
    assert_eq!(roost.about(0)["established_count"], 1);
    let wrong = dial(&roost, 0, A_WHILE, |socket| set_key(socket, roost.address(), "first"));
    assert_eq!(wrong.expect_err("the key of before").kind(), std::io::ErrorKind::TimedOut);
}

// ---- TTL: RFC 5082

fn guarded() -> Neighbor {
    Neighbor::ebgp(65001).with("ttl_security: 1")
}

#[test]
fn a_neighbour_that_sends_with_255_is_heard() {
    // RFC 5082 §3
    let roost = Setup::with([guarded()]).start();
    let mut peer = connect(&roost, &guarded(), |socket| set_ttl(socket, 255));
    peer.establish(&Open::new(65001)).settle(&roost);
}

#[test]
fn what_comes_from_further_away_is_dropped() {
    // RFC 5082 §3
    let roost = Setup::with([guarded()]).start();
    for ttl in [254, 64] {
        let mut peer = connect(&roost, &guarded(), |socket| set_ttl(socket, 255));
        peer.expect_open();
        set_ttl(peer.stream(), ttl);
        let open = Open::new(65001);
        peer.say(&open);
        assert_eq!(peer.next(A_WHILE), Event::Silence, "an OPEN with TTL {ttl}");
        // The same octets with the right TTL: it was nothing else.
        set_ttl(peer.stream(), 255);
        peer.expect_keepalive();
        peer.finish_and_wait();
    }
}

#[test]
fn as_many_hops_as_are_said_are_no_further_away() {
    // RFC 5082 §3: 256 less the hops
    let neighbor = Neighbor::ebgp(65001).with("ttl_security: 3");
    let roost = Setup::with([neighbor.clone()]).start();
    let mut peer = connect(&roost, &neighbor, |socket| set_ttl(socket, 253));
    peer.establish(&Open::new(65001)).settle(&roost);
}

#[test]
fn a_guarded_neighbour_hears_us_from_the_first_segment() {
    // RFC 5082 §3: we send with 255, the answer to its SYN among it
    const IP_MINTTL: i32 = 21;
    let roost = Setup::with([guarded()]).start();
    let mut peer = connect(&roost, &guarded(), |socket| {
        set_ttl(socket, 255);
        set(socket, libc::IPPROTO_IP, IP_MINTTL, &255_i32);
    });
    peer.establish(&Open::new(65001)).settle(&roost);
}

// ---- roost connects

#[test]
fn roost_signs_what_it_dials_and_comes_from_its_source() {
    // RFC 2385 §2
    let neighbor = signed().dialled();
    let roost = Setup::with([neighbor.clone()]).start();
    let listener = roost.listen(0);
    set_key(&listener, SocketAddr::from((roost.net().roost(), 0)), "right");
    let mut peer = roost.accept(0, &listener);
    let from = peer.stream().peer_addr().expect("a connection has two ends").ip();
    assert_eq!(from, IpAddr::V4(roost.net().roost()));
    peer.establish(&Open::new(65001)).settle(&roost);
}

#[test]
fn roost_dials_with_255_where_it_asks_for_it() {
    // RFC 5082 §3
    const IP_MINTTL: i32 = 21;
    let roost = Setup::with([guarded().dialled()]).start();
    let listener = roost.listen(0);
    set_ttl(&listener, 255);
    set(&listener, libc::IPPROTO_IP, IP_MINTTL, &255_i32);
    roost.accept(0, &listener).establish(&Open::new(65001)).settle(&roost);
}

#[test]
fn a_roost_that_waits_does_not_connect() {
    let roost = Setup::with([Neighbor::ebgp(65001)]).start();
    let listener = roost.listen(0);
    listener.set_nonblocking(true).expect("a listener can be asked without waiting");
    // Its time between attempts is 100 ms.
    let quiet = || match listener.accept() {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
        other => Err(format!("{other:?}")),
    };
    roost_tests::wait::throughout("nobody connects", A_WHILE, quiet);
    roost.peer(0).settle(&roost);
}

// ---- IPv6

/// A roost with one IPv4 client, and a peer at `::1` that says this OPEN; the peer's number is 1.
struct Six {
    roost: Roost,
    client: Peer,
    peer: Peer,
    _port: Loopback6,
}

fn six(keys: &str, open: Open) -> Six {
    let port = Loopback6::claim();
    let address = port.address();
    let roost = Setup::with([Neighbor::client().both()]).ipv6(address.port(), 65001, keys).start();
    let client = roost.peer_with(0, Open::new(65000).ipv6().id(Roost::peer_id(0)));
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("roost listens");
    let mut peer = Peer::on(stream, 1, Neighbor::ebgp(65001));
    peer.establish(&open);
    let six = Six { roost, client, peer, _port: port };
    roost_tests::until("the session over IPv6", PATIENCE, || {
        let about = six.about();
        if about["state"] == "established" { Ok(()) } else { Err(about.to_string()) }
    });
    six
}

impl Six {
    fn about(&self) -> Value {
        self.roost.page("/v1/peers/::1")
    }
}

#[test]
fn a_session_over_ipv6_carries_ipv6_when_nothing_else_is_said() {
    // RFC 4760 §8
    let mut six = six("", Open::new(65001).without(1).ipv6());
    let families: Vec<_> = capabilities(&six.peer.open).into_iter().filter(|(code, _)| *code == 1).collect();
    assert_eq!(families, [(1, vec![0, 2, 0, 1])]);
    let route = six.peer.route6(&[SIX]);
    six.peer.update(&route);
    assert_eq!(six.client.await_route(SIX).next_hop, v6("2001:db8::b"));
}

#[test]
fn a_session_over_ipv6_carries_both_families_each_with_a_next_hop_of_its_own() {
    let mut six = six("families: [ipv4, ipv6]", Open::new(65001).ipv6());
    let (four, both) = (six.peer.route(&[PREFIX]), six.peer.route6(&[SIX]));
    six.peer.update(&four).update(&both);
    assert_eq!(six.client.await_route(PREFIX).next_hop, [192, 0, 2, 11]);
    six.client.await_route(SIX);
    let route = six.client.route(&["10.2.0.0/16"]);
    six.client.update(&route);
    let told = six.peer.await_route("10.2.0.0/16");
    assert_eq!((told.next_hop, told.family), (vec![192, 0, 2, 1], None), "the node's own address of the family");
}

#[test]
fn where_both_said_so_ipv4_routes_over_ipv6_have_the_session_s_address_as_next_hop() {
    // RFC 8950 §3: the peer reaches that one; it need not have IPv4 on the link at all.
    let mut six = six("families: [ipv4, ipv6], extended_next_hop: true", Open::new(65001).ipv6().cap(5, &CAPABILITY));
    let route = six.client.route(&[PREFIX]);
    six.client.update(&route);
    let told = six.peer.await_route(PREFIX);
    assert_eq!((told.next_hop.clone(), told.family), (v6("::1").to_vec(), Some((1, 1))));
    assert!(!told.has(NEXT_HOP));
}

#[test]
fn a_session_over_ipv6_ends_with_its_routes() {
    let mut six = six("", Open::new(65001).without(1).ipv6());
    let route = six.peer.route6(&[SIX]);
    six.peer.update(&route);
    six.client.await_route(SIX);
    six.peer.reset();
    six.client.await_withdrawal(SIX);
}

#[test]
fn graceful_restart_holds_over_ipv6_too() {
    // RFC 4724 §4.2
    let open = Open::new(65001).without(1).ipv6().cap(64, &[0, 60, 0, 2, 1, 0x80]);
    let mut six = six("", open);
    let route = six.peer.route6(&[SIX]);
    six.peer.update(&route);
    six.client.await_route(SIX);
    six.peer.reset();
    six.roost
        .await_table("the route is stale", |rows| rows.iter().any(|row| row.prefix == SIX && row.stale).then_some(()));
}

// ---- IPv4 with IPv6 next hops: RFC 8950

/// IPv4 unicast with IPv6 next hops.
const CAPABILITY: [u8; 6] = [0, 1, 0, 1, 0, 2];

fn ipv4_over_ipv6(next_hop: &[u8]) -> Update {
    let reach = mp_reach(1, 1, next_hop, &prefix_octets(&[PREFIX]));
    Update::new().origin(0).path(&[65001]).attr(OPTIONAL, MP_REACH, &reach)
}

fn extended() -> Neighbor {
    Neighbor::ebgp(65001).with("extended_next_hop: true")
}

#[test]
fn an_ipv6_next_hop_of_an_ipv4_prefix_is_taken_where_both_said_so() {
    // RFC 8950 §3, §4: 16 octets, or 32 with a link-local one
    for next_hop in [v6("2001:db8::7").to_vec(), [v6("2001:db8::7"), v6("fe80::7")].concat()] {
        let roost = Setup::with([extended()]).start();
        let mut peer = roost.peer_with(0, Open::new(65001).cap(5, &CAPABILITY));
        assert!(capabilities(&peer.open).contains(&(5, CAPABILITY.to_vec())));
        peer.update(&ipv4_over_ipv6(&next_hop)).settle(&roost);
        assert_eq!(roost.row(0, PREFIX).next_hop.as_deref(), Some("2001:db8::7"));
    }
}

#[test]
fn an_ipv6_next_hop_of_an_ipv4_prefix_resets_where_only_one_said_so() {
    // RFC 8950 §4, RFC 7606 §7.11
    for (neighbor, open) in
        [(extended(), Open::new(65001)), (Neighbor::ebgp(65001), Open::new(65001).cap(5, &CAPABILITY))]
    {
        let roost = Setup::with([neighbor]).start();
        let mut peer = roost.peer_with(0, open);
        let wrong = ipv4_over_ipv6(&v6("2001:db8::7"));
        peer.update(&wrong).expect_notification(3, 9, &attribute_of(&wrong));
    }
}

/// The MP_REACH_NLRI of such an UPDATE, as it stands there.
fn attribute_of(update: &Update) -> Vec<u8> {
    let octets = update.encode();
    let at = octets.windows(2).position(|pair| pair == [OPTIONAL, MP_REACH]).expect("it has one");
    octets[at..].to_vec()
}

#[test]
fn a_capability_for_other_families_or_next_hops_is_none_for_ours() {
    // RFC 8950 §4: AFI, SAFI and next hop AFI together
    for value in [[0, 1, 0, 128, 0, 2], [0, 2, 0, 1, 0, 1], [0, 1, 0, 1, 0, 1]] {
        let roost = Setup::with([extended()]).start();
        let mut peer = roost.peer_with(0, Open::new(65001).cap(5, &value));
        let wrong = ipv4_over_ipv6(&v6("2001:db8::7"));
        peer.update(&wrong).expect_notification(3, 9, &attribute_of(&wrong));
    }
}

#[test]
fn an_ipv4_next_hop_is_as_good_as_before_where_both_said_so() {
    // RFC 8950 §4: the length tells
    let roost = Setup::with([extended()]).start();
    let mut peer = roost.peer_with(0, Open::new(65001).cap(5, &CAPABILITY));
    let plain = peer.route(&[PREFIX]);
    peer.update(&plain).settle(&roost);
    assert_eq!(roost.row(0, PREFIX).next_hop.as_deref(), Some("192.0.2.10"));
    let in_mp_reach = mp_reach(1, 1, &[192, 0, 2, 77], &prefix_octets(&[PREFIX]));
    let other = peer.route(&[]).without(NEXT_HOP).attr(OPTIONAL, MP_REACH, &in_mp_reach);
    peer.update(&other).settle(&roost);
    assert_eq!(roost.row(0, PREFIX).next_hop.as_deref(), Some("192.0.2.77"));
}

#[test]
fn such_a_route_is_told_inside_only_to_those_who_said_so() {
    // RFC 8950 §4
    let clients = [Neighbor::client().with("extended_next_hop: true"), Neighbor::client()];
    let roost = Setup::with([extended()].into_iter().chain(clients)).start();
    let mut from = roost.peer_with(0, Open::new(65001).cap(5, &CAPABILITY));
    let mut knows = roost.peer_with(1, Open::new(65000).cap(5, &CAPABILITY).id(Roost::peer_id(1)));
    let mut plain = roost.peer(2);
    from.update(&ipv4_over_ipv6(&v6("2001:db8::7"))).settle(&roost);
    let told = knows.told(PREFIX);
    assert_eq!((told.next_hop.clone(), told.family), (v6("2001:db8::7").to_vec(), Some((1, 1))));
    assert!(!told.has(NEXT_HOP));
    assert_eq!(plain.adj_out_prefixes(), [""; 0]);
    // IPv4 prefixes in MP_REACH_NLRI may be withdrawn the old way. RFC 4760 §3
    from.send(message(UPDATE, &[0, 3, 16, 10, 1, 0, 0]));
    knows.await_withdrawal(PREFIX);
}

#[test]
fn a_peer_that_goes_on_talking_after_its_end_is_heard_out_and_not_reset() {
    // RFC 4271 §6, RFC 1122 §4.2.2.13
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002)]).start();
    roost.command(&["peer", "disable", &roost.name(0)]).expect("it is a peer");
    let refused = |peer: &mut Peer| peer.expect_notification(6, 5, &[]);
    let wrong = |peer: &mut Peer| {
        peer.send(vec![0; 19]);
        peer.expect_notification(1, 1, &[]);
    };
    for (number, end) in [(0, &refused as &dyn Fn(&mut Peer)), (1, &wrong)] {
        let mut peer = roost.connect(number);
        end(&mut peer);
        // Where the socket is gone, the first octets are answered with a reset, and the next can't be written.
        for _ in 0..50 {
            std::io::Write::write_all(&mut peer.stream(), &keepalive()).expect("roost reads on");
        }
        assert_eq!(std::io::Read::read(&mut peer.stream(), &mut [0]).expect("no reset"), 0);
    }
}
