//! What roost is told: pools of every kind, in several constellations that follow each other on SIGHUP and at restarts.

use ipnetwork::IpNetwork;

use super::seen::{BGP, BIRD, MAIN};

pub const TUNNEL: &str = "tunl0";
pub const VXLAN: &str = "vxlan.roost";
/// RTPROT of the agent whose pool it sometimes is.
pub const AGENT: u8 = 80;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Direct,
    Ipip,
    IpipCrossSubnet,
    Vxlan,
    VxlanCrossSubnet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    Fixed(u32),
    LocalPref,
}

#[derive(Debug, Clone)]
pub struct Pool {
    pub cidr: IpNetwork,
    pub mode: Mode,
    pub install: bool,
    pub metric: Option<Metric>,
    /// Protocol id and table, where they are others than usual.
    pub marks: Option<(u8, u32)>,
}

impl Pool {
    fn new(cidr: &str, mode: Mode) -> Pool {
        Pool { cidr: net(cidr), mode, install: true, metric: None, marks: None }
    }

    /// The device of a tunnelled pool.
    pub fn tunnel(&self) -> Option<&'static str> {
        match self.mode {
            Mode::Direct => None,
            Mode::Ipip | Mode::IpipCrossSubnet => Some(TUNNEL),
            Mode::Vxlan | Mode::VxlanCrossSubnet => Some(VXLAN),
        }
    }

    fn yaml(&self) -> String {
        let (mode, more) = match self.mode {
            Mode::Direct => ("direct", ""),
            Mode::Ipip => ("ipip", ", device: tunl0"),
            Mode::IpipCrossSubnet => ("ipip-cross-subnet", ", device: tunl0"),
            Mode::Vxlan => ("vxlan", ", manage: true"),
            Mode::VxlanCrossSubnet => ("vxlan-cross-subnet", ", manage: true"),
        };
        let mut text = format!("  - {{ cidr: \"{}\", mode: {mode}{more}", self.cidr);
        match self.metric {
            Some(Metric::Fixed(metric)) => text += &format!(", metric: {metric}"),
            Some(Metric::LocalPref) => text += ", metric: local-pref",
            None => {}
        }
        if !self.install {
            text += &format!(", install: false, protocol: {AGENT}");
        } else if let Some((protocol, table)) = self.marks {
            text += &format!(", protocol: {protocol}, table: {table}");
        }
        text + " }\n"
    }
}

#[derive(Debug, Clone)]
pub struct Settings {
    pub name: &'static str,
    pub pools: Vec<Pool>,
    pub metric: Metric,
    pub protect: Vec<IpNetwork>,
    pub max_routes: usize,
}

impl Settings {
    pub fn all() -> [Settings; 3] {
        use Mode::{Direct, Ipip, IpipCrossSubnet, Vxlan, VxlanCrossSubnet};
        let pools = [
            Pool::new("10.65.0.0/16", IpipCrossSubnet),
            Pool::new("10.66.0.0/16", Direct),
            Pool::new("10.67.0.0/16", Ipip),
            Pool::new("10.68.0.0/16", Vxlan),
            Pool::new("10.69.0.0/16", VxlanCrossSubnet),
            Pool { install: false, ..Pool::new("10.70.0.0/16", Direct) },
            Pool { metric: Some(Metric::Fixed(77)), marks: Some((BGP, 100)), ..Pool::new("10.71.0.0/16", Direct) },
            Pool::new("fd00:10::/32", Direct),
        ];
        let usual = Settings {
            name: "usual",
            pools: pools.to_vec(),
            metric: Metric::Fixed(0),
            protect: vec![net("10.96.0.0/12")],
            max_routes: 1000,
        };
        let mut other = Settings { name: "other", metric: Metric::LocalPref, ..usual.clone() };
        for (pool, mode) in
            other.pools.iter_mut().zip([Direct, IpipCrossSubnet, Direct, VxlanCrossSubnet, Vxlan, Direct, Direct])
        {
            (pool.mode, pool.install, pool.metric, pool.marks) = (mode, true, None, None);
        }
        other.pools[2].metric = Some(Metric::Fixed(30));
        let mut few = Settings { name: "few", max_routes: 14, ..usual.clone() };
        few.pools[1].metric = Some(Metric::Fixed(1024));
        few.protect.push(net("10.66.3.0/24"));
        [usual, other, few]
    }

    /// `pools` and `fib`. Whatever any of the settings has written before is named as ours.
    pub fn yaml(&self) -> String {
        let pools: String = self.pools.iter().map(Pool::yaml).collect();
        let metric = match self.metric {
            Metric::Fixed(metric) => metric.to_string(),
            Metric::LocalPref => "local-pref".to_owned(),
        };
        let protect: Vec<String> = self.protect.iter().map(ToString::to_string).collect();
        format!(
            "pools:\n{pools}fib: {{ metric: {metric}, protect: {protect:?}, max_routes: {}, \
             adopt: [ {{ protocol: {BGP}, table: 100 }} ] }}\n",
            self.max_routes
        )
    }

    /// The smallest pool that holds the prefix.
    pub fn pool_of(&self, prefix: IpNetwork) -> Option<&Pool> {
        let holds = |pool: &&Pool| is_within(prefix, pool.cidr);
        self.pools.iter().filter(holds).max_by_key(|pool| pool.cidr.prefix())
    }

    /// Protocol id, table and metric of a route of ours; `local_pref` is that of a learned one.
    pub fn key_of(&self, prefix: IpNetwork, local_pref: Option<u32>) -> (u8, u32, u32) {
        let pool = self.pool_of(prefix);
        let (protocol, table) = pool.and_then(|pool| pool.marks).unwrap_or((BIRD, MAIN));
        let metric = match (pool.and_then(|pool| pool.metric).unwrap_or(self.metric), local_pref) {
            (Metric::Fixed(metric), _) => metric,
            (Metric::LocalPref, Some(local_pref)) => 0x7fff_ffff - local_pref,
            (Metric::LocalPref, None) => 0,
        };
        (protocol, table, if metric == 0 && prefix.is_ipv6() { 1024 } else { metric })
    }
}

/// Protocol ids and tables that a route of ours may have.
pub fn is_ours(protocol: u8, table: u32) -> bool {
    [(BIRD, MAIN), (BGP, 100)].contains(&(protocol, table))
}

pub fn net(text: &str) -> IpNetwork {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn is_within(inner: IpNetwork, outer: IpNetwork) -> bool {
    inner.is_ipv4() == outer.is_ipv4() && inner.prefix() >= outer.prefix() && outer.contains(inner.ip())
}
