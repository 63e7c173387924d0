//! Where a browser may be sent back to.

use url::{Host, Url};

/// Whether a role allows to send the browser back to `wanted`. On the machine of the browser itself any port will do
/// (RFC 8252, section 7.3): programs take one that is free.
pub(super) fn is_allowed(wanted: &str, allowed: &[String]) -> bool {
    if allowed.iter().any(|allowed| allowed == wanted) {
        return true;
    }
    let without_port = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        let is_here = match url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let plain = url.username().is_empty() && url.password().is_none();
        (is_here && plain).then(|| url.set_port(None).ok())??;
        Some(url)
    };
    let Some(wanted) = without_port(wanted) else {
        return false;
    };
    allowed
        .iter()
        .any(|allowed| without_port(allowed).as_ref() == Some(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_and_any_port_of_this_machine() {
        let allowed = [
            "http://localhost:8250/oidc/callback".to_owned(),
            "https://vault.example.com/ui/vault/auth/oidc/oidc/callback".to_owned(),
        ];
        for (wanted, fine) in [
            ("http://localhost:8250/oidc/callback", true),
            ("http://localhost:9999/oidc/callback", true),
            ("http://localhost/oidc/callback", true),
            ("http://127.0.0.1:8250/oidc/callback", false),
            ("https://localhost:8250/oidc/callback", false),
            ("http://localhost:8250/oidc/callback?x=1", false),
            ("http://localhost:8250/other", false),
            ("http://localhost@evil.example.com/oidc/callback", false),
            ("http://evil@localhost:8250/oidc/callback", false),
            ("http://localhost.evil.example.com:8250/oidc/callback", false),
            ("https://vault.example.com/ui/vault/auth/oidc/oidc/callback", true),
            (
                "https://vault.example.com:444/ui/vault/auth/oidc/oidc/callback",
                false,
            ),
            ("https://vault.example.com/", false),
            ("javascript:alert(1)", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(wanted, &allowed), fine, "{wanted}");
        }
    }
}
