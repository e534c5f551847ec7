//! Does what the command line says.

use std::io::{self, IsTerminal, Read, Write};
use std::net::IpAddr;
use std::path::Path;

use anyhow::Context;
use axum::http::Method;
use bytes::Bytes;

use super::args::{Args, Command, FibCommand, Output, PeerOrder, Show};
use super::birdcl::Conversation;
use super::client::{Client, ClientError, escape, query};
use super::doctor::doctor;
use super::look::Look;
use super::progress::{self, Meter};
use super::{EXIT_OK, apply, drain, generate, log, overlay, render, watch};
use crate::api::configuration::{ConfigText, OverlayRow, PlanRequest, ReloadRequest};
use crate::api::model::{
    AnnounceList, Direction, EventFilter, EventRow, FibFilter, FibRow, GroupRow, KeptPrefix, Memory, OwnerDone,
    OwnerRow, PeerDetail, PeerDisable, PeerDone, PeerEnable, PeerFilter, PeerRefresh, PeerReset, PeerRow, PoolDetail,
    PrefixListDone, RouteFilter, RouteRow, Status, Why, WithdrawList,
};
use crate::decode::{DecodeArgs, DecodeError};

/// Writes to `out` what was asked for, and returns the exit code.
pub(super) fn run(args: Args, out: &mut impl Write) -> anyhow::Result<u8> {
    let (json, look) = (args.output() == Output::Json, Look::of_stdout(args.output()));
    let octets = Meter::default();
    let out = &mut progress::Output::new(out, doing(&args.command), octets.clone());
    let client = Client::new(args.socket).counting(octets);
    match args.command {
        Command::Run { config } => crate::daemon::run(&config).map(|()| EXIT_OK),
        Command::Check { file } => Ok(crate::config::check_command(&file, json, out, &mut io::stderr())?),
        Command::Schema => {
            serde_json::to_writer_pretty(&mut *out, &crate::config::schema())?;
            writeln!(out)?;
            Ok(EXIT_OK)
        }
        Command::Birdcl { control, codes, restrict, command } => birdcl(&control, codes, restrict, &command, out),
        Command::Fib { what: FibCommand::Clean { config, yes } } => {
            super::clean::clean(&config, client.socket(), yes, json, out)
        }
        Command::Decode { file, options } => match file.filter(|path| path.as_os_str() != "-") {
            None => decode(io::stdin(), &options, out),
            Some(path) => {
                let file = std::fs::File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
                decode(file, &options, out).with_context(|| path.display().to_string())
            }
        },
        Command::Completions { shell } => {
            generate::completions(shell, out)?;
            Ok(EXIT_OK)
        }
        Command::Man { folder } => generate::man(folder.as_deref(), out).map(|()| EXIT_OK),
        Command::Show { what } => ask(async { show(&client, what, json, look, out).await }),
        Command::Fib { what: FibCommand::Doctor { config } } => doctor(&client, &config, json, look, out),
        Command::Why { address } => ask(async { why(&client, address, json, out).await }),
        Command::Announce { prefixes, service, owner } => {
            let (owner, lists) = (Some(owner), if service { (Vec::new(), prefixes) } else { (prefixes, Vec::new()) });
            let list = AnnounceList { owner, prefixes: lists.0, services: lists.1 };
            ask(async { edit(&client, &ANNOUNCE, client.json(&list)?, json, out).await })
        }
        Command::Plan { file } => ask(async { plan(&client, &file, json, out).await }),
        Command::Apply { file, confirm } => ask(async { apply::apply(&client, &file, confirm, json, out).await }),
        Command::Confirm { undo } => ask(async { apply::confirm(&client, undo, json, out).await }),
        Command::Reload { check } => ask(async { reload(&client, check, json, out).await }),
        Command::Log { levels, reset } => ask(async { log::log(&client, levels, reset, json, out).await }),
        Command::Pool { order } => ask(async { overlay::pool(&client, order, json, out).await }),
        Command::Peer { order: what } => ask(async { order(&client, what, json, out).await }),
        Command::Drain(how) => ask(async { drain::drain(&client, how, json, out).await }),
        Command::Watch(args) => ask(async { watch::watch(&client, args, json, out).await }),
        Command::Undrain => ask(async { drain::undrain(&client, json, out).await }),
        Command::Withdraw { owner, all: true, .. } => ask(async { remove_owner(&client, &owner, json, out).await }),
        Command::Withdraw { prefixes, owner, .. } => {
            let list = WithdrawList { owner: Some(owner), prefixes };
            ask(async { edit(&client, &WITHDRAW, client.json(&list)?, json, out).await })
        }
    }
}

