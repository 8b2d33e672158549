//! Sealing of whole files, in the format age-encryption.org/v1: a file key, wrapped for a passphrase (scrypt) or for
//! X25519 recipients, and ChaCha20-Poly1305 over blocks of 64 KiB, none of which is given out before its tag was checked.
//!
//! Everybody with the `age` program and the passphrase or identity can open what is made here.

use std::{
    io::{self, BufRead, Read, Write},
    str::FromStr as _,
};

use age::{
    DecryptError, Decryptor, Encryptor, scrypt,
    secrecy::{ExposeSecret as _, SecretString},
    stream::{StreamReader, StreamWriter},
    x25519,
};

use crate::{
    Secret,
    digest::{self, Digest},
};

/// scrypt's work for a new file: 2^18 rounds, 256 MiB, about a second. Fixed, so that a busy machine does not choose less.
const WORK: u8 = 18;
/// The most work a file may ask for: sixteen times that.
const MOST_WORK: u8 = 22;
/// An envelope with more than this before its first block is not one of ours.
const LONGEST_HEAD: u64 = 64 << 10;
/// The random bytes between the head's last line and the first block.
const NONCE: u64 = 16;

/// Whom a file is sealed for.
pub enum Lock {
    /// Whoever knows the passphrase.
    Passphrase(Secret<String>),
    /// Whoever holds the identity of one of them; at least one.
    Recipients(Vec<Recipient>),
}

/// What opens a file.
pub enum Key {
    /// A passphrase.
    Passphrase(Secret<String>),
    /// Identities, one of which must be meant.
    Identities(Vec<Identity>),
}

/// A public X25519 key, `age1…`.
pub struct Recipient(x25519::Recipient);

/// A private X25519 key, `AGE-SECRET-KEY-1…`.
pub struct Identity(x25519::Identity);

/// Why a file cannot be sealed or opened.
#[derive(Debug)]
pub enum Error {
    /// The passphrase is another, or no identity is meant.
    WrongKey,
    /// What stands before the first block is damaged, or of another format.
    Damaged,
    /// The file cannot be read or written.
    File(io::Error),
    /// The lock names no recipient.
    NoRecipient,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WrongKey => f.write_str("the passphrase or identity does not open it"),
            Self::Damaged => f.write_str("its envelope is damaged"),
            Self::File(error) => error.fmt(f),
            Self::NoRecipient => f.write_str("no recipient is named"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl Recipient {
    /// The recipient of this text; none when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        x25519::Recipient::from_str(text).ok().map(Self)
    }
}

impl Identity {
    /// The identity of this text; none when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        x25519::Identity::from_str(text).ok().map(Self)
    }

    /// A fresh one.
    #[must_use]
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// Its text, for a file that only its owner reads.
    #[must_use]
    pub fn text(&self) -> Secret<String> {
        Secret::new(self.0.to_string().expose_secret().to_owned())
    }

    /// Its public half, `age1…`.
    #[must_use]
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }
}

/// Makes the bytes that stand before an envelope, out of the digest of its head.
type Before = Box<dyn FnOnce(&Digest) -> Vec<u8> + Send>;

/// A writer that seals. It must be [finished](Sealing::finish): a file without its last block does not open.
pub struct Sealing<W: Write>(StreamWriter<Headed<W>>);

/// Holds the head back until it is complete, so that its digest can stand before it.
struct Headed<W> {
    held: Option<(Vec<u8>, Before)>,
    to: W,
}

impl<W: Write> Write for Headed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some((head, _)) = &mut self.held else { return self.to.write(bytes) };
        head.extend_from_slice(bytes);
        if let Some(end) = end_of_head(head)
            && let Some((head, before)) = self.held.take()
        {
            let digest = digest::sha256_of(head.get(..end).unwrap_or(&head));
            self.to.write_all(&before(&digest))?;
            self.to.write_all(&head)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Where a head ends: its last line begins with `---`, and the nonce follows it.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let last = bytes.windows(5).position(|window| window == b"\n--- ")? + 1;
    let line = bytes.get(last..)?.iter().position(|byte| *byte == b'\n')?;
    let end = last + line + 1 + usize::try_from(NONCE).ok()?;
    (bytes.len() >= end).then_some(end)
}

/// Begins to seal into `to`. What `before` makes of the digest of the envelope's head is written before the head.
///
/// # Errors
/// [`Error::NoRecipient`], and those of the writer.
pub fn seal<W: Write>(
    lock: &Lock,
    to: W,
    before: impl FnOnce(&Digest) -> Vec<u8> + Send + 'static,
) -> Result<Sealing<W>, Error> {
    let headed = Headed { held: Some((Vec::new(), Box::new(before))), to };
    Ok(Sealing(encryptor(lock)?.wrap_output(headed)?))
}

fn encryptor(lock: &Lock) -> Result<Encryptor, Error> {
    let passphrase;
    let recipients: Vec<&dyn age::Recipient> = match lock {
        Lock::Passphrase(text) => {
            let mut made = scrypt::Recipient::new(SecretString::from(text.reveal().as_str()));
            made.set_work_factor(WORK);
            passphrase = made;
            vec![&passphrase]
        }
        Lock::Recipients(all) => all.iter().map(|one| &one.0 as &dyn age::Recipient).collect(),
    };
    Encryptor::with_recipients(recipients.into_iter()).map_err(|_| Error::NoRecipient)
}

