//! The configuration of an agent, checked.
//!
//! | part | holds |
//! |---|---|
//! | here | what can be asked for |
//! | [`AgentConfig::load`] | from files to that |
//! | `source`, `block`, `scalar` | files, blocks and scalars in every way they can be written |
//! | `method`, `sink`, `templates`, `listening`, `singles` | one for each kind of block |
//! | `rules` | what must hold between blocks |
//! | `inert` | keys that are accepted without effect, and why |

mod block;
mod error;
mod inert;
mod listening;
mod load;
mod method;
mod rules;
mod scalar;
mod singles;
mod sink;
mod source;
mod templates;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use arca_base::Secret;

pub use error::{ConfigError, Place};
pub use load::Strictness;

/// Everything a person asked for.
#[derive(Debug, Default)]
pub struct AgentConfig {
    /// Where the number of the process is written.
    pub pid_file: Option<PathBuf>,
    /// End as soon as every sink and template is written once.
    pub exit_after_auth: bool,
    /// The server.
    pub server: Server,
    /// How to log in, and where tokens go.
    pub auto_auth: Option<AutoAuth>,
    /// Files to keep.
    pub templates: Vec<Template>,
    /// What all templates have in common.
    pub template_settings: TemplateSettings,
    /// Variables of the supervised process.
    pub env_templates: Vec<EnvTemplate>,
    /// The supervised process.
    pub exec: Option<Exec>,
    /// Where the agent listens.
    pub listeners: Vec<Listener>,
    /// Whether and how requests of others are passed on.
    pub api_proxy: Option<ApiProxy>,
    /// Whether answers are kept for others.
    pub cache: Option<Cache>,
    /// Where and how the log is written.
    pub log: Log,
    /// Keys without effect, and other things a person should know, each with its place.
    pub notes: Vec<String>,
}

/// The `vault` block: fields that are `None` come from flags or the environment.
#[derive(Debug, Default)]
pub struct Server {
    /// Address, such as `https://127.0.0.1:8200`.
    pub address: Option<String>,
    /// File with certificates of authorities.
    pub ca_cert: Option<PathBuf>,
    /// Folder of such files.
    pub ca_path: Option<PathBuf>,
    /// Own certificate.
    pub client_cert: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
    /// Do not check the certificate of the server.
    pub tls_skip_verify: Option<bool>,
    /// Name the certificate must be for.
    pub tls_server_name: Option<String>,
    /// Namespace of every request.
    pub namespace: Option<String>,
    /// Attempts after the first of requests for templates and of others: `None` for 12, 0 for no retry.
    pub retries: Option<u32>,
}

/// The `auto_auth` block.
#[derive(Debug)]
pub struct AutoAuth {
    /// The one method.
    pub method: Method,
    /// Where tokens are written.
    pub sinks: Vec<Sink>,
}

/// How to log in.
#[derive(Debug)]
pub struct Method {
    /// Which method, with its own settings.
    pub kind: MethodKind,
    /// Where it is mounted, such as `auth/kubernetes`, without a slash at the end.
    pub mount_path: String,
    /// Namespace of the mount, if it is another one.
    pub namespace: Option<String>,
    /// Have the token wrapped, for this long.
    pub wrap_ttl: Option<Duration>,
    /// First pause after a failure; 1 s.
    pub min_backoff: Duration,
    /// Longest pause; 5 min.
    pub max_backoff: Duration,
    /// End at the first failure.
    pub exit_on_error: bool,
}

