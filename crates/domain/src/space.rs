//! The disk before it is full: while less is free than operators want kept, what adds rows is refused.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::{Code, Error, Result, machine::Machine, operation::Spec};

/// What is known of the free space; measured every few seconds, asked by every call.
#[derive(Debug)]
pub(crate) struct Space {
    least_bytes: u64,
    free_bytes: AtomicU64,
    is_low: AtomicBool,
}

impl Space {
    /// `least_bytes` must stay free. Until it is measured there is enough.
    pub(crate) const fn new(least_bytes: u64) -> Self {
        Self { least_bytes, free_bytes: AtomicU64::new(u64::MAX), is_low: AtomicBool::new(false) }
    }

    /// Measures it. A change is logged once; what cannot be measured leaves everything as it was.
    pub(crate) fn measure(&self, machine: &dyn Machine) {
        let free = match machine.free_bytes() {
            Ok(free) => free,
            Err(error) => {
                tracing::warn!(%error, "the free space of the data directory's file system cannot be measured");
                return;
            }
        };
        self.free_bytes.store(free, Ordering::Relaxed);
        let is_low = free < self.least_bytes;
        let was_low = self.is_low.swap(is_low, Ordering::Relaxed);
        let (free_mib, least_mib) = (free >> 20, self.least_bytes >> 20);
        if is_low && !was_low {
            tracing::error!(
                free_mib,
                least_mib,
                "the disk is nearly full: calls that add rows are refused; reads and deletions go on"
            );
        }
        if was_low && !is_low {
            tracing::info!(free_mib, least_mib, "there is space on the disk again: all calls are answered");
        }
    }

    /// Whether less is free than must be.
    pub(crate) fn is_low(&self) -> bool {
        self.is_low.load(Ordering::Relaxed)
    }

    /// Bytes that were free when it was measured last.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that must stay free.
    pub(crate) const fn least_bytes(&self) -> u64 {
        self.least_bytes
    }

    /// Refuses what adds rows while the disk is nearly full.
    pub(crate) fn admit(&self, spec: &Spec) -> Result<()> {
        if !self.is_low() || !spec.effect.needs_space() {
            return Ok(());
        }
        Err(Error::new(Code::StorageFull, format!("{} adds rows, and the disk is nearly full", spec.id))
            .hint("make room on the server's disk, `guildhall doctor` says how much; reads and deletions go on"))
    }
}
