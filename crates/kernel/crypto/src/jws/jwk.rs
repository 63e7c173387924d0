//! Keys as JSON, and sets of them.

use arca_base::Json;
use arca_base::json::Limits;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::algorithm::{Algorithm, Family};
use super::error::BadKey;
use super::key::PublicKey;

/// Most keys of one set. Large providers publish about ten; a token that names no key is tried against each.
pub const MAX_KEYS: usize = 64;

/// Largest document.
const MAX_BYTES: usize = 1 << 20;

/// What a document may cost.
const LIMITS: Limits = Limits {
    depth: 16,
    values: 20_000,
};

/// A key and what it may be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// What tokens call it; a key without a name may be the one of any token.
    id: Option<String>,
    /// The only algorithm it may be used with; any of its family where none is named.
    algorithm: Option<Algorithm>,
    pub(super) public: PublicKey,
}

/// Keys that signatures may be proved with; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<Key>,
    left_out: Vec<BadKey>,
}

impl KeySet {
    /// Reads a JWK set (RFC 7517, section 5). Keys that cannot be used here are left out, as the standard says.
    ///
    /// # Errors
    /// [`BadKey`] when it is no such document, is too large, or holds no key that can be used.
    pub fn from_jwks(document: &[u8]) -> Result<Self, BadKey> {
        if document.len() > MAX_BYTES {
            return Err(BadKey::TooLarge {
                bytes: document.len(),
                limit: MAX_BYTES,
            });
        }
        let json = Json::parse_unique(document, &LIMITS).map_err(BadKey::NotJson)?;
        let list = json.get("keys").and_then(Json::as_array).ok_or(BadKey::NoList)?;
        check_count(list.len())?;
        let (mut keys, mut left_out) = (Vec::new(), Vec::new());
        for jwk in list {
            match Key::read(jwk) {
                Ok(key) => keys.push(key),
                Err(error) => left_out.push(error),
            }
        }
        if keys.is_empty() {
            return Err(BadKey::NoneUsable {
                count: list.len(),
                first: left_out.into_iter().next().map(Box::new),
            });
        }
        Ok(Self { keys, left_out })
    }

    /// Keys without names.
    ///
    /// # Errors
    /// [`BadKey`] when there are none, or too many.
    pub fn from_keys(keys: Vec<PublicKey>) -> Result<Self, BadKey> {
        check_count(keys.len())?;
        if keys.is_empty() {
            return Err(BadKey::NoneUsable {
                count: 0,
                first: None,
            });
        }
        let unnamed = |public| Key {
            id: None,
            algorithm: None,
            public,
        };
        Ok(Self {
            keys: keys.into_iter().map(unnamed).collect(),
            left_out: Vec::new(),
        })
    }

    /// How many keys can be used.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: a set holds at least one key.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// What is wrong with the keys of the document that were left out.
    #[must_use]
    pub fn left_out(&self) -> &[BadKey] {
        &self.left_out
    }

    /// The keys that may have signed a token which names `id`.
    pub(super) fn named<'a>(&'a self, id: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        self.keys
            .iter()
            .filter(move |key| id.is_none() || key.id.is_none() || key.id.as_deref() == id)
    }
}

impl Key {
    pub(super) fn goes_with(&self, algorithm: Algorithm) -> bool {
        self.public.family() == algorithm.family() && self.algorithm.is_none_or(|only| only == algorithm)
    }

    fn read(jwk: &Json) -> Result<Self, BadKey> {
        if jwk.get("d").is_some() {
            return Err(BadKey::Private);
        }
        check_use(jwk)?;
        let public = public_key(jwk)?;
        let algorithm = match jwk.get("alg") {
            None => None,
            Some(name) => {
                let named = name.as_str().and_then(Algorithm::parse);
                let named = named.filter(|named| named.family() == public.family());
                Some(named.ok_or(BadKey::AlgorithmOfOtherFamily(public.family()))?)
            }
        };
        let id = match jwk.get("kid") {
            None => None,
            Some(id) => Some(id.as_str().ok_or(BadKey::Member("kid"))?.to_owned()),
        };
        Ok(Self {
            id,
            algorithm,
            public,
        })
    }
}

const fn check_count(count: usize) -> Result<(), BadKey> {
    if count > MAX_KEYS {
        return Err(BadKey::TooMany {
            count,
            limit: MAX_KEYS,
        });
    }
    Ok(())
}

/// RFC 7517, sections 4.2 and 4.3.
fn check_use(jwk: &Json) -> Result<(), BadKey> {
    let signs = jwk.get("use").is_none_or(|name| name.as_str() == Some("sig"));
    let verifies = jwk.get("key_ops").is_none_or(|operations| {
        let operations = operations.as_array().unwrap_or_default();
        operations.iter().any(|name| name.as_str() == Some("verify"))
    });
    if signs && verifies {
        return Ok(());
    }
    Err(BadKey::OtherUse)
}

/// RFC 7518, sections 6.2 and 6.3; RFC 8037, section 2.
fn public_key(jwk: &Json) -> Result<PublicKey, BadKey> {
    let text = |member: &'static str| {
        jwk.get(member)
            .and_then(Json::as_str)
            .ok_or(BadKey::Member(member))
    };
    let bytes = |member: &'static str| {
        let decoded = URL_SAFE_NO_PAD.decode(text(member)?);
        decoded.map_err(|_| BadKey::Member(member))
    };
    let on_curve = |family, length: usize| {
        let (x, y) = (bytes("x")?, bytes("y")?);
        if x.len() != length || y.len() != length {
            return Err(BadKey::Numbers(family));
        }
        // SEC 1, section 2.3.3: an uncompressed point.
        PublicKey::point(family, [&[4], x.as_slice(), &y].concat())
    };
    match text("kty")? {
        "RSA" => PublicKey::rsa(&bytes("n")?, &bytes("e")?),
        "EC" => match text("crv")? {
            "P-256" => on_curve(Family::P256, 32),
            "P-384" => on_curve(Family::P384, 48),
            "P-521" => on_curve(Family::P521, 66),
            _ => Err(BadKey::Unsupported),
        },
        "OKP" if text("crv")? == "Ed25519" => PublicKey::point(Family::Ed25519, bytes("x")?),
        _ => Err(BadKey::Unsupported),
    }
}
