//! Limits: token buckets whose capacity is the limit (the generic cell rate algorithm, ITU-T I.371), in bounded tables.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use types::{KeyId, PrincipalId, Timestamp};

use crate::{
    App, Code, Error, Result,
    access::{Caller, Identity},
    error::Limit,
    generations::Generations,
    operation::Rate,
};

const SHARDS: usize = 16;
/// Buckets kept at most, in each table.
pub const TABLE: usize = 100_000;
/// Refused credentials per address and minute.
pub const REFUSED_PER_MINUTE: u32 = 60;

/// What one principal may have open at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Crowd {
    /// Calls under way, at most 64.
    Calls,
    /// Streams listened to, at most 32.
    Streams,
}

impl Crowd {
    const fn limit(self) -> Limit {
        match self {
            Self::Calls => Limit { name: "calls-in-flight", quota: 64, window_secs: 1 },
            Self::Streams => Limit { name: "streams", quota: 32, window_secs: 1 },
        }
    }
}

/// Whose bucket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Bucket {
    Refused(IpAddr),
    Principal(PrincipalId),
    KeyMinute(KeyId),
    KeyHour(KeyId),
}

/// Every bucket: the theoretical arrival time of its next call, in microseconds.
#[derive(Debug)]
pub struct Limits {
    hasher: RandomState,
    shards: Vec<Mutex<Generations<Bucket, i64>>>,
    open: Mutex<HashMap<(PrincipalId, Crowd), u32>>,
    /// How often each of [`Limits::NAMES`] refused somebody.
    refusals: [AtomicU64; Limits::NAMES.len()],
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::new(Generations::new(TABLE / SHARDS))).collect(),
            open: Mutex::default(),
            refusals: Default::default(),
        }
    }
}

/// One client's network: an IPv6 address counts as its /64.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Limits {
    /// Every limit by name.
    pub(crate) const NAMES: [&'static str; 6] =
        [CALLS, KEY_MINUTE, KEY_HOUR, REFUSED.name, Crowd::Calls.limit().name, Crowd::Streams.limit().name];

    /// How often each limit refused somebody, in the order of their names.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = u64> {
        self.refusals.iter().map(|count| count.load(Ordering::Relaxed))
    }

    /// How many are open of a crowd, of all principals together.
    pub(crate) fn present(&self, crowd: Crowd) -> u32 {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().filter(|((_, of), _)| *of == crowd).map(|(_, count)| count).sum()
    }

    fn met(&self, limit: Limit) {
        let counter = Self::NAMES.iter().zip(&self.refusals).find(|(name, _)| **name == limit.name);
        if let Some((_, counter)) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn limited(&self, limit: Limit, wait: u64) -> Error {
        self.met(limit);
        Error::new(Code::RateLimited, format!("more than {} calls in {} s", limit.quota, limit.window_secs))
            .retry_after(wait)
            .limit(limit)
            .hint("wait as long as `Retry-After` says")
    }

    /// Takes one call from a bucket, or says how many seconds to wait.
    fn take(&self, bucket: Bucket, limit: Limit, now: Timestamp) -> Result<(), u64> {
        self.with(bucket, limit, now, Take::Yes)
    }

    fn with(&self, bucket: Bucket, limit: Limit, now: Timestamp, take: Take) -> Result<(), u64> {
        let window = i64::from(limit.window_secs) * 1_000_000;
        let step = (window / i64::from(limit.quota.max(1))).max(1);
        let shard = usize::try_from(self.hasher.hash_one(bucket)).unwrap_or(0) % SHARDS;
        let Some(shard) = self.shards.get(shard) else { return Err(1) };
        let mut table = shard.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that went back must not lock anybody out for longer than a window.
        let due = table.get(&bucket).map_or(now.micros(), |due| (*due).clamp(now.micros(), now.micros() + window));
        let early = due - now.micros() - (window - step);
        if early > 0 {
            return Err(u64::try_from(early.div_ceil_micros()).unwrap_or(1).max(1));
        }
        if take == Take::Yes {
            table.insert(bucket, due + step);
        }
        Ok(())
    }

    /// Whether an address has used up its refused credentials; asked before any database read.
    pub(crate) fn refused_too_often(&self, address: Option<IpAddr>, now: Timestamp) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        self.with(Bucket::Refused(network(address)), REFUSED, now, Take::No).map_err(|wait| self.limited(REFUSED, wait))
    }

    /// Counts a refused credential of an address.
    pub(crate) fn count_refused(&self, address: Option<IpAddr>, now: Timestamp) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        self.take(Bucket::Refused(network(address)), REFUSED, now).map_err(|wait| self.limited(REFUSED, wait))
    }

    /// Counts a call of a principal and its key.
    pub(crate) fn count_call(&self, app: &App, caller: &Caller, rate: Rate) -> Result<()> {
        let (Caller::Known(identity, _), Rate::Default) = (caller, rate) else { return Ok(()) };
        let (now, buckets) = (app.now(), buckets(app, identity));
        // A call that one bucket refuses takes nothing from the others.
        for take in [Take::No, Take::Yes] {
            for (bucket, limit) in &buckets {
                self.with(*bucket, *limit, now, take).map_err(|wait| self.limited(*limit, wait))?;
            }
        }
        Ok(())
    }

    /// Counts something as open until the guard is dropped.
    pub(crate) fn enter(&self, caller: &Caller, crowd: Crowd) -> Result<Option<Place<'_>>> {
        let Some(identity) = caller.identity() else { return Ok(None) };
        let whose = (identity.principal, crowd);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(whose).or_insert(0);
        if *count >= crowd.limit().quota {
            self.met(crowd.limit());
            return Err(Error::new(Code::RateLimited, format!("more than {} at once", crowd.limit().quota))
                .retry_after(1)
                .limit(crowd.limit())
                .hint("wait until one has ended"));
        }
        *count += 1;
        Ok(Some(Place { limits: self, whose }))
    }
}

