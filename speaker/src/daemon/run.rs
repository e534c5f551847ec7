//! Start and end of the daemon.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bgp_proto::Family;
use rib::{PeerId, Rib};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::announced::Announced;
use super::backend::{Daemon, Parts};
use super::drain::{DrainFile, Drainer};
use super::dynamic::{CHANGES, Dynamic, Numbers, VISITORS};
use super::early::{self, Early};
use super::health::Health;
use super::keys::Keys;
use super::known_peers::KnownPeers;
use super::last_run::{Known, LastRun};
use super::listener::{Doors, accept};
use super::node_address::{self, NodeAddresses};
use super::origins::Origins;
use super::out_queue::Wanted;
use super::overlay::Base;
use super::owner::Owner;
use super::reload::{Concerned, Reload};
use super::roster::{Roster, Surroundings};
use super::unopened::Unopened;
use super::{descriptors, last_words, service_manager, setup};
use crate::api::{self, Access, ControlSocket};
use crate::birdc;
use crate::config::{self, Config, Loaded};
use crate::journal::Journal;
use crate::logging::{self, Levels};
use crate::net::tcp;

/// Messages of all peers that wait for the owner.
const NEWS: usize = 1024;
/// How long an ending daemon waits for its peers' tasks.
const FAREWELL: Duration = Duration::from_secs(3);

/// Runs the daemon with the configuration in `path` until SIGTERM or SIGINT.
///
/// # Errors
/// When the file has mistakes, a socket cannot be opened, or the kernel's routes cannot be read.
pub fn run(path: &Path) -> Result<()> {
    let loaded = config::load(path)?;
    let journal = Arc::new(Journal::default());
    let levels = logging::start(&loaded.config.log, journal.clone())?;
    for warning in &loaded.warnings {
        warn!(event = "start", "{warning:#}");
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        // From here on none of these signals ends the process.
        let hangups = [signal(SignalKind::hangup())?, signal(SignalKind::hangup())?];
        let drain_signals = [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?];
        let (tell, awaited) = early::awaited();
        let early = Early::begin(&loaded.config, &awaited).await?;
        let loaded = node_address::awaited(path, loaded, &tell).await?;
        let (loaded, base) = Base::lay(path, loaded)?;
        tell.send_replace(vec!["the kernel's routes are being read".to_owned()]);
        serve(loaded, path, base, journal, (hangups, drain_signals), levels, early).await
    })
}

