//! Records the compiler's version, which the library announces as its language version.

use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc).arg("--version").output();
    let line = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let version = line.ok().and_then(|line| line.split_whitespace().nth(1).map(str::to_owned));
    println!("cargo:rustc-env=STEPHOST_RUST_VERSION={}", version.as_deref().unwrap_or("unknown"));
    println!("cargo:rerun-if-changed=build.rs");
}
