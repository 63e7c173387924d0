//! Files with the token.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::Arc;
use std::time::Duration;

use arca_agent::server::Connect as _;
use arca_agent::sinks::{Sinks, Written};
use arca_agent::token::HeldToken;
use arca_base::{Clock as _, Secret};
use arca_crypto::aead::AeadKey;
use arca_crypto::kdf::hkdf_sha256;
use arca_crypto::x25519::X25519Key;
use arca_testkit::SeededEntropy;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::world::{World, until};

const METHOD: &str = r#"method "userpass" { config { username = "u" password_file_path = "/p" } }"#;

struct Writing {
    feed: watch::Sender<Option<Arc<HeldToken>>>,
    written: Written,
    task: JoinHandle<()>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn sinks(world: &World, text: &str) -> Sinks {
    let auto_auth = world.auto_auth(&format!("{METHOD} {text}"));
    let client = world.connect().connect(None).unwrap().with_retries(0);
    Sinks::new(
        auto_auth.sinks,
        client,
        world.vault.server.clock.clone(),
        SeededEntropy::new(5),
    )
}

fn start(world: &World, text: &str) -> Writing {
    let sinks = sinks(world, text);
    let written = sinks.written();
    let (feed, receiver) = watch::channel(None);
    let task = tokio::spawn(sinks.run(receiver));
    Writing { feed, written, task }
}

impl Writing {
    fn send(&self, world: &World, token: &str, generation: u64) {
        self.feed.send_replace(Some(Arc::new(HeldToken {
            token: Secret::new(token.to_owned()),
            accessor: None,
            since: world.vault.server.clock.now(),
            lease: None,
            generation,
        })));
    }
}

fn read(world: &World, name: &str) -> String {
    std::fs::read_to_string(world.path(name)).unwrap_or_default()
}

fn names(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.folder.path()).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn each_sink_gets_each_token_once() {
    let world = World::with("").await;
    let text =
        r#"sink "file" { config { path = "@/a" } } sink "file" { config { path = "@/b" mode = 0604 } }"#;
    sinks(&world, text).probe().await.unwrap();
    assert!(names(&world).is_empty(), "{:?}", names(&world));
    let mut writing = start(&world, text);
    assert!(!writing.written.all());
    writing.send(&world, "first", 1);
    writing.written.wait().await;
    assert_eq!(
        (read(&world, "a").as_str(), read(&world, "b").as_str()),
        ("first", "first")
    );
    let mode = |name: &str| world.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("a"), mode("b")), (0o640, 0o604));
    assert_eq!(names(&world).len(), 2);
    // A renewal is no new token: the file is not replaced.
    let inode = world.path("a").metadata().unwrap().ino();
    writing.send(&world, "first", 1);
    crate::world::breathe().await;
    assert_eq!(world.path("a").metadata().unwrap().ino(), inode);
    writing.send(&world, "second", 2);
    until(|| read(&world, "a") == "second" && read(&world, "b") == "second").await;
    assert!(writing.written.all());
}

#[tokio::test]
async fn a_probe_names_the_folder_and_the_remedy() {
    let world = World::with("").await;
    std::fs::create_dir(world.path("folder")).unwrap();
    for (path, reason) in [
        ("@/none/token", "make the folder"),
        ("@/folder", "name a file, not a folder"),
        ("/proc/token", "cannot write the token to /proc/token"),
    ] {
        let sinks = sinks(
            &world,
            &format!("sink \"file\" {{ config {{ path = \"{path}\" }} }}"),
        );
        let error = sinks.probe().await.unwrap_err().to_string();
        assert!(
            error.contains(reason) && error.starts_with("cannot write the token to "),
            "{error}"
        );
    }
    let nobody = sinks(
        &world,
        r#"sink "file" { config { path = "@/a" owner = "nobody-has-this-name" } }"#,
    );
    let error = nobody.probe().await.unwrap_err().to_string();
    assert!(
        error.contains("has no user \"nobody-has-this-name\": use its number"),
        "{error}"
    );
    assert_eq!(names(&world), ["folder"]);
}

