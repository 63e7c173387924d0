//! Snapshots and the way back: everything comes back, nothing half.

use std::sync::Arc;

use arca_base::json::Object;
use arca_base::{Operation, RequestPath, Secret};
use arca_core::engine::{Catalog, ClientInfo};
use arca_core::pipeline::{Incoming, Reply};
use arca_core::seal::Seal;
use arca_core::snapshot::{BadSnapshot, Examiner, Header, Item, Packer, Unpacker, VERSION, Whole, upload};
use arca_storage::{Faults, FaultyStorage, MemoryStorage, Storage};
use arca_testkit::{ManualClock, TestServer, Unsealed};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

/// What the store holds, without what restoring leaves.
async fn rows(storage: &Arc<dyn Storage>) -> Vec<(String, Bytes)> {
    let mut snapshot = storage.snapshot().await.unwrap();
    let mut rows = Vec::new();
    loop {
        let page = snapshot.next(1000).await.unwrap();
        if page.is_empty() {
            return rows;
        }
        let kept = page
            .into_iter()
            .filter(|(key, _)| !key.starts_with("core/restore/"));
        rows.extend(kept.map(|(key, entry)| (key, entry.sealed)));
    }
}

fn incoming(operation: Operation, path: &str, token: &str) -> Incoming {
    Incoming {
        operation,
        path: RequestPath::parse(path).unwrap(),
        namespace: String::new(),
        token: Some(Secret::new(token.to_owned())),
        inline_auth: None,
        wrap_ttl: None,
        factors: Vec::new(),
        data: Object::new(),
        client: ClientInfo::unknown(),
        headers: arca_core::web::RequestHeaders::default(),
    }
}

pub(crate) async fn save(server: &TestServer, token: &str) -> Vec<u8> {
    let asked = incoming(Operation::Read, "sys/storage/snapshot", token);
    let reply = server.core.handle(asked).await;
    assert_eq!(reply.status, 200, "{}", reply.body.0);
    let mut download = reply.stream.unwrap().take_bytes().unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = download.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    bytes
}

/// Sends a body in pieces, to its end.
pub(crate) async fn restore(server: &TestServer, token: &str, path: &str, bytes: &[u8]) -> Reply {
    let (sender, upload) = upload();
    let pieces: Vec<Bytes> = bytes.chunks(100_000).map(Bytes::copy_from_slice).collect();
    let send = async move {
        for piece in pieces {
            if !sender.send(piece).await {
                return;
            }
        }
        sender.end().await;
    };
    let asked = incoming(Operation::Update, path, token);
    let (reply, ()) = tokio::join!(server.core.take_in(asked, Some(upload)), send);
    reply
}

fn unpack(bytes: &[u8]) -> Result<(Vec<Item>, Whole), BadSnapshot> {
    let mut unpacker = Unpacker::new();
    let mut items = Vec::new();
    for piece in bytes.chunks(4099) {
        items.extend(unpacker.feed(piece)?);
    }
    Ok((items, unpacker.end()?))
}

