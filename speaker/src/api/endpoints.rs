//! Every page of the control socket, in one table: how it is reached, what it takes, what it answers, who handles it.
//!
//! [`router`] and the OpenAPI document are both made from [`endpoints`], so neither can know a page the other does not.
//! Those of the control socket are in [`pages`](super::pages) and its neighbours; answers are written as JSON once, straight
//! into the body.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use axum::{Json, Router, middleware};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::apply::{Applied, ApplyRequest, ConfirmRequest};
use super::backend::Backend;
use super::body::{Places, few_large_bodies};
use super::configuration::{ConfigStatus, ConfigSteps, ConfigText, OverlayRow, Plan, PlanRequest, ReloadRequest};
use super::model::{
    AnnounceList, DrainOrder, DrainState, EventFilter, EventRow, Examination, FibFilter, FibRow, GroupRow, LogLevels,
    LogOrder, Memory, OwnerDone, OwnerPatch, OwnerRoutes, OwnerRow, PeerDetail, PeerDisable, PeerDone, PeerEnable,
    PeerFilter, PeerRefresh, PeerReset, PeerRow, PoolDetail, PrefixListDone, Problem, RouteFilter, RouteRow, Status,
    WatchLine, WatchQuery, Why, WithdrawList,
};
use super::pages::{
    drain, drain_state, examination, fib, groups, memory, order, peer, peers, plan, pools, reload, route, routes,
    status, undrain, why,
};
use super::{apply, calls, log_pages, openapi, overlay, owner_pages, watch};
use crate::config::overlay::{peer_schema, pool_schema};

/// Largest request body: as many IPv6 prefixes as can be announced.
const BODY_LIMIT: usize = 8 << 20;
/// The pages of one owner.
const OWNER: &str = "/v1/owners/{owner}";

/// Makes (or finds) the schema of one type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One method of one page.
pub(super) struct Endpoint<B> {
    pub method: Method,
    /// As axum reads it: `{*name}` takes the rest of the path.
    pub path: &'static str,
    pub summary: &'static str,
    /// Name and meaning of the path's parameter.
    pub parameter: Option<(&'static str, &'static str)>,
    /// What it must look like.
    pub pattern: Option<&'static str>,
    /// The fields that can stand in the query.
    pub query: Option<SchemaOf>,
    pub body: Option<SchemaOf>,
    pub answer: SchemaOf,
    /// The answer's form.
    pub media: &'static str,
    /// Statuses of the problems it can answer with.
    pub problems: &'static [u16],
    /// Whether it changes something, and nobody further in logs for whom.
    pub noted: bool,
    pub handler: MethodRouter<B>,
}

impl<B: Backend> Endpoint<B> {
    fn get<T: JsonSchema>(path: &'static str, summary: &'static str, handler: MethodRouter<B>) -> Self {
        Self {
            method: Method::GET,
            path,
            summary,
            parameter: None,
            pattern: None,
            query: None,
            body: None,
            answer: SchemaGenerator::subschema_for::<T>,
            media: "application/json",
            problems: &[],
            noted: false,
            handler,
        }
    }

    fn post<I: JsonSchema, O: JsonSchema>(path: &'static str, summary: &'static str, handler: MethodRouter<B>) -> Self {
        Self {
            method: Method::POST,
            body: Some(SchemaGenerator::subschema_for::<I>),
            problems: &[400, 408, 409, 413, 415, 422, 503],
            noted: true,
            ..Self::get::<O>(path, summary, handler)
        }
    }

    fn order<I: JsonSchema>(path: &'static str, summary: &'static str, handler: MethodRouter<B>) -> Self {
        let problems = &[400, 404, 408, 409, 413, 415, 422, 503];
        Self { problems, ..Self::post::<I, Vec<PeerDone>>(path, summary, handler) }
    }

    /// Sets a peer or a pool, or takes it back.
    fn set(path: &'static str, summary: &'static str, handler: MethodRouter<B>) -> Self {
        Self::get::<ConfigSteps>(path, summary, handler)
    }

    /// The parameter that names it, and its settings; without those it is taken back.
    fn of_entry(self, name: &'static str, meaning: &'static str, body: Option<SchemaOf>) -> Self {
        let (method, problems): (_, &[u16]) = match body {
            Some(_) => (Method::PUT, &[400, 408, 409, 413, 415, 422, 503]),
            None => (Method::DELETE, &[400, 404, 409, 503]),
        };
        Self { method, parameter: Some((name, meaning)), body, problems, ..self }
    }

