use std::sync::Arc;

use bgp_proto::attr::{AsPath, Community, ExtCommunity};
use bgp_proto::message::Codec;
use bgp_proto::{Asn, FamilySet, RouterId};

use super::*;
use crate::peer::PeerId;
use crate::policy::Policy;
use crate::rules::ExportRules;

const CLUSTER: RouterId = RouterId(77);

fn key(kind: PeerKind) -> GroupKey {
    GroupKey {
        family: Family::IPV4_UNICAST,
        kind,
        codec: Codec { families: FamilySet::ALL, four_octet_as: true, ..Codec::INITIAL },
        rules: ExportRules::default(),
        next_hop: NextHopMode::Auto,
        own_address: Some([192, 0, 2, 1].into()),
        long_lived: true,
        avoid: None,
        leaving: false,
        export: Policy::accept(),
    }
}

fn external() -> GroupKey {
    key(PeerKind::External { local_asn: Asn(64512) })
}

fn internal() -> GroupKey {
    key(PeerKind::Internal)
}

fn client() -> GroupKey {
    key(PeerKind::Client { cluster_id: CLUSTER })
}

fn from(external: bool, client: bool) -> Source {
    Source { external, client, cluster: CLUSTER, router_id: RouterId(5), ..Source::unknown(PeerId(1)) }
}

fn local() -> Source {
    Source::unknown(PeerId::LOCAL)
}

fn attrs() -> PathAttrs {
    let mut attrs = PathAttrs::originated(NextHop::Addr([192, 0, 2, 9].into()));
    attrs.as_path = AsPath::sequence([Asn(65001)]);
    attrs.med = Some(3);
    attrs
}

fn ask(key: &GroupKey, source: &Source, attrs: PathAttrs) -> Result<PathAttrs, Withheld> {
    let (mut store, mut next_hops) = (AttrStore::default(), NextHops::default());
    let id = store.intern(&Arc::new(attrs), &mut next_hops);
    let prefix = "10.65.1.0/26".parse().unwrap();
    let admitted = admit(key, source, &prefix, id, &mut store, &mut next_hops)?;
    Ok(outgoing(key, source, &store.attrs(admitted.attrs), admitted.keep_med))
}

#[test]
fn internal_paths_go_to_clients_and_external_peers_only() {
    // RFC 4271 §9.2, RFC 4456 §6
    let sources = [local(), from(true, false), from(false, true), from(false, false)];
    for (key, allowed) in [(external(), [true; 4]), (client(), [true; 4]), (internal(), [true, true, true, false])] {
        for (source, allowed) in sources.iter().zip(allowed) {
            let got = ask(&key, source, attrs()).map(|_| ());
            assert_eq!(got, if allowed { Ok(()) } else { Err(Withheld::NotReflected) }, "{:?}", key.kind);
        }
    }
}

#[test]
fn well_known_communities_keep_paths_at_home() {
    // RFC 1997
    for (community, to_external, to_internal) in [
        (Community::NO_ADVERTISE, Some(Withheld::NoAdvertise), Some(Withheld::NoAdvertise)),
        (Community::NO_EXPORT, Some(Withheld::NoExport), None),
        (Community::NO_EXPORT_SUBCONFED, Some(Withheld::NoExport), None),
        (Community(1), None, None),
    ] {
        let mut attrs = attrs();
        attrs.communities = [community].into();
        assert_eq!(ask(&external(), &from(true, false), attrs.clone()).err(), to_external, "{community}");
        assert_eq!(ask(&client(), &from(true, false), attrs).err(), to_internal, "{community}");
    }
}

#[test]
fn an_external_peer_gets_our_as_and_nothing_of_our_interior() {
    let mut attrs = attrs();
    attrs.local_pref = Some(200);
    attrs.originator_id = Some(RouterId(9));
    attrs.cluster_list = [RouterId(8)].into();
    let (kept, stripped) = (ExtCommunity([0; 8]), ExtCommunity([0x40, 0, 0, 0, 0, 0, 0, 0]));
    attrs.ext_communities = [kept, stripped].into();
    let out = ask(&external(), &from(false, true), attrs).unwrap();
    assert_eq!(out.as_path.to_string(), "64512 65001"); // RFC 4271 §5.1.2
    assert_eq!((out.local_pref, out.med), (None, None)); // §5.1.5, §5.1.4
    assert_eq!((out.originator_id, out.cluster_list.len()), (None, 0)); // RFC 4456 §8
    assert_eq!(*out.ext_communities, [kept]); // RFC 4360 §6
    assert_eq!(out.next_hop.addr(), IpAddr::from([192, 0, 2, 1])); // RFC 4271 §5.1.3
    let own = ask(&external(), &local(), self::attrs()).unwrap();
    assert_eq!(own.med, Some(3), "what we originate keeps the MED we gave it");
}

