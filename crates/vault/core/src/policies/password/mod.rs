//! Password policies: what passwords that engines make consist of.
//!
//! ```text
//! length = 20
//! rule "charset" { charset = "abcdefghijklmnopqrstuvwxyz"  min-chars = 1 }
//! rule "charset" { charset = "0123456789"                  min-chars = 1 }
//! ```

mod generator;
mod rules;

use std::sync::Arc;

use arca_base::{Entropy, Secret, id};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::barrier::{Rows, Stored, View};
use crate::fault::Fault;

pub use rules::{BadPolicy, PasswordPolicy};

/// Where password policies are stored, below the prefix of the namespace.
const FOLDER: &str = "password-policy/";

/// Longest text of a policy, in bytes: the largest sets of characters fit many times.
const LONGEST_TEXT: usize = 64 << 10;

/// Longest name of a policy, in bytes; its row has a name twice as long.
const LONGEST_NAME: usize = 256;

/// How many passwords are tried before others get their turn.
const TURN: usize = 1000;

/// A password policy, as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PasswordPolicyRow {
    /// Its text, as written.
    pub text: String,
}

impl Stored for PasswordPolicyRow {
    const VERSION: u8 = 1;
    const NAME: &'static str = "password policy";
}

/// The password policies of one namespace, and passwords by them.
#[derive(Clone)]
pub struct Passwords {
    rows: Rows<PasswordPolicyRow>,
    entropy: Arc<dyn Entropy>,
}

impl Passwords {
    /// Of the namespace with this view.
    pub(crate) fn new(namespace: &View, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            rows: Rows::new(namespace.folder(FOLDER)),
            entropy,
        }
    }

    /// Makes a password by the policy of this name; by the built-in policy if the name is empty: 20 letters,
    /// digits and hyphens, at least one of each.
    ///
    /// # Errors
    /// 500 when there is no such policy, or when it asks for passwords that are too rare to be found.
    pub async fn generate(&self, policy: &str) -> Result<Secret<String>, Fault> {
        if policy.is_empty() {
            return self.make(&PasswordPolicy::built_in()).await;
        }
        match self.load(policy).await? {
            Some(policy) => self.make(&policy).await,
            None => Err(Fault::failed(format!(
                "there is no password policy named {policy:?}"
            ))),
        }
    }

    /// Makes a password by the policy of this name.
    ///
    /// # Errors
    /// 404 when there is no such policy, 500 when it asks for passwords that are too rare to be found.
    pub(crate) async fn generate_existing(&self, policy: &str) -> Result<Secret<String>, Fault> {
        let policy = self.load(policy).await?.ok_or_else(unknown)?;
        self.make(&policy).await
    }

    /// Names of all policies, those after `after`.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub(crate) async fn names(&self, after: &str, limit: usize) -> Result<Vec<String>, Fault> {
        // Names of rows sort like the names they stand for.
        let page = self.rows.list("", &id::hex(after.as_bytes()), limit).await?;
        let name = |row: &String| String::from_utf8(id::unhex(row)?).ok();
        Ok(page.names.iter().filter_map(name).collect())
    }

    /// The text of a policy, as written.
    ///
    /// # Errors
    /// 404 when there is no such policy.
    pub(crate) async fn read(&self, name: &str) -> Result<String, Fault> {
        let row = self.rows.get(&row_name(name)).await?.ok_or_else(unknown)?;
        Ok(row.value.text.clone())
    }

    /// Writes a policy: HCL or JSON, as it is or in base64.
    ///
    /// # Errors
    /// 400 for a text that is no policy, and for a policy that no password is likely to fit.
    pub(crate) async fn write(&self, name: &str, text: &str) -> Result<(), Fault> {
        if name.len() > LONGEST_NAME {
            return Err(Fault::invalid_bare(format!(
                "the name of the policy is longer than {LONGEST_NAME} bytes"
            )));
        }
        if text.is_empty() {
            return Err(Fault::invalid_bare("missing policy"));
        }
        if text.len() > LONGEST_TEXT {
            return Err(Fault::invalid_bare(format!(
                "policy is longer than {LONGEST_TEXT} bytes"
            )));
        }
        let text = decoded(text);
        let policy = PasswordPolicy::parse(&text).map_err(|error| Fault::invalid_bare(error.to_string()))?;
        if self.make(&policy).await.is_err() {
            return Err(Fault::invalid_bare(
                "unable to construct test password from provided policy: are the rules impossible?",
            ));
        }
        self.rows
            .put(&row_name(name), &PasswordPolicyRow { text })
            .await?;
        Ok(())
    }

    /// Removes a policy.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Fault> {
        self.rows.delete(&row_name(name)).await?;
        Ok(())
    }

    async fn load(&self, name: &str) -> Result<Option<PasswordPolicy>, Fault> {
        let Some(row) = self.rows.get(&row_name(name)).await? else {
            return Ok(None);
        };
        PasswordPolicy::parse(&row.value.text)
            .map(Some)
            .map_err(Fault::internal)
    }

    async fn make(&self, policy: &PasswordPolicy) -> Result<Secret<String>, Fault> {
        let mut left = generator::budget(policy);
        while left > 0 {
            let turn = left.min(TURN);
            if let Some(password) = generator::attempt(policy, &*self.entropy, turn) {
                return Ok(password);
            }
            left -= turn;
            tokio::task::yield_now().await;
        }
        Err(Fault::failed("timed out generating string"))
    }
}

fn unknown() -> Fault {
    Fault::not_found_bare("policy does not exist")
}

/// Name of the row of a policy: a name may hold anything, a key may not.
fn row_name(name: &str) -> String {
    id::hex(name.as_bytes())
}

/// A policy may be sent in base64; whatever decodes is taken as that.
fn decoded(text: &str) -> String {
    let bytes = STANDARD.decode(text.trim()).ok();
    let decoded = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or_else(|| text.to_owned())
}
