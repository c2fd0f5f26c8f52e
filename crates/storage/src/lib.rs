//! The storage engine: series, log, runs, segments, manifests, scans, compaction, retention.
