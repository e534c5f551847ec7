//! The pages of those who announce at run time.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};

use super::backend::Backend;
use super::body::Body;
use super::caller::Caller;
use super::model::{OwnerDone, OwnerRoutes, OwnerRow, PrefixListDone, Problem};
use super::owners::{Edit, OwnerName, Request, Withdraw};

/// `GET /v1/owners`
pub(super) async fn owners<B: Backend>(State(backend): State<B>) -> Json<Vec<OwnerRow>> {
    Json(backend.owners().await)
}

/// `GET /v1/owners/{owner}`
pub(super) async fn owner<B: Backend>(
    State(backend): State<B>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<OwnerRoutes>, Problem> {
    backend.owner(read(name)?).await.map(Json)
}

/// `PUT` and `PATCH /v1/owners/{owner}`
pub(super) async fn edit<B: Backend, I: TryInto<Edit, Error = Problem>>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
    Body(wanted): Body<I>,
) -> Result<Json<OwnerDone>, Problem> {
    Ok(Json(backend.edit(read(name)?, wanted.try_into()?, caller).await?.into()))
}

/// `DELETE /v1/owners/{owner}`
pub(super) async fn remove<B: Backend>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<OwnerDone>, Problem> {
    let nothing =
        Edit { withdraw: Withdraw::AllOthers, lease: Some(None), only_known: true, forget: true, ..Edit::default() };
    Ok(Json(backend.edit(read(name)?, nothing, caller).await?.into()))
}

/// `POST /v1/announce` and `POST /v1/withdraw`
pub(super) async fn edit_list<B: Backend, I: TryInto<Request, Error = Problem>>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    Body(list): Body<I>,
) -> Result<Json<PrefixListDone>, Problem> {
    let (owner, edit) = list.try_into()?;
    Ok(Json(backend.edit(owner, edit, caller).await?.into()))
}

fn read(name: Result<Path<String>, PathRejection>) -> Result<OwnerName, Problem> {
    let Path(text) = name?;
    text.parse().map_err(Problem::bad_request)
}