#[test]
fn what_is_said_of_a_tunnel_stays_inside_and_with_its_next_hop() {
    let tunnel = ["encap:vxlan", "router-mac:02:72:c0:00:02:09"].map(|text| text.parse::<ExtCommunity>().unwrap());
    let kept: ExtCommunity = "rt:64512:1".parse().unwrap();
    let mut attrs = attrs();
    attrs.ext_communities = [kept, tunnel[0], tunnel[1]].into();
    let told = |key: &GroupKey, source: &Source| ask(key, source, attrs.clone()).unwrap().ext_communities.to_vec();
    let whole = attrs.ext_communities.to_vec();
    let confederation = key(PeerKind::Confederation { local_asn: Asn(64512) });
    for source in [local(), from(false, true)] {
        for inside in [internal(), client(), confederation.clone()] {
            assert_eq!(told(&inside, &source), whole, "RFC 9012 §4.1: {:?}", inside.kind);
        }
        let keeps = GroupKey { next_hop: NextHopMode::Keep, ..external() };
        for outside in [external(), keeps] {
            assert_eq!(told(&outside, &source), [kept], "RFC 9012 §11: {:?}", outside.next_hop);
        }
    }
    // With another next hop the tunnel would end there. Ours does end here.
    let own = GroupKey { next_hop: NextHopMode::Own, ..client() };
    assert_eq!(told(&own, &from(false, true)), [kept]);
    assert_eq!(told(&own, &local()), whole);
}

#[test]
fn a_reflected_path_says_who_and_which_cluster() {
    // RFC 4456 §8
    let out = ask(&client(), &from(false, false), attrs()).unwrap();
    assert_eq!((out.originator_id, &*out.cluster_list), (Some(RouterId(5)), &[CLUSTER][..]));
    assert_eq!((out.local_pref, out.med), (Some(100), Some(3)));
    assert_eq!(out.next_hop.addr(), IpAddr::from([192, 0, 2, 9]), "a reflector leaves the next hop alone");
    let mut again = attrs();
    (again.originator_id, again.cluster_list) = (Some(RouterId(6)), [RouterId(8)].into());
    let out = ask(&internal(), &from(false, true), again).unwrap();
    assert_eq!((out.originator_id, &*out.cluster_list), (Some(RouterId(6)), &[CLUSTER, RouterId(8)][..]));
    let out = ask(&client(), &from(true, false), attrs()).unwrap();
    assert_eq!((out.originator_id, out.cluster_list.len()), (None, 0), "an external path is not reflected, it is told");
}

#[test]
fn between_clusters_a_path_passes_both() {
    // RFC 4456 §7, §8
    let mut before = attrs();
    before.cluster_list = [RouterId(8)].into();
    let own = from(false, true);
    let other = Source { cluster: RouterId(78), ..own };
    let clusters = |key: &GroupKey, source: &Source| ask(key, source, before.clone()).unwrap().cluster_list.to_vec();
    assert_eq!(clusters(&client(), &own), [CLUSTER, RouterId(8)]);
    assert_eq!(clusters(&client(), &other), [CLUSTER, RouterId(78), RouterId(8)]);
    assert_eq!(clusters(&internal(), &other), [RouterId(78), RouterId(8)]);
    assert_eq!(clusters(&client(), &from(false, false)), [CLUSTER, RouterId(8)]);
}