#[tokio::test]
async fn a_write_that_fails_is_repeated_until_it_succeeds() {
    let world = World::with("").await;
    let writing = start(&world, r#"sink "file" { config { path = "@/later/token" } }"#);
    writing.send(&world, "token", 1);
    for _ in 0..20 {
        world.pass(Duration::from_secs(1)).await;
    }
    assert!(!writing.written.all());
    std::fs::create_dir(world.path("later")).unwrap();
    // A folder in the place of the file: it cannot be replaced, and nothing stays behind.
    std::fs::create_dir(world.path("later/token")).unwrap();
    for _ in 0..20 {
        world.pass(Duration::from_secs(1)).await;
    }
    assert!(!writing.written.all());
    assert_eq!(std::fs::read_dir(world.path("later")).unwrap().count(), 1);
    std::fs::remove_dir(world.path("later/token")).unwrap();
    world
        .pass_until(Duration::from_secs(1), || writing.written.all())
        .await;
    assert_eq!(read(&world, "later/token"), "token");
}

#[tokio::test]
async fn a_sink_wraps_the_token() {
    let world = World::with("").await;
    let token = world
        .vault
        .write("auth/token/create", json!({"ttl": "1h"}))
        .await
        .expect(200)
        .token();
    let mut writing = start(
        &world,
        r#"sink "file" { wrap_ttl = "5m" config { path = "@/a" } }"#,
    );
    writing.send(&world, &token, 1);
    writing.written.wait().await;
    let wrapped: Value = serde_json::from_str(&read(&world, "a")).unwrap();
    assert_eq!(
        (wrapped["ttl"].as_u64(), wrapped["creation_path"].as_str()),
        (Some(300), Some("sys/wrapping/wrap"))
    );
    let opened = world
        .vault
        .write("sys/wrapping/unwrap", json!({"token": wrapped["token"]}))
        .await
        .expect(200);
    assert_eq!(opened.data("token"), &json!(token));
}

async fn decrypted(derive: bool) -> String {
    let world = World::with("").await;
    let reader = X25519Key::from_bytes(&Secret::new([7; 32])).unwrap();
    let public = json!({"curve25519_public_key": STANDARD.encode(reader.public())});
    world.file("public", &public.to_string());
    let text = format!(
        r#"sink "file" {{ dh_type = "curve25519" dh_path = "@/public" aad = "for me" derive_key = {derive} config {{ path = "@/a" }} }}"#
    );
    let mut writing = start(&world, &text);
    writing.send(&world, "token", 1);
    writing.written.wait().await;
    let written: Value = serde_json::from_str(&read(&world, "a")).unwrap();
    let bytes = |name: &str| STANDARD.decode(written[name].as_str().unwrap()).unwrap();
    let theirs = bytes("curve25519_public_key");
    let mut key = reader.agree(&theirs).unwrap();
    if derive {
        let (one, other) = (reader.public().to_vec(), theirs);
        let (smaller, larger) = if one < other { (one, other) } else { (other, one) };
        key = hkdf_sha256::<32>(&smaller, key.expose(), &larger);
    }
    let record = [bytes("nonce"), bytes("encrypted_payload")].concat();
    let key = AeadKey::from_slice(key.expose()).unwrap();
    assert!(key.open(b"for others", &record).is_err());
    String::from_utf8(key.open(b"for me", &record).unwrap().expose().clone()).unwrap()
}

#[tokio::test]
async fn only_the_holder_of_the_key_reads_an_encrypted_token() {
    assert_eq!(decrypted(false).await, "token");
    assert_eq!(decrypted(true).await, "token");
}

#[tokio::test]
async fn a_key_file_is_read_each_time() {
    let world = World::with("").await;
    world.file("public", "{\"curve25519_public_key\": \"AAAA\"}");
    let text = r#"sink "file" { dh_type = "curve25519" dh_path = "@/public" config { path = "@/a" } }"#;
    let writing = start(&world, text);
    writing.send(&world, "token", 1);
    world.pass(Duration::from_secs(3)).await;
    assert!(!writing.written.all() && !world.path("a").exists());
    let reader = X25519Key::from_bytes(&Secret::new([7; 32])).unwrap();
    let public = json!({"curve25519_public_key": STANDARD.encode(reader.public())});
    world.file("public", &public.to_string());
    world
        .pass_until(Duration::from_secs(1), || writing.written.all())
        .await;
    assert!(!read(&world, "a").contains("token"));
}

/// Runs in a process of its own that may not make files longer than nothing.
#[tokio::test]
#[ignore = "part of `a_file_that_cannot_be_filled_leaves_the_former_one`"]
async fn writes_without_room() {
    let Some(folder) = std::env::var_os("SINK_FOLDER") else {
        return;
    };
    let world = World::with("").await;
    let path = std::path::Path::new(&folder).join("token");
    let writing = start(
        &world,
        &format!("sink \"file\" {{ config {{ path = {path:?} }} }}"),
    );
    writing.send(&world, "new", 1);
    for _ in 0..10 {
        world.pass(Duration::from_secs(1)).await;
    }
    assert!(!writing.written.all());
}

#[tokio::test]
async fn a_file_that_cannot_be_filled_leaves_the_former_one() {
    let world = World::with("").await;
    world.file("token", "old");
    let child = "trap '' XFSZ; ulimit -f 0; exec \"$0\" --exact sinks::writes_without_room --ignored";
    let status = std::process::Command::new("sh")
        .arg("-c")
        .arg(child)
        .arg(std::env::current_exe().unwrap())
        .env("SINK_FOLDER", world.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&status.stdout);
    assert!(status.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(
        (read(&world, "token").as_str(), names(&world)),
        ("old", vec!["token".to_owned()])
    );
}