    fn of_owner(self) -> Self {
        let parameter = Some(("owner", "Its name: 1 to 63 of A-Z, a-z, 0-9, \".\", \"_\" and \"-\""));
        Self { parameter, pattern: Some("^[A-Za-z0-9._-]{1,63}$"), ..self }.noted_within()
    }

    /// Whoever carries it out logs for whom, once, where it is more than that a lease is renewed.
    fn noted_within(self) -> Self {
        Self { noted: false, ..self }
    }
}

/// The table.
pub(super) fn endpoints<B: Backend>() -> Vec<Endpoint<B>> {
    vec![
        Endpoint::get::<Status>("/v1/status", "The daemon at a glance", get(status::<B>)),
        Endpoint {
            query: Some(SchemaGenerator::subschema_for::<PeerFilter>),
            problems: &[400, 404],
            ..Endpoint::get::<Vec<PeerRow>>("/v1/peers", "All peers, in order of address", get(peers::<B>))
        },
        Endpoint {
            parameter: Some((
                "name",
                "The peer's address (a link-local one as ADDRESS%INTERFACE), its node in the mesh, or its description",
            )),
            problems: &[400, 404, 409],
            ..Endpoint::get::<PeerDetail>("/v1/peers/{name}", "Everything about one peer", get(peer::<B>))
        },
        Endpoint {
            query: Some(SchemaGenerator::subschema_for::<RouteFilter>),
            problems: &[400, 404, 503],
            ..Endpoint::get::<Vec<RouteRow>>(
                "/v1/routes",
                "All paths, in order of prefix, the best first: each one's way from peer to kernel",
                get(routes::<B>),
            )
        },
        Endpoint {
            parameter: Some((
                "prefix",
                "A prefix (its slash as it is, or as %2F), or an address, which stands for its longest match",
            )),
            problems: &[400, 404, 503],
            ..Endpoint::get::<Vec<RouteRow>>("/v1/routes/{*prefix}", "The paths of one prefix", get(route::<B>))
        },
        Endpoint {
            query: Some(SchemaGenerator::subschema_for::<FibFilter>),
            problems: &[400, 503],
            ..Endpoint::get::<Vec<FibRow>>(
                "/v1/fib",
                "Kernel routes, in order of prefix: what is wanted and what is there",
                get(fib::<B>),
            )
        },
        Endpoint {
            parameter: Some(("address", "An address, of a pod or any other")),
            problems: &[400, 503],
            ..Endpoint::get::<Why>(
                "/v1/why/{*address}",
                "Where packets to an address go from this node, and why: from its prefix to the wire",
                get(why::<B>),
            )
        },
        Endpoint {
            problems: &[503],
            ..Endpoint::get::<Examination>(
                "/v1/examination",
                "The kernel side as it is meant to be, for whoever looks for what is wrong with it",
                get(examination::<B>),
            )
        },
        Endpoint::get::<Vec<PoolDetail>>(
            "/v1/pools",
            "All pools: what is configured and where, the tunnel device as it is, and what has become of the routes",
            get(pools::<B>),
        ),
        Endpoint::get::<Vec<GroupRow>>("/v1/groups", "Peers that are sent the same bytes", get(groups::<B>)),
        Endpoint {
            query: Some(SchemaGenerator::subschema_for::<EventFilter>),
            problems: &[400, 404],
            ..Endpoint::get::<Vec<EventRow>>(
                "/v1/events",
                "What has happened lately, oldest first: the last 1,024 events",
                get(watch::events::<B>),
            )
        },
        Endpoint {
            query: Some(SchemaGenerator::subschema_for::<WatchQuery>),
            problems: &[400, 404, 503],
            media: "application/x-ndjson",
            ..Endpoint::get::<WatchLine>(
                "/v1/watch",
                "What changes, one object a line, for as long as the client reads; each line says where to go on from",
                get(watch::watch::<B>),
            )
        },
        Endpoint::get::<Memory>("/v1/memory", "Where the memory goes, part by part", get(memory::<B>)),
        Endpoint::get::<LogLevels>("/v1/log", "How much is logged", get(log_pages::levels::<B>)),
        Endpoint::post::<LogOrder, LogLevels>(
            "/v1/log",
            "Log more or less, of everything or of parts of the program, until `reset` or the next start; `{}` changes nothing",
            post(log_pages::change::<B>),
        ),
        Endpoint::post::<AnnounceList, PrefixListDone>(
            "/v1/announce",
            "Originate these prefixes: all of them, or none when one is wrong; repeating it changes nothing",
            post(owner_pages::edit_list::<B, AnnounceList>),
        )
        .noted_within(),
        Endpoint::post::<WithdrawList, PrefixListDone>(
            "/v1/withdraw",
            "Stop originating these prefixes, unless others announce them, too; repeating it changes nothing",
            post(owner_pages::edit_list::<B, WithdrawList>),
        )
        .noted_within(),
        Endpoint::get::<Vec<OwnerRow>>(
            "/v1/owners",
            "Who announces prefixes at run time, in order of name",
            get(owner_pages::owners::<B>),
        ),
        Endpoint {
            problems: &[400, 404],
            ..Endpoint::get::<OwnerRoutes>(OWNER, "What one owner announces", get(owner_pages::owner::<B>))
        }
        .of_owner(),
        Endpoint {
            method: Method::PUT,
            ..Endpoint::post::<OwnerRoutes, OwnerDone>(
                OWNER,
                "This is all that the owner announces: what is missing is originated, what is not named is withdrawn",
                put(owner_pages::edit::<B, OwnerRoutes>),
            )
        }
        .of_owner(),
        Endpoint {
            method: Method::PATCH,
            problems: &[400, 404, 408, 409, 413, 415, 422, 503],
            ..Endpoint::post::<OwnerPatch, OwnerDone>(
                OWNER,
                "Announce and withdraw in one request: all of it, or nothing; `{}` only renews the lease. 404 says that the \
                 owner is not known, or not any more: its lease was over. A PUT then says all that it announces",
                patch(owner_pages::edit::<B, OwnerPatch>),
            )
        }
        .of_owner(),
        Endpoint {
            method: Method::DELETE,
            problems: &[400, 404, 503],
            ..Endpoint::get::<OwnerDone>(
                OWNER,
                "Withdraw all that the owner announces, and forget it",
                delete(owner_pages::remove::<B>),
            )
        }
        .of_owner(),
        Endpoint {
            problems: &[400, 408, 413, 415, 422, 503],
            ..Endpoint::post::<ReloadRequest, ConfigSteps>(
                "/v1/reload",
                "Read the configuration file again and put it in force; one with mistakes changes nothing",
                post(reload::<B>),
            )
        },
        Endpoint::get::<DrainState>("/v1/drain", "Whether the node is out of service", get(drain_state::<B>)),
        Endpoint::post::<DrainOrder, DrainState>(
            "/v1/drain",
            "Take the node out of service: tell peers to prefer other ways, wait, then end all sessions and want none; \
             answered at once, and repeating it changes text and times",
            post(drain::<B>),
        ),
        Endpoint {
            method: Method::POST,
            problems: &[503],
            noted: true,
            ..Endpoint::get::<DrainState>(
                "/v1/undrain",
                "Take the node back into service; repeating it changes nothing",
                post(undrain::<B>),
            )
        },
        Endpoint {
            problems: &[400, 408, 413, 415, 422, 503],
            noted: false,
            ..Endpoint::post::<PlanRequest, Plan>(
                "/v1/plan",
                "What would be done to put a configuration in force, and what would come of it; nothing changes",
                post(plan::<B>),
            )
        },
        Endpoint::post::<ApplyRequest, Applied>(
            "/v1/apply",
            "Put this text in force, and into the configuration file: at once, or when it is confirmed; if it is not, what was \
             in force before is again",
            post(apply::apply::<B>),
        )
        .noted_within(),
        Endpoint::post::<ConfirmRequest, ConfigStatus>(
            "/v1/confirm",
            "Keep the configuration that waits to be confirmed, or go back at once",
            post(apply::confirm::<B>),
        )
        .noted_within(),
        Endpoint::get::<ConfigText>(
            "/v1/config",
            "The configuration in force as it is written, comments and all; passwords are `***`",
            get(overlay::config::<B>),
        ),
        Endpoint::get::<Vec<OverlayRow>>(
            "/v1/overlay",
            "Peers and pools that were set over the API, in the order in which they were",
            get(overlay::list::<B>),
        ),
        Endpoint::set(
            "/v1/peers/{name}",
            "This peer is to be there, with these settings: the keys of a peer in the configuration file. It is kept over \
             restarts; a peer that the file has is refused (409)",
            put(overlay::put_peer::<B>),
        )
        .of_entry("name", "The peer's address, a link-local one as ADDRESS%INTERFACE", Some(peer_schema)),
        Endpoint::set(
            "/v1/peers/{name}",
            "This peer, which was set over the API, is to be there no more: its session ends, and its routes go",
            delete(overlay::remove_peer::<B>),
        )
        .of_entry("name", "The peer's address, a link-local one as ADDRESS%INTERFACE", None),
        Endpoint::set(
            "/v1/pools/{*cidr}",
            "This pool is to be there, with these settings: the keys of a pool in the configuration file. It is kept over \
             restarts; a pool that the file has is refused (409)",
            put(overlay::put_pool::<B>),
        )
        .of_entry("cidr", "Its range (its slash as it is, or as %2F)", Some(pool_schema)),
        Endpoint::set(
            "/v1/pools/{*cidr}",
            "This pool, which was set over the API, is to be there no more",
            delete(overlay::remove_pool::<B>),
        )
        .of_entry("cidr", "Its range (its slash as it is, or as %2F)", None),
        Endpoint::order::<PeerRefresh>(
            "/v1/peers/refresh",
            "Exchange routes with these peers again; their sessions stay",
            post(order::<B, PeerRefresh>),
        ),
        Endpoint::order::<PeerReset>(
            "/v1/peers/reset",
            "End the sessions with these peers and begin others; a peer without one is tried now",
            post(order::<B, PeerReset>),
        ),
        Endpoint::order::<PeerDisable>(
            "/v1/peers/disable",
            "End the sessions with these peers and want none until they are enabled or roost is started again; \
             repeating it changes nothing",
            post(order::<B, PeerDisable>),
        ),
        Endpoint::order::<PeerEnable>(
            "/v1/peers/enable",
            "Let these peers in again, at once, also those that too many prefixes or mistakes keep away; repeating it \
             changes nothing",
            post(order::<B, PeerEnable>),
        ),
    ]
}

