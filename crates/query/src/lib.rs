//! A syntax tree to an answer: names, plan, vectorised operators over scans, partial aggregates.
