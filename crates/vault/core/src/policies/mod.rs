//! Policies: their texts, and what they allow a token. Policies about passwords are in [`password`].

mod explain;
pub mod password;
mod subject;

use std::sync::Arc;

use arca_base::json::Object;
use arca_base::{Json, MountPath, NamespaceId, Operation, RequestPath, Timestamp, Ttl, id};
use arca_policy::template::Anonymous;
use arca_policy::{Constraints, Policy, PolicyName, Request};
use parking_lot::Mutex;
use quick_cache::unsync::Cache;
use quick_cache::{Equivalent, UnitWeighter};
use serde::{Deserialize, Serialize};

use crate::barrier::{BarrierError, Generation, Rows, Stored, View, Writes};
use crate::events::Told;
use crate::fault::Fault;
use crate::identity::{Identity, Principal};
use crate::tokens::Token;
pub use explain::Explained;
use subject::Subject;

/// Compiled sets of policies that are kept.
const KEPT: usize = 1024;

/// A policy, as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PolicyRow {
    /// Its name.
    pub name: String,
    /// Its text, as written.
    pub text: String,
}

impl Stored for PolicyRow {
    const VERSION: u8 = 1;
    const NAME: &'static str = "policy";
}

/// The policies of one namespace.
pub struct Policies {
    namespace: NamespaceId,
    rows: Rows<PolicyRow>,
    changed: Generation,
    compiled: Mutex<Cache<Key, (Stamp, Arc<Acl>)>>,
}

/// What a compiled set is kept under.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    of_token: Vec<String>,
    of_identity: Vec<String>,
    entity_id: String,
}

/// A [`Key`] that is only looked at: every request has one, and a token may have hundreds of policies.
#[derive(Clone, Copy, Hash)]
struct Asked<'a> {
    of_token: &'a [String],
    of_identity: &'a [String],
    entity_id: &'a str,
}

/// When a compiled set was made: it is good for as long as both stand still.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    policies: u64,
    identity: u64,
}

/// What a token may do.
pub struct Acl(arca_policy::Acl);

/// What is asked of an [`Acl`].
pub struct Question<'a> {
    /// What is done.
    pub operation: Operation,
    /// Where.
    pub path: &'a RequestPath,
    /// Body or query.
    pub data: &'a Object,
    /// How long the caller wants the answer wrapped.
    pub wrap_ttl: Option<Ttl>,
    /// Whether the path needs `sudo`.
    pub sudo: bool,
}

impl Policies {
    pub(crate) fn new(namespace: NamespaceId, view: &View) -> Self {
        let view = view.folder("policy/");
        // A small namespace shall be small in memory, too.
        let at_first = if namespace.is_root() { KEPT } else { 0 };
        Self {
            namespace,
            changed: view.generation(),
            rows: Rows::new(view),
            compiled: Mutex::new(Cache::with_weighter(at_first, KEPT as u64, UnitWeighter)),
        }
    }

    /// Adds the `default` policy as it is before anybody edits it.
    pub(crate) fn put_default(&self, writes: &mut Writes) -> Result<(), BarrierError> {
        let name = PolicyName::default_policy();
        let row = PolicyRow {
            name: name.to_string(),
            text: arca_policy::builtin::DEFAULT.to_owned(),
        };
        self.rows.put_in(writes, &row_name(&name), &row)
    }

    /// Writes the `default` policy again if it is missing.
    pub(crate) async fn ensure_default(&self) -> Result<(), Fault> {
        if self
            .rows
            .get(&row_name(&PolicyName::default_policy()))
            .await?
            .is_none()
        {
            let mut writes = Writes::new();
            self.put_default(&mut writes)?;
            self.rows.view().commit(writes).await?;
        }
        Ok(())
    }

