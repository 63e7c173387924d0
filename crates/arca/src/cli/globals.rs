//! Flags that every command takes.

use std::path::PathBuf;

use clap::{ArgAction, Args};

/// How to reach the server, and how to print what it says.
#[derive(Args, Clone, Default)]
pub(crate) struct Globals {
    /// Show this help
    #[arg(long, alias = "h", global = true, action = ArgAction::HelpShort)]
    pub(crate) help: Option<bool>,

    /// Address of the server [VAULT_ADDR]
    #[arg(long, global = true, value_name = "URL", help_heading = HTTP)]
    pub(crate) address: Option<String>,

    /// Address of the agent, used instead of the server [VAULT_AGENT_ADDR]
    #[arg(long, global = true, value_name = "URL", help_heading = HTTP)]
    pub(crate) agent_address: Option<String>,

    /// File with the authorities to trust, in PEM [VAULT_CACERT]
    #[arg(long, global = true, value_name = "FILE", help_heading = HTTP)]
    pub(crate) ca_cert: Option<PathBuf>,

    /// Folder of files with the authorities to trust [VAULT_CAPATH]
    #[arg(long, global = true, value_name = "FOLDER", help_heading = HTTP)]
    pub(crate) ca_path: Option<PathBuf>,

    /// Certificate to show to the server, in PEM [VAULT_CLIENT_CERT]
    #[arg(long, global = true, value_name = "FILE", help_heading = HTTP)]
    pub(crate) client_cert: Option<PathBuf>,

    /// Private key of that certificate, in PEM [VAULT_CLIENT_KEY]
    #[arg(long, global = true, value_name = "FILE", help_heading = HTTP)]
    pub(crate) client_key: Option<PathBuf>,

    /// Namespace to work in [VAULT_NAMESPACE]
    #[arg(long, global = true, alias = "ns", value_name = "PATH", help_heading = HTTP)]
    pub(crate) namespace: Option<String>,

    /// Name the certificate of the server must carry [VAULT_TLS_SERVER_NAME]
    #[arg(long, global = true, value_name = "NAME", help_heading = HTTP)]
    pub(crate) tls_server_name: Option<String>,

    /// Accept any certificate; whoever answers sees the token [VAULT_SKIP_VERIFY]
    #[arg(long, global = true, help_heading = HTTP)]
    pub(crate) tls_skip_verify: bool,

    /// Do not follow redirects [VAULT_DISABLE_REDIRECTS]
    #[arg(long, global = true, help_heading = HTTP)]
    pub(crate) disable_redirects: bool,

    /// Wrap the answer in a token that lives this long [VAULT_WRAP_TTL]
    #[arg(long, global = true, value_name = "DURATION", help_heading = HTTP)]
    pub(crate) wrap_ttl: Option<String>,

    /// Second factor, as METHOD[:PASSCODE]; may be repeated [VAULT_MFA]
    #[arg(long, global = true, value_name = "FACTOR", help_heading = HTTP)]
    pub(crate) mfa: Vec<String>,

    /// Header for every request, as NAME=VALUE; may be repeated
    #[arg(long, global = true, value_name = "NAME=VALUE", help_heading = HTTP)]
    pub(crate) header: Vec<String>,

    /// Ask the server to override a soft-mandatory policy
    #[arg(long, global = true, hide = true, help_heading = HTTP)]
    pub(crate) policy_override: bool,

    /// Print the request as a curl command instead of sending it
    #[arg(long, global = true, help_heading = HTTP)]
    pub(crate) output_curl_string: bool,

    /// Print the policy the request needs instead of sending it
    #[arg(long, global = true, help_heading = HTTP)]
    pub(crate) output_policy: bool,

    /// Never ask questions
    #[arg(long, global = true, help_heading = HTTP)]
    pub(crate) non_interactive: bool,

    /// Print one field of the answer
    #[arg(long, global = true, value_name = "NAME", help_heading = OUTPUT)]
    pub(crate) field: Option<String>,

    /// table, json, yaml, pretty, or raw (only "read") [VAULT_FORMAT]
    #[arg(long, global = true, value_name = "FORMAT", help_heading = OUTPUT)]
    pub(crate) format: Option<String>,

    /// Print more than names [VAULT_DETAILED]
    #[arg(long, global = true, help_heading = OUTPUT)]
    pub(crate) detailed: bool,

    /// Level of the log of commands that keep one [VAULT_LOG_LEVEL]
    #[arg(long, global = true, hide = true, value_name = "LEVEL", help_heading = OUTPUT)]
    pub(crate) log_level: Option<String>,
}

const HTTP: &str = "HTTP options";
const OUTPUT: &str = "Output options";
