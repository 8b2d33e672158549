//! What the operating system says: free space, and what this process takes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use domain::machine::{Machine, Process};

/// The machine that this process runs on.
pub(crate) struct Host {
    directory: PathBuf,
}

impl Host {
    /// With the file system of this data directory.
    pub(crate) fn of(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }
}

/// Bytes that this process may still write to a directory's file system.
///
/// # Errors
/// Those of the file system.
pub(crate) fn free_bytes(directory: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(directory)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

impl Machine for Host {
    fn free_bytes(&self) -> io::Result<u64> {
        free_bytes(&self.directory)
    }

    /// As Linux tells it under `/proc`; other systems tell nothing.
    fn process(&self) -> Option<Process> {
        let (resident_pages, cpu_ticks) = parse(&fs::read_to_string("/proc/self/stat").ok()?)?;
        let open_files = u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()?;
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let page_bytes = u64::try_from(rustix::param::page_size()).ok()?;
        // Whole ticks stay exact in a float for longer than a machine runs.
        let hundredths = cpu_ticks.saturating_mul(100) / rustix::param::clock_ticks_per_second().max(1);
        Some(Process {
            resident_bytes: resident_pages.saturating_mul(page_bytes),
            cpu_seconds: f64::from(u32::try_from(hundredths).unwrap_or(u32::MAX)) / 100.0,
            open_files,
            most_files: most.unwrap_or(u64::MAX),
        })
    }
}

/// Resident pages and ticks of the processor, of user and kernel (proc_pid_stat(5)).
fn parse(stat: &str) -> Option<(u64, u64)> {
    // The name before it may hold anything, even brackets and spaces.
    let (_, after_name) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = after_name.split(' ').collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some((number(21)?, number(11)?.checked_add(number(12)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_moves_no_field() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 5 0 0 0 31 11 0 0 20 0 9 0 100 2000000 432 184467 1 1 0";
        assert_eq!(parse(stat), Some((432, 42)));
    }

    #[test]
    fn this_process_takes_something_of_its_machine() {
        let process = Host::of(Path::new("/")).process().unwrap();
        assert!(process.resident_bytes > 1 << 20 && process.open_files >= 3, "{process:?}");
        assert!(process.most_files >= process.open_files, "{process:?}");
        assert!(free_bytes(Path::new("/nowhere")).is_err());
    }
}
