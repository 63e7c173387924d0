//! Verdicts of one token with 200 policies of 50 rules each, and what compiling them costs.
//!
//! `cargo bench -p arca-policy`
#![allow(
    clippy::allow_attributes,
    reason = "the list below is shared by the whole file"
)]
#![allow(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use std::fmt::Write as _;

use arca_base::{Operation, RequestPath, Timestamp};
use arca_policy::{Acl, Policy, PolicyName, Request};
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const POLICIES: usize = 200;
const RULES: usize = 50;

/// Half exact, a quarter with a star at the end, a quarter with segments; every tenth rule is shared by all.
fn text(policy: usize) -> String {
    let mut out = String::new();
    for rule in 0..RULES {
        let team = if rule % 10 == 0 { 0 } else { policy };
        let path = match rule % 4 {
            0 => format!("kv/team-{team}/*/service-{rule}*"),
            1 => format!("kv/data/team-{team}/service-{rule}/+/config"),
            2 => format!("kv/data/team-{team}/service-{rule}/password"),
            _ => format!("database/creds/team-{team}-service-{rule}"),
        };
        writeln!(out, "path \"{path}\" {{ capabilities = [\"read\", \"list\"] }}").unwrap();
    }
    out.push_str("path \"+/data/+/+/+/config\" { capabilities = [\"update\"] }\n");
    out.push_str("path \"kv/data/*\" { capabilities = [\"list\"] }\n");
    out
}

fn policies() -> Vec<Policy> {
    let policy = |index: usize| {
        let name = PolicyName::parse(&format!("team-{index}")).unwrap();
        Policy::parse(name, &text(index)).unwrap()
    };
    (0..POLICIES).map(policy).collect()
}

fn acl() -> Acl {
    Acl::compile(&policies(), Timestamp::EPOCH).unwrap()
}

const PATHS: &[&str] = &[
    "kv/data/team-77/service-6/password",
    "kv/data/team-77/service-5/prod/config",
    "kv/data/team-77/unknown/prod/x",
    "kv/metadata/nothing/here",
    "database/creds/team-123-service-47",
];

#[divan::bench(args = PATHS)]
fn check_read(bencher: Bencher<'_, '_>, path: &str) {
    let acl = acl();
    let path = RequestPath::parse(path).unwrap();
    let request = Request::new(Operation::Read, &path);
    bencher.bench_local(|| black_box(&acl).check(black_box(&request)).allowed());
}

#[divan::bench]
fn check_list_of_a_folder(bencher: Bencher<'_, '_>) {
    let acl = acl();
    let path = RequestPath::parse("kv/data/team-77/folder/").unwrap();
    let request = Request::new(Operation::List, &path);
    bencher.bench_local(|| black_box(&acl).check(black_box(&request)).allowed());
}

/// What people ask, who also want to know what was nearly right.
#[divan::bench(args = PATHS)]
fn explain_read(bencher: Bencher<'_, '_>, path: &str) {
    let acl = acl();
    let path = RequestPath::parse(path).unwrap();
    let request = Request::new(Operation::Read, &path);
    bencher.bench_local(|| {
        let explained = black_box(&acl).explain(black_box(&request), false);
        explained.to_string().len()
    });
}

/// A policy of 50 rules and the same with one rule less.
#[divan::bench]
fn compare_two_policies_of_50_rules(bencher: Bencher<'_, '_>) {
    let compile = |text: &str| {
        let policy = Policy::parse(PolicyName::parse("team").unwrap(), text).unwrap();
        Acl::compile([&policy], Timestamp::EPOCH).unwrap()
    };
    let text = text(7);
    let shorter: String = text.lines().skip(1).map(|line| format!("{line}\n")).collect();
    let (before, after) = (compile(&text), compile(&shorter));
    bencher.bench_local(|| black_box(&before).differences(black_box(&after)).unwrap().len());
}

/// Each path once, so that the processor's caches do not hold the way to it.
#[divan::bench]
fn check_10_000_different_paths(bencher: Bencher<'_, '_>) {
    let acl = acl();
    let path = |n: usize| {
        let (team, service) = (n * 7919 % POLICIES, n % RULES);
        RequestPath::parse(&format!("kv/data/team-{team}/service-{service}/password")).unwrap()
    };
    let paths: Vec<RequestPath> = (0..10_000).map(path).collect();
    let allowed = |path| acl.check(&Request::new(Operation::Read, path)).allowed();
    bencher.bench_local(|| paths.iter().filter(|path| allowed(black_box(*path))).count());
}

#[divan::bench]
fn compile_10_000_rules(bencher: Bencher<'_, '_>) {
    let policies = policies();
    bencher.bench_local(|| Acl::compile(black_box(&policies), Timestamp::EPOCH).unwrap());
}

#[divan::bench]
fn parse_a_policy_of_50_rules(bencher: Bencher<'_, '_>) {
    let text = text(7);
    let name = PolicyName::parse("team").unwrap();
    bencher.bench_local(|| Policy::parse(name.clone(), black_box(&text)).unwrap());
}