impl<W: Write> Sealing<W> {
    /// Writes the last block; the writer underneath.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(self) -> io::Result<W> {
        Ok(self.0.finish()?.to)
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What stands before the first block: for whom the file is sealed.
pub struct Head(Vec<u8>);

impl Head {
    /// Reads it, and nothing behind it.
    ///
    /// # Errors
    /// [`Error::Damaged`] when there is none, and those of the reader.
    pub fn read(from: &mut impl BufRead) -> Result<Self, Error> {
        let mut head = Vec::new();
        loop {
            let start = head.len();
            let room = LONGEST_HEAD.saturating_sub(start as u64);
            from.by_ref().take(room).read_until(b'\n', &mut head)?;
            let line = head.get(start..).unwrap_or_default();
            if !line.ends_with(b"\n") {
                return Err(Error::Damaged);
            }
            if line.starts_with(b"--- ") {
                break;
            }
        }
        from.by_ref().take(NONCE).read_to_end(&mut head)?;
        if end_of_head(&head).is_some() { Ok(Self(head)) } else { Err(Error::Damaged) }
    }

    /// The SHA-256 of it: tells damage from a wrong passphrase.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest::sha256_of(&self.0)
    }

    /// Opens what follows the head.
    ///
    /// # Errors
    /// [`Error::WrongKey`] and [`Error::Damaged`].
    pub fn open<R: Read>(self, key: &Key, rest: R) -> Result<Opening<R>, Error> {
        let decryptor = Decryptor::new(io::Cursor::new(self.0).chain(rest)).map_err(refused)?;
        let opened = match key {
            Key::Passphrase(text) => {
                let mut identity = scrypt::Identity::new(SecretString::from(text.reveal().as_str()));
                identity.set_max_work_factor(MOST_WORK);
                decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
            }
            Key::Identities(all) => decryptor.decrypt(all.iter().map(|one| &one.0 as &dyn age::Identity)),
        };
        opened.map(Opening).map_err(refused)
    }
}

fn refused(error: DecryptError) -> Error {
    match error {
        DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            Error::WrongKey
        }
        DecryptError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => Error::File(error),
        _ => Error::Damaged,
    }
}

/// A reader of what was sealed; it fails at the first block that was changed, and when the last one is missing.
pub struct Opening<R: Read>(StreamReader<io::Chain<io::Cursor<Vec<u8>>, R>>);

impl<R: Read> Read for Opening<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(lock: &Lock, text: &[u8]) -> Vec<u8> {
        let mut sealing = seal(lock, Vec::new(), |digest| format!("{}\n", digest::hex(digest)).into_bytes()).unwrap();
        sealing.write_all(text).unwrap();
        sealing.finish().unwrap()
    }

    fn opened(key: &Key, file: &[u8]) -> Result<Vec<u8>, Error> {
        let mut from = file;
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        let head = Head::read(&mut from)?;
        assert_eq!(line.trim(), digest::hex(&head.digest()));
        let mut text = Vec::new();
        head.open(key, from)?.read_to_end(&mut text)?;
        Ok(text)
    }

    fn passphrase(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_passphrase_opens_what_it_sealed_and_no_other_does() {
        let file = sealed(&Lock::Passphrase(passphrase("correct horse battery")), b"the text");
        assert!(!file.windows(8).any(|window| window == b"the text"));
        assert_eq!(opened(&Key::Passphrase(passphrase("correct horse battery")), &file).unwrap(), b"the text");
        let wrong = opened(&Key::Passphrase(passphrase("correct horse batterx")), &file);
        assert!(matches!(wrong, Err(Error::WrongKey)));
    }

    #[test]
    fn each_recipient_opens_with_an_identity_and_nobody_else() {
        let (one, two, other) = (Identity::generate(), Identity::generate(), Identity::generate());
        let recipients = [&one, &two].map(|one| Recipient::parse(&one.recipient()).unwrap());
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let file = sealed(&Lock::Recipients(recipients.into()), &text);
        for identity in [one, two] {
            let same = Identity::parse(identity.text().reveal()).unwrap();
            assert_eq!(opened(&Key::Identities(vec![same]), &file).unwrap(), text);
        }
        assert!(matches!(opened(&Key::Identities(vec![other]), &file), Err(Error::WrongKey)));
        assert!(matches!(seal(&Lock::Recipients(Vec::new()), Vec::new(), |_| Vec::new()), Err(Error::NoRecipient)));
        assert!(Recipient::parse("age1nonsense").is_none() && Identity::parse("").is_none());
    }

    #[test]
    fn a_changed_or_missing_block_is_never_given_out() {
        let identity = Identity::generate();
        let lock = Lock::Recipients(vec![Recipient::parse(&identity.recipient()).unwrap()]);
        let file = sealed(&lock, &[7; 150_000]);
        let key = Key::Identities(vec![identity]);
        for place in [file.len() - 140_000, file.len() - 70_000, file.len() - 1] {
            let mut changed = file.clone();
            changed[place] ^= 1;
            assert!(matches!(opened(&key, &changed), Err(Error::File(_))), "{place}");
            assert!(matches!(opened(&key, &file[..place]), Err(Error::File(_))), "{place}");
        }
        assert!(matches!(Head::read(&mut &b"no envelope"[..]), Err(Error::Damaged)));
    }
}
