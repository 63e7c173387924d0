//! Every decision by a table, and whole days with a server that keeps its word.

use std::time::Duration;

use arca_base::Timestamp;
use proptest::prelude::*;

use super::*;

const DAY: Duration = Duration::from_hours(24);
const RULES: Rules = Rules {
    static_interval: Duration::from_mins(5),
    threshold: 0.9,
    retries: 12,
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `seconds` after the start of the test, by both clocks.
fn at(seconds: f64) -> Moment {
    let start = Moment {
        steady: Duration::ZERO,
        wall: Timestamp::from_unix(1_000_000, 0),
    };
    start.after(Duration::from_secs_f64(seconds))
}

fn lease(length: u64, renewable: bool) -> Timing {
    let (id, length) = ("l".to_owned(), secs(length));
    Timing::Lease {
        id,
        renewable,
        length,
    }
}

/// A life that has just been given this, by the login 1.
fn holding(timing: Timing, roll: f64) -> Life {
    let mut life = Life::new(at(0.0));
    assert_eq!(life.begin(at(0.0)), Step::Fetch);
    life.fetched(timing, 1, None, at(0.0), &RULES, roll);
    life
}

/// Seconds until the next step.
fn due(life: &Life) -> f64 {
    life.due().unwrap().steady.as_secs_f64()
}

fn step(life: &mut Life) -> &'static str {
    let now = life.due().unwrap();
    match life.begin(now) {
        Step::Fetch => "fetch",
        Step::Renew { .. } => "renew",
        Step::Check { .. } => "check",
    }
}

#[test]
fn a_child_is_replaced_before_the_login_it_was_made_with_ends() {
    let ends = |login| (login == 1).then(|| at(300.0));
    let mut child = holding(Timing::Child(secs(600)), 0.5);
    assert!(
        due(&child) > 450.0,
        "while that login is in force, it counts alone"
    );
    child.token_changed(ends, at(100.0), 0.5);
    assert_eq!(child.end(), Some(at(300.0)));
    assert!((100.0..280.0).contains(&due(&child)), "{}", due(&child));
    let mut certificate = holding(Timing::Ends(secs(600)), 0.5);
    certificate.token_changed(ends, at(100.0), 0.5);
    assert_eq!(certificate.end(), Some(at(600.0)));
    assert!(due(&certificate) > 450.0);
}

#[test]
fn each_kind_of_answer_has_its_schedule() {
    let cases = [
        // Two thirds of a lease that can be extended.
        (lease(3600, true), "renew", 2160.0, 2640.0),
        (lease(4, true), "renew", 2.4, 2.95),
        // The threshold of one that cannot, with a tenth of it to spare, however short it is.
        (lease(3600, false), "fetch", 2808.0, 3168.0),
        (lease(10, false), "fetch", 7.8, 8.8),
        (lease(4, false), "fetch", 3.12, 3.52),
        (lease(1, false), "fetch", 0.78, 0.88),
        // Certificates.
        (Timing::Ends(secs(1000)), "fetch", 780.0, 880.0),
        (Timing::Ends(secs(5)), "fetch", 3.9, 4.4),
        // One that had ended when it came is not asked for in a loop.
        (Timing::Ends(secs(0)), "fetch", 10.0, 10.0),
        // After the server has changed it.
        (Timing::Rotates(secs(60)), "fetch", 61.0, 62.2),
        (Timing::Rotates(secs(86400)), "fetch", 86401.0, 86406.0),
        // The interval of the configuration, or what a first version of KV says if that is less.
        (Timing::Static(None), "fetch", 255.0, 285.0),
        (Timing::Static(Some(secs(2_764_800))), "fetch", 255.0, 285.0),
        (Timing::Static(Some(secs(60))), "fetch", 51.0, 57.0),
        (Timing::Static(Some(secs(0))), "fetch", 1.0, 1.0),
        (Timing::File, "fetch", 2.0, 2.0),
    ];
    for (timing, what, from, to) in cases {
        for roll in [0.0, 0.5, 0.999_999] {
            let mut life = holding(timing.clone(), roll);
            let due = due(&life);
            assert!((from..=to + 0.001).contains(&due), "{timing:?}: {due}");
            assert_eq!(step(&mut life), what, "{timing:?}");
            assert_eq!(life.due(), None, "under way");
        }
    }
}