async fn serve(
    loaded: Loaded,
    path: &Path,
    base: Base,
    journal: Arc<Journal>,
    ([keys_hangup, hangup], drain_signals): ([Signal; 2], [Signal; 2]),
    levels: Levels,
    early: Option<Early>,
) -> Result<()> {
    // Who sees the control socket may end us before the last part is up.
    let end = end()?;
    let config = Arc::new(loaded.config);
    info!(
        event = "start", version = env!("CARGO_PKG_VERSION"), node = config.node.name, asn = %config.router.asn,
        router_id = %config.router.router_id, peers = config.peers.len(), "roost starts"
    );
    let fib = if config.fib.enabled {
        let fib_config = setup::fib(&config);
        let (handle, adopted) = fib_sync::start(fib_config).context("cannot take over the kernel's routes")?;
        info!(event = "start", ipv4 = adopted.ipv4, ipv6 = adopted.ipv6, "routes of ours found in the kernel");
        Some((handle, adopted))
    } else {
        None
    };
    let last_run = config.api.as_ref().map(|api| LastRun::beside(&api.socket));
    let restart = Arc::new(setup::restart(&config, fib.as_ref().map(|(_, adopted)| *adopted), last_run.as_ref()));
    let fib = fib.map(|(handle, _)| handle);
    if let Some(fib) = &fib {
        fib.set_watcher(journal.clone());
    }

    let (news_sender, news) = mpsc::channel(NEWS);
    let wanted = Arc::new(Wanted::new(journal.clone()));
    let rib = Rib::new(setup::rib(&config));
    let awaited = config.peers.iter().enumerate().filter(|(_, peer)| peer.enabled);
    let awaited = awaited.map(|(n, peer)| (peer_id(n), peer.families));
    let (mut owner, owner_handle) =
        Owner::new(rib, fib.clone(), restart.clone(), awaited, config.router.startup_wait, wanted.clone(), news);
    if fib.is_some() {
        owner.set_pools(setup::fib(&config));
    }
    let announced = Announced::load(&config);
    for (prefix, kind) in announced.all() {
        owner.originate(prefix, kind);
    }

    let keys = Arc::new(Keys::new(&config, path.parent().unwrap_or(Path::new(""))));
    let listeners = listen(&config, &keys)?;
    let (visitor, visitors) = mpsc::channel(VISITORS);
    let unopened = Unopened::new(descriptors::fit(config.router.limits, descriptors::raise()));
    let doors = Arc::new(Doors::new(&config.dynamic_peers, visitor, unopened));
    let known = Arc::new(KnownPeers::new(journal));
    let to_know = Arc::new(Known {
        fib: fib.clone(),
        restart: restart.clone(),
        peers: known.clone(),
        all_listed: config.dynamic_peers.is_empty(),
        forgotten: Instant::now() + setup::kept_time(&config),
        told: false.into(),
    });
    // Before the first peer hears of this run: who is killed a moment later has run, too.
    note(last_run.as_ref(), &to_know);
    // Before the first peer's task begins: of a drained node none wants a session.
    let drained = config.api.as_ref().map(|api| DrainFile::beside(&api.socket));
    let (drainer, drain) = Drainer::new(owner_handle.clone(), known.clone(), restart.clone(), drained);
    owner.rib.set_leaving(drain.is_leaving());
    let numbers = Arc::new(Mutex::new(Numbers::after(config.peers.len())));
    let mut tasks = JoinSet::new();
    let around = Surroundings {
        doors: doors.clone(),
        keys: keys.clone(),
        known: known.clone(),
        owner: owner_handle.clone(),
        news: news_sender.clone(),
        wanted: wanted.clone(),
        restart: restart.clone(),
        numbers,
    };
    let mut roster = Roster::new(around.clone());
    for (n, peer) in config.peers.iter().enumerate() {
        let id = peer_id(n);
        owner.rib.peer_add(id, setup::rib_peer(&config, peer));
        roster.seat(&config, id, peer);
    }
    let (ranges, range_changes) = mpsc::channel(CHANGES);
    let dynamic = Dynamic::new(config.clone(), visitors, range_changes, around);
    let (stop, farewell) = (CancellationToken::new(), CancellationToken::new());
    tasks.spawn(dynamic.run(farewell.clone()));
    let mut owner_task = tokio::spawn(owner.run());
    let mut services = JoinSet::new();
    for listener in &listeners {
        services.spawn(accept(listener.clone(), doors.clone()));
    }
    services.spawn(keys.clone().keep(listeners.clone(), keys_hangup));
    let lost = announced.lost();
    let origins = Origins::new(announced, owner_handle.clone());
    let concerned = Concerned {
        fib: fib.clone(),
        owner: owner_handle.clone(),
        restart: restart.clone(),
        roster,
        ranges,
        keys,
        listeners,
        origins: origins.clone(),
        levels: levels.clone(),
    };
    let (reload, reread) = Reload::new(path, config.clone(), base, &loaded.warnings, concerned);
    services.spawn(reload.watch_file(reread.clone()));
    tasks.spawn(reload.keep(hangup, farewell.clone()));
    services.spawn(drainer.keep());
    services.spawn(drain.clone().obey(drain_signals));

    services.spawn(origins.clone().keep_leases());
    let health = Health::new(reread.watch(), owner_handle.clone(), fib.clone(), known.clone(), drain.clone(), lost);
    services.spawn(health.clone().keep());
    let addresses = NodeAddresses::new(config.clone());
    services.spawn(addresses.clone().keep());
    let daemon = Daemon::new(Parts {
        addresses,
        owner: owner_handle,
        fib: fib.clone(),
        restart,
        doors,
        peers: known,
        origins,
        reload: reread,
        drain,
        health: health.clone(),
        wanted,
        levels,
    });
    if let Some(settings) = &config.api {
        let group = settings.group.as_ref().map(|group| group.as_str().to_owned());
        let access = Access { mode: settings.mode.bits(), group };
        let socket = ControlSocket::bind(&settings.socket, access.clone()).context("api.socket")?;
        services.spawn(api::serve(socket, daemon.clone(), stop.clone()));
        for (key, path, scope) in bird_sockets(settings) {
            let socket = ControlSocket::bind(path, access.clone()).context(key)?;
            services.spawn(birdc::serve(socket, daemon.clone(), scope, stop.clone()));
        }
        services.extend(last_run.clone().map(|last_run| last_run.keep(to_know.clone())));
    }
    if let Some(listener) = Early::take_over(early, &config).await? {
        services.spawn(api::serve_metrics(listener, daemon, stop.clone()));
    }

    services.spawn(service_manager::keep(health));

    let signal = tokio::select! {
        signal = end => signal,
        // Without it nothing is decided any more. Better to end, loudly: the kernel's routes stay, peers keep ours.
        ended = &mut owner_task => anyhow::bail!("the owner of the RIB has ended, which it never should: {ended:?}"),
        // A peer's task recovers by itself, and the roster looks after it. Without one of these nobody gets in, or nobody can look.
        error = panicked(&mut tasks) => anyhow::bail!("a part of the daemon has ended, which it never should: {error}"),
        error = panicked(&mut services) => anyhow::bail!("a part of the daemon has ended, which it never should: {error}"),
    };
    info!(signal, "roost ends; kernel routes stay, and peers with graceful restart keep our routes");
    service_manager::stopping();
    stop.cancel();
    // First the owner: it would take the sessions that end now for lost peers, and their routes out of the kernel.
    owner_task.abort();
    drop(owner_task.await);
    // Kept until here: the owner has work to do without any peer, too.
    drop(news_sender);
    farewell.cancel();
    let all_gone = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, all_gone).await.is_err() {
        warn!("some peers did not let go in time");
    }
    last_words::all_heard().await;
    if let Some(fib) = fib
        && tokio::time::timeout(FAREWELL, fib.shutdown(true)).await.is_err()
    {
        warn!("the kernel did not take the last routes in time");
    }
    services.shutdown().await;
    note(last_run.as_ref(), &to_know);
    Ok(())
}

