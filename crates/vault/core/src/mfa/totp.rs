//! The key of an entity: which passcode is right, which was used, and how many were wrong.

use arca_base::{Secret, Timestamp, Ttl, id};
use arca_crypto::{constant_time, otp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::method::Method;
use crate::barrier::{Change, Stored};

/// Longest pause after wrong passcodes.
const LONGEST_PAUSE: u64 = 15 * 60;

/// A key, as stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TotpKey {
    /// The key in hexadecimal.
    #[serde(serialize_with = "sealed", deserialize_with = "opened")]
    hex: Secret<String>,
    /// The last period whose passcode was used.
    #[serde(default)]
    last_step: u64,
    /// Wrong passcodes since the last right one or the last pause.
    #[serde(default)]
    failures: u32,
    /// Pauses since the last right one.
    #[serde(default)]
    pauses: u32,
    /// No passcode is tried until then.
    #[serde(default)]
    paused_until: Option<Timestamp>,
}

impl Stored for TotpKey {
    const VERSION: u8 = 1;
    const NAME: &'static str = "key of passcodes";
}

/// The row is written behind the barrier, which is the one place a secret is spelled out for.
fn sealed<S: Serializer>(secret: &Secret<String>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.expose().serialize(serializer)
}

fn opened<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    Ok(Secret::new(String::deserialize(deserializer)?))
}

/// What a passcode turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// It was right, or a later one was, and is not any more; seconds until the next one.
    Used(u64),
    /// Too many were wrong; seconds until one is tried again.
    Paused(u64),
}

impl TotpKey {
    pub(super) fn new(key: &[u8]) -> Self {
        Self {
            hex: Secret::new(id::hex(key)),
            last_step: 0,
            failures: 0,
            pauses: 0,
            paused_until: None,
        }
    }

    /// Tries a passcode, and says what must be written before anything else is done.
    pub(super) fn try_passcode(
        &self,
        method: &Method,
        passcode: &str,
        now: Timestamp,
    ) -> (Change<Self>, Verdict) {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return (Change::Keep, Verdict::Paused(until.seconds_until(now).max(1)));
        }
        let period = method.period.seconds().max(1);
        let seconds = u64::try_from(now.unix_seconds()).unwrap_or(0);
        match self.step_of(method, passcode, seconds / period) {
            Some(step) if step > self.last_step => {
                let used = Self {
                    last_step: step,
                    ..self.fresh()
                };
                (Change::Put(used), Verdict::Right)
            }
            Some(_) => (Change::Keep, Verdict::Used(period - seconds % period)),
            None => (Change::Put(self.failed(method, now)), Verdict::Wrong),
        }
    }

    /// The period a passcode belongs to, of those that count now. All are compared, whichever fits.
    fn step_of(&self, method: &Method, passcode: &str, step: u64) -> Option<u64> {
        let key = Secret::new(id::unhex(self.hex.expose()).unwrap_or_default());
        let mut found = None;
        for step in step.saturating_sub(method.skew)..=step.saturating_add(method.skew) {
            let code = otp::code(method.hash(), key.expose(), step, method.digits);
            if constant_time::equal(code.as_bytes(), passcode.as_bytes()) {
                found = Some(step);
            }
        }
        found
    }

    /// The same key without anything against it.
    fn fresh(&self) -> Self {
        Self {
            hex: self.hex.duplicate(),
            last_step: self.last_step,
            failures: 0,
            pauses: 0,
            paused_until: None,
        }
    }

    /// Each pause is twice as long as the one before, so that patience does not replace a passcode.
    fn failed(&self, method: &Method, now: Timestamp) -> Self {
        let failures = self.failures.saturating_add(1);
        if failures < method.max_attempts {
            return Self {
                failures,
                pauses: self.pauses,
                ..self.fresh()
            };
        }
        let pause = method.period.seconds().max(1) << self.pauses.min(10);
        Self {
            pauses: self.pauses.saturating_add(1),
            paused_until: Some(now.plus(Ttl::from_seconds(pause.min(LONGEST_PAUSE)))),
            ..self.fresh()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds, 0)
    }

    fn code(step: u64) -> String {
        otp::code(otp::OtpAlgorithm::Sha1, KEY, step, 6)
    }

    /// Tries a passcode on what is kept, and keeps what is to be kept.
    fn tried(key: &mut TotpKey, passcode: &str, seconds: i64) -> Verdict {
        let (change, verdict) = key.try_passcode(&Method::default(), passcode, at(seconds));
        if let Change::Put(changed) = change {
            *key = changed;
        }
        verdict
    }

    #[test]
    fn passcodes_hold_for_their_period_and_one_around_it() {
        for (step, verdict) in [
            (98, Verdict::Wrong),
            (99, Verdict::Right),
            (100, Verdict::Right),
            (101, Verdict::Right),
            (102, Verdict::Wrong),
        ] {
            let mut key = TotpKey::new(KEY);
            assert_eq!(tried(&mut key, &code(step), 3000), verdict, "{step}");
        }
    }

    #[test]
    fn a_passcode_counts_once_and_no_older_one_after_it() {
        let mut key = TotpKey::new(KEY);
        assert_eq!(tried(&mut key, &code(100), 3010), Verdict::Right);
        assert_eq!(tried(&mut key, &code(100), 3011), Verdict::Used(19));
        assert_eq!(tried(&mut key, &code(99), 3012), Verdict::Used(18));
        assert_eq!(tried(&mut key, &code(101), 3013), Verdict::Right);
    }

    #[test]
    fn wrong_passcodes_lead_to_longer_and_longer_pauses() {
        let mut key = TotpKey::new(KEY);
        let mut now = 3000;
        for pause in [30, 60, 120, 240, 480, 900, 900] {
            for _ in 0..5 {
                assert_eq!(tried(&mut key, "000000", now), Verdict::Wrong);
            }
            let right = |now: i64| code(u64::try_from(now / 30).unwrap());
            assert_eq!(tried(&mut key, &right(now), now), Verdict::Paused(pause));
            now += i64::try_from(pause).unwrap();
        }
        let right = code(u64::try_from(now / 30).unwrap());
        assert_eq!(tried(&mut key, &right, now), Verdict::Right);
        for _ in 0..5 {
            assert_eq!(tried(&mut key, "000000", now), Verdict::Wrong);
        }
        assert_eq!(
            tried(&mut key, "000000", now),
            Verdict::Paused(30),
            "it begins anew"
        );
    }

    #[test]
    fn passcodes_of_another_length_are_wrong() {
        for passcode in ["", "1", &format!("0{}", code(100)), &code(100)[..5]] {
            assert_eq!(tried(&mut TotpKey::new(KEY), passcode, 3000), Verdict::Wrong);
        }
    }
}
