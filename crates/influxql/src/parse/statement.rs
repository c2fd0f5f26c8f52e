//! The first words of a statement choose how the rest is read.

use super::{Parsed, Parser};
use crate::{ast::Statement, token::Tok};

impl Parser<'_> {
    /// One statement, up to what does not belong to it.
    pub(super) fn statement(&mut self) -> Parsed<Statement> {
        let token = self.scan();
        match token.tok {
            Tok::Select => self.select(false).map(Statement::Select),
            Tok::Delete => self.delete(),
            Tok::Show => self.show(),
            Tok::Create => self.create(),
            Tok::Drop => self.drop_statement(),
            Tok::Explain => self.explain().map(Statement::Explain),
            Tok::Grant => self.grant(),
            Tok::Revoke => self.revoke(),
            Tok::Alter => {
                self.expect(&[Tok::Retention, Tok::Policy])?;
                self.alter_retention_policy()
            }
            Tok::Set => {
                self.expect(&[Tok::Password, Tok::For])?;
                self.set_password()
            }
            Tok::Kill => {
                self.expect(&[Tok::Query])?;
                self.kill_query()
            }
            _ => {
                Err(self
                    .expected(&token, "SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL"))
            }
        }
    }

    fn create(&mut self) -> Parsed<Statement> {
        let token = self.scan();
        match token.tok {
            Tok::Continuous => {
                self.expect(&[Tok::Query])?;
                self.create_continuous_query()
            }
            Tok::Database => self.create_database(),
            Tok::User => self.create_user(),
            Tok::Retention => {
                self.expect(&[Tok::Policy])?;
                self.create_retention_policy()
            }
            Tok::Subscription => self.create_subscription(),
            _ => Err(self.expected(&token, "CONTINUOUS, DATABASE, USER, RETENTION, SUBSCRIPTION")),
        }
    }

    fn drop_statement(&mut self) -> Parsed<Statement> {
        let token = self.scan();
        match token.tok {
            Tok::Continuous => {
                self.expect(&[Tok::Query])?;
                let (name, database) = self.name_on()?;
                Ok(Statement::DropContinuousQuery { name, database })
            }
            Tok::Database => self.ident().map(Statement::DropDatabase),
            Tok::Measurement => self.ident().map(Statement::DropMeasurement),
            Tok::Retention => {
                self.expect(&[Tok::Policy])?;
                let (name, database) = self.name_on()?;
                Ok(Statement::DropRetentionPolicy { name, database })
            }
            Tok::Series => self.drop_series(),
            Tok::Shard => self.unsigned().map(Statement::DropShard),
            Tok::Subscription => {
                let (name, database) = self.name_on()?;
                let retention_policy = self.dot_name()?;
                Ok(Statement::DropSubscription { name, database, retention_policy })
            }
            Tok::User => self.ident().map(Statement::DropUser),
            _ => Err(self
                .expected(&token, "CONTINUOUS, DATABASE, MEASUREMENT, RETENTION, SERIES, SHARD, SUBSCRIPTION, USER")),
        }
    }

    /// `name ON database`
    pub(super) fn name_on(&mut self) -> Parsed<(String, String)> {
        let name = self.ident()?;
        self.expect(&[Tok::On])?;
        Ok((name, self.ident()?))
    }

    /// `.name`, the dot right here.
    pub(super) fn dot_name(&mut self) -> Parsed<String> {
        let token = self.scan_any();
        if token.tok != Tok::Dot {
            return Err(self.expected(&token, "."));
        }
        self.ident()
    }
}