    /// Names of all policies that can be shown, those after `after`.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn names(&self, after: &str, limit: usize) -> Result<Vec<String>, Fault> {
        // Names of rows sort like the names they stand for.
        let page = self.rows.list("", &id::hex(after.as_bytes()), limit).await?;
        let mut names: Vec<String> = page.names.iter().filter_map(|row| policy_name(row)).collect();
        let root = "root".to_owned();
        let complete = !page.more || names.last().is_some_and(|last| *last > root);
        if *root > *after && complete {
            names.push(root);
            names.sort_unstable();
            names.truncate(limit);
        }
        Ok(names)
    }

    /// A policy by its name in any form; `root` has an empty text.
    ///
    /// # Errors
    /// 400 for a name that cannot be one.
    pub async fn read(&self, name: &str) -> Result<Option<PolicyRow>, Fault> {
        let name = parse_name(name)?;
        if name.is_root() {
            return Ok(Some(PolicyRow {
                name: name.to_string(),
                text: String::new(),
            }));
        }
        Ok(self
            .rows
            .get(&row_name(&name))
            .await?
            .map(|row| (*row.value).clone()))
    }

    /// Whether there is a policy of this canonical name.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn exists(&self, name: &str) -> Result<bool, Fault> {
        Ok(self.read(name).await?.is_some())
    }

    /// Writes a policy; returns what the caller should know.
    ///
    /// # Errors
    /// 400 for a name that cannot be written and for a text that is no policy.
    pub async fn write(&self, name: &str, text: &str, now: Timestamp) -> Result<Vec<String>, Fault> {
        let canonical = parse_name(name)?;
        if canonical.is_fixed() {
            return Err(Fault::invalid(format!(
                "cannot update {:?} policy",
                canonical.as_str()
            )));
        }
        Policy::parse(canonical.clone(), text).map_err(|error| Fault::invalid(error.to_string()))?;
        let row = PolicyRow {
            name: canonical.to_string(),
            text: text.to_owned(),
        };
        let mut writes = Writes::new();
        self.rows.put_in(&mut writes, &row_name(&canonical), &row)?;
        self.tell(&mut writes, "policy/write", &canonical, now);
        self.rows.view().commit(writes).await?;
        if canonical.as_str() == name {
            Ok(Vec::new())
        } else {
            Ok(vec![format!("policy name was converted to {canonical}")])
        }
    }

    /// Removes a policy; tokens that have it lose what it allowed at once.
    ///
    /// # Errors
    /// 400 for a policy that cannot be removed.
    pub async fn delete(&self, name: &str, now: Timestamp) -> Result<(), Fault> {
        let name = parse_name(name)?;
        if name.is_fixed() {
            return Err(Fault::invalid(format!(
                "cannot delete {:?} policy",
                name.as_str()
            )));
        }
        if !name.is_deletable() {
            return Err(Fault::invalid("cannot delete default policy"));
        }
        let mut writes = Writes::new();
        self.rows.delete_in(&mut writes, &row_name(&name));
        self.tell(&mut writes, "policy/delete", &name, now);
        self.rows.view().commit(writes).await?;
        Ok(())
    }

    /// What a token and the identity behind it may do, compiled once for each set of policies.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn acl(
        &self,
        token: &Token,
        principal: Option<&Principal>,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<Arc<Acl>, Fault> {
        let asked = Asked::of(token, principal);
        let stamp = Stamp {
            policies: self.changed.current(),
            // What the principal was read under: a change since then must not be taken for known.
            identity: principal.map_or(0, Principal::seen),
        };
        if let Some((kept, acl)) = self.compiled.lock().get(&asked)
            && *kept == stamp
            && acl.0.valid_until().is_none_or(|until| now < until)
        {
            return Ok(acl.clone());
        }
        let subject = match principal {
            Some(principal) => Some(Subject {
                principal,
                aliases: identity.aliases_of(&principal.entity).await?,
            }),
            None => None,
        };
        let acl = Arc::new(self.compile(asked, subject.as_ref(), now).await?);
        self.compiled.lock().insert(asked.key(), (stamp, acl.clone()));
        Ok(acl)
    }

    fn tell(&self, writes: &mut Writes, kind: &'static str, name: &PolicyName, now: Timestamp) {
        let told = Told::of(kind, format!("sys/policies/acl/{name}")).with("name", name.as_str());
        writes.tell(told.key(&self.namespace, None, now));
    }

    async fn compile(
        &self,
        asked: Asked<'_>,
        subject: Option<&Subject<'_>>,
        now: Timestamp,
    ) -> Result<Acl, Fault> {
        if asked.of_token.iter().any(|policy| policy == "root") {
            return Ok(Acl(arca_policy::Acl::root()));
        }
        let names = asked.names();
        let mut policies = Vec::with_capacity(names.len());
        for name in names {
            // A policy that does not exist allows nothing; it may be written later.
            if let Some(policy) = self.load(name).await? {
                policies.push(match subject {
                    Some(subject) => policy.render(subject),
                    None => policy.render(&Anonymous),
                });
            }
        }
        arca_policy::Acl::compile(&policies, now)
            .map(Acl)
            .map_err(Fault::internal)
    }

    async fn load(&self, name: &str) -> Result<Option<Policy>, Fault> {
        let name = parse_name(name)?;
        if name.as_str() == crate::wrapping::POLICY {
            return Policy::response_wrapping().map(Some).map_err(Fault::internal);
        }
        let Some(row) = self.rows.get(&row_name(&name)).await? else {
            return Ok(None);
        };
        Policy::parse(name, &row.value.text)
            .map(Some)
            .map_err(Fault::internal)
    }
}

impl<'a> Asked<'a> {
    fn of(token: &'a Token, principal: Option<&'a Principal>) -> Self {
        Self {
            of_token: &token.policies,
            of_identity: principal.map(Principal::policies).unwrap_or_default(),
            entity_id: principal.map_or("", |principal| principal.entity.id.as_str()),
        }
    }

