//! The installation's secrets: made by `init` from the operating system's generator, judged at every start.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use security::{
    Random, Secret, SystemRandom,
    chain::AuditKey,
    digest,
    sign::{self, SigningKey},
    tag::TagKey,
};

use crate::{
    config::Finding,
    failure::{Failure, Result},
};

/// Their directory inside the data directory.
pub(crate) const DIRECTORY: &str = "keys";
/// Their files: the key of the audit chain, and the one that seals and tags.
pub(crate) const FILES: [&str; 2] = ["audit.key", "sealing.key"];
/// The seed of the keys that sign backups: 32 bytes for Ed25519, 32 for ML-DSA-65. Made when it is first needed in a
/// directory that was initialised without one.
pub(crate) const SIGNING: &str = "signing.key";

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
        write(&directory.join(name), fresh(random)?.reveal())?;
    }
    write(&directory.join(SIGNING), fresh_seed(random)?.reveal())
}

fn write(path: &Path, key: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failure::internal("cannot make a key file", error))?;
    file.write_all(key)
        .and_then(|()| file.sync_all())
        .map_err(|error| Failure::internal("cannot write a key file", error))
}

fn fresh_seed(random: &dyn Random) -> Result<Secret<[u8; sign::SEED]>> {
    loop {
        let seed = sign::seed(random).map_err(|error| Failure::internal("cannot make a key", error))?;
        if flaw(seed.reveal()).is_none() {
            return Ok(seed);
        }
    }
}

/// The keys that sign backups; made now when the directory has none yet. Another process may be at it too: whoever is
/// first wins, and both use the same.
///
/// # Errors
/// [`exit::UNSAFE`](crate::failure::exit::UNSAFE) when the file is not what it must be; those of the file system.
pub(crate) fn signing(data: &Path) -> Result<SigningKey> {
    if let Some(key) = signing_if_any(data)? {
        return Ok(key);
    }
    let directory = data.join(DIRECTORY);
    let mut name = [0; 8];
    SystemRandom::new().fill(&mut name).map_err(|error| Failure::internal("cannot make a key", error))?;
    let unfinished = directory.join(format!(".{SIGNING}.{}", digest::hex(&name)));
    write(&unfinished, fresh_seed(&SystemRandom::new())?.reveal())?;
    let named = fs::hard_link(&unfinished, directory.join(SIGNING));
    let removed = fs::remove_file(&unfinished);
    match named {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(Failure::internal("cannot name a key file", error));
        }
        _ => removed
            .and_then(|()| fs::File::open(&directory)?.sync_all())
            .map_err(|error| Failure::internal("cannot make a key file", error))?,
    }
    signing_if_any(data)?.ok_or_else(|| Failure::internal("cannot read a key file", "just made"))
}

/// The keys that sign backups, when the directory has them.
///
/// # Errors
/// Those of [`signing`].
pub(crate) fn signing_if_any(data: &Path) -> Result<Option<SigningKey>> {
    let path = data.join(DIRECTORY).join(SIGNING);
    if !path.exists() {
        return Ok(None);
    }
    let mut findings = Vec::new();
    let Some(seed) = one(&path, &mut findings) else { return Err(crate::posture::refusal(findings)) };
    let made = SigningKey::from_seed(&seed);
    made.map(Some).map_err(|error| Failure::internal(&format!("cannot use {}", path.display()), error))
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
    let [audit, sealing] = FILES.map(|name| one::<LENGTH>(&directory.join(name), &mut findings));
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

fn one<const N: usize>(path: &Path, findings: &mut Vec<Finding>) -> Option<Secret<[u8; N]>> {
    let refuse = |what: String| Some(Finding::new(what).hint(BACK));
    let finding = match std::fs::read(path).map(Secret::new) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            refuse(format!("the secret {} is missing", path.display()))
        }
        Err(error) => refuse(format!("cannot read the secret {}: {error}", path.display())),
        Ok(bytes) => match <[u8; N]>::try_from(bytes.reveal().as_slice()) {
            Ok(key) => {
                let key = Secret::new(key);
                match flaw(key.reveal()) {
                    None => return Some(key),
                    Some(flaw) => refuse(format!("the secret {} {flaw}", path.display())),
                }
            }
            Err(_) if bytes.reveal().is_empty() => refuse(format!("the secret {} is empty", path.display())),
            Err(_) => refuse(format!(
                "the secret {} has {} bytes, it must have exactly {N}",
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
fn flaw(key: &[u8]) -> Option<&'static str> {
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
            [&b"dev-secret-key-do-not-use-in-pro"[..], b"change_me_change_me_change_me_ch", &[0; 32], &[0xff; 32]]
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

    #[test]
    fn a_directory_without_a_signing_key_gets_one_and_keeps_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let data = tempfile::tempdir().unwrap();
        let keys = data.path().join(DIRECTORY);
        fs::create_dir(&keys).unwrap();
        assert!(signing_if_any(data.path()).unwrap().is_none());
        let made: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(|| signing(data.path()).unwrap().public())).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(made.iter().all(|one| *one == made[0]));
        assert_eq!(fs::read_dir(&keys).unwrap().count(), 1, "nothing is left beside it");
        assert_eq!(keys.join(SIGNING).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        for bad in [&[7; 64][..], &[1; 32], b""] {
            fs::write(keys.join(SIGNING), bad).unwrap();
            assert_eq!(signing(data.path()).err().map(|failure| failure.exit), Some(crate::failure::exit::UNSAFE));
        }
    }
}
