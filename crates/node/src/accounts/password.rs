//! Hashes of passwords: argon2id with 19 MiB, two passes and one lane, what OWASP asks for at least, as a PHC string that tells its own
//! parameters, so that these can grow.

use super::LoginError;
use crate::catalog::StoredHash;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use parking_lot::{Condvar, Mutex};
use platform::Random;
use std::sync::Arc;

/// Memory of one hash (KiB).
const MEMORY: u32 = 19_456;
/// Passes over it.
const PASSES: u32 = 2;
/// Hashes at a time.
const RUNNING: usize = 2;
/// Hashes that may wait.
const WAITING: usize = 64;

/// Makes hashes, few at a time.
#[derive(Debug)]
pub(super) struct Hasher {
    random: Arc<dyn Random>,
    /// How many run, and how many wait.
    busy: Mutex<(usize, usize)>,
    free: Condvar,
    /// A hash of a password that nobody has.
    nobody: StoredHash,
}

impl Hasher {
    pub(super) fn new(random: Arc<dyn Random>) -> Self {
        // A salt and a digest of zeros: what is compared with it is never equal.
        let nobody = format!("$argon2id$v=19$m={MEMORY},t={PASSES},p=1${}${}", "A".repeat(22), "A".repeat(43));
        Self { random, busy: Mutex::default(), free: Condvar::new(), nobody: StoredHash::new(nobody) }
    }

    /// A new hash, with a salt of its own.
    pub(super) fn hash(&self, password: &str) -> Result<StoredHash, LoginError> {
        let salt = SaltString::encode_b64(&self.random.id()).map_err(|_| LoginError::Wrong)?;
        let made = self.alone(|| {
            let params = Params::new(MEMORY, PASSES, 1, None).ok()?;
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            Some(argon2.hash_password(password.as_bytes(), &salt).ok()?.to_string())
        })?;
        made.map(StoredHash::new).ok_or(LoginError::Wrong)
    }

    /// Whether a password has that hash; without one the work is done in vain. A hash that cannot be read fits nothing.
    pub(super) fn verify(&self, hash: Option<&StoredHash>, password: &str) -> Result<bool, LoginError> {
        let text = hash.unwrap_or(&self.nobody).text();
        let fits = self.alone(|| {
            PasswordHash::new(text)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        })?;
        Ok(fits && hash.is_some())
    }

    /// Runs `work` when it is its turn.
    fn alone<T>(&self, work: impl FnOnce() -> T) -> Result<T, LoginError> {
        let mut busy = self.busy.lock();
        if busy.0 >= RUNNING {
            if busy.1 >= WAITING {
                return Err(LoginError::Busy);
            }
            busy.1 += 1;
            self.free.wait_while(&mut busy, |busy| busy.0 >= RUNNING);
            busy.1 -= 1;
        }
        busy.0 += 1;
        drop(busy);
        let done = work();
        self.busy.lock().0 -= 1;
        self.free.notify_one();
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::SeededRandom;

    #[test]
    fn nobody_takes_as_long_as_somebody() {
        let hasher = Hasher::new(Arc::new(SeededRandom::new(1)));
        let nobody = PasswordHash::new(hasher.nobody.text()).unwrap();
        let made = hasher.hash("p").unwrap();
        let somebody = PasswordHash::new(made.text()).unwrap();
        assert_eq!((nobody.algorithm, &nobody.params), (somebody.algorithm, &somebody.params));
        assert_eq!(nobody.hash.unwrap().len(), somebody.hash.unwrap().len());
        assert_eq!((hasher.verify(Some(&made), "p"), hasher.verify(Some(&made), "q")), (Ok(true), Ok(false)));
        assert_eq!(hasher.verify(None, "p"), Ok(false));
        assert_ne!(made, hasher.hash("p").unwrap(), "each has a salt of its own");
    }
}
