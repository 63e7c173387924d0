//! What is taken up, and everything that is not.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Duration;

use arca_base::Timestamp;
use arca_testkit::{ManualClock, SeededEntropy};
use tempfile::TempDir;

use super::*;
use crate::secrets::{Dependency, Saved};

struct Place {
    folder: TempDir,
    clock: Arc<ManualClock>,
    entropy: Arc<SeededEntropy>,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: ManualClock::new(),
            entropy: SeededEntropy::new(7),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn of(&self, server: &str, login: &str, account: Option<&str>) -> Handover {
        let persist = Persist {
            path: self.path("deep/er"),
            key_file: None,
            service_account_token_file: account.map(|text| {
                fs::write(self.path("account"), text).unwrap();
                self.path("account")
            }),
            is_kubernetes: false,
            keep_after_import: false,
            exit_on_error: false,
        };
        let identity = Identity {
            server: server.to_owned(),
            login: login.to_owned(),
        };
        Handover::new(persist, identity, self.clock.clone(), self.entropy.clone())
    }

    fn handover(&self) -> Handover {
        self.of("server", "login", None)
    }

    fn refused(&self) -> String {
        self.handover().take().err().unwrap().to_string()
    }
}

fn saved(path: &str, body: &str) -> Saved {
    let life = r#"{"due":"2026-01-02T04:00:00Z","renew":true,"lease":{"id":"l","renewable":true,"length":3600,
        "ends":"2026-01-02T04:04:05Z"},"ends":null,"is_child":false,"is_static":false,"made":null,"made_for":0,"premature":0}"#;
    Saved {
        dependency: Dependency::secret(path, &[]).unwrap(),
        body: Secret::new(body.as_bytes().to_vec()),
        life: serde_json::from_str(life).unwrap(),
    }
}

fn state(body: &str) -> State {
    State {
        token: Some(GivenToken {
            token: Secret::new("canary-token".to_owned()),
            granted: Some(Duration::from_hours(1)),
        }),
        secrets: vec![saved("database/creds/app", body)],
        position: Some(7),
        ..State::default()
    }
}

#[test]
fn a_state_is_taken_up_as_it_was_left_and_nobody_else_can_read_it() {
    let place = Place::new();
    assert!(place.handover().take().unwrap().is_none());
    place.handover().leave(&state("canary-body")).unwrap();
    let found = place.handover().take().unwrap().unwrap();
    let token = found.token.unwrap();
    assert_eq!(
        (token.token.expose().as_str(), token.granted),
        ("canary-token", Some(Duration::from_hours(1)))
    );
    assert_eq!(found.position, Some(7));
    assert_eq!(found.secrets[0].body.expose(), b"canary-body");
    assert_eq!(found.secrets[0].life, saved("a", "").life);
    for name in ["deep/er/arca-agent-state", "deep/er/arca-agent-state.key"] {
        let path = place.path(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let content = fs::read(&path).unwrap();
        assert!(!content.windows(6).any(|part| part == b"canary"));
    }
    place.handover().remove();
    assert!(place.handover().take().unwrap().is_none());
    place.handover().remove();
}

#[test]
fn what_is_not_ours_is_refused_by_name() {
    let place = Place::new();
    place.of("other", "login", None).leave(&state("b")).unwrap();
    assert!(
        place
            .refused()
            .ends_with("by an agent of another server or namespace")
    );
    place.of("server", "other", None).leave(&state("b")).unwrap();
    assert!(place.refused().ends_with("by an agent that logs in otherwise"));
    place.of("server", "login", Some("a")).leave(&state("b")).unwrap();
    assert!(place.refused().ends_with("of another service account or pod"));
    place.handover().leave(&state("b")).unwrap();
    let bound = place.of("server", "login", Some("a"));
    assert!(matches!(bound.take(), Err(Refused::Foreign { .. })));
    fs::remove_file(place.path("account")).unwrap();
    assert!(matches!(bound.take(), Err(Refused::Account(_))));
    place.clock.advance(Duration::from_hours(1));
    place.handover().leave(&state("b")).unwrap();
    let earlier = Place {
        folder: place.folder,
        clock: ManualClock::new(),
        entropy: place.entropy,
    };
    assert!(
        earlier
            .refused()
            .ends_with("was left in the future: was the clock set back?")
    );
}

#[test]
fn what_is_damaged_or_open_to_others_is_refused_and_replaced() {
    let place = Place::new();
    let (file, key) = (
        place.path("deep/er/arca-agent-state"),
        place.path("deep/er/arca-agent-state.key"),
    );
    place.handover().leave(&state("b")).unwrap();
    let sealed = fs::read(&file).unwrap();
    fs::write(&file, &sealed[..sealed.len() / 2]).unwrap();
    assert!(
        place
            .refused()
            .ends_with("is damaged, or was sealed with another key")
    );
    fs::write(&file, vec![b'x'; LARGEST + 1]).unwrap();
    assert!(place.refused().contains("is longer than"));
    fs::remove_file(&file).unwrap();
    symlink(&key, &file).unwrap();
    assert!(place.refused().starts_with("cannot read "));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(place.refused().contains("it is no file"));
    fs::remove_dir(&file).unwrap();

    fs::write(&file, &sealed).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(place.refused().contains("can be read by others (mode 0640)"));
    let before = fs::read(&key).unwrap();
    place.handover().leave(&state("b")).unwrap();
    assert_ne!(fs::read(&key).unwrap(), before, "others may have read it");
    assert!(place.handover().take().unwrap().is_some());
    fs::write(&key, "no key").unwrap();
    assert!(place.refused().ends_with("holds no key of 64 hexadecimal digits"));
    place.handover().leave(&state("b")).unwrap();
    assert!(place.handover().take().unwrap().is_some());
    fs::remove_file(&key).unwrap();
    assert!(place.refused().contains("damaged"));
}

#[test]
fn what_does_not_fit_is_left_out_and_credentials_come_first() {
    let mut full = state("b");
    let large = "x".repeat(1 << 20);
    for number in 0..10 {
        let mut value = saved(&format!("secret/{number}"), &large);
        value.life = serde_json::from_str(
            r#"{"due":"2026-01-02T04:00:00Z","renew":false,"lease":null,"ends":null,"is_child":false,"is_static":true,
                "made":null,"made_for":0,"premature":0}"#,
        )
        .unwrap();
        full.secrets.insert(0, value);
    }
    let place = Place::new();
    place.handover().leave(&full).unwrap();
    let found = place.handover().take().unwrap().unwrap();
    assert_eq!(found.secrets[0].dependency.path(), "database/creds/app");
    assert_eq!(found.secrets.len(), 2);
}

