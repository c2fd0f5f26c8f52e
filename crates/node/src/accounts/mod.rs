//! Who asks, and may they: passwords are checked here, and privileges before any statement of a request runs.
//!
//! Passwords are kept as argon2id hashes (`password`), which take some ten milliseconds and 19 MiB each: so few are made at a time,
//! some more wait, and the rest is told to come back. What was found right is remembered as a keyed digest that is made anew with each
//! process (`remembered`), so that a client that sends its password with every request costs microseconds. It holds as long as the
//! stored hash is that one: a changed password and a dropped user are wrong at once. `privileges` says what a statement needs.

mod password;
mod privileges;
mod remembered;

use crate::catalog::{CatalogError, State, StoredHash};
use crate::node::{Inner, Node};
use influxql::Statement;
use influxql::ast::{CreateUser, Privilege};
use password::Hasher;
use platform::World;
use remembered::Remembered;
use thiserror::Error;

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LoginError {
    /// No name was given.
    #[error("username required")]
    NameRequired,
    /// There is no such user, or the password is another.
    #[error("authorization failed")]
    Wrong,
    /// Too many passwords are being checked.
    #[error("too many logins at once, try again later")]
    Busy,
}

/// The longest password (bytes).
const LONGEST_PASSWORD: usize = 1_024;

/// Checks passwords.
#[derive(Debug)]
pub(crate) struct Accounts {
    hasher: Hasher,
    remembered: Remembered,
}

impl Accounts {
    pub(crate) fn new(world: &World) -> Self {
        let mut key = [0; 32];
        world.random.fill(&mut key);
        Self { hasher: Hasher::new(world.random.clone()), remembered: Remembered::new(key) }
    }

    /// Whether the password is known to be right, without the work that it takes to find out.
    fn remembers(&self, state: &State, name: &str, password: &str) -> bool {
        state.user(name).is_some_and(|user| self.remembered.has(name, &user.hash, password))
    }

    fn login(&self, state: &State, name: &str, password: &str) -> Result<(), LoginError> {
        if name.is_empty() {
            return Err(LoginError::NameRequired);
        }
        if self.remembers(state, name, password) {
            return Ok(());
        }
        if password.len() > LONGEST_PASSWORD {
            return Err(LoginError::Wrong);
        }
        let user = state.user(name);
        // As much work for a name that nobody has, so that time does not tell.
        let right = self.hasher.verify(user.map(|user| &user.hash), password)?;
        match user {
            Some(user) if right => {
                self.remembered.keep(name, &user.hash, password);
                Ok(())
            }
            _ => Err(LoginError::Wrong),
        }
    }

    fn hash(&self, password: &str) -> Result<StoredHash, CatalogError> {
        if password.is_empty() || password.len() > LONGEST_PASSWORD {
            return Err(CatalogError::Password);
        }
        self.hasher.hash(password).map_err(|_| CatalogError::Busy)
    }
}

/// CREATE USER; nothing happens if that very one is there.
pub(crate) fn create_user(inner: &Inner, create: &CreateUser) -> Result<(), CatalogError> {
    if create.name.is_empty() {
        return Err(CatalogError::UserNameRequired);
    }
    let state = inner.catalog.state();
    if let Some(user) = state.user(&create.name) {
        let same = inner.accounts.login(&state, &create.name, &create.password);
        return match same {
            Ok(()) if user.admin == create.admin => Ok(()),
            Err(LoginError::Busy) => Err(CatalogError::Busy),
            _ => Err(CatalogError::UserExists),
        };
    }
    let hash = inner.accounts.hash(&create.password)?;
    inner.catalog.change(|state| state.create_user(&create.name, hash.clone(), create.admin))
}

/// SET PASSWORD.
pub(crate) fn set_password(inner: &Inner, name: &str, password: &str) -> Result<(), CatalogError> {
    if inner.catalog.state().user(name).is_none() {
        return Err(CatalogError::UserNotFound);
    }
    let hash = inner.accounts.hash(password)?;
    inner.catalog.change(|state| state.set_password(name, hash.clone()))
}

impl Node {
    /// Whether there is an administrator: until then nobody is asked who they are, and nothing but making one is allowed.
    #[must_use]
    pub fn has_admin(&self) -> bool {
        self.inner.catalog.state().users.iter().any(|user| user.admin)
    }

    /// Whether there is a user of that name.
    #[must_use]
    pub fn has_user(&self, name: &str) -> bool {
        self.inner.catalog.state().user(name).is_some()
    }

    /// Whether the password is known to be right; if not, [`Node::login`] finds out.
    #[must_use]
    pub fn remembers_login(&self, name: &str, password: &str) -> bool {
        self.inner.accounts.remembers(&self.inner.catalog.state(), name, password)
    }

    /// Checks a password. Blocks, some ten milliseconds at least.
    ///
    /// # Errors
    /// It is wrong, or too many are checked.
    pub fn login(&self, name: &str, password: &str) -> Result<(), LoginError> {
        self.inner.accounts.login(&self.inner.catalog.state(), name, password)
    }

    /// Whether a user (none: nobody has to say who they are) may run all these statements, of which `database` is the request's.
    ///
    /// # Errors
    /// InfluxDB's text of why not, for the first statement that is not allowed.
    pub fn authorize(&self, user: Option<&str>, statements: &[Statement], database: &str) -> Result<(), String> {
        privileges::check(&self.inner.catalog.state(), user, statements, database)
    }

    /// Whether a user may write to a database.
    ///
    /// # Errors
    /// InfluxDB's text of why not.
    pub fn authorize_write(&self, user: Option<&str>, database: &str) -> Result<(), String> {
        let Some(name) = user else { return Err(format!("user is required to write to database \"{database}\"")) };
        match self.inner.catalog.state().may(user, Privilege::Write, database) {
            true => Ok(()),
            false => Err(format!("\"{name}\" user is not authorized to write to database \"{database}\"")),
        }
    }
}

#[cfg(test)]
mod tests;
