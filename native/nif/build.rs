//! Link options. The library has threads, so the VM must never unload it.
fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        // Only a VM has the functions that rustler calls, but `cargo build --all-targets` also
        // links a test program.
        // zig's linker refuses the option; cargo-zigbuild links no test program of this crate.
        if !std::env::var("RUSTC_LINKER").is_ok_and(|linker| linker.contains("zigcc")) {
            println!("cargo:rustc-link-arg=-Wl,--unresolved-symbols=ignore-all");
        }
    } else if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "macos") {
        // The VM provides its functions when it loads the library.
        println!("cargo:rustc-cdylib-link-arg=-undefined");
        println!("cargo:rustc-cdylib-link-arg=dynamic_lookup");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
