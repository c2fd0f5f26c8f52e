//! Users, privileges and running queries.

use super::{Parsed, Parser};
use crate::{
    ast::{CreateUser, Grantee, Privilege, Statement},
    token::Tok,
};

impl Parser<'_> {
    pub(super) fn create_user(&mut self) -> Parsed<Statement> {
        let name = self.ident()?;
        self.expect(&[Tok::With, Tok::Password])?;
        let password = self.string()?;
        let admin = self.accept(Tok::With);
        if admin {
            self.expect(&[Tok::All, Tok::Privileges])?;
        }
        Ok(Statement::CreateUser(CreateUser { name, password, admin }))
    }

    pub(super) fn set_password(&mut self) -> Parsed<Statement> {
        let name = self.ident()?;
        self.expect(&[Tok::Eq])?;
        Ok(Statement::SetPassword { name, password: self.string()? })
    }

    pub(super) fn kill_query(&mut self) -> Parsed<Statement> {
        let id = self.unsigned()?;
        let host = if self.accept(Tok::On) { Some(self.ident()?) } else { None };
        Ok(Statement::KillQuery { id, host })
    }

    pub(super) fn grant(&mut self) -> Parsed<Statement> {
        let privilege = self.privilege()?;
        match self.on_or(Tok::To, privilege)? {
            true => self.grantee(privilege, Tok::To).map(Statement::Grant),
            false => self.ident().map(Statement::GrantAdmin),
        }
    }

    pub(super) fn revoke(&mut self) -> Parsed<Statement> {
        let privilege = self.privilege()?;
        match self.on_or(Tok::From, privilege)? {
            true => self.grantee(privilege, Tok::From).map(Statement::Revoke),
            false => self.ident().map(Statement::RevokeAdmin),
        }
    }

    fn privilege(&mut self) -> Parsed<Privilege> {
        let token = self.scan();
        match token.tok {
            Tok::Read => Ok(Privilege::Read),
            Tok::Write => Ok(Privilege::Write),
            Tok::All => {
                self.accept(Tok::Privileges);
                Ok(Privilege::All)
            }
            _ => Err(self.expected(&token, "READ, WRITE, ALL [PRIVILEGES]")),
        }
    }

    /// Whether ON follows; `other` may follow instead if all privileges are meant.
    fn on_or(&mut self, other: Tok, privilege: Privilege) -> Parsed<bool> {
        let token = self.scan();
        let all = privilege == Privilege::All;
        match token.tok {
            Tok::On => Ok(true),
            tok if tok == other && all => Ok(false),
            _ if all && token.tok != other => Err(self.expected(&token, format!("ON, {}", other.name()))),
            _ => Err(self.expected(&token, "ON")),
        }
    }

    fn grantee(&mut self, privilege: Privilege, before_user: Tok) -> Parsed<Grantee> {
        let database = self.ident()?;
        self.expect(&[before_user])?;
        Ok(Grantee { privilege, database, user: self.ident()? })
    }
}
