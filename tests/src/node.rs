//! A server on a configuration of its own, initialized and unsealed, that can be ended and started again.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use crate::commands::Shell;
use crate::http::{Answer, Api};
use crate::server::{Launch, Server};

/// What opens a server and may do everything.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Unseal shares, base64.
    pub shares: Vec<String>,
    /// The initial root token.
    pub root: String,
    threshold: usize,
}

impl Keys {
    /// Initializes a server.
    #[must_use]
    #[track_caller]
    pub fn initialize(api: &Api, shares: usize, threshold: usize) -> Self {
        let request = json!({"secret_shares": shares, "secret_threshold": threshold});
        let made = api.post("sys/init", request).expect(200);
        let shares = made.at("/keys_base64");
        let shares = shares.as_array().expect("keys_base64").iter();
        Self {
            shares: shares
                .map(|share| share.as_str().expect("a share").to_owned())
                .collect(),
            root: made.text_at("/root_token"),
            threshold,
        }
    }

    /// Unseals a server with as many shares as it takes.
    #[track_caller]
    pub fn unseal(&self, api: &Api) {
        let mut last = None;
        for share in self.shares.iter().take(self.threshold) {
            last = Some(api.post("sys/unseal", json!({"key": share})).expect(200));
        }
        let sealed = last.as_ref().map(|answer: &Answer| answer.at("/sealed"));
        assert_eq!(sealed, Some(json!(false)), "{last:?}");
    }
}

/// A configuration text: the storage stanza, what else stands in the listener stanza, and what else there is.
#[must_use]
pub fn configuration(storage: &str, listener: &str, more: &str) -> String {
    let tls = if listener.contains("tls_cert_file") {
        ""
    } else {
        "  tls_disable = true\n"
    };
    format!(
        "storage {storage}\n\nlistener \"tcp\" {{\n  address = \"127.0.0.1:0\"\n{tls}{listener}\n}}\n\n\
         disable_mlock = true\n{more}\n"
    )
}

/// An unsealed server.
#[derive(Debug)]
pub struct Node {
    /// The process.
    pub server: Server,
    /// What opens it.
    pub keys: Keys,
    /// How it is started.
    pub launch: Launch,
    folder: TempDir,
}

impl Node {
    /// A server on the embedded store, over plain HTTP.
    #[must_use]
    #[track_caller]
    pub fn embedded() -> Self {
        Self::with("", "")
    }

    /// The same with more in its listener stanza and its configuration.
    #[must_use]
    #[track_caller]
    pub fn with(listener: &str, more: &str) -> Self {
        let folder = folder();
        let store = format!(
            "\"embedded\" {{ path = \"{}\" }}",
            folder.path().join("store").display()
        );
        Self::on(folder, &configuration(&store, listener, more), None)
    }

    /// A server on a configuration; initialized unless there are `keys` to it.
    #[must_use]
    #[track_caller]
    pub fn on(folder: TempDir, configuration: &str, keys: Option<&Keys>) -> Self {
        let path = folder.path().join("arca.hcl");
        fs::write(&path, configuration).expect("writing the configuration");
        let launch = Launch::new(folder.path(), ["server", "-config", &path.display().to_string()]);
        Self::launched(folder, launch, keys)
    }

    /// Starts, initializes unless there are `keys`, and unseals.
    #[must_use]
    #[track_caller]
    pub fn launched(folder: TempDir, launch: Launch, keys: Option<&Keys>) -> Self {
        let server = launch.start();
        let api = Api::new(server.address());
        let keys = keys.cloned().unwrap_or_else(|| Keys::initialize(&api, 1, 1));
        keys.unseal(&api);
        Self {
            server,
            keys,
            launch,
            folder,
        }
    }

    /// Requests with the root token.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(self.server.address()).with(&self.keys.root)
    }

    /// Requests without a token.
    #[must_use]
    pub fn anyone(&self) -> Api {
        Api::new(self.server.address())
    }

    /// Starts it again after it has ended, and unseals it.
    #[track_caller]
    pub fn restart(&mut self) {
        self.server = self.launch.start();
        self.keys.unseal(&Api::new(self.server.address()));
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes its audit log to `audit.log` in its folder, and gives the path.
    #[track_caller]
    pub fn audit(&self) -> PathBuf {
        let path = self.path("audit.log");
        let request = json!({"type": "file", "options": {"file_path": path}});
        self.api().post("sys/audit/file", request).expect(204);
        path
    }

    /// Mounts versioned key/value secrets at `secret/`.
    #[track_caller]
    pub fn mount_kv(&self) {
        let request = json!({"type": "kv", "options": {"version": "2"}});
        self.api().post("sys/mounts/secret", request).expect(204);
    }

    /// A token with these policies.
    #[must_use]
    #[track_caller]
    pub fn token(&self, policies: &[&str]) -> String {
        let made = self
            .api()
            .post("auth/token/create", json!({"policies": policies}));
        made.expect(200).text_at("/auth/client_token")
    }

    /// Writes a policy.
    #[track_caller]
    pub fn policy(&self, name: &str, text: &str) {
        let path = format!("sys/policies/acl/{name}");
        self.api().post(&path, json!({"policy": text})).expect(204);
    }

    /// A terminal at which somebody has the root token.
    #[must_use]
    pub fn shell(&self) -> Shell {
        let home = self.path("home");
        fs::create_dir_all(&home).expect("a home");
        Shell::new(&home)
            .with("VAULT_ADDR", &self.server.address().url())
            .with("VAULT_TOKEN", &self.keys.root)
    }
}

/// A temporary folder.
#[must_use]
pub fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("arca-product-")
        .tempdir()
        .expect("a temporary folder")
}
