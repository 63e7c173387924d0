//! Keys from a server with TLS, whose authority only the configuration knows: openssl with files of whole answers.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use arca_crypto::jws::{Algorithm, Family, SigningKey};
use serde_json::json;

use crate::jwt_issuer::{role, server, signed};

/// A web server. It ends when dropped.
struct TlsServer {
    url: String,
    child: Child,
}

impl TlsServer {
    async fn start(folder: &Path, authority: &arca_fixtures::Authority) -> Self {
        let pair = authority.issue("IP:127.0.0.1").unwrap();
        std::fs::write(folder.join("certificate.pem"), &pair.certificate).unwrap();
        std::fs::write(folder.join("key.pem"), &pair.key).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-HTTP", "-accept", &address])
            .args(["-cert", "certificate.pem", "-key", "key.pem"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            url: format!("https://{address}"),
            child,
        };
        for _ in 0..500 {
            if tokio::net::TcpStream::connect(&address).await.is_ok() {
                return server;
            }
            crate::caller::a_moment().await;
        }
        panic!("openssl does not listen");
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn keys_come_from_whom_the_authority_vouches_for_and_never_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let authority = arca_fixtures::Authority::new().unwrap();
    let key = SigningKey::generate(Family::P384).unwrap();
    let publish = |name: &str, answer: String| std::fs::write(folder.path().join(name), answer).unwrap();
    let server_of_keys = TlsServer::start(folder.path(), &authority).await;
    let url = &server_of_keys.url;
    let jwk: serde_json::Value = serde_json::from_str(key.public_jwk("k").to_text().as_str()).unwrap();
    let plain = url.replace("https://", "http://");
    publish(
        "keys",
        format!("HTTP/1.0 200 OK\r\n\r\n{}", json!({"keys": [jwk]})),
    );
    publish(
        "moved",
        format!("HTTP/1.0 302 Found\r\nLocation: {plain}/keys\r\n\r\n"),
    );
    std::fs::create_dir(folder.path().join(".well-known")).unwrap();
    let document = json!({"issuer": url, "jwks_uri": format!("{plain}/keys")});
    publish(
        ".well-known/openid-configuration",
        format!("HTTP/1.0 200 OK\r\n\r\n{document}"),
    );

    let vault = server().await;
    let pem = std::fs::read_to_string(authority.file()).unwrap();
    let write = async |config| vault.write("auth/jwt/config", config).await;
    for (config, expected) in [
        (json!({"jwks_url": format!("{url}/keys")}), "cannot trust"),
        (
            json!({"jwks_url": format!("{url}/moved"), "jwks_ca_pem": pem}),
            "which is not encrypted",
        ),
        (
            json!({"oidc_discovery_url": url, "oidc_discovery_ca_pem": pem}),
            "which is not encrypted",
        ),
    ] {
        let refused = write(config).await.expect(400);
        assert!(refused.error().contains(expected), "{refused:?}");
    }
    let config = json!({"jwks_url": format!("{url}/keys"), "jwks_ca_pem": pem, "bound_issuer": "ci"});
    let _ = write(config).await.expect(204);
    role(&vault, json!({})).await;
    let claims = json!({"iss": "ci", "aud": "vault", "sub": "s", "exp": i64::from(u32::MAX)});
    let mut claims = claims;
    claims["iat"] = json!(0);
    let token = signed(&key, Algorithm::Es384, "k", &claims);
    let _ = crate::jwt_issuer::log_in(&vault, &token).await.expect(200);
}