async fn furnished() -> Unsealed {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/a", json!({"v": "first"})).await.expect(204);
    vault
        .policy("reader", r#"path "kv/*" { capabilities = ["read"] }"#)
        .await;
    vault
}

#[tokio::test]
async fn everything_comes_back_and_what_came_later_is_gone() {
    let vault = furnished().await;
    let before = rows(&vault.server.storage).await;
    let file = save(&vault.server, &vault.root).await;
    let _ = vault.write("kv/a", json!({"v": "second"})).await.expect(204);
    vault.mount("later", "kv").await;
    let later = vault
        .write("auth/token/create", json!({}))
        .await
        .expect(200)
        .token();

    let reply = restore(&vault.server, &vault.root, "sys/storage/snapshot", &file).await;
    assert_eq!((reply.status, &*reply.body.0), (204, ""));
    assert_eq!(rows(&vault.server.storage).await, before);
    let value = vault.read("kv/a").await.expect(200);
    assert_eq!(value.data("v"), "first", "the server serves on");
    let _ = vault.read("later/x").await.expect(404);
    let _ = vault.read_as(&later, "auth/token/lookup-self").await.expect(403);
    // And is a store like any other: written to, sealed, unsealed, saved again.
    let _ = vault.write("kv/b", json!({"v": "third"})).await.expect(204);
    vault.server.core.seal().await;
    vault
        .server
        .core
        .lifecycle()
        .unseal(&vault.unseal_key)
        .await
        .unwrap();
    let _ = vault.read("kv/b").await.expect(200);
    let again = save(&vault.server, &vault.root).await;
    assert!(unpack(&again).is_ok());
}

#[tokio::test]
async fn only_who_has_sudo_takes_or_restores_snapshots() {
    let vault = furnished().await;
    let file = save(&vault.server, &vault.root).await;
    let paths = r#"path "sys/storage/*" { capabilities = ["read", "update"] }"#;
    vault.policy("almost", paths).await;
    let token = vault
        .write("auth/token/create", json!({"policies": ["almost"]}))
        .await
        .expect(200)
        .token();
    for path in ["sys/storage/snapshot", "sys/storage/raft/snapshot"] {
        let _ = vault.read_as(&token, path).await.expect(403);
        for path in [path.to_owned(), format!("{path}-force")] {
            let reply = restore(&vault.server, &token, &path, &file).await;
            assert_eq!(reply.status, 403, "{path}");
        }
    }
    let without = vault.write("sys/storage/snapshot", json!({})).await.expect(400);
    assert!(without.error().contains("from the body"), "{}", without.error());
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused_before_anything_changes() {
    let vault = furnished().await;
    let file = save(&vault.server, &vault.root).await;
    let _ = vault.write("kv/a", json!({"v": "second"})).await.expect(204);
    let before = rows(&vault.server.storage).await;
    let mut cases: Vec<Vec<u8>> = Vec::new();
    let step = file.len() / 40;
    cases.extend((0..40).map(|part| file[..part * step].to_vec()));
    cases.extend((0..40).map(|part| {
        let mut altered = file.clone();
        // Behind the bytes of the gzip header that mean nothing.
        altered[16 + part * step] ^= 0x10;
        altered
    }));
    cases.push([&file[..], b"x"].concat());
    for (number, damaged) in cases.iter().enumerate() {
        let reply = restore(&vault.server, &vault.root, "sys/storage/snapshot", damaged).await;
        assert_eq!(reply.status, 400, "case {number}: {}", reply.body.0);
    }
    assert_eq!(rows(&vault.server.storage).await, before);
    let parts = vault
        .server
        .storage
        .scan("core/restore/part/", "", 10)
        .await
        .unwrap();
    assert!(parts.names.is_empty(), "nothing is left: {parts:?}");
    assert_eq!(vault.read("kv/a").await.expect(200).data("v"), "second");
}

fn header() -> Header {
    Header {
        format: "arca-snapshot".to_owned(),
        version: VERSION,
        created: arca_base::Timestamp::EPOCH,
        revision: 7,
        cluster_name: "c".to_owned(),
        cluster_id: "i".to_owned(),
        storage: "inmem".to_owned(),
        seal: "shamir".to_owned(),
        arca_version: "0".to_owned(),
    }
}

/// A snapshot whose digests fit, of any rows.
fn packed(header: &Header, rows: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut packer = Packer::new(header).unwrap();
    for (key, value) in rows {
        packer.row(key, value).unwrap();
    }
    packer.sums().unwrap();
    let taken = packer.take();
    [taken, packer.finish(b"sealed").unwrap()].concat()
}

fn gunzip(file: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut plain).unwrap();
    plain
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut out, plain).unwrap();
    out.finish().unwrap()
}

