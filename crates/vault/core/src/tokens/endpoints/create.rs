//! Creating tokens: who may ask for what.

use std::collections::BTreeSet;
use std::sync::Arc;

use arca_api::token as api;
use arca_base::{RequestPath, Ttl, glob};

use super::TokenEngine;
use crate::active::Active;
use crate::engine::{Answer, Cx};
use crate::fault::Fault;
use crate::identity::LoginAlias;
use crate::namespaces::Namespace;
use crate::policies::canonical;
use crate::router::Class;
use crate::tokens::{NewToken, Role, Token, TokenKind};
use crate::ttl::{Lifetime, PastMax};

/// Longest texts a caller may give a token.
const MAX_DISPLAY_NAME: usize = 256;
const MAX_META: usize = 64;
const MAX_CUSTOM_ID: usize = 256;

pub(super) async fn below_caller(_: Arc<TokenEngine>, cx: Cx, request: api::Create) -> Result<Answer, Fault> {
    create(&cx, request, None, false).await
}

pub(super) async fn orphan(_: Arc<TokenEngine>, cx: Cx, request: api::Create) -> Result<Answer, Fault> {
    create(&cx, request, None, true).await
}

pub(super) async fn with_role(_: Arc<TokenEngine>, cx: Cx, request: api::Create) -> Result<Answer, Fault> {
    let name = request.role_name.clone();
    let role = cx.active()?.tokens.roles().get(&name).await?;
    let role = role.ok_or_else(|| Fault::invalid(format!("unknown role {name}")))?;
    create(&cx, request, Some(&role.value), role.value.orphan).await
}

/// Whether the caller has `sudo` on the path it called.
pub(super) async fn has_sudo(cx: &Cx) -> Result<bool, Fault> {
    let caller = cx.caller()?;
    let path = format!("auth/token/{}", cx.path);
    let path = caller.path_at_home(&cx.active()?.namespace, &path);
    let acl = caller.acl(cx.now).await?;
    Ok(acl.has_sudo(cx.operation, &RequestPath::parse(&path)?))
}

/// A request to create a token, with what decides about it.
struct Draft<'a> {
    parent: &'a Token,
    role: Option<&'a Role>,
    request: api::Create,
    kind: TokenKind,
    orphan: bool,
    sudo: bool,
    /// Whether the parent is of a namespace above.
    from_above: bool,
}

async fn create(cx: &Cx, request: api::Create, role: Option<&Role>, orphan: bool) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let parent = cx.caller()?.token.clone();
    check_parent(&parent)?;
    let kind = kind(&request, role)?;
    let sudo = has_sudo(cx).await?;
    let from_above = !cx.caller()?.is_at_home(&active.namespace);
    if from_above && !sudo {
        return Err(Fault::denied_with(
            "root or sudo privileges required to create a token in a namespace below that of the calling token",
        ));
    }
    let draft = Draft {
        from_above,
        orphan: orphan || request.no_parent,
        parent: &parent,
        role,
        request,
        kind,
        sudo,
    };
    draft.check()?;
    let policies = draft.policies()?;
    draft.check_root_only(&active.namespace, &policies)?;
    let entity_id = draft.entity_id(cx, active).await?;
    let (ttl, mut warnings) = draft.lifetime(cx, active, &policies)?;
    let new = draft.new_token(cx, policies, entity_id, ttl)?;
    for policy in &new.policies {
        if !active.policies.exists(policy).await? {
            warnings.push(format!("Policy {policy:?} does not exist"));
        }
    }
    let mut issued = active.tokens.create(new, cx.now).await?;
    issued.warnings.extend(warnings);
    issued.identity_policies = active.identity.policies_of(&issued.token.entity_id).await?;
    Ok(Answer::token(issued))
}

fn check_parent(parent: &Token) -> Result<(), Fault> {
    if parent.kind == TokenKind::Batch {
        return Err(Fault::invalid("batch tokens cannot create more tokens"));
    }
    if parent.num_uses != 0 {
        return Err(Fault::invalid(
            "restricted use token cannot generate child tokens",
        ));
    }
    Ok(())
}

