//! The installation's secrets: made by `init` from the operating system's generator, judged at every start.

use std::{collections::BTreeSet, fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use security::{Random, Secret, chain::AuditKey, digest, tag::TagKey};

use crate::{
    config::Finding,
    failure::{Failure, Result},
};

/// Their directory inside the data directory.
pub(crate) const DIRECTORY: &str = "keys";
/// Their files: the key of the audit chain, and the one that seals and tags.
pub(crate) const FILES: [&str; 2] = ["audit.key", "sealing.key"];

const LENGTH: usize = 32;
/// 32 random bytes have fewer different values than this once in 10^28.
const FEWEST_VALUES: usize = 12;

type Key = Secret<[u8; LENGTH]>;

/// Makes the key files, each readable by its owner only and on the disk.
///
/// # Errors
/// When the generator or the file system fails.
pub(crate) fn make(directory: &Path, random: &dyn Random) -> Result<()> {
    for name in FILES {
        let key = fresh(random)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(directory.join(name))
            .map_err(|error| Failure::internal("cannot make a key file", error))?;
        file.write_all(key.reveal())
            .and_then(|()| file.sync_all())
            .map_err(|error| Failure::internal("cannot write a key file", error))?;
    }
    Ok(())
}

fn fresh(random: &dyn Random) -> Result<Key> {
    loop {
        let mut bytes = [0; LENGTH];
        random.fill(&mut bytes).map_err(|error| Failure::internal("cannot make a key", error))?;
        let key = Secret::new(bytes);
        if flaw(key.reveal()).is_none() {
            return Ok(key);
        }
    }
}

/// Reads and judges the secrets.
///
/// # Errors
/// What is wrong with them; never a part of one.
pub(crate) fn read(data: &Path) -> Result<domain::Secrets, Vec<Finding>> {
    let directory = data.join(DIRECTORY);
    let mut findings = Vec::new();
    let [audit, sealing] = FILES.map(|name| one(&directory.join(name), &mut findings));
    let (Some(audit), Some(sealing)) = (audit, sealing) else { return Err(findings) };
    if digest::equal(audit.reveal(), sealing.reveal()) {
        return Err(vec![
            Finding::new(format!("the key files in {} hold the same key", directory.display())).hint(BACK),
        ]);
    }
    match TagKey::derive(sealing.reveal(), "cursor") {
        Ok(cursor) => Ok(domain::Secrets { audit: AuditKey::new(audit.reveal()), cursor }),
        Err(error) => Err(vec![Finding::new(error.to_string())]),
    }
}

const BACK: &str = "put the key file back that this installation was made with; `guildhall init` makes new ones only for a new directory";

fn one(path: &Path, findings: &mut Vec<Finding>) -> Option<Key> {
    let refuse = |what: String| Some(Finding::new(what).hint(BACK));
    let finding = match std::fs::read(path).map(Secret::new) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            refuse(format!("the secret {} is missing", path.display()))
        }
        Err(error) => refuse(format!("cannot read the secret {}: {error}", path.display())),
        Ok(bytes) => match <[u8; LENGTH]>::try_from(bytes.reveal().as_slice()) {
            Ok(key) => {
                let key = Secret::new(key);
                match flaw(key.reveal()) {
                    None => return Some(key),
                    Some(flaw) => refuse(format!("the secret {} {flaw}", path.display())),
                }
            }
            Err(_) if bytes.reveal().is_empty() => refuse(format!("the secret {} is empty", path.display())),
            Err(_) => refuse(format!(
                "the secret {} has {} bytes, it must have exactly {LENGTH}",
                path.display(),
                bytes.reveal().len()
            )),
        },
    };
    findings.extend(finding);
    None
}

/// Why the bytes are not a random key. Text covers every default that was ever published, without this program holding
/// a list of them.
fn flaw(key: &[u8; LENGTH]) -> Option<&'static str> {
    if key.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')) {
        Some("is text, such as a default from a manual; it must be random bytes")
    } else if key.iter().collect::<BTreeSet<_>>().len() < FEWEST_VALUES {
        Some("repeats itself; it must be random bytes")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_anybody_could_guess_have_a_flaw() {
        for guessable in
            [b"dev-secret-key-do-not-use-in-pro", b"change_me_change_me_change_me_ch", &[0; 32], &[0xff; 32]]
        {
            assert!(flaw(guessable).is_some());
        }
        let random = security::SystemRandom::new();
        for _ in 0..1_000 {
            assert!(flaw(fresh(&random).unwrap().reveal()).is_none());
        }
    }

    // contract: identity §5.1
    #[test]
    fn no_default_or_fallback_secret() {
        let data = tempfile::tempdir().unwrap();
        let keys = data.path().join(DIRECTORY);
        std::fs::create_dir(&keys).unwrap();
        assert_eq!(read(data.path()).err().map(|findings| findings.len()), Some(2));
        make(&keys, &security::SystemRandom::new()).unwrap();
        assert!(read(data.path()).is_ok());
        for bad in [&b""[..], &[7; 31], &[7; 33], &[7; 32], b"dev-secret-key-not-for-productio"] {
            std::fs::write(keys.join(FILES[1]), bad).unwrap();
            assert_eq!(read(data.path()).err().map(|findings| findings.len()), Some(1));
        }
        std::fs::copy(keys.join(FILES[0]), keys.join(FILES[1])).unwrap();
        assert_eq!(read(data.path()).err().map(|findings| findings.len()), Some(1));
    }
}
