//! What holds for every entry of a mount.

use std::sync::Arc;

use arca_api::auth::cert as api;
use arca_api::endpoint::Nothing;
use arca_base::json_object;
use arca_core::Fault;
use arca_core::barrier::{Change, Rows, Stored, View};
use arca_core::engine::{Answer, Cx};
use serde::{Deserialize, Serialize};

use super::Cert;

/// Name of its only record.
const ROW: &str = "config";

/// The configuration, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    /// Tokens may be renewed without the certificate of the login.
    pub(super) disable_binding: bool,
}

impl Stored for Config {
    const VERSION: u8 = 1;
    const NAME: &'static str = "cert configuration";
}

fn rows(view: &View) -> Rows<Config> {
    Rows::new(view.clone())
}

impl Config {
    /// What was configured, or else the defaults.
    pub(super) async fn stored(view: &View) -> Result<Arc<Self>, Fault> {
        let row = rows(view).get(ROW).await?;
        Ok(row.map(|row| row.value).unwrap_or_default())
    }
}

pub(super) async fn read(_: Arc<Cert>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let config = Config::stored(&cx.site()?.view).await?;
    Ok(Answer::data(
        &json_object! { "disable_binding" => config.disable_binding },
    ))
}

pub(super) async fn write(_: Arc<Cert>, cx: Cx, request: api::WriteConfig) -> Result<Answer, Fault> {
    rows(&cx.site()?.view)
        .update(ROW, |found| {
            let mut config = found.cloned().unwrap_or_default();
            config.disable_binding = request.disable_binding.unwrap_or(config.disable_binding);
            Ok::<_, Fault>((Change::Put(config), ()))
        })
        .await?;
    Ok(Answer::empty())
}