    /// The names of the policies that count, sorted, each once. No identity is root, whatever its record says.
    fn names(self) -> Vec<&'a str> {
        let added = self.of_identity.iter().filter(|policy| *policy != "root");
        let mut names: Vec<&str> = self.of_token.iter().chain(added).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn key(self) -> Key {
        Key {
            of_token: self.of_token.to_vec(),
            of_identity: self.of_identity.to_vec(),
            entity_id: self.entity_id.to_owned(),
        }
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.of_token == key.of_token
            && self.of_identity == key.of_identity
            && self.entity_id == key.entity_id
    }
}

impl Acl {
    /// The names of the policies that allow a request.
    ///
    /// # Errors
    /// [`Fault::denied`] with the reason.
    pub fn decide(&self, question: &Question<'_>) -> Result<Vec<String>, Fault> {
        let verdict = self.0.check(&Request::from(question)).needing_sudo(question.sudo);
        if let Some(denial) = verdict.denial() {
            return Err(Fault::denied().because(denial.to_string()));
        }
        let asked = verdict.constraints();
        if let Some(unkept) = asked.and_then(|asked| unsupported(asked, question.operation)) {
            return Err(Fault::denied().because(unchecked(unkept)));
        }
        Ok(verdict.granting().map(str::to_owned).collect())
    }

    /// Whether an event of this type is shown that happened at a path: to whoever may read there, and to whoever may
    /// subscribe to it.
    #[must_use]
    pub fn sees(&self, path: &RequestPath, kind: &str) -> bool {
        if self.0.may_subscribe(path, kind) {
            return true;
        }
        self.may(Operation::Read, path)
    }

    /// Whether something without parameters may be done at a path.
    #[must_use]
    pub fn may(&self, operation: Operation, path: &RequestPath) -> bool {
        let verdict = self.0.check(&Request::new(operation, path));
        let asked = verdict.constraints();
        verdict.allowed() && asked.and_then(|asked| unsupported(asked, operation)).is_none()
    }

    /// What may be done at a path, as `sys/capabilities` shows it.
    #[must_use]
    pub fn capabilities(&self, path: &RequestPath) -> Vec<String> {
        self.0
            .capabilities(path)
            .iter()
            .map(|capability| capability.as_str().to_owned())
            .collect()
    }

    /// Whether anything at all may be done in a mount.
    #[must_use]
    pub fn reaches(&self, mount: &MountPath) -> bool {
        self.0.touches(mount)
    }

    /// Everything that may be done, as `sys/internal/ui/resultant-acl` shows it.
    #[must_use]
    pub fn dump(&self) -> Json {
        self.0.resultant()
    }

    /// Whether a request with `sudo` on `path` would be allowed.
    #[must_use]
    pub fn has_sudo(&self, operation: Operation, path: &RequestPath) -> bool {
        let verdict = self.0.check(&Request::new(operation, path));
        verdict.is_root()
            || verdict
                .rule()
                .is_some_and(|rule| rule.capabilities().contains(arca_policy::Capability::Sudo))
    }
}

impl<'a> From<&Question<'a>> for Request<'a> {
    fn from(question: &Question<'a>) -> Self {
        Self {
            operation: question.operation,
            path: question.path,
            data: Some(question.data),
            wrap_ttl: question.wrap_ttl,
        }
    }
}

/// Why a rule with something that this server does not check allows nothing.
fn unchecked(unkept: &str) -> String {
    format!("the rule that counts asks for {unkept}, which this server cannot check yet")
}

/// What a rule asks for that this server does not check. Such a rule allows nothing rather than too much.
fn unsupported(asked: &Constraints, operation: Operation) -> Option<&'static str> {
    if !asked.mfa_methods.is_empty() {
        return Some("a second factor (mfa_methods)");
    }
    if asked.control_group.is_some() {
        return Some("a control group");
    }
    let filters = asked.response_keys_filter.is_some() && operation.is_listing();
    filters.then_some("a filter of listed names (list_scan_response_keys_filter_path)")
}

/// Policies of a new token: canonical, sorted, each once; `root` stands alone.
///
/// # Errors
/// 400 for a name that cannot be one.
pub fn canonical(names: &[String], with_default: bool) -> Result<Vec<String>, Fault> {
    let mut canonical = Vec::with_capacity(names.len() + 1);
    for name in names.iter().filter(|name| !name.trim().is_empty()) {
        canonical.push(parse_name(name)?.to_string());
    }
    if canonical.iter().any(|name| name == "root") {
        return Ok(vec!["root".to_owned()]);
    }
    if with_default {
        canonical.push("default".to_owned());
    }
    canonical.sort_unstable();
    canonical.dedup();
    Ok(canonical)
}

fn parse_name(name: &str) -> Result<PolicyName, Fault> {
    PolicyName::parse(name).map_err(|error| Fault::invalid(error.to_string()))
}

/// Name of the row of a policy: a name may hold anything printable, a key may not.
fn row_name(name: &PolicyName) -> String {
    id::hex(name.as_str().as_bytes())
}

/// The policy that a row is of.
fn policy_name(row: &str) -> Option<String> {
    String::from_utf8(id::unhex(row)?).ok()
}
