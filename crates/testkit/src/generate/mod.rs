//! Scripts at random from a seed: a schema, data that fit it, and statements over what the server executes; one statement in twenty is
//! made wrong.
//!
//! Every fifty statements the database is emptied and new data are made. What InfluxDB itself leaves open is not asked: the
//! order of rows with equal times under `ORDER BY time DESC`, and which of several series' points at one time a selector takes.
//! So a data set either has no time twice in a measurement, or such statements are not made for it.

mod condition;
mod data;
mod deep;
mod expression;
mod into;
mod schema;
mod select;
mod sequence;
mod show;
mod statement;
mod whole;
mod wrong;

use crate::Random;
use crate::script::{Script, Step, StepKind};
use schema::Schema;

const STATEMENTS_PER_SET: usize = 50;

/// A script of that many statements beside its writes; the same seed gives the same script.
#[must_use]
pub fn generate(seed: u64, statements: usize) -> Script {
    let mut random = Random::new(seed);
    let mut steps = Vec::new();
    for at in 0..statements {
        if at % STATEMENTS_PER_SET == 0 {
            let schema = Schema::new(&mut random);
            if at > 0 {
                let emptied = "DROP DATABASE d; CREATE DATABASE d".to_owned();
                steps.push(Step::new(StepKind::Query, "", emptied));
            }
            steps.extend(data::writes(&schema, &mut random));
            for step in 0..STATEMENTS_PER_SET.min(statements - at) {
                steps.extend(statement::steps(&schema, &mut random, step));
            }
        }
    }
    for (at, step) in steps.iter_mut().enumerate() {
        step.line = at + 1;
    }
    let mut script = Script::new(steps);
    script.peer = "influxdb-uint".to_owned(); // which takes unsigned fields
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_names_one_script() {
        let first = generate(7, 120).print();
        assert_eq!(first, generate(7, 120).print());
        assert_ne!(first, generate(8, 120).print());
        let queries = generate(7, 120).steps.iter().filter(|step| step.text.contains("SELECT")).count();
        assert!(queries > 80, "{queries}");
        let read = Script::read(&first).unwrap();
        assert_eq!(read.print(), first);
    }
}