fn kind(request: &api::Create, role: Option<&Role>) -> Result<TokenKind, Fault> {
    let asked = match &*request.kind {
        "" => None,
        "service" => Some(TokenKind::Service),
        "batch" => Some(TokenKind::Batch),
        _ => return Err(Fault::invalid("invalid 'token_type' value")),
    };
    Ok(match role.map(|role| &*role.token_type) {
        Some("service") => TokenKind::Service,
        Some("batch") => TokenKind::Batch,
        Some("default-batch") => asked.unwrap_or(TokenKind::Batch),
        _ => asked.unwrap_or_default(),
    })
}

impl Draft<'_> {
    fn check(&self) -> Result<(), Fault> {
        let request = &self.request;
        if self.kind == TokenKind::Batch {
            for (name, set) in [
                ("num_uses", request.num_uses != 0),
                ("explicit_max_ttl", !request.explicit_max_ttl.is_zero()),
                ("period", !request.period.is_zero()),
            ] {
                if set {
                    return Err(Fault::invalid(format!("batch tokens cannot have {name:?} set")));
                }
            }
        }
        if request.num_uses < 0 {
            return Err(Fault::invalid("number of uses cannot be negative"));
        }
        if request.display_name.len() > MAX_DISPLAY_NAME {
            return Err(Fault::invalid(format!(
                "display_name may have at most {MAX_DISPLAY_NAME} bytes"
            )));
        }
        if request.meta.as_ref().is_some_and(|meta| meta.0.len() > MAX_META) {
            return Err(Fault::invalid(format!("meta may have at most {MAX_META} keys")));
        }
        self.check_sudo()?;
        check_custom_id(&request.id)
    }

    /// What there is in the root namespace only.
    fn check_root_only(&self, namespace: &Namespace, policies: &[String]) -> Result<(), Fault> {
        if namespace.is_root() {
            return Ok(());
        }
        if !self.request.id.is_empty() {
            return Err(Fault::invalid(
                "id can be chosen in the root namespace only: leave it out",
            ));
        }
        if policies.iter().any(|policy| policy == "root") {
            return Err(Fault::invalid(
                "root tokens may not be created in a namespace below the root namespace; name policies of the namespace",
            ));
        }
        Ok(())
    }

    /// What only those with `sudo` may ask for.
    fn check_sudo(&self) -> Result<(), Fault> {
        let request = &self.request;
        for (set, what) in [
            (!request.id.is_empty(), "to specify token id"),
            (request.no_parent, "to create orphan token"),
            (!request.period.is_zero(), "to create periodic token"),
        ] {
            if set && !self.sudo {
                return Err(Fault::invalid(format!("root or sudo privileges required {what}")));
            }
        }
        if !request.entity_alias.is_empty() && self.role.is_none() {
            return Err(Fault::invalid(
                "'entity_alias' is only allowed in combination with token role",
            ));
        }
        Ok(())
    }

    fn policies(&self) -> Result<Vec<String>, Fault> {
        let asked = self.request.policies.clone().unwrap_or_default().into_vec();
        let policies = match self.role {
            Some(role) if role.limits_policies() => role_policies(role, &asked, self)?,
            _ => self.policies_of_parent(&asked)?,
        };
        if policies.iter().any(|policy| policy == crate::wrapping::POLICY) {
            return Err(Fault::invalid(format!(
                "cannot assign policy {:?}",
                crate::wrapping::POLICY
            )));
        }
        if policies.iter().any(|policy| policy == "root") {
            if !self.parent.is_root() {
                return Err(Fault::invalid(
                    "root tokens may not be created without parent token being root",
                ));
            }
            if self.kind == TokenKind::Batch {
                return Err(Fault::invalid("batch tokens cannot be root tokens"));
            }
        }
        Ok(policies)
    }

    /// Whether the `default` policy is left out.
    fn without_default(&self) -> bool {
        self.request.no_default_policy || self.role.is_some_and(|role| role.no_default_policy)
    }

    fn policies_of_parent(&self, asked: &[String]) -> Result<Vec<String>, Fault> {
        // Those of a parent above are other policies, also where they are called the same.
        if self.from_above {
            return canonical(asked, !self.without_default());
        }
        let parent_has_default = self.parent.policies.iter().any(|policy| policy == "default");
        if asked.is_empty() {
            let mut policies = self.parent.policies.clone();
            if self.without_default() {
                policies.retain(|policy| policy != "default");
            }
            return canonical(&policies, false);
        }
        if self.sudo {
            return canonical(asked, !self.without_default());
        }
        let wanted = canonical(asked, false)?;
        if !wanted.iter().all(|policy| self.parent.policies.contains(policy)) {
            return Err(Fault::invalid("child policies must be subset of parent"));
        }
        canonical(&wanted, parent_has_default && !self.without_default())
    }

    /// The entity of an alias the role allows, or that of the parent.
    async fn entity_id(&self, cx: &Cx, active: &Active) -> Result<String, Fault> {
        let alias = &self.request.entity_alias;
        let (Some(role), false) = (self.role, alias.is_empty()) else {
            return Ok(if self.orphan || self.from_above {
                String::new()
            } else {
                self.parent.entity_id.clone()
            });
        };
        let lower = alias.to_lowercase();
        let allowed = role
            .allowed_entity_aliases
            .iter()
            .any(|allowed| glob::matches(&allowed.to_lowercase(), &lower));
        if !allowed {
            return Err(Fault::invalid("invalid 'entity_alias' value"));
        }
        let mount = active
            .router
            .at(Class::Auth, &arca_base::MountPath::parse("token")?)
            .await?;
        let mount = mount.ok_or_else(Fault::unsupported_path)?;
        let metadata = std::collections::BTreeMap::new();
        let login = LoginAlias {
            mount: &mount,
            name: &lower,
            metadata: &metadata,
        };
        Ok(active.identity.for_login(&login, cx.now).await?.0.id.clone())
    }

    fn period(&self) -> Ttl {
        let of_role = self.role.map(|role| role.period).and_then(Ttl::nonzero);
        of_role.unwrap_or(self.request.period)
    }

    fn explicit_max_ttl(&self) -> Ttl {
        let of_role = self.role.map(|role| role.explicit_max_ttl).unwrap_or_default();
        match (of_role.nonzero(), self.request.explicit_max_ttl.nonzero()) {
            (Some(role), Some(asked)) => role.min(asked),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => Ttl::ZERO,
        }
    }

    /// How long the token lives; `None` for ever, which only root tokens do.
    fn lifetime(
        &self,
        cx: &Cx,
        active: &Active,
        policies: &[String],
    ) -> Result<(Option<Ttl>, Vec<String>), Fault> {
        let ttl = self.request.ttl.nonzero().unwrap_or(self.request.lease);
        let is_root = matches!(policies, [only] if only == "root");
        let explicit = self.explicit_max_ttl();
        if is_root && ttl.is_zero() && self.period().is_zero() && explicit.is_zero() {
            if self.parent.expires.is_some() {
                return Err(Fault::invalid(
                    "expiring root tokens cannot create non-expiring root tokens",
                ));
            }
            return Ok((None, Vec::new()));
        }
        let defaults = active.router.defaults();
        let granted = Lifetime {
            increment: Ttl::ZERO,
            ttl,
            period: self.period(),
            max_ttl: Ttl::ZERO,
            explicit_max_ttl: explicit,
            mount_default: defaults.default_ttl,
            mount_max: defaults.max_ttl,
            issued: cx.now,
            now: cx.now,
        }
        .grant()
        .map_err(|PastMax| Fault::failed(PastMax.to_string()))?;
        Ok((Some(granted.ttl), granted.warnings))
    }

    fn new_token(
        self,
        cx: &Cx,
        policies: Vec<String>,
        entity_id: String,
        ttl: Option<Ttl>,
    ) -> Result<NewToken, Fault> {
        let (period, explicit_max_ttl) = (self.period(), self.explicit_max_ttl());
        let no_default_policy = self.without_default();
        let Self {
            parent,
            role,
            request,
            kind,
            orphan,
            from_above,
            ..
        } = self;
        let path = match role {
            Some(role) if !role.path_suffix.is_empty() => {
                format!("auth/token/create/{}/{}", role.name, role.path_suffix)
            }
            _ => format!("auth/token/{}", cx.path),
        };
        let num_uses = match role {
            Some(role) if role.num_uses > 0 && request.num_uses == 0 => role.num_uses,
            Some(role) if role.num_uses > 0 => role.num_uses.min(request.num_uses),
            _ => request.num_uses,
        };
        let renewable = request.renewable.unwrap_or(true) && role.is_none_or(|role| role.renewable);
        let bound_cidrs = match role {
            Some(role) => role.bound_cidrs.clone(),
            None if orphan => Vec::new(),
            None => parent.bound_cidrs.clone(),
        };
        Ok(NewToken {
            custom_id: (!request.id.is_empty()).then_some(request.id),
            kind,
            parent: (!orphan).then(|| parent.hash.clone()),
            parent_namespace: if from_above && !orphan {
                parent.namespace.clone()
            } else {
                String::new()
            },
            policies,
            path,
            display_name: display_name(&request.display_name),
            meta: request.meta.unwrap_or_default().0,
            num_uses,
            ttl,
            explicit_max_ttl,
            period,
            renewable: renewable && ttl.is_some() && kind == TokenKind::Service,
            role: role.map(|role| role.name.clone()).unwrap_or_default(),
            entity_id,
            bound_cidrs,
            no_default_policy,
            ..NewToken::default()
        })
    }
}