#[test]
fn another_threshold_moves_the_replacement_and_an_odd_one_does_not_break_it() {
    for (threshold, from, to) in [(0.5, 380.0, 480.0), (0.05, 29.0, 50.1), (1.0, 880.0, 980.1)] {
        for roll in [0.0, 0.999] {
            let mut life = Life::new(at(0.0));
            let _ = life.begin(at(0.0));
            let rules = Rules { threshold, ..RULES };
            life.fetched(lease(1000, false), 1, None, at(0.0), &rules, roll);
            let due = due(&life);
            assert!((from..=to).contains(&due), "{threshold}: {due}");
        }
    }
}

#[test]
fn a_lease_that_is_cut_by_its_longest_life_is_replaced_before_that() {
    // Asked for 4 s again at 2.7 s and given 1 s, 4 s and less by rounding, and told that it was the last time.
    let cases = [
        (4, 1, true, "fetch"),
        (4, 4, true, "renew"),
        (4, 3, true, "fetch"),
        (3600, 3599, true, "renew"),
        (3600, 3598, true, "fetch"),
        (3600, 3600, false, "fetch"),
    ];
    for (length, given, renewable, what) in cases {
        let mut life = holding(lease(length, true), 0.5);
        assert_eq!(step(&mut life), "renew");
        let now = at(2.7);
        life.renewed(secs(given), renewable, now, 0.5);
        let end = now.after(secs(given));
        assert_eq!(life.end(), Some(end));
        assert!(due(&life) < end.steady.as_secs_f64(), "{length} {given}");
        assert_eq!(step(&mut life), what, "{length} {given}");
    }
}

#[test]
fn a_refused_renewal_replaces_the_lease_before_its_end_and_a_missing_lease_is_replaced_within_a_moment() {
    let cases = [
        (Failure::Forbidden, "fetch", 3000.0, 3599.0),
        (Failure::Lasting, "fetch", 3000.0, 3599.0),
        (Failure::Gone, "fetch", 2400.0, 2410.0),
        (Failure::Passing(None), "renew", 2400.25, 2401.0),
        (Failure::Passing(Some(secs(30))), "renew", 2430.0, 2430.1),
        // A server that asks for more patience than the lease has is asked for another in time.
        (Failure::Passing(Some(secs(4000))), "renew", 2700.0, 2700.1),
    ];
    for (failure, what, from, to) in cases {
        let mut life = holding(lease(3600, true), 0.5);
        assert_eq!(step(&mut life), "renew");
        life.renewal_failed(failure, at(2400.0), 0.5);
        let due = due(&life);
        assert!((from..=to).contains(&due), "{failure:?}: {due}");
        assert_eq!(life.lease.is_none(), failure == Failure::Gone);
        assert_eq!(step(&mut life), what, "{failure:?}");
    }
    let mut life = holding(lease(300, true), 0.5);
    let _ = life.begin(at(200.0));
    life.renewal_failed(Failure::Passing(Some(secs(200))), at(200.0), 0.5);
    assert!((234.0..=264.0).contains(&due(&life)), "{}", due(&life));
    assert_eq!(step(&mut life), "fetch");
}

