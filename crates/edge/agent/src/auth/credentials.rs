//! What each method sends to log in.

use std::path::{Path, PathBuf};

use arca_base::json::Object;
use arca_base::{Json, Secret};
use arca_client::Client;
use tracing::debug;

use super::AuthError;
use super::file::CredentialFile;
use crate::config::MethodKind;
use crate::server::{Connect, Identity};

/// A method with what it has read so far.
pub(super) enum Credentials {
    Kubernetes {
        role: String,
        token: CredentialFile,
    },
    AppRole(Box<AppRole>),
    Jwt {
        role: String,
        jwt: CredentialFile,
    },
    TokenFile(CredentialFile),
    Cert(Box<Cert>),
    Password {
        username: String,
        password: CredentialFile,
    },
}

pub(super) struct AppRole {
    role_id: CredentialFile,
    secret_id: Option<CredentialFile>,
    wrapping_path: Option<String>,
    /// The wrapping token that was opened last, and what was in it.
    opened: Option<(Secret<String>, Secret<String>)>,
}

pub(super) struct Cert {
    name: Option<String>,
    identity: Option<Identity>,
    reload: bool,
    client: Option<Client>,
}

/// How to get a token.
pub(super) enum Step {
    /// Send these fields to this path below the mount; over another connection if one is given.
    LogIn {
        path: String,
        fields: Object,
        client: Option<Box<Client>>,
    },
    /// It is there already.
    Have(Secret<String>),
}

impl Credentials {
    pub(super) fn new(kind: &MethodKind) -> Self {
        match kind {
            MethodKind::Kubernetes { role, token_path } => Self::Kubernetes {
                role: role.clone(),
                token: CredentialFile::kept(token_path.clone()),
            },
            MethodKind::AppRole {
                role_id_file,
                secret_id_file,
                remove_secret_id_file,
                secret_id_wrapping_path,
            } => Self::AppRole(Box::new(AppRole::new(
                role_id_file,
                secret_id_file.as_ref(),
                *remove_secret_id_file,
                secret_id_wrapping_path.as_ref(),
            ))),
            MethodKind::Jwt {
                role,
                path,
                remove,
                remove_follows_symlinks,
            } => Self::Jwt {
                role: role.clone(),
                jwt: CredentialFile::removed_if(path.clone(), *remove, *remove_follows_symlinks),
            },
            MethodKind::TokenFile { path } => Self::TokenFile(CredentialFile::kept(path.clone())),
            MethodKind::Cert {
                name,
                ca_cert,
                client_cert,
                client_key,
                reload,
            } => {
                let identity = Identity {
                    ca_cert: ca_cert.clone(),
                    client_cert: client_cert.clone(),
                    client_key: client_key.clone(),
                };
                Self::Cert(Box::new(Cert::new(name.as_ref(), identity, *reload)))
            }
            MethodKind::UserPass {
                username,
                password_file,
                remove,
                remove_follows_symlinks,
            }
            | MethodKind::Ldap {
                username,
                password_file,
                remove,
                remove_follows_symlinks,
            } => Self::Password {
                username: username.clone(),
                password: CredentialFile::removed_if(
                    password_file.clone(),
                    *remove,
                    *remove_follows_symlinks,
                ),
            },
        }
    }

    /// Reads what is needed now.
    pub(super) async fn next(&mut self, client: &Client, connect: &dyn Connect) -> Result<Step, AuthError> {
        match self {
            Self::Kubernetes { role, token } => {
                let jwt = token.read().await?.expose().trim().to_owned();
                Ok(Step::log_in("login", [("role", role.clone()), ("jwt", jwt)]))
            }
            Self::AppRole(approle) => approle.next(client).await,
            Self::Jwt { role, jwt } => {
                let jwt = jwt.read().await?.expose().clone();
                Ok(Step::log_in("login", [("role", role.clone()), ("jwt", jwt)]))
            }
            Self::TokenFile(file) => {
                let token = file.read().await?.expose().trim().to_owned();
                Ok(Step::Have(Secret::new(token)))
            }
            Self::Cert(cert) => cert.next(connect),
            Self::Password { username, password } => {
                let password = password
                    .read()
                    .await?
                    .expose()
                    .trim_end_matches(['\r', '\n'])
                    .to_owned();
                Ok(Step::log_in(
                    &format!("login/{username}"),
                    [("password", password)],
                ))
            }
        }
    }
}

