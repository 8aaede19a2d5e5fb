//! How many cases a property is tried with.

use proptest::test_runner::Config;

/// Ten thousand, or a million where the long proofs are asked for. It is said, for whoever adds it up.
pub(crate) fn cases() -> Config {
    let cases = if std::env::var_os("FANIN_PROVE").is_some() { 1_000_000 } else { 10_000 };
    println!("property: {cases} cases");
    Config::with_cases(cases)
}
