//! Runs a model through every interleaving, and says how many there were, and whether it came to their end: a model that was
//! given up is told from one that holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Checks all that a scenario may come to, at the bound that is asked for or at 2.
pub fn model(name: &str, scenario: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    let bound = *builder.preemption_bound.get_or_insert(2);
    let (limit, start) = (builder.max_duration.unwrap_or(Duration::MAX), Instant::now());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        scenario();
    });
    let extent = if start.elapsed() < limit { "all" } else { "not all" };
    println!("loom {name}: {} interleavings, {extent} at bound {bound}", count.load(Ordering::Relaxed));
}
