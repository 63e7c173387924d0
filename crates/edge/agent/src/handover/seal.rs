//! How a state is sealed.
//!
//! `"ARCA-AGENT-STATE" || version (1 byte) || nonce || ciphertext || tag`: AES-256-GCM under HKDF-SHA256 of the 32
//! random bytes in a file that only the agent's user can read; the bytes in front are associated data. What a pod's
//! service account says of itself is inside, and not its token, which changes while the pod lives.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use arca_base::json::Limits;
use arca_base::{Entropy, Json, Secret, entropy, id};
use arca_crypto::aead::AeadKey;
use arca_crypto::digest::sha256;
use arca_crypto::kdf::hkdf_sha256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Refused, read};
use crate::config::Persist;

const MAGIC: &[u8] = b"ARCA-AGENT-STATE";
const VERSION: u8 = 1;
/// Most bytes of a key file, and of the token of a service account.
const KEY_FILE: usize = 1 << 10;
const TOKEN_FILE: usize = 64 << 10;
/// Where Kubernetes puts that token.
const USUAL_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

type Key = Secret<[u8; 32]>;

/// The key in a file; nothing if there is none.
pub(super) fn key(path: &Path) -> Result<Option<Key>, Refused> {
    let Some(content) = read(path, KEY_FILE)? else {
        return Ok(None);
    };
    let mode = fs::metadata(path).map(|found| found.permissions().mode() & 0o777);
    let mode = mode.map_err(|source| Refused::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(Refused::OpenKey { path, mode });
    }
    let none = || Refused::NoKey(path.to_owned());
    let text = std::str::from_utf8(content.expose()).map_err(|_| none())?;
    let bytes = Secret::new(id::unhex(text.trim()).ok_or_else(none)?);
    let bytes = <[u8; 32]>::try_from(bytes.expose().as_slice()).map_err(|_| none())?;
    Ok(Some(Secret::new(bytes)))
}

pub(super) fn new_key(entropy: &dyn Entropy) -> Key {
    Secret::new(entropy::bytes::<32>(entropy))
}

/// What stands in the file of a key.
pub(super) fn key_text(key: &Key) -> Secret<String> {
    Secret::new(id::hex(key.expose()))
}

pub(super) fn seal(key: &Key, entropy: &dyn Entropy, text: &Secret<Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut out = header();
    let aad = out.clone();
    let sealed = cipher(key).and_then(|cipher| cipher.seal_onto(entropy, &aad, text.expose(), &mut out));
    sealed.map_err(io::Error::other)?;
    Ok(out)
}

pub(super) fn open(key: &Key, sealed: &[u8], path: &Path) -> Result<Secret<Vec<u8>>, Refused> {
    let damaged = || Refused::Damaged(path.to_owned());
    let rest = sealed.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (version, record) = rest.split_first().ok_or_else(damaged)?;
    if *version != VERSION {
        return Err(Refused::Version {
            path: path.to_owned(),
            version: *version,
        });
    }
    let cipher = cipher(key).map_err(|_| damaged())?;
    cipher.open(&header(), record).map_err(|_| damaged())
}

fn header() -> Vec<u8> {
    [MAGIC, &[VERSION]].concat()
}

fn cipher(key: &Key) -> Result<AeadKey, arca_crypto::aead::AeadError> {
    let derived = hkdf_sha256::<32>(MAGIC, key.expose(), b"state");
    AeadKey::from_slice(derived.expose())
}

/// What the service account says of itself: the parts of its token that stay while it is renewed. Without a file that
/// is named, none has to be there.
pub(super) fn account(place: &Persist) -> Result<Option<String>, Refused> {
    let (path, is_named) = match &place.service_account_token_file {
        Some(path) => (path.as_path(), true),
        None if place.is_kubernetes => (Path::new(USUAL_TOKEN), false),
        None => return Ok(None),
    };
    let fault = |reason: String| Refused::Account(format!("cannot read {}: {reason}", path.display()));
    // Kubernetes has a symbolic link there.
    let resolved = match fs::canonicalize(path) {
        Ok(resolved) => resolved,
        Err(error) if !is_named && error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error.to_string())),
    };
    let token = read(&resolved, TOKEN_FILE)?.ok_or_else(|| fault("it is gone".to_owned()))?;
    let text = token.expose().trim_ascii();
    Ok(Some(
        claims(text).unwrap_or_else(|| format!("sha256:{}", id::hex(&sha256(text)))),
    ))
}

fn claims(token: &[u8]) -> Option<String> {
    let mut parts = std::str::from_utf8(token).ok()?.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let json = Json::parse(&payload, &Limits::default()).ok()?;
    let text = |json: Option<&Json>| json.and_then(Json::as_str).unwrap_or_default().to_owned();
    let subject = text(json.get("sub"));
    let pod = json.get("kubernetes.io").and_then(|about| about.get("pod"));
    let parts = [
        text(json.get("iss")),
        subject.clone(),
        text(pod.and_then(|pod| pod.get("uid"))),
    ];
    (!subject.is_empty()).then(|| parts.join(" "))
}

#[cfg(test)]
mod tests {
    use arca_testkit::SeededEntropy;

    use super::*;

    fn jwt(payload: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn an_account_stays_the_same_while_its_token_is_renewed() {
        let of = |payload: &str| claims(jwt(payload).as_bytes());
        let first = of(r#"{"iss":"i","sub":"s","exp":1,"kubernetes.io":{"pod":{"uid":"p"}}}"#);
        assert_eq!(first.as_deref(), Some("i s p"));
        assert_eq!(
            first,
            of(r#"{"iss":"i","sub":"s","exp":2,"kubernetes.io":{"pod":{"uid":"p"}}}"#)
        );
        assert_ne!(
            first,
            of(r#"{"iss":"i","sub":"s","exp":2,"kubernetes.io":{"pod":{"uid":"other"}}}"#)
        );
        assert_eq!((of("{}"), claims(b"no token")), (None, None));
    }

    #[test]
    fn nothing_but_the_same_bytes_under_the_same_key_is_opened() {
        let (entropy, path) = (SeededEntropy::new(1), Path::new("/p"));
        let key = new_key(&*entropy);
        let sealed = seal(&key, &*entropy, &Secret::new(b"text".to_vec())).unwrap();
        assert_eq!(open(&key, &sealed, path).unwrap().expose(), b"text");
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(open(&key, &altered, path).is_err(), "byte {at}");
            assert!(open(&key, &sealed[..at], path).is_err(), "{at} bytes");
        }
        let other = new_key(&*entropy);
        assert!(matches!(open(&other, &sealed, path), Err(Refused::Damaged(_))));
        let mut newer = sealed;
        newer[MAGIC.len()] = 2;
        assert!(matches!(
            open(&key, &newer, path),
            Err(Refused::Version { version: 2, .. })
        ));
    }
}
