//! Requests that are written down instead of sent: as a curl command, or as the policy they need.

use arca_client::{ClientConfig, Transport, TransportError};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};
use parking_lot::Mutex;

/// A transport that keeps the last request and sends nothing.
#[derive(Default)]
pub(crate) struct Rehearsal(Mutex<Option<Request<Bytes>>>);

#[async_trait]
impl Transport for Rehearsal {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        *self.0.lock() = Some(request);
        Err(TransportError::NotSent)
    }
}

impl Rehearsal {
    /// The request as a curl command. The token is fetched when the command runs.
    pub(crate) fn curl(&self, program: &str, config: &ClientConfig) -> Option<String> {
        let kept = self.0.lock();
        let request = kept.as_ref()?;
        let mut command = "curl ".to_owned();
        if config.tls.skip_verify {
            command.push_str("--insecure ");
        }
        if request.method() != Method::GET {
            command.push_str(&format!("-X {} ", request.method()));
        }
        for (flag, path) in [
            ("--unix-socket", config.address.socket()),
            ("--cacert", config.tls.ca_cert.as_deref()),
            ("--capath", config.tls.ca_path.as_deref()),
            ("--cert", config.tls.client_cert.as_deref()),
            ("--key", config.tls.client_key.as_deref()),
        ] {
            if let Some(path) = path {
                command.push_str(&format!("{flag} {} ", quoted(&path.to_string_lossy())));
            }
        }
        for (name, value) in request.headers() {
            let value = match name.as_str() {
                "x-vault-token" => format!("$({program} print token)"),
                _ => escaped(&String::from_utf8_lossy(value.as_bytes())),
            };
            command.push_str(&format!("-H \"{}: {value}\" ", title_case(name.as_str())));
        }
        if !request.body().is_empty() {
            let body = String::from_utf8_lossy(request.body());
            command.push_str(&format!("-d {} ", quoted(&body)));
        }
        command.push_str(&quoted(&request.uri().to_string()));
        Some(command)
    }

    /// A policy that allows the request.
    pub(crate) fn policy(&self) -> Option<String> {
        let kept = self.0.lock();
        let request = kept.as_ref()?;
        let path = request.uri().path();
        let path = path.split_once("/v1/").map_or(path, |(_, path)| path);
        let query = request.uri().query().unwrap_or_default();
        let asks = |name: &str| query.split('&').any(|pair| pair == name);
        let mut capabilities = match request.method().as_str() {
            "PUT" | "POST" => vec!["create", "update"],
            "PATCH" => vec!["patch"],
            "DELETE" => vec!["delete"],
            _ if asks("list=true") => vec!["list"],
            _ if asks("scan=true") => vec!["scan"],
            _ => vec!["read"],
        };
        if needs_sudo(path) {
            capabilities.push("sudo");
        }
        let capabilities = capabilities.join("\", \"");
        Some(format!(
            "path \"{path}\" {{\n  capabilities = [\"{capabilities}\"]\n}}"
        ))
    }
}

/// Paths that need `sudo` besides the capability of the operation; `*` ends a prefix.
const SUDO: &[&str] = &[
    "auth/token/accessors",
    "auth/token/revoke-orphan",
    "sys/audit",
    "sys/audit/*",
    "sys/auth/*",
    "sys/config/auditing/*",
    "sys/config/cors",
    "sys/config/ui/headers/*",
    "sys/internal/inspect/*",
    "sys/leases",
    "sys/leases/lookup/*",
    "sys/leases/revoke-force/*",
    "sys/leases/revoke-prefix/*",
    "sys/plugins/catalog/*",
    "sys/raw",
    "sys/raw/*",
    "sys/remount",
    "sys/revoke-force/*",
    "sys/revoke-prefix/*",
    "sys/rotate",
    "sys/rotate/keyring",
    "sys/rotate/root",
    "sys/seal",
    "sys/step-down",
];

fn needs_sudo(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    SUDO.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => path == *pattern,
    })
}

/// Text between single quotes of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

/// Text between double quotes of a shell.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// `x-vault-token` as people write it.
fn title_case(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(chars).collect::<String>()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rehearse(request: http::request::Builder, body: &str) -> Rehearsal {
        let rehearsal = Rehearsal::default();
        let request = request.body(Bytes::from(body.to_owned())).unwrap();
        assert_eq!(
            rehearsal.send(request).await.unwrap_err(),
            TransportError::NotSent
        );
        rehearsal
    }

    #[tokio::test]
    async fn a_shell_gives_the_request_back() {
        let request = Request::put("https://h/v1/secret/it's?a=$b")
            .header("x-vault-token", "canary")
            .header("x-extra", "a\"$`\\b");
        let rehearsal = rehearse(request, r#"{"k":"it's"}"#).await;
        let config = ClientConfig::from_env(|name| {
            let value = match name {
                "VAULT_SKIP_VERIFY" => "true",
                "VAULT_CACERT" => "/a b.pem",
                "VAULT_ADDR" => "unix:///run/s",
                _ => return None,
            };
            Some(value.to_owned())
        })
        .unwrap();
        assert_eq!(
            rehearsal.curl("arca", &config).unwrap(),
            "curl --insecure -X PUT --unix-socket '/run/s' --cacert '/a b.pem' -H \"X-Vault-Token: $(arca print token)\" \
             -H \"X-Extra: a\\\"\\$\\`\\\\b\" -d '{\"k\":\"it'\"'\"'s\"}' 'https://h/v1/secret/it'\"'\"'s?a=$b'"
        );
    }

    #[tokio::test]
    async fn a_policy_has_the_capabilities_of_the_request() {
        for (method, url, expected) in [
            (
                "GET",
                "http://h/v1/secret/data/a",
                "path \"secret/data/a\" {\n  capabilities = [\"read\"]\n}",
            ),
            (
                "GET",
                "http://h/v1/secret/?list=true",
                "path \"secret/\" {\n  capabilities = [\"list\"]\n}",
            ),
            (
                "GET",
                "http://h/v1/secret/?limit=1&scan=true",
                "path \"secret/\" {\n  capabilities = [\"scan\"]\n}",
            ),
            (
                "PUT",
                "http://h/v1/a",
                "path \"a\" {\n  capabilities = [\"create\", \"update\"]\n}",
            ),
            (
                "PATCH",
                "http://h/v1/a",
                "path \"a\" {\n  capabilities = [\"patch\"]\n}",
            ),
            (
                "DELETE",
                "http://h/p/v1/a",
                "path \"a\" {\n  capabilities = [\"delete\"]\n}",
            ),
            (
                "PUT",
                "http://h/v1/sys/auth/userpass",
                "path \"sys/auth/userpass\" {\n  capabilities = [\"create\", \"update\", \"sudo\"]\n}",
            ),
        ] {
            let rehearsal = rehearse(Request::builder().method(method).uri(url), "").await;
            assert_eq!(rehearsal.policy().unwrap(), expected);
        }
    }
}
