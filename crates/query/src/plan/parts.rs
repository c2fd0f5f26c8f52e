//! Plans whose columns have rows at different times fall apart into parts, of which each is executed by itself: the buckets of calls and
//! what is made of them one by one, functions over raw points, calls of which a bucket gives several rows, functions apart.

use super::{Applied, Feed, Output, Plan, Variable};
use crate::functions::Kernel;
use crate::vector::Node;
use model::{FieldType, Text};
use std::collections::BTreeMap;

/// A part of a plan, and the numbers of the variables that it gives, in order of its columns.
pub(crate) struct Part {
    pub(crate) plan: Plan,
    pub(crate) variables: Vec<usize>,
}

impl Plan {
    /// Whether its columns have to be put together by time.
    pub(crate) fn is_joined(&self) -> bool {
        let several = self.variables.len() > 1
            && self.calls.iter().any(|call| matches!(call.function.entry.kernel, Kernel::Many(_)));
        let has_fields = self.variables.iter().any(|variable| matches!(variable, Variable::Reference(_)));
        !self.aparts.is_empty() || (self.is_stream() && !self.calls.is_empty()) || (several && !has_fields)
    }

    /// Its parts, but for functions apart; those of which the calls read different ranges are others, if that is said.
    pub(crate) fn parts(&self, by_range: bool) -> Vec<Part> {
        let (mut buckets, mut points, mut alone) = (BTreeMap::<u32, Vec<usize>>::new(), Vec::new(), Vec::new());
        let lead = |call: Option<usize>| call.filter(|_| by_range).map_or(0, |call| self.calls[call].lead);
        for (at, variable) in self.variables.iter().enumerate() {
            match variable {
                Variable::Apart(_) | Variable::Reference(_) => {}
                Variable::Call(call) if matches!(self.calls[*call].function.entry.kernel, Kernel::Many(_)) => {
                    alone.push(vec![at]);
                }
                Variable::Call(call) => buckets.entry(lead(Some(*call))).or_default().push(at),
                Variable::Transform(transform) if self.reads_points(*transform) => points.push(at),
                Variable::Transform(transform) => {
                    buckets.entry(lead(self.call_below(*transform))).or_default().push(at);
                }
            }
        }
        let parts = buckets.into_values().chain([points]).chain(alone).filter(|variables| !variables.is_empty());
        parts
            .map(|variables| {
                let chosen: Vec<Variable> = variables.iter().map(|&at| self.variables[at]).collect();
                Part { plan: self.of(&chosen), variables }
            })
            .collect()
    }

    /// The call of whose buckets something is made.
    fn call_below(&self, transform: usize) -> Option<usize> {
        match self.transforms[transform].feed {
            Feed::Call(call) => Some(call),
            Feed::Transform(inner) => self.call_below(inner),
            Feed::Reference(_) | Feed::Apart(_) => None,
        }
    }

    fn reads_points(&self, transform: usize) -> bool {
        match self.transforms[transform].feed {
            Feed::Reference(_) => true,
            Feed::Transform(inner) => self.reads_points(inner),
            Feed::Call(_) | Feed::Apart(_) => false,
        }
    }

    /// The plan of what a function apart reads: a column of its own.
    pub(crate) fn fed(&self, feed: Feed) -> Plan {
        let variable = match feed {
            Feed::Call(at) => Variable::Call(at),
            Feed::Transform(at) => Variable::Transform(at),
            Feed::Apart(at) => Variable::Apart(at),
            Feed::Reference(reference) => {
                let field_type = self.values_type(reference);
                let mut plan = self.of(&[]);
                plan.references = vec![self.references[reference].clone()];
                plan.outputs = vec![output(0, field_type)];
                plan.columns = [Text::default(), Text::default()].into();
                return plan;
            }
        };
        self.of(&[variable])
    }

    /// The plan of some variables, of which each is a column.
    fn of(&self, variables: &[Variable]) -> Plan {
        let mut plan = Plan {
            calls: Vec::new(),
            transforms: Vec::new(),
            aparts: Vec::new(),
            variables: Vec::new(),
            outputs: Vec::new(),
            is_part: true,
            ..self.clone()
        };
        for (at, &variable) in variables.iter().enumerate() {
            let (variable, field_type) = match variable {
                Variable::Call(call) => (Variable::Call(plan.take_call(self, call)), self.calls[call].result),
                Variable::Transform(at) => {
                    (Variable::Transform(plan.take_transform(self, at)), self.transforms[at].result)
                }
                Variable::Apart(at) => (Variable::Apart(plan.take_apart(self, at)), self.aparts[at].result),
                Variable::Reference(at) => (Variable::Reference(at), self.values_type(at)),
            };
            plan.variables.push(variable);
            plan.outputs.push(output(at, field_type));
        }
        plan.columns = vec![Text::default(); variables.len() + 1].into();
        plan
    }

    fn take_call(&mut self, whole: &Plan, call: usize) -> usize {
        super::intern(&mut self.calls, whole.calls[call].clone())
    }

    fn take_feed(&mut self, whole: &Plan, feed: Feed) -> Feed {
        match feed {
            Feed::Reference(reference) => Feed::Reference(reference),
            Feed::Call(call) => Feed::Call(self.take_call(whole, call)),
            Feed::Transform(at) => Feed::Transform(self.take_transform(whole, at)),
            Feed::Apart(at) => Feed::Apart(self.take_apart(whole, at)),
        }
    }

    fn take_transform(&mut self, whole: &Plan, at: usize) -> usize {
        let applied = &whole.transforms[at];
        let feed = self.take_feed(whole, applied.feed);
        super::intern(&mut self.transforms, Applied { feed, ..applied.clone() })
    }

    fn take_apart(&mut self, whole: &Plan, at: usize) -> usize {
        let apart = &whole.aparts[at];
        let feed = self.take_feed(whole, apart.feed);
        super::intern(&mut self.aparts, super::Apart { feed, ..apart.clone() })
    }
}

fn output(at: usize, field_type: FieldType) -> Output {
    let name = Text::default();
    Output { node: Node::Input(at), field_type, name, is_known: true, is_tag: false, is_beside: false }
}
