//! The private store of each service token. What it holds goes when the token does.

use std::sync::Arc;

use arca_api::cubbyhole as api;
use arca_api::kv::v1::{Folder, SecretPath, WriteSecret};
use arca_base::json::Limits;
use arca_base::{Json, JsonText};
use arca_core::Fault;
use arca_core::barrier::View;
use arca_core::engine::{Answer, Cx, Engine, Table, list_limit};
use arca_core::tokens::TokenKind;

/// The engine. Holds nothing: records lie below the hash of the calling token.
pub struct Cubbyhole;

impl Engine for Cubbyhole {
    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::Read, _, _>(read)
            .on::<api::Write, _, _>(write)
            .exists(exists)
            .on::<api::Delete, _, _>(delete)
            .on::<api::List, _, _>(list)
    }
}

/// The records of the calling token.
fn records(cx: &Cx) -> Result<View, Fault> {
    let token = &cx.caller()?.token;
    if token.kind != TokenKind::Service {
        return Err(Fault::invalid(
            "cubbyhole operations are only supported by 'service' type tokens",
        ));
    }
    Ok(cx.site()?.view.folder(&format!("{}/", token.hash)))
}

async fn exists(_: Arc<Cubbyhole>, cx: Cx, request: SecretPath) -> Result<bool, Fault> {
    Ok(records(&cx)?.get(&request.path).await?.is_some())
}

async fn read(_: Arc<Cubbyhole>, cx: Cx, request: SecretPath) -> Result<Answer, Fault> {
    let opened = records(&cx)?
        .get(&request.path)
        .await?
        .ok_or_else(Fault::absent)?;
    let json = Json::parse(opened.plaintext.expose(), &Limits::UNLIMITED).map_err(Fault::internal)?;
    let answer = Answer::data(&json);
    if request.path == "response" {
        return Ok(answer.warn(
            "Reading from 'cubbyhole/response' is deprecated. Please use sys/wrapping/unwrap to unwrap responses, as it provides additional security checks and other benefits.",
        ));
    }
    Ok(answer)
}

async fn write(_: Arc<Cubbyhole>, cx: Cx, request: WriteSecret) -> Result<Answer, Fault> {
    if request.data.is_empty() {
        return Err(Fault::failed("missing data fields"));
    }
    let text: JsonText = Json::Object(request.data).to_text();
    records(&cx)?
        .put(&request.path, text.into_string().into_bytes())
        .await?;
    Ok(Answer::empty())
}

async fn delete(_: Arc<Cubbyhole>, cx: Cx, request: SecretPath) -> Result<Answer, Fault> {
    records(&cx)?.delete(&request.path).await?;
    Ok(Answer::empty())
}

async fn list(_: Arc<Cubbyhole>, cx: Cx, request: Folder) -> Result<Answer, Fault> {
    let page = records(&cx)?
        .list(&request.folder, &request.after, list_limit(request.limit)?)
        .await?;
    Ok(Answer::names(page.names))
}
