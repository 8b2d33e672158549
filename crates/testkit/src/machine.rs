use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
};

use domain::machine::{Machine, Process};

/// A machine whose free space is set by hand.
#[derive(Debug)]
pub struct ManualMachine(AtomicU64);

impl ManualMachine {
    /// With a tebibyte free.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(1 << 40))
    }

    /// Leaves so many mebibytes free.
    pub fn leave_mib(&self, free: u64) {
        self.0.store(free << 20, Ordering::SeqCst);
    }
}

impl Default for ManualMachine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine for ManualMachine {
    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.0.load(Ordering::SeqCst))
    }

    fn process(&self) -> Option<Process> {
        Some(Process { resident_bytes: 1 << 20, cpu_seconds: 0.25, open_files: 7, most_files: 1_024 })
    }
}