/// The methods, each with the fields of its `config` block.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of the configuration")]
pub enum MethodKind {
    Kubernetes {
        role: String,
        token_path: PathBuf,
    },
    AppRole {
        role_id_file: PathBuf,
        secret_id_file: Option<PathBuf>,
        remove_secret_id_file: bool,
        secret_id_wrapping_path: Option<String>,
    },
    Jwt {
        role: String,
        path: PathBuf,
        remove: bool,
        remove_follows_symlinks: bool,
    },
    TokenFile {
        path: PathBuf,
    },
    Cert {
        name: Option<String>,
        ca_cert: Option<PathBuf>,
        client_cert: Option<PathBuf>,
        client_key: Option<PathBuf>,
        reload: bool,
    },
    UserPass {
        username: String,
        password_file: PathBuf,
        remove: bool,
        remove_follows_symlinks: bool,
    },
    Ldap {
        username: String,
        password_file: PathBuf,
        remove: bool,
        remove_follows_symlinks: bool,
    },
}

/// A file with the token.
#[derive(Debug)]
pub struct Sink {
    /// The file.
    pub path: PathBuf,
    /// Its mode; 0640.
    pub mode: u32,
    /// Its owner, `None` for the agent's.
    pub owner: Option<Account>,
    /// Its group, `None` for the agent's.
    pub group: Option<Account>,
    /// Wrap the token, for this long.
    pub wrap_ttl: Option<Duration>,
    /// Encrypt it for the holder of a key.
    pub encryption: Option<SinkEncryption>,
}

/// Encrypts a token for the one reader that holds the private key.
#[derive(Debug)]
pub struct SinkEncryption {
    /// File with the public key of the reader.
    pub public_key: PathBuf,
    /// Derive the key from the shared secret rather than use it as it is.
    pub derive_key: bool,
    /// Additional authenticated data.
    pub aad: Secret<String>,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

/// What is common to `template` and `env_template`.
#[derive(Debug)]
pub struct TemplateText {
    /// Where the text of the template is.
    pub source: TemplateSource,
    /// A missing key is an error.
    pub error_on_missing_key: bool,
    /// A failing template ends the agent's attempt as a whole rather than being noted only.
    pub error_fatal: bool,
    /// `{{` unless told otherwise.
    pub left_delimiter: String,
    /// `}}` unless told otherwise.
    pub right_delimiter: String,
    /// Patterns of functions that must not be called, such as `sprig_*`.
    pub denied_functions: Vec<String>,
    /// The folder outside of which `file` reads nothing.
    pub sandbox: Option<PathBuf>,
}

/// Where the text of a template is.
#[derive(Debug)]
pub enum TemplateSource {
    /// In this file, read when the agent starts and when it is told to reload.
    File(PathBuf),
    /// Here.
    Text(String),
}

/// A file to keep.
#[derive(Debug)]
pub struct Template {
    /// What to render.
    pub text: TemplateText,
    /// The file.
    pub destination: PathBuf,
    /// Make folders on the way.
    pub create_dest_dirs: bool,
    /// Mode of the file; `None` for that of the file that is there, 0644 for a new one.
    pub perms: Option<u32>,
    /// Owner of the file.
    pub user: Option<Account>,
    /// Group of the file.
    pub group: Option<Account>,
    /// Keep the former file as `<destination>.bak`.
    pub backup: bool,
    /// What to run after the file has changed.
    pub command: Option<Command>,
    /// Wait until secrets have been quiet for so long.
    pub wait: Option<Wait>,
}

/// A command that runs after a file has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments; one word with blanks in it is a line for the shell.
    pub argv: Vec<String>,
    /// Killed after this long; 30 s.
    pub timeout: Duration,
    /// Variables it sees.
    pub environment: CommandEnvironment,
}

/// Which variables a command sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandEnvironment {
    /// None of the agent's own.
    pub pristine: bool,
    /// These too, each `NAME=value`.
    pub custom: Vec<String>,
    /// Patterns of the agent's own that it sees; empty for all.
    pub allow: Vec<String>,
    /// Patterns of those it does not see.
    pub deny: Vec<String>,
}

/// Quiescence: render when nothing has changed for `min`, at the latest after `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Quiet for so long.
    pub min: Duration,
    /// At the latest after this.
    pub max: Duration,
}