#[test]
fn failures_of_fetching_pause_ever_longer_and_wait_for_as_long_as_the_server_asks() {
    for (failure, first, last) in [
        (Failure::Passing(None), 0.25, 60.0),
        (Failure::Lasting, 2.0, 60.0),
        (Failure::Forbidden, 2.0, 60.0),
        (Failure::Passing(Some(secs(30))), 30.0, 60.0),
        (Failure::Passing(Some(secs(100_000))), 300.0, 330.0),
    ] {
        let mut life = Life::new(at(0.0));
        let mut pauses = Vec::new();
        let mut now = at(0.0);
        for _ in 0..20 {
            assert_eq!(life.begin(now), Step::Fetch);
            life.fetch_failed(failure, now, 0.9);
            let next = life.due().unwrap();
            pauses.push(next.from(now).as_secs_f64());
            now = next;
        }
        assert_eq!(life.failures, 20);
        assert!(
            pauses.iter().all(|pause| (first..=last + 0.001).contains(pause)),
            "{failure:?}: {pauses:?}"
        );
        let _ = life.begin(now);
        life.fetched(Timing::File, 1, None, now, &RULES, 0.5);
        assert_eq!(life.failures, 0);
    }
}

#[test]
fn nothing_is_missing_while_an_attempt_before_the_end_may_help() {
    let mut life = holding(lease(2, false), 0.999);
    let end = life.end().unwrap();
    let mut attempts = 0;
    let mut now = life.due().unwrap();
    while now.from(end).is_zero() && !end.is_reached(now) {
        let _ = life.begin(now);
        life.fetch_failed(Failure::Passing(None), now, 0.999);
        now = life.due().unwrap();
        attempts += 1;
    }
    assert!((3..=6).contains(&attempts), "{attempts}");
    let _ = life.begin(now);
    life.fetch_failed(Failure::Passing(None), now, 0.999);
    assert!(
        life.due().unwrap().from(now) >= Duration::from_millis(250),
        "no hurry after the end"
    );
}

#[test]
fn another_login_asks_whether_a_lease_is_still_there_and_lets_it_end_with_its_owner() {
    for (renewable, owner_ends, what) in [
        (true, None, "renew"),
        (true, Some(at(5000.0)), "renew"),
        (true, Some(at(1000.0)), "check"),
        (false, None, "check"),
    ] {
        let mut life = holding(lease(3600, renewable), 0.5);
        life.token_changed(
            |owner| {
                assert_eq!(owner, 1);
                owner_ends
            },
            at(100.0),
            0.5,
        );
        assert_eq!(due(&life), 105.0, "the server is asked within a moment");
        assert_eq!(step(&mut life), what);
        match what {
            "renew" => life.renewed(secs(3600), true, at(105.0), 0.5),
            _ => life.checked(secs(3495), at(105.0), 0.5),
        }
        let end = life.end().unwrap().steady.as_secs_f64();
        let expected = match owner_ends {
            Some(owner) if owner == at(1000.0) => 1000.0,
            _ if renewable => 3705.0,
            _ => 3600.0,
        };
        assert!((end - expected).abs() < 0.001, "{end}");
        assert!(due(&life) > 105.0 && due(&life) < end);
        // And nothing else: it is not asked again until then.
        let next = step(&mut life);
        assert_eq!(next, if end > 3700.0 { "renew" } else { "fetch" });
    }
}

#[test]
fn a_new_login_does_not_fetch_what_lives_and_retries_what_was_forbidden() {
    let mut life = Life::new(at(0.0));
    let _ = life.begin(at(0.0));
    life.fetch_failed(Failure::Forbidden, at(0.0), 0.5);
    assert!(due(&life) >= 2.0);
    life.token_changed(|_| None, at(1.0), 0.5);
    assert_eq!(life.due(), Some(at(1.0)));

    let mut life = holding(Timing::Static(None), 0.5);
    let before = life.due();
    life.token_changed(|_| None, at(1.0), 0.5);
    assert_eq!(life.due(), before);

    // While a request is under way, it is asked about afterwards.
    let mut life = holding(lease(3600, true), 0.5);
    let _ = life.begin(at(2400.0));
    life.token_changed(|_| None, at(2400.0), 0.5);
    assert_eq!(life.due(), None);
    life.renewed(secs(3600), true, at(2401.0), 0.5);
    assert_eq!(due(&life), 2405.0);
}

