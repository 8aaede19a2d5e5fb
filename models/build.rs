//! The feature that was asked for becomes the flag that `src/queue/sync.rs` asks for.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for scheduler in ["loom", "shuttle"] {
        if std::env::var_os(format!("CARGO_FEATURE_{}", scheduler.to_uppercase())).is_some() {
            println!("cargo::rustc-cfg=fanin_{scheduler}");
        }
    }
}
