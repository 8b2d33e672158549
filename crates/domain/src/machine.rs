//! What the operating system says of the machine and of this process; comes in as an argument, as the clock does.

use std::io;

/// Who is asked.
pub trait Machine: Send + Sync {
    /// Bytes that this process may still write to the file system of the data directory.
    ///
    /// # Errors
    /// Those of the file system.
    fn free_bytes(&self) -> io::Result<u64>;

    /// What this process takes of the machine; none where the operating system does not say.
    fn process(&self) -> Option<Process>;
}

/// What a process takes of its machine.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Process {
    /// Bytes of memory that are in RAM.
    pub resident_bytes: u64,
    /// Processor time since it began, of user and kernel together.
    pub cpu_seconds: f64,
    /// File descriptors that are open.
    pub open_files: u64,
    /// File descriptors it may have open.
    pub most_files: u64,
}
