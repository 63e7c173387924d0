//! `cargo xtask bench logins`: a storm of logins by a few identities, and what it leaves behind.

use std::fs;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Settings;
use super::arca::Arca;
use super::figures::Figures;
use super::fill::fill;
use super::server::{add_role, fresh_folder};
use crate::args::Args;
use crate::time::Stopwatch;

pub(super) fn run(settings: &Settings, mut args: Args) -> Result<()> {
    let logins: usize = args.number("logins", 10_000)?;
    let identities: usize = args.number("identities", 100)?;
    let connections: usize = args.number("connections", 64)?;
    args.finish()?;
    let program = settings.build_server(&[])?;
    let folder = fresh_folder(&settings.data)?;
    let arca = Arca::start(program, &folder)?;
    let mut figures = Figures::default();
    let mut client = arca.client();
    client.call("POST", "/v1/sys/auth/approle", Some(&json!({"type": "approle"})))?;
    for kind in ["batch", "service"] {
        for identity in 0..identities {
            add_role(&mut client, &format!("{kind}-{identity}"), kind)?;
        }
    }
    figures.memory(&arca, "before")?;
    for kind in ["batch", "service"] {
        for round in ["first", "second"] {
            let time = Stopwatch::start();
            fill(
                logins,
                connections,
                || arca.client(),
                |n| {
                    let name = format!("{kind}-{}", n % identities.max(1));
                    let body = json!({"role_id": name, "secret_id": name});
                    ("POST", "/v1/auth/approle/login".to_owned(), Some(body))
                },
            )?;
            let what = format!("{round} {logins} logins, {kind} tokens");
            figures.push(what.clone(), time.elapsed().as_secs_f64(), "s");
            figures.memory(&arca, &format!("after the {what}"))?;
        }
    }
    let entities = client.call("LIST", "/v1/identity/entity/id", None)?;
    let entities = entities
        .pointer("/data/keys")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if entities != 2 * identities {
        bail!("{identities} identities of two kinds have {entities} entities");
    }
    let tokens = client.call("LIST", "/v1/auth/token/accessors", None)?;
    let tokens = tokens
        .pointer("/data/keys")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if tokens != 2 * logins + 1 {
        bail!(
            "of {} logins for tokens that are kept and one root token there are {tokens}",
            2 * logins
        );
    }
    drop(arca);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    figures.print(settings.json);
    Ok(())
}
