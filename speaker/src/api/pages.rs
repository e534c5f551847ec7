//! What the pages of [`endpoints`](super::endpoints) answer: translated between HTTP and [`Backend`], and no more.

use std::net::IpAddr;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures::TryStreamExt;

use super::backend::{Backend, Reread};
use super::body::Body;
use super::configuration::{ConfigSteps, Plan, PlanRequest, ReloadRequest};
use super::list::list;
use super::model::{
    DrainOrder, DrainState, Examination, FibFilter, GroupRow, Memory, PeerDetail, PeerDone, PeerFilter, PeerRow,
    PoolDetail, Problem, RouteFilter, RouteRow, Status, Why,
};
use super::orders::IntoOrder;

pub(super) async fn status<B: Backend>(State(backend): State<B>) -> Json<Status> {
    // Apart from the status itself, which is asked for in all of BIRD's replies, too: it looks at rows of the kernel side.
    let readiness = backend.readiness().await;
    Json(Status { readiness, ..backend.status().await })
}

pub(super) async fn peers<B: Backend>(
    State(backend): State<B>,
    filter: Result<Query<PeerFilter>, QueryRejection>,
) -> Result<Json<Vec<PeerRow>>, Problem> {
    let Query(filter) = filter?;
    backend.peers(filter).await.map(Json)
}

pub(super) async fn peer<B: Backend>(
    State(backend): State<B>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<PeerDetail>, Problem> {
    let Path(name) = name?;
    backend.peer(name).await.map(Json)
}

pub(super) async fn routes<B: Backend>(
    State(backend): State<B>,
    filter: Result<Query<RouteFilter>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(filter) = filter?;
    whole(filter.longer, filter.prefix.as_ref())?;
    list(backend.routes(filter).await?).await
}

pub(super) async fn route<B: Backend>(
    State(backend): State<B>,
    prefix: Result<Path<String>, PathRejection>,
) -> Result<Json<Vec<RouteRow>>, Problem> {
    let Path(text) = prefix?;
    let filter = match text.parse::<IpAddr>() {
        Ok(address) => RouteFilter { address: Some(address), ..RouteFilter::default() },
        Err(_) => RouteFilter { prefix: Some(text.clone()), ..RouteFilter::default() },
    };
    let rows: Vec<_> = backend.routes(filter).await?.try_concat().await?;
    if rows.is_empty() { Err(Problem::not_found(format!("no path for {text}"))) } else { Ok(Json(rows)) }
}

pub(super) async fn fib<B: Backend>(
    State(backend): State<B>,
    filter: Result<Query<FibFilter>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(filter) = filter?;
    whole(filter.longer, filter.prefix.as_ref())?;
    list(backend.fib(filter).await?).await
}

/// `longer` says nothing without `prefix`.
fn whole(longer: bool, prefix: Option<&String>) -> Result<(), Problem> {
    match (longer, prefix) {
        (true, None) => Err(Problem::bad_request("longer: means what lies inside `prefix`, which is not given")),
        _ => Ok(()),
    }
}

pub(super) async fn why<B: Backend>(
    State(backend): State<B>,
    address: Result<Path<String>, PathRejection>,
) -> Result<Json<Why>, Problem> {
    let Path(text) = address?;
    let shown: String = text.chars().take(64).collect();
    let wrong =
        |_| Problem::bad_request(format!("{shown:?} is no address; write one such as 10.65.2.7, without a length"));
    backend.why(text.parse().map_err(wrong)?).await.map(Json)
}

pub(super) async fn examination<B: Backend>(State(backend): State<B>) -> Result<Json<Examination>, Problem> {
    backend.examination().await.map(Json)
}

pub(super) async fn pools<B: Backend>(State(backend): State<B>) -> Json<Vec<PoolDetail>> {
    Json(backend.pools().await)
}

pub(super) async fn groups<B: Backend>(State(backend): State<B>) -> Json<Vec<GroupRow>> {
    Json(backend.groups().await)
}

pub(super) async fn memory<B: Backend>(State(backend): State<B>) -> Json<Memory> {
    Json(backend.memory().await)
}

pub(super) async fn order<B: Backend, I: IntoOrder>(
    State(backend): State<B>,
    Body(order): Body<I>,
) -> Result<Json<Vec<PeerDone>>, Problem> {
    let (peers, order) = order.into_order()?;
    if peers.is_empty() {
        return Err(Problem::bad_request("peers: name at least one, by address or name, or `*` for all"));
    }
    backend.order(peers, order).await.map(Json)
}

pub(super) async fn reload<B: Backend>(
    State(backend): State<B>,
    Body(request): Body<ReloadRequest>,
) -> Result<Json<ConfigSteps>, Problem> {
    let Reread { file, outcome } = backend.reread(request.check).await;
    outcome.map(Json).map_err(|mistakes| {
        let mistakes = mistakes.join("\n");
        let detail = format!("{file} is not in force, and nothing has changed:\n{mistakes}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    })
}

pub(super) async fn drain_state<B: Backend>(State(backend): State<B>) -> Json<DrainState> {
    Json(backend.drain_state().await)
}

pub(super) async fn drain<B: Backend>(
    State(backend): State<B>,
    Body(order): Body<DrainOrder>,
) -> Result<Json<DrainState>, Problem> {
    backend.drain(Some(order.try_into()?)).await.map(Json)
}

pub(super) async fn undrain<B: Backend>(State(backend): State<B>) -> Result<Json<DrainState>, Problem> {
    backend.drain(None).await.map(Json)
}

pub(super) async fn plan<B: Backend>(
    State(backend): State<B>,
    Body(request): Body<PlanRequest>,
) -> Result<Json<Plan>, Problem> {
    backend
        .plan(request)
        .await
        .map(Json)
        .map_err(|mistakes| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, mistakes.join("\n")))
}