#[test]
fn a_lease_that_is_gone_is_asked_about_no_more() {
    let mut life = holding(lease(3600, false), 0.5);
    life.token_changed(|_| None, at(1.0), 0.999);
    assert_eq!(step(&mut life), "check");
    life.token_changed(|_| None, at(2.0), 0.0);
    life.renewal_failed(Failure::Gone, at(2.0), 0.5);
    assert_eq!(life.due(), Some(at(10.0)), "the floor, not the check");
}

#[test]
fn clocks_that_jump_make_things_early_or_change_nothing() {
    let jump = |moment: Moment, seconds: i64| Moment {
        wall: if seconds < 0 {
            let back = moment.wall.unix_seconds() + seconds;
            Timestamp::from_unix(back, 0)
        } else {
            moment.wall.plus_duration(secs(seconds.unsigned_abs()))
        },
        ..moment
    };
    // Suspended beyond its end: it is not extended but replaced, at once.
    let mut life = holding(lease(3600, true), 0.5);
    let woken = jump(at(60.0), 4000);
    assert!(life.due().unwrap().is_reached(woken));
    assert_eq!(life.begin(woken), Step::Fetch);
    // Suspended beyond its renewal: it is extended.
    let mut life = holding(lease(3600, true), 0.5);
    let woken = jump(at(60.0), 2500);
    assert!(life.due().unwrap().is_reached(woken));
    assert!(matches!(life.begin(woken), Step::Renew { .. }));
    life.renewed(secs(3600), true, woken, 0.5);
    assert_eq!(life.due().unwrap().from(woken), secs(2400));
    // Set back: the steady clock tells.
    let mut life = holding(lease(3600, true), 0.5);
    let back = jump(at(2399.0), -100_000);
    assert_eq!(life.due().unwrap().from(back), secs(1));
    let back = jump(at(2400.0), -100_000);
    assert!(life.due().unwrap().is_reached(back));
    assert!(matches!(life.begin(back), Step::Renew { .. }));
    life.renewed(secs(3600), true, back, 0.5);
    assert_eq!(life.due().unwrap().from(back), secs(2400));
    // Of two ends, one noted before a suspension, the earlier one by either clock counts.
    let mut life = holding(lease(3600, true), 0.5);
    let woken = jump(at(60.0), 2500);
    let _ = life.begin(woken);
    life.renewed(secs(3600), true, woken, 0.5);
    life.token_changed(|_| Some(at(3700.0)), woken, 0.5);
    assert_eq!(life.end().unwrap().from(woken), secs(3700 - 2560));
}

#[test]
fn one_revoked_credential_is_replaced_and_a_loop_of_them_is_slowed_down() {
    // The server forgets every lease at once.
    let mut life = Life::new(at(0.0));
    let mut now = at(0.0);
    let mut waits = Vec::new();
    for _ in 0..12 {
        assert_eq!(life.begin(now), Step::Fetch);
        life.fetched(lease(60, true), 1, None, now, &RULES, 0.0);
        let made = now;
        now = life.due().unwrap();
        assert!(matches!(life.begin(now), Step::Renew { .. }));
        life.renewal_failed(Failure::Gone, now, 0.0);
        now = life.due().unwrap();
        waits.push(now.from(made).as_secs());
    }
    assert_eq!(&waits[..5], [36, 36, 40, 80, 160]);
    assert_eq!(waits[11], 600, "at most");
    // One that lives brings it back: the next is replaced before its end again, however short.
    let _ = life.begin(now);
    life.fetched(lease(3600, false), 1, None, now, &RULES, 0.0);
    now = life.due().unwrap();
    let _ = life.begin(now);
    life.fetched(lease(4, false), 1, None, now, &RULES, 0.0);
    assert!(life.due().unwrap().from(now) < secs(4));
    // And one that an operator revokes does not leave the next, as short, to end.
    let mut life = holding(lease(4, true), 0.0);
    let _ = life.begin(life.due().unwrap());
    life.renewal_failed(Failure::Gone, at(2.4), 0.0);
    now = life.due().unwrap();
    let _ = life.begin(now);
    life.fetched(lease(4, false), 1, None, now, &RULES, 0.0);
    assert!(life.due().unwrap().from(now) < secs(4));
}

