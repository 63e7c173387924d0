//! Policies: read or refused; what a policy allows does not depend on its layout, and every part of the answer
//! about a path agrees with the others.
#![no_main]

use std::borrow::Cow;

use arca_base::{Json, MountPath, Operation, RequestPath, Timestamp, json::Limits};
use arca_lang::hcl;
use arca_policy::template::{IdentityView, Parameter};
use arca_policy::{Acl, Capabilities, Capability, Policy, PolicyName, Request};
use libfuzzer_sys::fuzz_target;

/// An entity whose every value is the same.
struct Same<'a>(&'a str);

impl IdentityView for Same<'_> {
    fn value(&self, _: Parameter<'_>) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.0))
    }
}

// The input: a path, a line end, and the policy; the path also serves as identity value and as parameters.
fuzz_target!(|text: &str| {
    let (first, document) = text.split_once('\n').unwrap_or(("", text));
    let name = PolicyName::parse("p").expect("a plain name");
    let policy = match Policy::parse(name.clone(), document) {
        Ok(policy) => policy,
        Err(error) => {
            assert!(error.to_string().starts_with("failed to parse policy: "));
            return;
        }
    };
    let rendered = policy.render(&Same(first));
    assert!(!rendered.is_templated());
    let acl = compile(&rendered);
    if let Ok(parsed) = hcl::parse(document) {
        let formatted = Policy::parse(name, &hcl::format(&parsed)).expect("formatted text is a policy");
        check_same(&acl, &compile(&formatted.render(&Same(first))), first);
    }
    let _ = acl.resultant().to_text();
    if let Ok(mount) = MountPath::parse(first) {
        let _ = acl.touches(&mount);
    }
});

fn compile(policy: &Policy) -> Acl {
    Acl::compile([policy], Timestamp::EPOCH).expect("one policy is a set")
}

fn check_same(one: &Acl, other: &Acl, path: &str) {
    let data = Json::parse(path.as_bytes(), &Limits::default()).ok();
    let literal = one.rules().iter().map(|rule| rule.path().trim_end_matches('*'));
    for text in [path].into_iter().chain(literal) {
        let Ok(path) = RequestPath::parse(text) else { continue };
        assert_eq!(one.capabilities(&path), other.capabilities(&path));
        for operation in [Operation::Read, Operation::List, Operation::Create, Operation::Help] {
            let request = Request {
                data: data.as_ref().and_then(Json::as_object),
                ..Request::new(operation, &path)
            };
            let (verdict, same) = (one.check(&request), other.check(&request));
            assert_eq!(verdict.allowed(), same.allowed());
            assert_eq!(verdict.allowed(), one.explain(&request, &verdict).is_none());
            let rule = verdict.rule().map_or(Capabilities::NONE, |rule| rule.capabilities());
            let needed = Capability::needed_for(operation);
            assert!(!verdict.allowed() || needed.is_none_or(|needed| rule.contains(needed)));
        }
    }
}
