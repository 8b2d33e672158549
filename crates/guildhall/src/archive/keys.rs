//! Passphrases, recipients and identities, as the command line names them.

use std::{fs::File, io::Read as _, path::Path};

use security::{
    Secret,
    seal::{Identity, Key, Lock, Recipient},
};

use crate::{
    args::Opener,
    failure::{Failure, Result},
};

/// Fewer characters are guessed.
const SHORTEST: usize = 12;
/// A larger file is not one of passphrases or identities.
const LARGEST: u64 = 64 << 10;

/// Whom a new backup is sealed for; there is no way to make one that is not.
///
/// # Errors
/// Bad usage, with what to do.
pub(crate) fn lock(passphrase_file: Option<&Path>, recipients: &[String]) -> Result<Lock> {
    if let Some(path) = passphrase_file {
        return passphrase(path).map(Lock::Passphrase);
    }
    if recipients.is_empty() {
        return Err(Failure::usage("a backup holds every memory and every key, so it is never made unencrypted")
            .hint("add --passphrase-file FILE (its first line, at least 12 characters)")
            .hint("or --recipient age1… (`guildhall backup keygen --out FILE` or `age-keygen` makes one)"));
    }
    let parsed = recipients.iter().map(|text| {
        Recipient::parse(text).ok_or_else(|| {
            Failure::usage(format!("`{text}` is not an age recipient"))
                .hint("a recipient begins with age1; `guildhall backup keygen` prints one")
        })
    });
    parsed.collect::<Result<_>>().map(Lock::Recipients)
}

/// What opens a backup.
///
/// # Errors
/// Bad usage, with what to do.
pub(crate) fn key(opener: &Opener) -> Result<Key> {
    match (&opener.passphrase_file, &opener.identity) {
        (Some(path), _) => passphrase(path).map(Key::Passphrase),
        (None, Some(path)) => identities(path).map(Key::Identities),
        (None, None) => Err(Failure::usage("a backup is encrypted: nothing was named that opens it")
            .hint("add --passphrase-file FILE or --identity FILE")),
    }
}

fn passphrase(path: &Path) -> Result<Secret<String>> {
    let text = read(path)?;
    let first = Secret::new(text.reveal().lines().next().unwrap_or_default().to_owned());
    if first.reveal().chars().count() < SHORTEST {
        return Err(Failure::usage(format!(
            "the first line of {} has fewer than {SHORTEST} characters",
            path.display()
        ))
        .hint("six random words make a good passphrase"));
    }
    Ok(first)
}

fn identities(path: &Path) -> Result<Vec<Identity>> {
    let wrong = |what: &str| {
        Failure::usage(format!("{} {what}", path.display()))
            .hint("an identity is a line that begins with AGE-SECRET-KEY-1")
    };
    let text = read(path)?;
    let lines = text.reveal().lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let all: Vec<Identity> = lines
        .map(|line| Identity::parse(line).ok_or_else(|| wrong("holds a line that is no identity")))
        .collect::<Result<_>>()?;
    if all.is_empty() { Err(wrong("holds no identity")) } else { Ok(all) }
}

fn read(path: &Path) -> Result<Secret<String>> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text));
    let text = Secret::new(text);
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::usage(format!("cannot read {}: {error}", path.display()))),
    }
}
