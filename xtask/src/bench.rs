//! `cargo xtask bench`: what calls cost, as ratios of one run: against a server that does nothing, and against itself
//! at another size. Builds for release, works on free ports over directories that are removed again, and writes nothing
//! unless told to save the table.
//!
//! Start at [`run`]; `cost.rs` measures calls, `sizes.rs` what grows with the directory, `resting.rs` start and memory,
//! `sweeping.rs` writes beside the sweeper, `shim.rs` the stdio shim. `meter.rs` says how much of the machine others took meanwhile.

mod calls;
mod corpus;
mod cost;
mod hall;
mod load;
mod meter;
mod process;
mod resting;
mod shim;
mod sizes;
mod sweeping;
mod table;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use corpus::Corpus;
use table::Table;

use crate::repo::Repo;
use crate::report::{Outcome, Result, say};

const QUALITY: &str = "docs/quality.md";
/// Memories at which the gate measures.
const FULL: &[usize] = &[1_000, 10_000, 100_000, 1_000_000];
/// Memories at which a quick run does.
const QUICK: &[usize] = &[1_000, 10_000];
/// What is measured, in this order; `--only` chooses.
const PARTS: [&str; 5] = ["calls", "sizes", "public", "shim", "sweeper"];
/// Asked for by a run in another profile, which does the rest itself.
const HERE: &str = "--here";

#[derive(Debug)]
struct Options {
    /// Where `guildhall` and `bare` lie, when they are not to be built.
    binaries: Option<PathBuf>,
    sizes: Vec<usize>,
    /// Which parts are measured; none for all.
    parts: Vec<String>,
    is_quick: bool,
    is_saved: bool,
    is_here: bool,
}

/// What every measurement needs.
struct Bench {
    guildhall: PathBuf,
    bare: PathBuf,
    folder: PathBuf,
    corpus: Corpus,
    /// How long one figure is measured.
    time: Duration,
}

/// Removed when dropped.
struct Folder(PathBuf);

/// Builds, measures, prints the table, and says whether every bound holds.
pub(crate) fn run(repo: &Repo, arguments: &[String]) -> Result<Outcome> {
    let options = Options::parse(arguments)?;
    if cfg!(debug_assertions) && !options.is_here {
        return in_release(repo, arguments);
    }
    let (guildhall, bare) = match &options.binaries {
        Some(folder) => (folder.join("guildhall"), folder.join("bare")),
        None => {
            progress("building guildhall and the bare rmcp server for release");
            let guildhall = process::build(repo, "guildhall", &["--bin", "guildhall"])?;
            (guildhall, process::build(repo, "fixtures", &["--example", "bare"])?)
        }
    };
    let folder = Folder::new()?;
    let bench = Bench {
        guildhall,
        bare,
        folder: folder.0.clone(),
        corpus: Corpus::new(),
        time: Duration::from_millis(if options.is_quick { 1_000 } else { 4_000 }),
    };
    let mut table = Table::default();
    let measured = parts(&bench, &options, &mut table);
    table.note(described(repo, &options)?);
    say(&table.markdown());
    measured?;
    if options.is_saved {
        save(repo, &table)?;
    }
    Ok(if table.holds() { Outcome::Clean } else { Outcome::Findings })
}

fn parts(bench: &Bench, options: &Options, table: &mut Table) -> Result<()> {
    for part in PARTS.iter().filter(|part| options.parts.is_empty() || options.parts.iter().any(|one| one == *part)) {
        match *part {
            "calls" => cost::measure(bench, table)?,
            "sizes" => grown(bench, &options.sizes, table)?,
            "public" => sizes::public(bench, table)?,
            "shim" => shim::measure(bench, table)?,
            _ => sweeping::measure(bench, table)?,
        }
    }
    Ok(())
}

/// One directory after the other, each larger than the one before. What was measured before a failure is kept.
fn grown(bench: &Bench, sizes: &[usize], table: &mut Table) -> Result<()> {
    let mut measured = sizes::Measured::default();
    let done = sizes.iter().try_for_each(|size| {
        let (hall, many, ids) = sizes::measure(bench, *size, &mut measured)?;
        let hall = resting::measure(bench, hall, *size, table)?;
        cost::at_size(bench, &hall, (*size, &many, &ids), table)?;
        hall.process.stop()?;
        fs::remove_dir_all(bench.size_path(*size)).map_err(|error| format!("cannot remove a directory: {error}"))
    });
    sizes::rows(&measured, table);
    done
}

