//! `arca server -dev`: a server in memory that is unsealed from the start. For trying things out, never for secrets.

use std::path::PathBuf;
use std::sync::Arc;

use arca_base::json::Object;
use arca_base::{Json, Operation, RequestPath, Secret};
use arca_core::Core;
use arca_core::engine::ClientInfo;
use arca_core::lifecycle::{FirstMount, Furnishing, InitRequest};
use arca_core::pipeline::Incoming;
use arca_server::config::{Configuration, Listener, Storage};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ServeError, World, files, up};

/// What a development server is like.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dev {
    pub(crate) listen: String,
    pub(crate) root_token: Option<String>,
    pub(crate) kv_version: &'static str,
    pub(crate) skip_init: bool,
    /// Serve TLS with a certificate kept in this folder.
    pub(crate) tls_folder: Option<PathBuf>,
}

/// What is shown to whoever started it.
pub(crate) struct Opened {
    pub(crate) unseal_key: Secret<String>,
    pub(crate) root_token: Secret<String>,
}

impl Dev {
    pub(crate) fn configuration(&self, world: &World) -> Result<Configuration, ServeError> {
        let mut listener = Listener::plain(self.listen.clone());
        if let Some(folder) = &self.tls_folder {
            files::private_folder(folder)?;
            listener.tls = Some(up::tls::ensure(folder, &self.listen, world)?);
        }
        let mut configuration = Configuration::new(Storage::Memory, vec![listener]);
        let scheme = if self.tls_folder.is_some() {
            "https"
        } else {
            "http"
        };
        configuration.api_address = format!("{scheme}://{}", self.listen);
        Ok(configuration)
    }

    /// Initializes with one share, unseals, mounts `secret/`, and makes the root token asked for.
    pub(crate) async fn open(&self, core: &Arc<Core>) -> Result<Option<Opened>, ServeError> {
        if self.skip_init {
            return Ok(None);
        }
        let request = InitRequest {
            secret_shares: 1,
            secret_threshold: 1,
            ..InitRequest::default()
        };
        let furnishing = Furnishing {
            mounts: vec![FirstMount {
                path: "secret".to_owned(),
                kind: "kv".to_owned(),
                description: "key/value secret storage".to_owned(),
                options: [("version".to_owned(), self.kv_version.to_owned())].into(),
            }],
            audit_files: Vec::new(),
        };
        let initialized = core
            .lifecycle()
            .initialize_with(request, furnishing, |_| Ok(()))
            .await?;
        let missing = || ServeError::Other("the server handed out no unseal key".to_owned());
        let key = initialized.keys.first().ok_or_else(missing)?;
        let unseal_key = Secret::new(STANDARD.encode(key.expose()));
        core.lifecycle().unseal(unseal_key.expose()).await?;
        let root_token = match &self.root_token {
            None => initialized.root_token,
            Some(chosen) => replace_root(core, &initialized.root_token, chosen).await?,
        };
        Ok(Some(Opened {
            unseal_key,
            root_token,
        }))
    }
}

/// Makes the root token that was asked for, and ends the one the server made.
async fn replace_root(
    core: &Arc<Core>,
    first: &Secret<String>,
    chosen: &str,
) -> Result<Secret<String>, ServeError> {
    let mut data = Object::new();
    data.insert("id".to_owned(), chosen.into());
    data.insert("policies".to_owned(), vec!["root"].into());
    data.insert("no_parent".to_owned(), true.into());
    data.insert("display_name".to_owned(), "root".into());
    request(core, first, "auth/token/create", data).await?;
    request(core, first, "auth/token/revoke-self", Object::new()).await?;
    Ok(Secret::new(chosen.to_owned()))
}

async fn request(
    core: &Arc<Core>,
    token: &Secret<String>,
    path: &str,
    data: Object,
) -> Result<(), ServeError> {
    let incoming = Incoming {
        operation: Operation::Update,
        path: RequestPath::parse(path).map_err(|error| ServeError::Other(error.to_string()))?,
        namespace: String::new(),
        token: Some(token.duplicate()),
        inline_auth: None,
        wrap_ttl: None,
        factors: Vec::new(),
        data,
        headers: arca_core::web::RequestHeaders::default(),
        client: ClientInfo::unknown(),
    };
    let reply = core.handle(incoming).await;
    if reply.status < 300 {
        return Ok(());
    }
    let errors = Json::parse(reply.body.0.as_bytes(), &arca_base::json::Limits::default()).ok();
    let first = errors
        .as_ref()
        .and_then(|body| body.get("errors")?.as_array()?.first()?.as_str());
    Err(ServeError::Other(format!(
        "{path}: {}",
        first.unwrap_or("refused")
    )))
}