#[test]
fn what_ended_before_it_came_is_asked_for_ever_more_seldom() {
    let mut life = Life::new(at(0.0));
    let mut now = at(0.0);
    let mut asked = 0;
    while now.steady < DAY {
        let _ = life.begin(now);
        life.fetched(Timing::Ends(Duration::ZERO), 1, None, now, &RULES, 0.5);
        now = life.due().unwrap();
        asked += 1;
    }
    assert!(asked < 160, "{asked}");
}

#[test]
fn a_change_is_fetched_at_once_but_a_credential_is_not() {
    let mut life = holding(Timing::Static(None), 0.5);
    life.nudge(at(3.0), Duration::ZERO);
    assert_eq!(life.due(), Some(at(3.0)));
    let _ = life.begin(at(3.0));
    life.nudge(at(3.1), Duration::ZERO);
    life.fetched(Timing::Static(None), 1, None, at(3.2), &RULES, 0.5);
    assert_eq!(life.due(), Some(at(3.2)), "it changed while it was read");
    for timing in [lease(3600, true), Timing::Ends(secs(3600))] {
        let mut life = holding(timing, 0.5);
        let before = life.due();
        life.nudge(at(3.0), Duration::ZERO);
        assert_eq!(life.due(), before);
    }
}

/// A server that keeps its word.
#[derive(Debug)]
struct Server {
    length: Duration,
    longest: Duration,
    renewable: bool,
    /// Of the lease that was made last, by the steady clock.
    end: Duration,
    last_end: Duration,
    outage: Option<(Duration, Option<Duration>)>,
    made: u64,
    answered: u64,
    refused: u64,
}

impl Server {
    fn is_down(&mut self, now: Duration) -> Option<Failure> {
        let (until, asks) = self.outage?;
        if now < until {
            self.refused += 1;
            // Nobody asks to come back later than when it is back.
            let left = secs((until - now).as_secs());
            return Some(Failure::Passing(asks.map(|asked| asked.min(left))));
        }
        self.outage = None;
        None
    }

    fn answer(&mut self, life: &mut Life, step: &Step, now: Moment, roll: f64) {
        self.answered += 1;
        let steady = now.steady;
        match step {
            Step::Fetch => {
                self.made += 1;
                self.end = steady + self.length;
                self.last_end = steady + self.longest;
                let timing = lease(self.length.as_secs(), self.renewable);
                life.fetched(timing, 1, None, now, &RULES, roll);
            }
            Step::Renew { increment, .. } => {
                assert!(self.end > steady, "a renewal after the end");
                self.end = (steady + *increment).min(self.last_end);
                let told = secs((self.end - steady).as_secs());
                life.renewed(told, true, now, roll);
            }
            Step::Check { .. } => panic!("nobody logs in"),
        }
    }
}

/// What happens in a simulated day.
#[derive(Clone, Debug)]
struct Day {
    length: u64,
    longest: u64,
    renewable: bool,
    /// After how many answers the next failure begins, which part of the length it lasts, what the server asks for.
    failures: Vec<(u16, f64, Option<u64>)>,
    /// After how many answers the wall clock jumps by how many seconds.
    jumps: Vec<(u16, i64)>,
    rolls: Vec<f64>,
}