/// The `template_config` block.
#[derive(Debug)]
pub struct TemplateSettings {
    /// End the agent when a secret could not be fetched in all its attempts.
    pub exit_on_retry_failure: bool,
    /// How old a secret without a lease gets before it is read again: the net below the change stream; 5 min.
    pub static_secret_render_interval: Duration,
    /// Connections to the server at a time; 10.
    pub max_connections: usize,
    /// The part of a lease that cannot be renewed after which its secret is fetched again; 0.9.
    pub lease_renewal_threshold: f64,
}

impl Default for TemplateSettings {
    fn default() -> Self {
        Self {
            exit_on_retry_failure: false,
            static_secret_render_interval: Duration::from_mins(5),
            max_connections: 10,
            lease_renewal_threshold: 0.9,
        }
    }
}

/// A variable of the supervised process.
#[derive(Debug)]
pub struct EnvTemplate {
    /// Its name.
    pub name: String,
    /// What to render.
    pub text: TemplateText,
}

/// The supervised process.
#[derive(Debug)]
pub struct Exec {
    /// Program and arguments; one word with blanks in it is split as a shell would.
    pub command: Vec<String>,
    /// Start it again when a variable changed.
    pub restart_on_change: bool,
    /// The name of the signal that asks it to end, such as `SIGTERM`.
    pub stop_signal: String,
    /// File its output is appended to.
    pub stdout: Option<PathBuf>,
    /// File its errors are appended to.
    pub stderr: Option<PathBuf>,
}

/// Where the agent listens.
#[derive(Debug)]
pub struct Listener {
    /// Where.
    pub address: ListenAddress,
    /// Certificate and key; `None` for plain HTTP.
    pub tls: Option<ListenerTls>,
    /// Answer only requests with the header `X-Vault-Request: true`.
    pub require_request_header: bool,
    /// Answer metrics and health only.
    pub metrics_only: bool,
    /// Whether `quit` is answered.
    pub enable_quit: bool,
}

/// Where a listener listens.
#[derive(Debug)]
pub enum ListenAddress {
    /// Host and port.
    Tcp(String),
    /// A socket file, with its mode and owners.
    #[expect(missing_docs, reason = "the fields are those of the configuration")]
    Unix {
        path: PathBuf,
        mode: Option<u32>,
        user: Option<Account>,
        group: Option<Account>,
    },
}

/// TLS of a listener.
#[derive(Debug)]
pub struct ListenerTls {
    /// Certificate chain.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Authorities of clients; `None` asks for no certificate.
    pub client_ca: Option<PathBuf>,
}

/// The `api_proxy` block.
#[derive(Debug, Default)]
pub struct ApiProxy {
    /// Whether requests get the agent's own token.
    pub own_token: OwnToken,
}

/// Whether requests of others get the agent's own token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnToken {
    /// Never.
    #[default]
    Never,
    /// When they have none.
    WhenMissing,
    /// Always.
    Force,
}

/// The `cache` block.
#[derive(Debug, Default)]
pub struct Cache {
    /// Where token and leases are left for the next run, such as from an init container to a sidecar.
    pub persist: Option<Persist>,
}

/// Where a run leaves its token and leases for the next.
#[derive(Clone, Debug)]
pub struct Persist {
    /// The folder, on a file system of memory.
    pub path: PathBuf,
    /// File with the key; `None` for one in that folder.
    pub key_file: Option<PathBuf>,
    /// The token of the service account whose state it is; `None` for the usual place in a pod.
    pub service_account_token_file: Option<PathBuf>,
    /// Whether to look at that usual place.
    pub is_kubernetes: bool,
    /// Keep the file after it was read.
    pub keep_after_import: bool,
    /// End if it cannot be read.
    pub exit_on_error: bool,
}

/// Where and how the log is written.
#[derive(Debug, Default)]
pub struct Log {
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: Option<String>,
    /// `standard` or `json`.
    pub format: Option<String>,
    /// A file rather than standard error.
    pub file: Option<PathBuf>,
}