/// The control socket's pages: the table, the document made from it, and problems for everything else.
pub(super) fn router<B: Backend>(backend: B) -> Router {
    endpoints::<B>()
        .into_iter()
        .fold(Router::new(), |router, Endpoint { path, noted, handler, .. }| {
            router.route(path, if noted { handler.layer(middleware::from_fn(calls::note)) } else { handler })
        })
        .route("/openapi.json", get(openapi_json::<B>))
        .fallback(no_such_page)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Places::default(), few_large_bodies))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(backend)
}

/// The read-only pages of the metrics listener.
pub(super) fn metrics_router<B: Backend>(backend: B) -> Router {
    Router::new()
        .route("/metrics", get(metrics::<B>))
        .route("/livez", get(livez::<B>))
        .route("/readyz", get(readyz::<B>))
        .fallback(no_such_metrics_page)
        .method_not_allowed_fallback(wrong_method)
        .with_state(backend)
}

async fn openapi_json<B: Backend>() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], openapi::document_bytes::<B>())
}

/// Prometheus' text format, <https://prometheus.io/docs/instrumenting/exposition_formats/>.
async fn metrics<B: Backend>(State(backend): State<B>) -> impl IntoResponse {
    let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, format)], backend.metrics().await)
}

/// What a kubelet asks before it starts the daemon again.
async fn livez<B: Backend>(State(backend): State<B>) -> impl IntoResponse {
    let liveness = backend.liveness().await;
    (ok_or_unavailable(liveness.alive), Json(liveness))
}

/// What a kubelet asks before it counts on the node.
async fn readyz<B: Backend>(State(backend): State<B>) -> impl IntoResponse {
    let readiness = backend.readiness().await;
    (ok_or_unavailable(readiness.ready), Json(readiness))
}

fn ok_or_unavailable(ok: bool) -> StatusCode {
    if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn no_such_page(uri: Uri) -> Problem {
    Problem::not_found(format!("no page {}; GET /openapi.json describes all", uri.path()))
}

async fn no_such_metrics_page(uri: Uri) -> Problem {
    Problem::not_found(format!("no page {}; this listener has /metrics, /livez and /readyz", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}; the Allow header says what it takes", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
