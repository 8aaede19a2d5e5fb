//! What the fuzzer found worth keeping, tried again: every file of `tests/corpus`, by what its target does.
//!
//! `make fuzz` looks for more. A file that it fails on is put there under a name that says what was wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fuzzed;

use std::fs;
use std::path::Path;

#[test]
fn every_kept_input_is_taken() {
    for (name, try_bytes) in fuzzed::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
        let files: Vec<_> = fs::read_dir(&folder).expect("a target has a folder").map(|file| file.unwrap()).collect();
        assert!(files.len() >= 10, "{}: only {} files", folder.display(), files.len());
        for file in &files {
            println!("{}", file.path().display()); // the last one is the one that failed
            try_bytes(&fs::read(file.path()).unwrap());
        }
        println!("corpus {name}: {} files", files.len());
    }
}