/// A token chosen by the caller must not look like one made here, and must fit a header.
fn check_custom_id(id: &str) -> Result<(), Fault> {
    if id.starts_with("hvs.") || id.starts_with("s.") || id.starts_with("hvb.") || id.starts_with("b.") {
        return Err(Fault::invalid(
            "custom token ID cannot have the 'hvs.', 'hvb.', 's.' or 'b.' prefix",
        ));
    }
    if id.contains('.') {
        return Err(Fault::invalid("custom token ID cannot contain a '.'"));
    }
    if id.len() > MAX_CUSTOM_ID || id.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(Fault::invalid(format!(
            "custom token ID may have at most {MAX_CUSTOM_ID} visible ASCII characters"
        )));
    }
    Ok(())
}

/// `token`, or `token-<name>` with anything unusual in the name replaced.
fn display_name(name: &str) -> String {
    if name.is_empty() {
        return "token".to_owned();
    }
    let clean: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '-'
            }
        })
        .collect();
    format!("token-{clean}")
}

impl Role {
    /// Whether the role says which policies tokens may have, so that those of the parent do not count.
    fn limits_policies(&self) -> bool {
        !(self.allowed_policies.is_empty()
            && self.disallowed_policies.is_empty()
            && self.allowed_policies_glob.is_empty()
            && self.disallowed_policies_glob.is_empty())
    }
}

