//! Whether a login needs a second factor, and whether it has it.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use arca_base::json::Object;
use arca_base::{Json, JsonText, Secret, Timestamp, id, json_object};

use super::Mfa;
use super::enforcement::Enforcement;
use super::pending::Pending;
use super::totp::Verdict;
use crate::engine::Login;
use crate::fault::Fault;
use crate::identity::Principal;
use crate::router::Mount;

/// Longest passcode tried, in bytes.
const LONGEST_PASSCODE: usize = 64;

/// What came with a login.
pub(crate) struct Proofs<'a> {
    /// Where it came from.
    pub(crate) address: Option<IpAddr>,
    /// Second factors, as sent.
    pub(crate) factors: &'a [Secret<String>],
}

/// A passcode for a method.
pub(super) struct Given {
    /// Identifier or name of the method.
    pub(super) method: String,
    pub(super) passcode: Secret<String>,
}

impl Given {
    pub(super) fn new(method: &str, passcode: &str) -> Self {
        let passcode = passcode.strip_prefix("passcode=").unwrap_or(passcode);
        Self {
            method: method.to_owned(),
            passcode: Secret::new(passcode.chars().take(LONGEST_PASSCODE).collect()),
        }
    }

    /// Reads `METHOD[:PASSCODE]`.
    fn read(sent: &Secret<String>) -> Result<Self, Fault> {
        let (method, passcode) = sent.expose().split_once(':').unwrap_or((sent.expose(), ""));
        if method.is_empty() {
            return Err(Fault::invalid(
                "X-Vault-MFA: the name or the identifier of the method is missing",
            ));
        }
        Ok(Self::new(method, passcode))
    }
}

impl Mfa {
    /// Decides about a login of somebody whose first factor is proved: `None` lets it go on, else it waits, and this is
    /// what it is told.
    ///
    /// # Errors
    /// 403 when passcodes are given and are not right, or nobody could have any.
    pub(crate) async fn decide(
        &self,
        mount: &Arc<Mount>,
        path: &str,
        login: &Login,
        who: Option<&Principal>,
        proofs: &Proofs<'_>,
        now: Timestamp,
    ) -> Result<Option<JsonText>, Fault> {
        let needed = self.needed(mount, who).await?;
        if needed.is_empty() {
            return Ok(None);
        }
        let Some(entity) = who.map(|who| &*who.entity.id) else {
            return Err(Fault::denied_with(
                "a second factor is needed, and this login belongs to no entity that could have one",
            ));
        };
        if !proofs.factors.is_empty() {
            let given: Result<Vec<Given>, Fault> = proofs.factors.iter().map(Given::read).collect();
            self.satisfy(&needed, entity, &given?, now).await?;
            return Ok(None);
        }
        let request_id = id::uuid_v4(&*self.entropy);
        let told = self.requirement(&request_id, &needed).await?;
        let pending = Pending {
            mount: mount.clone(),
            path: path.to_owned(),
            login: login.clone(),
            entity: entity.to_owned(),
            address: proofs.address,
        };
        self.pending.keep(request_id, pending, now)?;
        Ok(Some(told.to_text()))
    }

    /// The enforcements that apply to a login.
    pub(super) async fn needed(
        &self,
        mount: &Mount,
        who: Option<&Principal>,
    ) -> Result<Vec<Enforcement>, Fault> {
        let all = self.all_enforcements().await?;
        let groups: Vec<&str> = who
            .into_iter()
            .flat_map(Principal::groups)
            .map(|group| &*group.id)
            .collect();
        let entity = who.map(|who| &*who.entity.id);
        let applying = all.iter().filter(|one| one.applies(mount, entity, &groups));
        Ok(applying.cloned().collect())
    }

    async fn requirement(&self, request_id: &str, needed: &[Enforcement]) -> Result<Json, Fault> {
        let mut constraints = Object::new();
        for enforcement in needed {
            let mut any = Vec::with_capacity(enforcement.methods.len());
            for id in &enforcement.methods {
                any.extend(self.method(id).await?.map(|method| method.offer()));
            }
            constraints.insert(enforcement.name.clone(), json_object! { "any" => any });
        }
        Ok(json_object! {
            "mfa_request_id" => request_id,
            "mfa_constraints" => Json::Object(constraints),
        })
    }

    /// Checks that one method of each enforcement is proved. A passcode is tried once, however many ask for it.
    ///
    /// # Errors
    /// 403 naming the enforcement that is not satisfied.
    pub(super) async fn satisfy(
        &self,
        needed: &[Enforcement],
        entity: &str,
        given: &[Given],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut tried = HashMap::new();
        for enforcement in needed {
            let mut reasons = BTreeSet::new();
            let mut proved = false;
            for id in &enforcement.methods {
                if !tried.contains_key(id) {
                    tried.insert(id.clone(), self.try_method(id, entity, given, now).await?);
                }
                match tried.get(id) {
                    Some(Ok(())) => proved = true,
                    Some(Err(reason)) => drop(reasons.insert(reason.clone())),
                    None => {}
                }
                if proved {
                    break;
                }
            }
            if !proved {
                let reasons: Vec<String> = reasons.into_iter().collect();
                return Err(Fault::denied_with(format!(
                    "failed to satisfy enforcement {}. error: {}",
                    enforcement.name,
                    reasons.join("; ")
                )));
            }
        }
        Ok(())
    }

    /// Tries the passcode that is given for a method; says why it does not count.
    async fn try_method(
        &self,
        id: &str,
        entity: &str,
        given: &[Given],
        now: Timestamp,
    ) -> Result<Result<(), String>, Fault> {
        let Some(method) = self.method(id).await? else {
            return Ok(Err(format!("the method {id} does not exist")));
        };
        let names = |given: &&Given| {
            given.method == method.id || (!method.name.is_empty() && given.method == method.name)
        };
        let passcode = given.iter().find(names).map(|given| &given.passcode);
        let Some(passcode) = passcode.filter(|passcode| !passcode.expose().is_empty()) else {
            return Ok(Err(format!("MFA credentials not supplied for method {id}")));
        };
        let verdict = self
            .keys
            .update(&format!("{id}/{entity}"), |found| {
                let Some(key) = found else {
                    return Ok::<_, Fault>((crate::barrier::Change::Keep, None));
                };
                let (change, verdict) = key.try_passcode(&method, passcode.expose(), now);
                Ok((change, Some(verdict)))
            })
            .await?;
        Ok(match verdict {
            Some(Verdict::Right) => Ok(()),
            Some(Verdict::Wrong) => Err("failed to validate TOTP passcode".to_owned()),
            Some(Verdict::Used(seconds)) => Err(format!(
                "code already used; new code is available in {seconds} seconds"
            )),
            Some(Verdict::Paused(seconds)) => Err(format!(
                "maximum TOTP validation attempts exceeded the allowed attempts {}. Please try again in {seconds} seconds",
                method.max_attempts
            )),
            None => Err(format!("MFA secret for method {id} not present in the entity")),
        })
    }
}
