//! EXPLAIN ANALYZE: the SELECT is executed with a trace, its rows are thrown away, and the trace is told as a tree.

use crate::trace::{Count, Stage, Trace};
use crate::{Context, Names, QueryError, Sink};
use influxql::ast::Select;
use model::Item;
use platform::Clock;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Counts an answer and throws it away.
#[derive(Default)]
struct Thrown {
    series: u64,
    rows: u64,
}

impl Sink for Thrown {
    fn item(&mut self, item: Item) -> ControlFlow<()> {
        match item {
            Item::Series(_) => self.series += 1,
            Item::Rows(frame) => self.rows += frame.rows as u64,
            Item::Many(many) => {
                self.series += many.series.len() as u64;
                self.rows += many.frame.rows as u64;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Executes a SELECT and tells where its time went, as the lines of a tree. Blocks until it has ended.
///
/// # Errors
/// As [`crate::select`].
pub fn analyze(
    select: &Select,
    names: &dyn Names,
    context: &Context,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<String>, QueryError> {
    let trace = Arc::new(Trace::new(clock.clone()));
    let context = Context { trace: Some(trace.clone()), ..context.clone() };
    let mut thrown = Thrown::default();
    crate::select(select, names, &context, &mut thrown)?;
    let statement = Node::Branch("labels", vec![Node::Leaf("statement", select.to_string())]);
    let mut tree = vec![statement];
    tree.extend(told(&trace, &thrown, context.budget.peak()));
    let mut lines = vec![".".to_owned()];
    draw(&[Node::Branch("select", tree)], "", &mut lines);
    Ok(lines)
}

/// A line of the tree, and what is below it.
enum Node {
    Leaf(&'static str, String),
    Branch(&'static str, Vec<Node>),
}

fn told(trace: &Trace, thrown: &Thrown, peak: u64) -> Vec<Node> {
    let times = trace.times();
    let total: u64 = Stage::ALL.iter().map(|(stage, _)| times(*stage)).sum();
    let time = |name, ns: u64| Node::Leaf(name, model::duration::go(i64::try_from(ns).unwrap_or(i64::MAX)));
    let number = |name, number: u64| Node::Leaf(name, number.to_string());
    let count = |name, what| number(name, trace.get(what));
    let reads = trace.reads();
    vec![
        time("execution_time", total - times(Stage::Planning)),
        time("planning_time", times(Stage::Planning)),
        time("total_time", total),
        Node::Branch("stages", Stage::ALL.iter().map(|(stage, name)| time(name, times(*stage))).collect()),
        Node::Branch(
            "sources",
            vec![
                count("measurements", Count::Tables),
                count("shards", Count::Shards),
                count("segments", Count::Segments),
                count("runs", Count::Runs),
                count("series", Count::Series),
            ],
        ),
        Node::Branch("cuts", vec![count("all", Count::Cuts), count("of_several_pieces", Count::CutsMerged)]),
        Node::Branch(
            "pages",
            vec![
                count("answered_from_statistics", Count::PagesAnswered),
                count("passed_over", Count::PagesPassedOver),
                number("kept_decoded", reads.kept),
                number("decoded", reads.decoded),
                number("decoded_timestamps", reads.decoded_times),
                number("blocks_read", reads.blocks),
                number("bytes_read", reads.bytes),
            ],
        ),
        Node::Branch(
            "rows",
            vec![
                count("looked_at", Count::Rows),
                number("series_returned", thrown.series),
                number("returned", thrown.rows),
            ],
        ),
        number("peak_memory", peak),
    ]
}

/// Draws nodes below a line, as InfluxDB does it.
fn draw(nodes: &[Node], indent: &str, lines: &mut Vec<String>) {
    for (at, node) in nodes.iter().enumerate() {
        let (mark, below) = if at + 1 == nodes.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
        match node {
            Node::Leaf(name, text) => lines.push(format!("{indent}{mark}{name}: {text}")),
            Node::Branch(name, nodes) => {
                lines.push(format!("{indent}{mark}{name}"));
                draw(nodes, &format!("{indent}{below}"), lines);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_drawn_as_influxdb_does() {
        let leaf = |name| Node::Leaf(name, "1".to_owned());
        let tree = [Node::Branch("a", vec![Node::Branch("b", vec![leaf("c")]), leaf("d")])];
        let mut lines = Vec::new();
        draw(&tree, "", &mut lines);
        assert_eq!(lines, ["└── a", "    ├── b", "    │   └── c: 1", "    └── d: 1"]);
    }
}