impl Cert {
    /// Without own files, the identity is that of the agent.
    fn new(name: Option<&String>, identity: Identity, reload: bool) -> Self {
        let is_own = identity.ca_cert.is_some() || identity.client_cert.is_some();
        Self {
            name: name.cloned(),
            identity: is_own.then_some(identity),
            reload,
            client: None,
        }
    }

    /// A login whose only credential is the connection.
    fn next(&mut self, connect: &dyn Connect) -> Result<Step, AuthError> {
        let is_due = self.reload || (self.client.is_none() && self.identity.is_some());
        if is_due {
            self.client = Some(connect.connect(self.identity.as_ref())?);
        }
        let fields = self
            .name
            .iter()
            .map(|name| ("name".to_owned(), Json::from(name.as_str())));
        Ok(Step::LogIn {
            path: "login".to_owned(),
            fields: fields.collect(),
            client: self.client.clone().map(Box::new),
        })
    }
}

impl Step {
    fn log_in<const N: usize>(path: &str, fields: [(&str, String); N]) -> Self {
        let fields = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Json::from(value)));
        Self::LogIn {
            path: path.to_owned(),
            fields: fields.collect(),
            client: None,
        }
    }
}

impl AppRole {
    fn new(
        role_id: &Path,
        secret_id: Option<&PathBuf>,
        remove: bool,
        wrapping_path: Option<&String>,
    ) -> Self {
        let secret_id = secret_id.map(|path| CredentialFile::removed_if(path.clone(), remove, false));
        Self {
            role_id: CredentialFile::kept(role_id.to_owned()),
            secret_id,
            wrapping_path: wrapping_path.cloned(),
            opened: None,
        }
    }

    async fn next(&mut self, client: &Client) -> Result<Step, AuthError> {
        let role_id = self.role_id.read().await?.expose().trim().to_owned();
        let Some(file) = &mut self.secret_id else {
            return Ok(Step::log_in("login", [("role_id", role_id)]));
        };
        let read = Secret::new(file.read().await?.expose().trim().to_owned());
        let secret_id = match &self.wrapping_path {
            None => read,
            Some(expected) => {
                if self
                    .opened
                    .as_ref()
                    .is_none_or(|(token, _)| token.expose() != read.expose())
                {
                    let name = file.path().display().to_string();
                    let secret_id = unwrap(client, &read, expected, &name).await?;
                    self.opened = Some((read, secret_id));
                }
                let opened = self.opened.as_ref().map(|(_, secret_id)| secret_id.duplicate());
                opened.ok_or(AuthError::NoToken)?
            }
        };
        Ok(Step::log_in(
            "login",
            [("role_id", role_id), ("secret_id", secret_id.expose().clone())],
        ))
    }
}

/// Opens a wrapping token that was made where it should be.
async fn unwrap(
    client: &Client,
    token: &Secret<String>,
    expected: &str,
    file: &str,
) -> Result<Secret<String>, AuthError> {
    let client = client.clone().with_token(None);
    let fields = Object::from([("token".to_owned(), Json::from(token.expose().as_str()))]);
    let text = |data: Option<Json>, name: &str| {
        data.as_ref()
            .and_then(|data| data.get(name)?.as_str().map(str::to_owned))
    };
    let found = client
        .write("sys/wrapping/lookup", &fields)
        .await
        .map_err(AuthError::Wrapping)?;
    let made_at = text(found.and_then(|found| found.data), "creation_path").unwrap_or_default();
    if made_at.trim_matches('/') != expected {
        return Err(AuthError::WrappedElsewhere {
            file: file.to_owned(),
            made_at,
            expected: expected.to_owned(),
        });
    }
    debug!("opening the wrapped secret ID in {file}");
    let holder = client.with_token(Some(token.duplicate()));
    let answer = holder
        .write("sys/wrapping/unwrap", &Object::new())
        .await
        .map_err(AuthError::Wrapping)?;
    text(answer.and_then(|answer| answer.data), "secret_id")
        .map(Secret::new)
        .ok_or_else(|| AuthError::NothingWrapped(file.to_owned()))
}
