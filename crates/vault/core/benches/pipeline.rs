//! What a request costs inside the process: the whole pipeline, without HTTP.
#![allow(clippy::allow_attributes, reason = "benchmarks")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "benchmarks fail loudly")]

use arca_testkit::Unsealed;
use divan::Bencher;
use serde_json::json;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

struct Bench {
    runtime: Runtime,
    vault: Unsealed,
    token: String,
    _folder: tempfile::TempDir,
}

/// A server with a versioned mount, a policy of ten rules, and audit to a file if asked for.
fn start(audited: bool) -> Bench {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let (vault, token) = runtime.block_on(async {
        let vault = Unsealed::start().await;
        vault.mount("kv", "kv-v2").await;
        let rules: Vec<String> = (0..9)
            .map(|n| format!("path \"kv/data/other{n}/*\" {{ capabilities = [\"read\"] }}"))
            .chain(["path \"kv/data/app/*\" { capabilities = [\"read\", \"create\", \"update\"] }".to_owned()])
            .collect();
        vault.policy("app", &rules.join("\n")).await;
        if audited {
            let options = json!({"type": "file", "options": {"file_path": log.to_str().unwrap()}});
            let _ = vault.write("sys/audit/file", options).await.expect(204);
        }
        let secret = json!({"data": {"username": "app", "password": "correct horse battery staple", "url": "postgresql://db:5432/app"}});
        let _ = vault.write("kv/data/app/db", secret).await.expect(200);
        let request = json!({"policies": ["app", "default"]});
        let token = vault.write("auth/token/create", request).await.expect(200).token();
        (vault, token)
    });
    Bench {
        runtime,
        vault,
        token,
        _folder: folder,
    }
}

#[divan::bench(args = [false, true])]
fn kv_v2_read(bencher: Bencher<'_, '_>, audited: bool) {
    let bench = start(audited);
    bencher.bench_local(|| {
        bench
            .runtime
            .block_on(bench.vault.reply_as(&bench.token, "kv/data/app/db"))
    });
}

#[divan::bench(args = [false, true])]
fn token_lookup(bencher: Bencher<'_, '_>, audited: bool) {
    let bench = start(audited);
    bencher.bench_local(|| {
        bench
            .runtime
            .block_on(bench.vault.reply_as(&bench.token, "auth/token/lookup-self"))
    });
}

/// A token with 200 policies of 50 rules each.
#[divan::bench]
fn kv_v2_read_with_200_policies(bencher: Bencher<'_, '_>) {
    let bench = start(false);
    let token = bench.runtime.block_on(async {
        let mut names = vec!["app".to_owned()];
        for team in 0..200 {
            let rules: Vec<String> = (0..50)
                .map(|n| format!("path \"kv/data/team{team}/{n}/*\" {{ capabilities = [\"read\"] }}"))
                .collect();
            let name = format!("team-{team}");
            bench.vault.policy(&name, &rules.join("\n")).await;
            names.push(name);
        }
        let request = json!({"policies": names});
        bench
            .vault
            .write("auth/token/create", request)
            .await
            .expect(200)
            .token()
    });
    bencher.bench_local(|| {
        bench
            .runtime
            .block_on(bench.vault.reply_as(&token, "kv/data/app/db"))
    });
}

#[divan::bench]
fn health(bencher: Bencher<'_, '_>) {
    let bench = start(false);
    bencher.bench_local(|| {
        bench
            .runtime
            .block_on(bench.vault.reply_as(&bench.token, "sys/health"))
    });
}