#[test]
fn what_is_wrong_with_a_snapshot_is_told_by_name() {
    let large = |byte| vec![byte; 5 << 20];
    let file = packed(&header(), &[("a", large(1)), ("b", large(2)), ("c", vec![3])]);
    let (items, whole) = unpack(&file).unwrap();
    assert_eq!((items.len(), whole.summary.rows, whole.summary.parts), (4, 3, 3));
    let told = |file: &[u8]| unpack(file).unwrap_err().to_string();

    let tar = gunzip(&file);
    let second = tar.windows(13).position(|name| name == b"rows/00000002").unwrap();
    let third = tar.windows(13).position(|name| name == b"rows/00000003").unwrap();
    let first = tar.windows(13).position(|name| name == b"rows/00000001").unwrap();
    let summary = tar.windows(12).position(|name| name == b"summary.json").unwrap();
    let reordered = [
        &tar[..first],
        &tar[second..third],
        &tar[first..second],
        &tar[third..],
    ]
    .concat();
    assert!(told(&gzip(&reordered)).contains("rows/00000001 or summary.json was expected and rows/00000002"));
    let dropped = [&tar[..third], &tar[summary..]].concat();
    assert!(told(&gzip(&dropped)).contains("other rows than summary.json counts"));
    assert!(told(&gzip(&tar[..third])).contains("truncated"));
    let mut altered = tar.clone();
    altered[second + 4096] ^= 1;
    assert!(told(&gzip(&altered)).contains("SHA256SUMS does not fit"));

    assert!(
        told(&packed(&header(), &[("b", vec![]), ("a", vec![])]))
            .contains("\"a\" in rows/00000001 is not after")
    );
    assert!(told(&packed(&header(), &[("core/restore/state", vec![])])).contains("does not belong"));
    assert!(told(&packed(&header(), &[("a//b", vec![])])).contains("rows/00000001 are damaged"));
    let newer = Header {
        version: 2,
        ..header()
    };
    assert!(told(&packed(&newer, &[])).contains("version 2, which a newer server wrote"));
    let foreign = Header {
        format: "x".to_owned(),
        ..header()
    };
    assert!(told(&packed(&foreign, &[])).contains("not a snapshot"));
    assert!(told(b"{}").contains("not a snapshot"));
    assert!(told(b"").contains("not a snapshot"));
}