/// Load has to be made by optimised code, or it is the client that is measured.
fn in_release(repo: &Repo, arguments: &[String]) -> Result<Outcome> {
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--release", "--package", "xtask", "--", "bench"])
        .args(arguments)
        .current_dir(repo.root())
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    match status.code() {
        Some(0) => Ok(Outcome::Clean),
        Some(1) => Ok(Outcome::Findings),
        _ => Err(format!("the bench ended with {status}")),
    }
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let (mut binaries, mut sizes, mut is_quick, mut is_saved, mut is_here) = (None, None, false, false, false);
        let mut parts = Vec::new();
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(argument) = rest.next() {
            match argument {
                "--quick" => is_quick = true,
                "--save" => is_saved = true,
                "--binaries" => binaries = Some(rest.next().ok_or("--binaries needs a folder")?.into()),
                HERE => is_here = true,
                "--sizes" => {
                    sizes = Some(Self::sizes(rest.next().ok_or("--sizes needs numbers, such as 1000,10000")?)?)
                }
                "--only" => parts = Self::parts(rest.next().ok_or("--only needs parts, such as calls,sizes")?)?,
                other => return Err(format!("`{other}` is not understood")),
            }
        }
        let sizes = sizes.unwrap_or_else(|| if is_quick { QUICK } else { FULL }.to_vec());
        Ok(Self { binaries, sizes, parts, is_quick, is_saved, is_here })
    }

    fn parts(text: &str) -> Result<Vec<String>> {
        let parts: Vec<String> = text.split(',').map(str::to_owned).collect();
        match parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
            Some(part) => Err(format!("--only: `{part}` is none of {}", PARTS.join(", "))),
            None => Ok(parts),
        }
    }

    fn sizes(text: &str) -> Result<Vec<usize>> {
        let sizes: std::result::Result<Vec<usize>, _> = text.split(',').map(str::parse).collect();
        let mut sizes = sizes.map_err(|_| format!("--sizes: `{text}` is no list of numbers"))?;
        sizes.sort_unstable();
        if sizes.first().is_none_or(|least| *least < 500) {
            return Err("--sizes: below 500 memories there is nothing to compare".to_owned());
        }
        Ok(sizes)
    }
}

impl Folder {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("guildhall-bench-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| format!("cannot create {}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The directory that is filled with so many memories.
    fn size_path(&self, size: usize) -> PathBuf {
        self.path(&format!("size-{size}"))
    }
}

/// Says how far it is, beside the table.
fn progress(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// What was measured, and where.
fn described(repo: &Repo, options: &Options) -> Result<String> {
    let commit = repo.output("git", &["rev-parse", "--short", "HEAD"])?;
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    Ok(format!(
        "Commit {}, {cores} cores shared with the load generator, load average at the end {}, sizes {:?}{}. Times are \
         the client's on loopback; CPU is the server's, user and system.\n",
        commit.trim(),
        load.split(' ').next().unwrap_or_default(),
        options.sizes,
        if options.is_quick { ", quick" } else { "" }
    ))
}

fn save(repo: &Repo, table: &Table) -> Result<()> {
    let date = repo.output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])?;
    let before = if Path::new(&repo.path(QUALITY)).is_file() {
        repo.required(QUALITY)?
    } else {
        "# Quality: measured\n\nAppended by `cargo xtask bench --save`.\n".to_owned()
    };
    repo.write(QUALITY, &format!("{before}\n## {}\n\n{}\n", date.trim(), table.markdown().trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_ones() {
        assert_eq!(Options::parts("sizes,calls").unwrap(), ["sizes", "calls"]);
        assert!(Options::parts("size").is_err());
    }

    #[test]
    fn sizes_are_sorted_and_not_tiny() {
        assert_eq!(Options::sizes("10000,1000").unwrap(), [1_000, 10_000]);
        assert!(Options::sizes("10").is_err());
        assert!(Options::sizes("a").is_err());
    }
}