fn role_policies(role: &Role, asked: &[String], draft: &Draft<'_>) -> Result<Vec<String>, Fault> {
    let only_disallows = role.allowed_policies.is_empty() && role.allowed_policies_glob.is_empty();
    let wanted = match (asked.is_empty(), only_disallows) {
        (false, _) => canonical(asked, !draft.without_default())?,
        (true, true) if draft.from_above => canonical(&[], !draft.without_default())?,
        (true, true) => {
            let mut of_parent = draft.parent.policies.clone();
            of_parent.retain(|policy| policy != "default" || !draft.without_default());
            canonical(&of_parent, false)?
        }
        (true, false) => canonical(&role.allowed_policies, !draft.without_default())?,
    };
    if !only_disallows {
        let allowed: BTreeSet<&str> = role.allowed_policies.iter().map(String::as_str).collect();
        let fits = |policy: &String| {
            policy == "default"
                || allowed.contains(policy.as_str())
                || role
                    .allowed_policies_glob
                    .iter()
                    .any(|pattern| glob::matches(pattern, policy))
        };
        if !wanted.iter().all(fits) {
            return Err(Fault::invalid(format!(
                "token policies ({}) must be subset of the role's allowed policies ({}) or glob policies ({})",
                quoted(&wanted),
                quoted(&role.allowed_policies),
                quoted(&role.allowed_policies_glob)
            )));
        }
    }
    let refused = |policy: &&String| {
        role.disallowed_policies.contains(policy)
            || role
                .disallowed_policies_glob
                .iter()
                .any(|pattern| glob::matches(pattern, policy))
    };
    match wanted.iter().find(refused) {
        Some(policy) => Err(Fault::invalid(format!(
            "token policy {policy:?} is disallowed by this role"
        ))),
        None => Ok(wanted),
    }
}

/// `["a" "b"]`
fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("[{}]", quoted.join(" "))
}