#[test]
fn members_that_are_too_large_are_refused_by_name() {
    let file = packed(&header(), &[("a", vec![1])]);
    let mut tar = gunzip(&file);
    let at = tar.windows(13).position(|name| name == b"rows/00000001").unwrap();
    tar[at + 124..at + 136].copy_from_slice(b"77777777777\0");
    tar[at + 148..at + 156].copy_from_slice(b"        ");
    let sum: u32 = tar[at..at + 512].iter().map(|byte| u32::from(*byte)).sum();
    tar[at + 148..at + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let error = unpack(&gzip(&tar)).unwrap_err();
    assert!(
        matches!(&error, BadSnapshot::TooLarge { member, .. } if member == "rows/00000001"),
        "{error}"
    );
    // Little that becomes much: the decompressed bytes are looked at as they come.
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(unpack(&bomb).is_err());
}

/// Rows of this store, packed anew by somebody who cannot seal.
fn forged(file: &[u8], change: impl Fn(&str, &mut Vec<u8>)) -> Vec<u8> {
    let (items, whole) = unpack(file).unwrap();
    let mut packer = Packer::new(&whole.header).unwrap();
    for item in &items {
        if let Item::Part { number, bytes } = item {
            for row in arca_core::snapshot::RowsOf::new(*number, bytes) {
                let (key, value) = row.unwrap();
                let mut value = value.to_vec();
                change(key, &mut value);
                packer.row(key, &value).unwrap();
            }
        }
    }
    packer.sums().unwrap();
    let taken = packer.take();
    [taken, packer.finish(&whole.sealed).unwrap()].concat()
}

#[tokio::test]
async fn rows_nobody_sealed_are_refused_by_name_also_when_all_digests_fit() {
    let vault = furnished().await;
    let file = save(&vault.server, &vault.root).await;
    let before = rows(&vault.server.storage).await;
    let altered = forged(&file, |key, value| {
        if key.starts_with("ns/root/policy/") {
            let last = value.len() - 1;
            value[last] ^= 1;
        }
    });
    let reply = restore(&vault.server, &vault.root, "sys/storage/snapshot-force", &altered).await;
    assert_eq!(reply.status, 400);
    assert!(reply.body.0.contains("ns/root/policy/"), "{}", reply.body.0);
    // Of other rows of the same store there is no seal, even if each row is sealed.
    let _ = vault.write("kv/b", json!({"v": "x"})).await.expect(204);
    let other = save(&vault.server, &vault.root).await;
    let (_, sealed_elsewhere) = unpack(&other).unwrap();
    let (items, whole) = unpack(&file).unwrap();
    let mut packer = Packer::new(&whole.header).unwrap();
    for item in &items {
        if let Item::Part { number, bytes } = item {
            for row in arca_core::snapshot::RowsOf::new(*number, bytes) {
                let (key, value) = row.unwrap();
                packer.row(key, value).unwrap();
            }
        }
    }
    packer.sums().unwrap();
    let mixed = [packer.take(), packer.finish(&sealed_elsewhere.sealed).unwrap()].concat();
    let reply = restore(&vault.server, &vault.root, "sys/storage/snapshot", &mixed).await;
    assert!(
        reply.status == 400 && reply.body.0.contains("SHA256SUMS.sealed"),
        "{}",
        reply.body.0
    );
    let _ = vault.delete("kv/b").await;
    assert_eq!(rows(&vault.server.storage).await.len(), before.len());
}

#[tokio::test]
async fn a_snapshot_of_other_keys_needs_force_and_its_keys() {
    let origin = furnished().await;
    let file = save(&origin.server, &origin.root).await;
    let vault = TestServer::on(Arc::new(MemoryStorage::new()), Catalog::new(), Seal::Shamir, 9)
        .unsealed()
        .await;
    let before = rows(&vault.server.storage).await;
    let refused = restore(&vault.server, &vault.root, "sys/storage/snapshot", &file).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.0.contains("snapshot-force"), "{}", refused.body.0);
    assert_eq!(rows(&vault.server.storage).await, before);

    let reply = restore(&vault.server, &vault.root, "sys/storage/snapshot-force", &file).await;
    assert_eq!(reply.status, 204, "{}", reply.body.0);
    assert!(vault.server.core.lifecycle().is_sealed());
    assert!(
        vault
            .server
            .core
            .lifecycle()
            .unseal(&vault.unseal_key)
            .await
            .is_err()
    );
    vault
        .server
        .core
        .lifecycle()
        .unseal(&origin.unseal_key)
        .await
        .unwrap();
    let value = vault.read_as(&origin.root, "kv/a").await.expect(200);
    assert_eq!(value.data("v"), "first");
}

/// Which of the two states a store is in; fails for anything else.
async fn state_of(storage: &Arc<dyn Storage>, unseal_key: &str, root: &str) -> String {
    let server = TestServer::on(storage.clone(), Catalog::new(), Seal::Shamir, 77);
    server.core.lifecycle().finish_restore().await.unwrap();
    server.core.lifecycle().unseal(unseal_key).await.unwrap();
    let mut values = Vec::new();
    for name in 0..3 {
        let read = server
            .request(
                Operation::Read,
                &format!("kv/{name}"),
                Some(root),
                Value::Null,
                None,
            )
            .await
            .expect(200);
        values.push(read.body["data"]["v"].as_str().unwrap().to_owned());
    }
    assert!(
        values.iter().all(|value| *value == values[0]),
        "a mixture: {values:?}"
    );
    values[0].clone()
}

async fn put_all(vault: &Unsealed, value: &str) {
    let filler = "x".repeat(2 << 20);
    for name in 0..3 {
        let data = json!({"v": value, "filler": filler});
        let _ = vault.write(&format!("kv/{name}"), data).await.expect(204);
    }
}

