//! Second factors of logins: passcodes that change with time.
//!
//! ```text
//! mfa/method/<id>              a way to prove a second factor
//! mfa/enforcement/<name>       which logins need which methods
//! mfa/totp/<method>/<entity>   the key of an entity, and which passcode was used last
//! ```
//!
//! [`check`] decides about a login, between finding its entity and making its token. A login without passcodes is kept
//! in [`pending`], in the memory of this node, until they come. A passcode counts once: the period it belongs to is
//! written down before the login goes on, so that it is good on no other node either. Wrong ones are counted with it.

mod barcode;
pub(crate) mod check;
mod endpoints;
mod enforcement;
mod enforcements;
mod method;
mod pending;
mod totp;
mod validate;

use std::sync::Arc;

use arca_base::Entropy;
use parking_lot::Mutex;

pub(crate) use self::endpoints::routes;
pub(crate) use self::validate::routes as validation_routes;

use self::enforcement::Enforcement;
use self::method::Method;
use self::pending::PendingLogins;
use self::totp::TotpKey;
use crate::barrier::{Generation, Rows, View};
use crate::fault::Fault;

/// The second factors of one namespace.
pub(crate) struct Mfa {
    methods: Rows<Method>,
    enforcements: Rows<Enforcement>,
    keys: Rows<TotpKey>,
    entropy: Arc<dyn Entropy>,
    pending: PendingLogins,
    changed: Generation,
    /// All enforcements, as they were when the counter stood at the number.
    known: Mutex<Option<(u64, Arc<[Enforcement]>)>>,
}

impl Mfa {
    pub(crate) fn new(entropy: Arc<dyn Entropy>, view: &View) -> Self {
        let enforcements = view.folder("mfa/enforcement/");
        Self {
            methods: Rows::new(view.folder("mfa/method/")),
            keys: Rows::new(view.folder("mfa/totp/")),
            changed: enforcements.generation(),
            enforcements: Rows::new(enforcements),
            entropy,
            pending: PendingLogins::default(),
            known: Mutex::new(None),
        }
    }

    /// All enforcements; every login asks.
    async fn all_enforcements(&self) -> Result<Arc<[Enforcement]>, Fault> {
        let now = self.changed.current();
        let may_keep = self.enforcements.view().barrier().is_caching();
        if let Some((then, known)) = &*self.known.lock()
            && *then == now
            && may_keep
        {
            return Ok(known.clone());
        }
        let rows = self.enforcements.all().await?;
        let all: Arc<[Enforcement]> = rows.into_iter().map(|(_, row)| row).collect();
        *self.known.lock() = Some((now, all.clone()));
        Ok(all)
    }

    /// The method with this identifier.
    async fn method(&self, id: &str) -> Result<Option<Arc<Method>>, Fault> {
        if !is_id(id) {
            return Ok(None);
        }
        Ok(self.methods.get(id).await?.map(|row| row.value))
    }
}

/// Whether a text has the form of an identifier, so that it can be the name of a row.
fn is_id(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(known)
}