prop_compose! {
    fn days()(
        length in prop_oneof![2_u64..20, 20_u64..600, 600_u64..3601],
        lives in 1.0..30.0_f64,
        renewable in any::<bool>(),
        failures in prop::collection::vec(
            (0_u16..12, 0.0..0.1_f64, prop::option::of(0_u64..120)), 0..200),
        rolls in prop::collection::vec(0.0..1.0_f64, 1..50),
    ) -> Day {
        let longest = Duration::from_secs(length).mul_f64(lives).as_secs().max(length);
        Day { length, longest, renewable, failures, jumps: Vec::new(), rolls }
    }
}

fn live(day: &Day) -> Result<Server, TestCaseError> {
    let mut server = Server {
        length: secs(day.length),
        longest: secs(day.longest),
        renewable: day.renewable,
        end: Duration::ZERO,
        last_end: Duration::ZERO,
        outage: None,
        made: 0,
        answered: 0,
        refused: 0,
    };
    let mut rolls = day.rolls.iter().copied().cycle();
    let mut failures = day.failures.iter().cycle().peekable();
    let mut jumps = day.jumps.iter();
    let (mut jump, mut until_failure) = (jumps.next(), failures.peek().map(|failure| failure.0));
    let mut now = at(0.0);
    let mut life = Life::new(now);
    let mut quiet_until = Duration::ZERO;
    while now.steady < DAY {
        let due = life.due().unwrap();
        now = now.after(due.from(now));
        prop_assert!(
            server.made == 0 || now.steady < server.end,
            "past its end at {now:?}"
        );
        let roll = rolls.next().unwrap();
        let step = life.begin(now);
        // A failure begins when it hurts most: with a request; but not two within one life.
        if until_failure == Some(0) && server.made > 0 && now.steady >= quiet_until {
            let (_, part, asks) = failures.next().unwrap();
            let lasts = server.length.mul_f64(*part);
            server.outage = Some((now.steady + lasts, asks.map(secs)));
            quiet_until = now.steady + lasts + server.length;
            until_failure = failures.peek().map(|failure| failure.0);
        }
        match (server.is_down(now.steady), &step) {
            (Some(failure), Step::Fetch) => life.fetch_failed(failure, now, roll),
            (Some(failure), _) => life.renewal_failed(failure, now, roll),
            (None, step) => {
                server.answer(&mut life, step, now, roll);
                until_failure = until_failure.map(|count| count.saturating_sub(1));
                if let Some((after, by)) = jump
                    && server.answered % 16 == u64::from(*after)
                {
                    let wall = now.wall.unix_seconds() + by;
                    now.wall = Timestamp::from_unix(wall, 0);
                    jump = jumps.next();
                }
            }
        }
    }
    Ok(server)
}

/// Most answers and refusals of a day that are no loop.
fn bounds(server: &Server, jumps: u64) -> Result<(), TestCaseError> {
    let lives = DAY.as_secs() / server.length.as_secs() + 1;
    prop_assert!(server.answered <= lives * 5 + jumps * 2 + 2, "{server:?}");
    // The dice may always fall on the shortest pause: four attempts in each second without an answer, and some more
    // shortly before an end.
    prop_assert!(
        server.refused <= DAY.as_secs() / 10 * 4 + lives * 10,
        "{server:?}"
    );
    prop_assert!(server.made <= lives * 2 + jumps + 2, "{server:?}");
    prop_assert!(
        server.made >= DAY.as_secs() / server.longest.as_secs(),
        "{server:?}"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_an_honest_server_gives_is_never_held_past_its_end(day in days()) {
        bounds(&live(&day)?, 0)?;
    }

    #[test]
    fn a_wall_clock_that_jumps_costs_requests_but_no_credential_is_held_past_its_end(
        day in days(),
        jumps in prop::collection::vec((0_u16..16, -100_000_i64..100_000), 0..40),
    ) {
        let count = u64::try_from(jumps.len()).unwrap();
        bounds(&live(&Day { jumps, ..day })?, count)?;
    }
}