/// Sealed by the first agent that could, with the key of 32 bytes 0x11.
const OLDEST: &str = "\
    415243412d4147454e542d535441544501d70d3259e4e1cb631c663cf4e71eb41bcc1ba82a2393da7bcbe3f1d34504f9d961\
    631b89197cfc07abdc299e53088adcf589a62649b78f2e9f975efb8c16f9bba9201f96cd427cbe48c4e5debfd5624716a005\
    ed1889208eeb21c0a0246439c77e15210bcc8453c965435ea40cef0a8a22ba3339f1cdf7c161b6c1871b0ca8b87756c26933\
    8bd152dade588abd8a2af8dd85dcf61456197fbd13a87cbd667315053b23d0d6ab9b07de27819262c3ee350a5e0eabdc4ed7\
    f84d7cf1010fd24d37865dbebf0713c646273db62ff379912f11f04c2579e633a627d6c917105205f604054cd7bb3c13019a\
    39653b728f9fe8cd19a6413255abc42154f9526d8a85ce6233f95b03408dfb4e717d4f76732d9ce6de10517e70c3119303e6\
    0f0eb1a269320e377f8ab4b1e7046e1636a2216cf3c21468105384b34e7c585428aedb1d445d6498d4add326427d70c96517\
    63d9c3be3d0562eb3f7daaf540d4849e3d28baa15d8446559e0b3e68c44353cbef7c4de5cd924797d6009a52b89ea4a520c7\
    c833b59316203091444ec40a3bbba2bb0decf3b66d616bdeb4619f26a9830481d29cef3001cfd9a87b164a32c8c66dc0438b\
    cd0f95710f41ee52b75ab9c8636d487c6f12b8d21b336f1b3e90272424cfa24bcd8c030cff0250bf701bcf2507906fcdd722\
    de7a5bac8aae63c8cf9fb5";

#[test]
fn the_oldest_format_is_read() {
    let place = Place::new();
    place.handover().leave(&state("b")).unwrap();
    let key = place.path("deep/er/arca-agent-state.key");
    fs::write(&key, "11".repeat(32)).unwrap();
    let sealed = arca_base::id::unhex(OLDEST).unwrap();
    fs::write(place.path("deep/er/arca-agent-state"), sealed).unwrap();
    let found = place.handover().take().unwrap().unwrap();
    assert_eq!(found.token.unwrap().token.expose(), "canary-token");
    assert_eq!(found.secrets[0].body.expose(), b"body");
    assert_eq!(found.secrets[0].life, saved("a", "").life);
    assert_eq!(
        found.whose.left_at,
        Some(Timestamp::parse("2026-01-02T03:04:05Z").unwrap())
    );
}