/// Something open.
#[derive(Debug)]
pub struct Place<'l> {
    limits: &'l Limits,
    whose: (PrincipalId, Crowd),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.whose);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    Yes,
    No,
}

trait Seconds {
    fn div_ceil_micros(self) -> i64;
}

impl Seconds for i64 {
    fn div_ceil_micros(self) -> i64 {
        (self + 999_999) / 1_000_000
    }
}

const CALLS: &str = "calls";
const KEY_MINUTE: &str = "key-minute";
const KEY_HOUR: &str = "key-hour";
const REFUSED: Limit = Limit { name: "refused-credentials", quota: REFUSED_PER_MINUTE, window_secs: 60 };

fn buckets(app: &App, identity: &Identity) -> Vec<(Bucket, Limit)> {
    let settings = app.settings();
    let per_minute = match identity.principal {
        PrincipalId::Agent(_) => settings.agents_per_minute,
        // The operator of the machine is limited like an agent: scripts call in bursts.
        PrincipalId::User(_) => settings.users_per_minute.max(settings.agents_per_minute),
    };
    let minute = |quota| Limit { name: CALLS, quota, window_secs: 60 };
    let mut all = vec![(Bucket::Principal(identity.principal), minute(per_minute))];
    if let (super::Credential::Key(key), Some((key_minute, key_hour))) = (identity.credential, identity.rates) {
        all.push((Bucket::KeyMinute(key), Limit { name: KEY_MINUTE, ..minute(key_minute) }));
        all.push((Bucket::KeyHour(key), Limit { name: KEY_HOUR, quota: key_hour, window_secs: 3_600 }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_bucket_holds_its_limit_and_says_truly_when_it_refills() {
        let limits = Limits::default();
        let start = Timestamp::from_micros(1_000_000_000);
        for _ in 0..REFUSED_PER_MINUTE {
            limits.count_refused(address("192.0.2.1"), start).unwrap();
        }
        let wait = limits.refused_too_often(address("192.0.2.1"), start).unwrap_err().fault().retry_after_secs.unwrap();
        let later = start.plus_secs(i64::try_from(wait).unwrap());
        assert!(limits.count_refused(address("192.0.2.1"), start.plus_secs(0)).is_err());
        limits.count_refused(address("192.0.2.1"), later).unwrap();
        limits.count_refused(address("192.0.2.2"), start).unwrap();
    }

    #[test]
    fn ipv6_counts_per_64_and_mapped_ipv4_as_ipv4() {
        let limits = Limits::default();
        let now = Timestamp::from_micros(0);
        for n in 0..REFUSED_PER_MINUTE {
            limits.count_refused(address(&format!("2001:db8::{n:x}")), now).unwrap();
        }
        assert!(limits.refused_too_often(address("2001:db8::ffff:1"), now).is_err());
        assert!(limits.refused_too_often(address("2001:db8:0:1::1"), now).is_ok());
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), network("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_clock_that_goes_back_locks_nobody_out() {
        let limits = Limits::default();
        let late = Timestamp::from_micros(10_000_000_000_000);
        for _ in 0..REFUSED_PER_MINUTE {
            limits.count_refused(address("192.0.2.1"), late).unwrap();
        }
        let wait = limits.count_refused(address("192.0.2.1"), Timestamp::from_micros(0)).unwrap_err();
        assert!(wait.fault().retry_after_secs.unwrap() <= 60);
    }

    // attack A25
    #[test]
    fn a_million_addresses_do_not_fill_the_memory() {
        let limits = Limits::default();
        for n in 0..1_000_000u32 {
            limits.count_refused(Some(IpAddr::V4(n.into())), Timestamp::from_micros(0)).unwrap();
        }
        let kept: usize = limits.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(kept <= TABLE + SHARDS);
    }
}