#[tokio::test]
async fn whatever_fails_the_store_is_the_old_one_or_the_new_one() {
    let (mut old, mut new, mut injected) = (0, 0, 0);
    for seed in 0..16 {
        let inner: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let clock = ManualClock::new();
        let faulty = Arc::new(FaultyStorage::new(inner.clone(), clock, seed, Faults::default()));
        let vault = TestServer::on(faulty.clone(), Catalog::new(), Seal::Shamir, 5)
            .unsealed()
            .await;
        vault.mount("kv", "kv").await;
        put_all(&vault, "new").await;
        let file = save(&vault.server, &vault.root).await;
        put_all(&vault, "old").await;
        faulty.set_faults(Faults {
            failed_commits: if seed % 2 == 0 { 150 } else { 700 },
            lost_answers: 150,
            ..Faults::default()
        });
        let moving = vault.server.clock.clone();
        let ticking = tokio::spawn(async move {
            loop {
                tokio::task::yield_now().await;
                moving.advance(std::time::Duration::from_millis(200));
            }
        });
        let reply = restore(&vault.server, &vault.root, "sys/storage/snapshot", &file).await;
        ticking.abort();
        injected += faulty.injected();
        let state = state_of(&inner, &vault.unseal_key, &vault.root).await;
        if reply.status == 204 {
            assert_eq!(state, "new", "seed {seed}: it said it was restored");
        }
        *(if state == "old" { &mut old } else { &mut new }) += 1;
    }
    assert!(
        injected > 0 && old > 0 && new > 0,
        "{old} old, {new} new, {injected} faults"
    );
}

#[tokio::test]
async fn a_server_that_was_unsealed_before_writes_nothing_into_the_new_store() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let vault = TestServer::on(storage.clone(), Catalog::new(), Seal::Shamir, 1)
        .unsealed()
        .await;
    vault.mount("kv", "kv").await;
    // As another node that has not heard of it.
    let other = TestServer::on(storage.clone(), Catalog::new(), Seal::Shamir, 2);
    other.core.lifecycle().unseal(&vault.unseal_key).await.unwrap();
    let file = save(&vault.server, &vault.root).await;
    let reply = restore(&vault.server, &vault.root, "sys/storage/snapshot", &file).await;
    assert_eq!(reply.status, 204);
    let refused = other
        .request(
            Operation::Update,
            "kv/late",
            Some(&vault.root),
            json!({"v": 1}),
            None,
        )
        .await;
    assert!(refused.status >= 500, "{}", refused.status);
    let _ = vault.read("kv/late").await.expect(404);
}

#[tokio::test]
async fn looking_into_a_snapshot_needs_its_keys_and_shows_names_only() {
    let vault = furnished().await;
    let file = save(&vault.server, &vault.root).await;
    let (items, whole) = unpack(&file).unwrap();
    let mut first = Examiner::new();
    items.iter().for_each(|item| first.take(item).unwrap());
    let closed = first.finish(&whole).unwrap();
    assert_eq!(closed.seal().unwrap().threshold, 1);
    assert_eq!(closed.counts["policy"], 2);
    assert!(closed.holding.mounts.is_empty(), "known only with the keys");
    assert!(
        closed
            .open(&Seal::Shamir, &[Secret::new("00".repeat(32))])
            .await
            .is_err()
    );
    let key = Secret::new(vault.unseal_key.clone());
    let keyring = closed.open(&Seal::Shamir, &[key]).await.unwrap();
    let mut second = Examiner::with_keys(keyring);
    items.iter().for_each(|item| second.take(item).unwrap());
    let opened = second.finish(&whole).unwrap();
    assert_eq!(opened.holding.mounts["kv/"], "kv");
    assert_eq!(opened.holding.mounts["auth/token/"], "token");
    assert!(opened.holding.policies.contains("reader"));
    let clear = opened.counts["core"] - 1;
    assert_eq!(
        opened.opened + clear,
        whole.summary.rows,
        "all but the seal and the keyring were opened"
    );
}