/// Says to the next run what is known now. Where that fails, [`LastRun::keep`] has warned or will.
fn note(last_run: Option<&LastRun>, known: &Known) {
    if let Some(Err(error)) = last_run.map(|last_run| last_run.note(known.without_routes())) {
        debug!(%error, "cannot note what is in the kernel");
    }
}

/// BIRD's control sockets by their keys, and what each shows.
fn bird_sockets(settings: &config::Api) -> impl Iterator<Item = (&'static str, &Path, birdc::Scope)> {
    let ipv4 =
        if settings.bird6_socket.is_some() { birdc::Scope::Only(Family::IPV4_UNICAST) } else { birdc::Scope::Both };
    let ipv6 = birdc::Scope::Only(Family::IPV6_UNICAST);
    let sockets = [
        ("api.bird_socket", settings.bird_socket.as_deref(), ipv4),
        ("api.bird6_socket", settings.bird6_socket.as_deref(), ipv6),
    ];
    sockets.into_iter().filter_map(|(key, path, scope)| Some((key, path?, scope)))
}

/// Peers are numbered in the order of the configuration.
fn peer_id(n: usize) -> PeerId {
    PeerId(u32::try_from(n).expect("a configuration file of 16 MiB has fewer peers"))
}

fn listen(config: &Config, keys: &Keys) -> Result<Vec<Arc<TcpListener>>> {
    let mut listeners = Vec::new();
    for address in &config.router.listen {
        let listener = tcp::listen(*address, config.router.limits.backlog).with_context(|| {
            format!(
                "cannot listen on {address} (router.listen): is another BGP daemon running, is the address this node's, \
                 may the process use port {}?",
                address.port()
            )
        })?;
        keys.arm(&listener)?;
        listeners.push(Arc::new(listener));
    }
    Ok(listeners)
}

/// Completes when one of the tasks has panicked.
async fn panicked(tasks: &mut JoinSet<()>) -> JoinError {
    loop {
        match tasks.join_next().await {
            Some(Err(error)) if error.is_panic() => return error,
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

/// From here on neither signal ends the process at once; completes with the first one.
fn end() -> Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}