/// What is said of a command that takes its time.
fn doing(command: &Command) -> Option<&'static str> {
    match command {
        // The daemon has its log, a drain says itself what it waits for, and whoever types at standard input sees what he
        // does.
        Command::Run { .. } | Command::Drain(_) | Command::Watch(_) | Command::Birdcl { .. } => None,
        Command::Decode { file: None, .. } if io::stdin().is_terminal() => None,
        Command::Decode { .. } => Some("decoding"),
        Command::Check { .. } => Some("checking"),
        Command::Fib { .. } => Some("looking"),
        _ => Some("waiting for the daemon"),
    }
}

fn birdcl(control: &Path, codes: bool, restrict: bool, command: &[String], out: &mut impl Write) -> anyhow::Result<u8> {
    let mut conversation = Conversation::begin(control, codes, out)?;
    if restrict {
        conversation.ask("restrict")?;
    }
    match command {
        [] => conversation.ask_all(io::stdin().lock(), io::stdin().is_terminal()),
        words => conversation.ask(&words.join(" ")),
    }
}

fn decode(input: impl Read + Send, options: &DecodeArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    match crate::decode::decode(input, out, options) {
        Ok(0) => {
            let port = options.port;
            writeln!(io::stderr(), "roost: no BGP message found (of captures, TCP port {port} is read: see --port)")?;
            Ok(EXIT_OK)
        }
        Ok(_) => Ok(EXIT_OK),
        Err(DecodeError::Write(error)) => Err(error.into()), // a closed pipe is no failure
        Err(error) => Err(error.into()),
    }
}

/// Runs one conversation with the daemon. A client has no use for more than one thread.
fn ask(conversation: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<u8> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    runtime.block_on(conversation).map(|()| EXIT_OK)
}

async fn show(client: &Client, what: Show, json: bool, look: Look, out: &mut impl Write) -> anyhow::Result<()> {
    let path = match &what {
        Show::Status => "/v1/status".to_owned(),
        Show::Peers(filter) => format!("/v1/peers{}", query(&PeerFilter::from(filter.clone()))?),
        Show::Peer { name } => format!("/v1/peers/{}", escape(name)),
        Show::Routes(filter) => format!("/v1/routes{}", query(&RouteFilter::from(filter.clone()))?),
        Show::Route { prefix } => format!("/v1/routes/{}", escape(prefix)),
        Show::Fib(filter) => format!("/v1/fib{}", query(&FibFilter::from(filter.clone()))?),
        Show::Pools => "/v1/pools".to_owned(),
        Show::Groups => "/v1/groups".to_owned(),
        Show::Events(filter) => format!("/v1/events{}", query(&EventFilter::from(filter.clone()))?),
        Show::Overlay => "/v1/overlay".to_owned(),
        Show::Owners => "/v1/owners".to_owned(),
        Show::Memory => "/v1/memory".to_owned(),
        Show::Config => "/v1/config".to_owned(),
    };
    if json {
        return pass(client, Method::GET, &path, None, out).await;
    }
    let text = match what {
        Show::Status => look.status(&client.get::<Status>(&path).await?),
        Show::Peers(_) => look.peers(&client.get::<Vec<PeerRow>>(&path).await?),
        Show::Peer { name } => look.each_peer(&details(client, &name).await?),
        Show::Routes(_) => look.routes(&client.get::<Vec<RouteRow>>(&path).await?),
        Show::Route { .. } => render::route(&client.get::<Vec<RouteRow>>(&path).await?),
        Show::Fib(_) => look.fib(&client.get::<Vec<FibRow>>(&path).await?),
        Show::Events(_) => render::events(&client.get::<Vec<EventRow>>(&path).await?),
        Show::Pools => look.pools(&client.get::<Vec<PoolDetail>>(&path).await?),
        Show::Groups => render::groups(&client.get::<Vec<GroupRow>>(&path).await?),
        Show::Overlay => render::overlay(&client.get::<Vec<OverlayRow>>(&path).await?),
        Show::Owners => render::owners(&client.get::<Vec<OwnerRow>>(&path).await?),
        Show::Config => render::config(&client.get::<ConfigText>(&path).await?),
        Show::Memory => render::memory(&client.get::<Memory>(&path).await?),
    };
    out.write_all(text.as_bytes())?;
    Ok(())
}

async fn why(client: &Client, address: IpAddr, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let path = format!("/v1/why/{}", escape(&address.to_string()));
    if json {
        return pass(client, Method::GET, &path, None, out).await;
    }
    out.write_all(render::why(&client.get::<Why>(&path).await?).as_bytes())?;
    Ok(())
}

/// Everything about each of the peers that share a name.
async fn details(client: &Client, name: &str) -> Result<Vec<PeerDetail>, ClientError> {
    let rows: Vec<PeerRow> = client.get(&format!("/v1/peers?peer={}", escape(name))).await?;
    let mut details = Vec::with_capacity(rows.len());
    for row in rows {
        details.push(client.get(&format!("/v1/peers/{}", escape(&row.name()))).await?);
    }
    Ok(details)
}