#[test]
fn the_next_hop_is_ours_theirs_or_missing() {
    let v6: IpAddr = "fd00::9".parse().unwrap();
    let link_local: IpAddr = "fe80::9".parse().unwrap();
    let own: IpAddr = [192, 0, 2, 1].into();
    let given: IpAddr = [192, 0, 2, 9].into();
    let here: IpAddr = [0, 0, 0, 0].into();
    let rfc8950 = |mut key: GroupKey| {
        key.codec.ipv4_over_ipv6 = true;
        key
    };
    let mode = |mut key: GroupKey, mode| {
        key.next_hop = mode;
        key
    };
    let homeless = |mut key: GroupKey| {
        key.own_address = None;
        key
    };
    let rows = [
        (internal(), local(), here, Ok(own)),
        (internal(), local(), given, Ok(given)),
        (external(), local(), given, Ok(own)),
        (internal(), from(true, false), given, Ok(given)),
        (mode(internal(), NextHopMode::Own), from(true, false), given, Ok(own)),
        (mode(external(), NextHopMode::Keep), from(true, false), given, Ok(given)),
        (mode(external(), NextHopMode::Keep), local(), here, Ok(own)),
        (homeless(internal()), local(), here, Err(Withheld::NoOwnAddress)),
        (homeless(internal()), from(true, false), given, Ok(given)),
        (homeless(external()), from(true, false), given, Err(Withheld::NoOwnAddress)),
        (internal(), from(true, false), v6, Err(Withheld::NextHopFamily)),
        (rfc8950(internal()), from(true, false), v6, Ok(v6)), // RFC 8950
        (rfc8950(internal()), from(true, false), link_local, Ok(own)),
    ];
    for (key, source, next_hop, expected) in rows {
        let mut attrs = attrs();
        attrs.next_hop = NextHop::Addr(next_hop);
        let got = ask(&key, &source, attrs).map(|out| out.next_hop.addr());
        assert_eq!(got, expected, "{:?} {:?} {next_hop}", key.kind, key.next_hop);
    }
}

#[test]
fn a_policy_sets_what_crosses_the_border() {
    use crate::policy::{Action, Rule, Set, Verdict};
    let mut key = external();
    let set = vec![Set::Med(9), Set::LocalPref(5)];
    key.export = Policy::new("med", vec![Rule { matches: vec![], set, action: Action::Accept }], Verdict::Reject);
    let out = ask(&key, &from(true, false), attrs()).unwrap();
    assert_eq!((out.med, out.local_pref), (Some(9), None));
    key.export = Policy::reject();
    assert_eq!(ask(&key, &from(true, false), attrs()), Err(Withheld::Policy(None)));
    (key.export, key.avoid) = (Policy::accept(), Some(Asn(65001)));
    assert_eq!(ask(&key, &from(true, false), attrs()), Err(Withheld::PeerInPath));
}

#[test]
fn long_lived_stale_paths_go_to_those_who_know_them_and_to_our_own_as_a_last_resort() {
    // RFC 9494 §4.3, §4.6
    let (mut store, mut next_hops) = (AttrStore::default(), NextHops::default());
    let stale = PathAttrs { communities: [Community::LLGR_STALE].into(), ..attrs() };
    let id = store.intern(&stale.clone().into(), &mut next_hops);
    let facts = *store.facts(id);
    let prefix = "10.0.0.0/8".parse().unwrap();
    let source = from(true, false);
    for (kind, knows, expected) in [
        (external(), true, Ok(())),
        (external(), false, Err(Withheld::LongLivedStale)),
        (internal(), true, Ok(())),
        (internal(), false, Ok(())),
        (client(), false, Ok(())),
    ] {
        let key = GroupKey { long_lived: knows, ..kind };
        assert_eq!(judge(&key, &source, &prefix, &facts, &stale).map(drop), expected, "{key:?}");
    }
    let told = outgoing(&internal(), &source, &stale, false);
    assert_eq!((told.local_pref, &told.communities[..]), (Some(DEFAULT_LOCAL_PREF), &[Community::LLGR_STALE][..]));
    let told = outgoing(&GroupKey { long_lived: false, ..internal() }, &source, &stale, false);
    assert_eq!(told.local_pref, Some(0));
    assert_eq!(told.communities[..], [Community::LLGR_STALE, Community::NO_EXPORT]);
}

#[test]
fn who_leaves_says_so_and_is_the_last_choice_inside_the_as() {
    // RFC 8326 §4.2
    let confederation = key(PeerKind::Confederation { local_asn: Asn(64512) });
    for (kind, local_pref) in [(external(), None), (internal(), Some(0)), (client(), Some(0)), (confederation, Some(0))]
    {
        for source in [local(), from(true, false), from(false, true)] {
            let mut attrs = attrs();
            (attrs.local_pref, attrs.communities) = (Some(200), [Community(7)].into());
            let told = ask(&GroupKey { leaving: true, ..kind.clone() }, &source, attrs.clone()).unwrap();
            assert_eq!(told.local_pref, local_pref, "{:?}", kind.kind);
            assert_eq!(*told.communities, [Community(7), Community::GRACEFUL_SHUTDOWN]);
            let before = ask(&kind, &source, attrs).unwrap();
            let rest = PathAttrs { local_pref: before.local_pref, communities: before.communities.clone(), ..told };
            assert_eq!(rest, before, "nothing else is another");
        }
    }
}