/// What `announce` and `withdraw` ask, and what they print.
struct Edit {
    page: &'static str,
    changed: &'static str,
    unchanged: &'static str,
}

const ANNOUNCE: Edit = Edit { page: "/v1/announce", changed: "announced", unchanged: "was announced already" };
const WITHDRAW: Edit = Edit { page: "/v1/withdraw", changed: "withdrawn", unchanged: "was not announced" };

async fn edit(client: &Client, edit: &Edit, list: Bytes, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    if json {
        return pass(client, Method::POST, edit.page, Some(list), out).await;
    }
    let PrefixListDone { changed, unchanged, kept } = client.post_bytes(edit.page, list).await?;
    say_changed(&changed, &kept, edit.changed, out)?;
    for prefix in unchanged {
        writeln!(out, "{prefix} {}", edit.unchanged)?;
    }
    Ok(())
}

fn say_changed(changed: &[String], kept: &[KeptPrefix], how: &str, out: &mut impl Write) -> io::Result<()> {
    for prefix in changed {
        match kept.iter().find(|kept| kept.prefix == *prefix) {
            None => writeln!(out, "{prefix} {how}")?,
            Some(KeptPrefix { owners, configured, .. }) => {
                let configuration = configured.then(|| "the configuration".to_owned());
                let others: Vec<_> = configuration.into_iter().chain(owners.iter().cloned()).collect();
                writeln!(out, "{prefix} {how}; it stays announced by {}", others.join(", "))?;
            }
        }
    }
    Ok(())
}

async fn remove_owner(client: &Client, owner: &str, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let page = format!("/v1/owners/{}", escape(owner));
    if json {
        return pass(client, Method::DELETE, &page, None, out).await;
    }
    let OwnerDone { withdrawn, kept, .. } = client.send(Method::DELETE, &page, None).await?;
    say_changed(&withdrawn, &kept, WITHDRAW.changed, out)?;
    writeln!(out, "{owner} is forgotten")?;
    Ok(())
}

async fn plan(client: &Client, file: &Path, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    let body = client.json(&PlanRequest { name, text })?;
    if json {
        return pass(client, Method::POST, "/v1/plan", Some(body), out).await;
    }
    out.write_all(render::plan(&client.post_bytes("/v1/plan", body).await?).as_bytes())?;
    Ok(())
}

async fn reload(client: &Client, check: bool, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let body = client.json(&ReloadRequest { check })?;
    if json {
        return pass(client, Method::POST, "/v1/reload", Some(body), out).await;
    }
    out.write_all(render::config_steps(&client.post_bytes("/v1/reload", body).await?, check).as_bytes())?;
    Ok(())
}

async fn order(client: &Client, order: PeerOrder, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let (page, body) = match order {
        PeerOrder::Refresh { whom, incoming, outgoing, family } => {
            let direction = match (incoming, outgoing) {
                (true, _) => Direction::In,
                (_, true) => Direction::Out,
                _ => Direction::Both,
            };
            let body = client.json(&PeerRefresh { peers: whom.into(), families: family, direction });
            ("/v1/peers/refresh", body)
        }
        PeerOrder::Reset { whom, message, graceful } => {
            ("/v1/peers/reset", client.json(&PeerReset { peers: whom.into(), message, graceful }))
        }
        PeerOrder::Disable { whom, message } => {
            ("/v1/peers/disable", client.json(&PeerDisable { peers: whom.into(), message }))
        }
        PeerOrder::Add(peer) => return overlay::add_peer(client, peer, json, out).await,
        PeerOrder::Remove { address } => return overlay::remove_peer(client, &address, json, out).await,
        PeerOrder::Enable { whom } => ("/v1/peers/enable", client.json(&PeerEnable { peers: whom.into() })),
    };
    let body = body?;
    if json {
        return pass(client, Method::POST, page, Some(body), out).await;
    }
    for done in client.post_bytes::<Vec<PeerDone>>(page, body).await? {
        writeln!(out, "{}: {}", done.name(), done.text)?;
    }
    Ok(())
}

/// The API's own JSON, as it comes, and a line end.
pub(super) async fn pass(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<Bytes>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    client.pass(method, path, body, |piece| Ok::<_, PassError>(out.write_all(piece)?)).await.map_err(|error| {
        match error {
            PassError::Client(error) => anyhow::Error::from(error),
            PassError::Out(error) => error.into(),
        }
    })?;
    writeln!(out)?;
    Ok(())
}

/// Either end of a pipe can break.
pub(super) enum PassError {
    Client(ClientError),
    Out(io::Error),
}

impl From<ClientError> for PassError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<io::Error> for PassError {
    fn from(error: io::Error) -> Self {
        Self::Out(error)
    }
}
